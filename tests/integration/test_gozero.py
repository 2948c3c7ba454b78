"""Beside services of go-zero up to 1.2.1: its headers, its numbers, and one trace out of both sides of each call."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from pair_support import Answer, Pair, pair

from tracelog.cli.reading import text
from tracelog.cli.tree import Tree, grow
from tracelog.ecs.found import Found
from tracelog.ids import is_id

LEGACY = {"ids": "dotted", "propagators": "gozero"}

#: What a service of go-zero sends with the second call of its first request.
SENT = {"X_Trace_ID": "2ef1c3a9d4b57e60", "X_Span_ID": "0.2"}

#: Service, kind, id and parent of all that happens in the two services, in the order in which it begins.
NUMBERS = [
    ("shop", "server", "0", ""),
    ("shop", "client", "0.1", "0"),
    ("stock", "server", "0.1", "0"),
    ("stock", "internal", "0.1.1", "0.1"),
    ("shop", "client", "0.2", "0"),
    ("stock", "server", "0.2", "0"),
    ("stock", "internal", "0.2.1", "0.2"),
]


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Run two services that number spans as go-zero does."""
    with pair(tmp_path_factory.mktemp("legacy"), LEGACY, LEGACY) as served:
        yield served


@pytest.fixture(scope="module")
def asked(legacy: Pair) -> tuple[Answer, Found, Tree]:
    """Ask once, without ids; gives the answer, and what was stored."""
    answer = legacy.ask()
    found = legacy.read(answer.trace_id)
    return answer, found, grow(found)


def numbers(tree: Tree) -> list[tuple[str, ...]]:
    """Write service, kind, id and parent of each span."""
    names = ("service.name", "span.kind", "span.id", "parent.id")
    return [tuple(text(node.span, name) for name in names) for node in tree.nodes]


def test_a_trace_that_begins_here_is_numbered_from_0(asked):
    """Both sides of each call have one number, and what is begun below counts on from there."""
    answer, _, tree = asked
    assert is_id(answer.trace_id, 16)
    assert numbers(tree) == NUMBERS


def test_the_next_service_is_sent_the_pair_of_go_zero(asked):
    """Each call carries its own number, and a number never stands in a traceparent."""
    answer, _, _ = asked
    assert [(sent["x-trace-id"], sent["x-span-id"]) for sent in answer.sent] == [
        (answer.trace_id, "0.1"),
        (answer.trace_id, "0.2"),
    ]
    assert not any("traceparent" in sent for sent in answer.sent)


def test_both_sides_of_a_call_are_one_branch_and_owe_nothing(asked):
    """The callee hangs below its caller's half, and each says of children and calls what is there."""
    _, _, tree = asked
    (root,) = tree.roots
    branches = [[(child.id, text(child.span, "service.name")) for child in call.children] for call in root.children]
    assert branches == [[("0.1", "stock")], [("0.2", "stock")]]
    assert (tree.missing, [node.unanswered for node in tree.nodes]) == (0, [0] * 7)


def test_lines_hang_at_the_side_that_wrote_them(asked):
    """What the caller's library says during a call stands at the caller's half, though the callee has the same id."""
    _, found, tree = asked
    assert {text(line, "service.name") for line in found.lines} == {"shop", "stock"}
    for node in tree.nodes:
        assert {text(line, "service.name") for line in node.lines} <= {text(node.span, "service.name")}
    assert any(line["log.logger"].startswith("urllib3") for line in tree.nodes[1].lines)


def test_show_draws_it_whole(legacy, asked):
    """The trace is found by the beginning of its id, and no span is called missing, lost or doubled."""
    answer, _, _ = asked
    command = [sys.executable, "-m", "tracelog", "show", answer.trace_id[:8], "--export", f"sqlite:{legacy.store}"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "7 spans" in shown.stdout
    assert "arrived" not in shown.stdout
    assert (shown.stdout.count("shop GET / 200"), shown.stdout.count("stock GET / 200")) == (1, 2)


def test_a_request_of_go_zero_keeps_its_number(legacy):
    """The ids of a caller are kept; what is called from here counts on below them, and the caller is no debt."""
    answer = legacy.ask(**SENT)
    tree = grow(legacy.read(answer.trace_id))
    assert answer.trace_id == SENT["X_Trace_ID"]
    assert numbers(tree)[:3] == [
        ("shop", "server", "0.2", "0"),
        ("shop", "client", "0.2.1", "0.2"),
        ("stock", "server", "0.2.1", "0.2"),
    ]
    assert [sent["x-span-id"] for sent in answer.sent] == ["0.2.1", "0.2.2"]
    assert ([root.lost_parent for root in tree.roots], tree.missing) == (["0"], 0)


def test_random_ids_understand_the_pair_too(tmp_path):
    """A service with ids of W3C goes on with the trace of a caller with numbers, as its child."""
    with pair(tmp_path, LEGACY, {"propagators": "gozero"}) as served:
        answer = served.ask()
        tree = grow(served.read(answer.trace_id))
    below = [node for node in tree.nodes if text(node.span, "service.name") == "stock"]
    assert [text(node.span, "parent.id") for node in below if text(node.span, "span.kind") == "server"] == [
        "0.1",
        "0.2",
    ]
    assert all(is_id(node.id, 16) for node in below)
    assert (len(tree.roots), tree.missing) == (1, 0)

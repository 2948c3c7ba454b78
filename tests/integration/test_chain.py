"""One trace id from the first header to the last: Flask → requests → Flask → gRPC → httpx → Flask, each a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tracelog.cli.reading import text
from tracelog.cli.tree import Tree, grow
from tracelog.ecs.found import Found
from tracelog.errors import DestinationError
from tracelog.local import LocalSearch

APP = Path(__file__).parent / "apps" / "chain.py"
SECONDS = 60.0

#: By format: what stands in PROPAGATORS, the headers of a caller, and the ids they name.
FORMATS = {
    "w3c": (
        "w3c,baggage",
        {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
        ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"),
    ),
    "b3": (
        "b3",
        {"b3": "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"},
        ("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1"),
    ),
    "b3 of 64 bits, in several headers": (
        "b3multi",
        {"X-B3-TraceId": "64fe8b2a57d3eff7", "X-B3-SpanId": "e457b5a2e4d86bd1", "X-B3-Sampled": "1"},
        ("64fe8b2a57d3eff7", "e457b5a2e4d86bd1"),
    ),
    "go-zero": ("gozero", {"X-Trace-ID": "2ef1c3a9d4b57e60", "X-Span-ID": "0.1"}, ("2ef1c3a9d4b57e60", "0.1")),
}

#: Every operation of the chain, by service and kind, and how often it happens.
OPERATIONS = {
    ("front", "server"): 1,
    ("front", "client"): 1,
    ("middle", "server"): 1,
    ("middle", "client"): 4,
    ("rpc", "server"): 4,
    ("rpc", "client"): 4,
    ("back", "server"): 4,
}


@contextmanager
def link(role: str, following: str, folder: Path, **settings: str) -> Iterator[str]:
    """Run one service inside the block; gives its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACELOG_")}
    environment |= {"TRACELOG_SERVICE": role, "PYTHONUNBUFFERED": "1", "NO_PROXY": "*", **settings}
    output = folder / f"{role}.txt"
    with output.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, str(APP), role, following], stdout=written, stderr=written, env=environment
        )
    try:
        yield address_in(output, process)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def address_in(output: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until the service says where it listens."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in output.read_text().splitlines(keepends=True):
            if line.startswith("listening on ") and line.endswith("\n"):
                return line.removeprefix("listening on ").strip()
        time.sleep(0.02)
    raise AssertionError(output.read_text())


@contextmanager
def chain(folder: Path, propagators: str) -> Iterator[tuple[str, Path]]:
    """Run the chain inside the block; gives the address of its front, and the file that all of it writes."""
    store = folder / "chain.sqlite"
    settings = {"TRACELOG_EXPORT": f"sqlite:{store}", "TRACELOG_PROPAGATORS": propagators}
    with ExitStack() as stack:
        back = stack.enter_context(link("back", "", folder, **settings))
        rpc = stack.enter_context(link("rpc", f"http://{back}/", folder, **settings))
        middle = stack.enter_context(link("middle", rpc, folder, **settings))
        front = stack.enter_context(link("front", f"http://{middle}/", folder, **settings))
        yield front, store


def read(store: Path, trace_id: str) -> tuple[Found, Tree]:
    """Read the trace once all of it is there."""
    deadline = time.monotonic() + SECONDS
    found = Found([], [])
    while time.monotonic() < deadline:
        with suppress(DestinationError):  # the file is made with the first record
            found = LocalSearch(store).trace(trace_id)
        if len(found.spans) >= sum(OPERATIONS.values()):
            break
        time.sleep(0.1)
    return found, grow(found)


@pytest.fixture(scope="module", params=FORMATS, ids=FORMATS)
def chained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Found, Tree, tuple[str, str], str]:
    """Send one request of each format through the chain; gives what was stored, and what the answer said."""
    propagators, headers, ids = FORMATS[request.param]
    with chain(tmp_path_factory.mktemp("chain"), propagators) as (front, store):
        asked = urllib.request.Request(f"http://{front}/", headers=headers)
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            assert answer.read() == b"6"
            told = answer.headers["X-Trace-Id"]
        found, tree = read(store, ids[0])
    return found, tree, ids, told


def test_the_trace_id_is_the_same_from_the_first_header_to_the_last(chained):
    """Every span of every service is found under the id that came in, and the answer names it."""
    found, _, (trace_id, _), told = chained
    assert told == trace_id
    seen = Counter((text(span, "service.name"), text(span, "span.kind")) for span in found.spans)
    assert seen == OPERATIONS


def test_parents_chain_without_a_gap(chained):
    """One span stands at the beginning, a child of the caller's; every other one's parent is there."""
    _, tree, (_, span_id), _ = chained
    (first,) = tree.roots
    assert (text(first.span, "service.name"), text(first.span, "parent.id")) == ("front", span_id)
    assert len(tree.nodes) == sum(OPERATIONS.values())


def test_the_way_down_passes_every_service_in_order(chained):
    """From each last span the way up to the first leads through all services."""
    _, tree, _, _ = chained
    for node in tree.nodes:
        if text(node.span, "service.name") != "back":
            continue
        way = [(text(node.span, "service.name"), text(node.span, "span.kind"))]
        above = node.parent
        while above is not None:
            way.append((text(above.span, "service.name"), text(above.span, "span.kind")))
            above = above.parent
        assert way == list(OPERATIONS)[::-1]


def test_nothing_that_is_owed_is_missing(chained):
    """Children that were forked, and calls that were made, are all there."""
    _, tree, _, _ = chained
    assert (tree.missing, [node.id for node in tree.nodes if node.unanswered]) == (0, [])


def test_every_line_hangs_at_a_span_of_its_service(chained):
    """Lines inside views, handlers and response generators carry the ids of the span they were written in."""
    _, tree, _, _ = chained
    assert tree.loose == []
    said = Counter(
        (text(node.span, "service.name"), text(line, "message"))
        for node in tree.nodes
        for line in node.lines
        if text(line, "log.logger") == "chain"
    )
    assert said == {("front", "front"): 1, ("middle", "middle"): 1, ("rpc", "rpc"): 4, ("back", "back"): 4}

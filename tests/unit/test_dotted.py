"""Numbers as go-zero gives them: what they are, that none is given twice, and who has which."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.context import TraceContext
from tracelog.dotted import DottedIds, DottedSpan, child_id, entry_ids, parent_id, sibling_id
from tracelog.ids import RandomIds, is_id
from tracelog.propagation import inject
from tracelog.record import Kind
from tracelog.testing import Recorder
from tracelog.tracer import Tracer

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

SENT = "00f067aa0ba902b7"

#: Ids as go-zero's services make them.
NUMBERS = st.lists(st.integers(0, 10**9), min_size=1, max_size=8).map(lambda parts: ".".join(map(str, parts)))


@pytest.fixture
def dotted() -> Tracer:
    """Make a tracer that numbers spans as go-zero does."""
    return Tracer(sink=Recorder(), ids=DottedIds())


@pytest.mark.parametrize(
    ("span_id", "forked", "followed", "parent"),
    [
        ("0", "0.1", "1", ""),
        ("0.1", "0.1.1", "0.2", "0"),
        ("0.9", "0.9.1", "0.10", "0"),
        ("0.1.9", "0.1.9.1", "0.1.10", "0.1"),
        ("0.09", "0.09.1", "0.10", "0"),
        ("0.x", "0.x.1", "0.x", ""),
        ("x", "x.1", "x", ""),
        ("0.", "0..1", "0.", ""),
        (".1", ".1.1", ".2", ""),
        ("0.²", "0.².1", "0.²", ""),
        ("0." + "9" * 5000, "0." + "9" * 5000 + ".1", "0." + "9" * 5000, ""),
    ],
)
def test_the_table_of_numbers(span_id, forked, followed, parent):
    """The first fork, the one that follows, and the parent of an id; what ends in no number stays as it is."""
    assert (child_id(span_id, 1), sibling_id(span_id), parent_id(span_id)) == (forked, followed, parent)


@given(NUMBERS, st.integers(1, 10**6))
def test_a_child_names_its_parent(span_id, number):
    """Whatever is forked says who forked it, and differs from all other forks."""
    assert parent_id(child_id(span_id, number)) == span_id
    assert child_id(span_id, number) != child_id(span_id, number + 1)


@given(NUMBERS, st.integers(1, 50))
def test_what_follows_stands_on_the_same_level(span_id, steps):
    """A successor has its predecessor's parent, and many steps are as far as one after the other."""
    one_by_one = span_id
    for _ in range(steps):
        one_by_one = sibling_id(one_by_one)
    assert sibling_id(span_id, steps) == one_by_one
    assert parent_id(sibling_id(span_id)) == parent_id(span_id)


@given(NUMBERS, st.integers(1, 1000))
def test_what_follows_a_fork_is_the_next_fork(span_id, number):
    """The two ways of counting agree."""
    assert sibling_id(child_id(span_id, number)) == child_id(span_id, number + 1)


@given(st.text(max_size=30))
def test_any_text_can_be_asked(text):
    """No id that comes from outside makes counting fail."""
    assert child_id(text, 1).startswith(text)
    assert sibling_id(text).rpartition(".")[0] == text.rpartition(".")[0]
    assert text.startswith(parent_id(text))


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("", ("0", "")),
        ("0", ("0", "")),
        ("0.1.2", ("0.1.2", "0.1")),
        ("order", ("order", "")),
        (SENT, ("own", SENT)),
        ("a\nb", ("own", "a\nb")),
        ("1." * 40, ("own", "1." * 40)),
        (17, ("own", 17)),
    ],
)
def test_who_comes_in_keeps_the_id_that_was_sent(sent, taken):
    """A number or a word is shared with the caller; below a W3C id, or one that is none, stands an id of its own."""
    assert entry_ids(sent, "own") == taken


def test_a_trace_begins_with_0_and_counts_its_forks(dotted):
    """The trace id has 16 digits, the root is 0, and each fork has the next number below its parent."""
    root = dotted.start_server_span(None, "GET /")
    first, second = root.fork(), root.fork("call", Kind.CLIENT)
    deeper = first.fork()
    assert is_id(root.trace_id, 16)
    assert [one.span_id for one in (root, first, second, deeper)] == ["0", "0.1", "0.2", "0.1.1"]
    assert [one.parent_id for one in (root, first, second, deeper)] == ["", "0", "0", "0.1"]
    assert {one.entry_id for one in (root, first, second, deeper)} == {"0"}
    assert (root.children, first.children) == (2, 1)


def test_both_sides_of_a_call_have_one_id(dotted):
    """A server keeps what the client sent, and its parent is the client's."""
    call = dotted.start_server_span(None, "GET /").fork("ask", Kind.CLIENT)
    served = dotted.start_server_span(TraceContext(call.trace_id, call.span_id), "answer")
    below = served.fork()
    assert (served.trace_id, served.span_id, served.parent_id) == (call.trace_id, "0.1", "0")
    assert (served.entry_id, below.span_id, below.parent_id, below.entry_id) == ("0.1", "0.1.1", "0.1", "0.1")
    assert (call.kind, served.kind) == (Kind.CLIENT, Kind.SERVER)


def test_a_context_of_w3c_is_continued_below(dotted):
    """Under a caller of another kind the ids are its trace's, and the first span is a child with an id of its own."""
    context = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", SENT)
    served, again = (dotted.start_server_span(context, "answer") for _ in range(2))
    assert (served.trace_id, served.parent_id) == (context.trace_id, SENT)
    assert is_id(served.span_id, 16)
    assert len({served.span_id, again.span_id, served.follow().span_id, SENT}) == 4
    assert served.fork().span_id == f"{served.span_id}.1"


def test_a_number_never_stands_in_a_traceparent(dotted):
    """Formats that have no room for numbers are not written at all, rather than wrongly."""
    root = dotted.start_server_span(None, "GET /")
    headers: dict[str, str] = {}
    for span in (root, root.fork("call", Kind.CLIENT)):
        inject(headers, context=span)
    assert headers == {}


def test_what_follows_a_fork_takes_the_next_number_of_its_parent(dotted):
    """Beside spans that were forked meanwhile no number is given twice."""
    root = dotted.start_server_span(None, "GET /")
    first = root.fork()
    assert first.follow().span_id == "0.2"
    root.fork()
    assert first.follow().span_id == "0.4"
    assert root.children == 4


def test_what_follows_an_entry_counts_on_from_it(dotted):
    """Successors of a span whose parent is elsewhere have the numbers after it, each its own, and are entries too."""
    served = dotted.start_server_span(TraceContext("a" * 16, "0.9"), "answer")
    second = served.follow()
    third, fourth = second.follow(), served.follow()
    assert [one.span_id for one in (second, third, fourth)] == ["0.10", "0.11", "0.12"]
    assert {one.parent_id for one in (served, second, third)} == {"0"}
    assert third.entry_id == third.span_id
    assert isinstance(third.fork(), DottedSpan)


def test_what_follows_a_word_keeps_it(dotted):
    """An id that is no number has none after it."""
    assert dotted.start_server_span(TraceContext("a" * 16, "order"), "answer").follow().span_id == "order"


@pytest.fixture
def impatient():
    """Let threads take turns so often that what is not atomic goes wrong."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("ids", [RandomIds, DottedIds])
def test_32_threads_are_given_no_id_twice(ids, impatient):
    """However many threads fork from one span, each span has an id of its own and is counted."""
    root = Tracer(sink=Recorder(), ids=ids()).start_server_span(None, "GET /")
    start = threading.Barrier(32, timeout=20)

    def forked(number):
        start.wait()
        mine = [root.fork() for _ in range(200)]
        return [one.span_id for one in [*mine, *(mine[0].fork() for _ in range(50)), root.fork().follow()]]

    with ThreadPoolExecutor(32) as pool:
        drawn = [span_id for given in pool.map(forked, range(32), timeout=60) for span_id in given]
    assert len(set(drawn)) == len(drawn) == 32 * 251
    assert root.children == 32 * 202


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("ids", [RandomIds, DottedIds])
def test_forked_processes_give_no_id_that_their_parent_gives(ids):
    """Where a process forks within a span, its children and itself go on below that span without an id in common."""
    root = Tracer(sink=Recorder(), ids=ids()).start_server_span(None, "GET /")
    drawn = [root.fork().span_id]
    reading, writing = os.pipe()
    children = [_forked(root, writing) for _ in range(3)]
    os.close(writing)
    drawn += [one for _ in range(50) for one in _span_ids(root)]
    with os.fdopen(reading) as end:
        drawn += end.read().split()
    for child in children:
        os.waitpid(child, 0)
    assert len(set(drawn)) == len(drawn) == 1 + 4 * 50 * 2


def _forked(root, writing):
    """Fork a process that begins spans below *root*, and tells their ids."""
    child = os.fork()
    if child == 0:
        try:
            told = " ".join(one for _ in range(50) for one in _span_ids(root))
            # Short enough for one write, into which no other process writes.
            os.write(writing, f"{told} ".encode())
        finally:
            os._exit(0)
    return child


def _span_ids(root):
    """Begin a child, and one below that."""
    child = root.fork()
    return child.span_id, child.fork().span_id


def test_a_fork_without_hooks_is_noticed_with_the_next_number(dotted, monkeypatch):
    """A server that forks on its own (uWSGI) runs no hook; the process id tells, and its numbers go on elsewhere."""
    root = dotted.start_server_span(None, "GET /")
    root.fork()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    first, second = (int(root.fork().span_id.removeprefix("0.")) for _ in range(2))
    assert first > 10**9
    assert second == first + 1

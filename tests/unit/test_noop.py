"""The span that does nothing: the same surface, and no memory."""

from __future__ import annotations

import inspect

import pytest

from tracelog.context import pairs_of
from tracelog.noop import NOOP, NoopSpan
from tracelog.record import Kind
from tracelog.span import Span


def public(kind):
    """List the public names of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


#: What only those ask for who have made sure that they hold a real span.
OF_REAL_SPANS = {
    "arrived",
    "child",
    "duration_ns",
    "open_parent",
    "record",
    "wall",
    "weight",
    "workshop",
    "attributes",
    "events",
    "failure",
    "status",
}


def test_the_surface_is_that_of_a_span():
    """Code written for a span finds every name it may use."""
    assert public(NoopSpan) == public(Span) - OF_REAL_SPANS


@pytest.mark.parametrize("name", ["visit", "fork", "follow", "set", "event", "fail", "called", "leave_out", "finish"])
def test_methods_take_what_a_span_takes(name):
    """Parameters have the same names, kinds and defaults."""
    ours, theirs = (inspect.signature(getattr(kind, name)).parameters for kind in (NoopSpan, Span))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


def test_it_does_nothing():
    """No call leaves a trace, and each that answers a span answers the one there is."""
    assert NOOP.fork("x", Kind.CLIENT, a=1) is NOOP.follow("x", a=1) is NOOP.set(a=1) is NOOP
    assert NOOP.event("x", a=1) is NOOP.fail(ValueError()) is NOOP.fail("x") is NOOP.fail() is NOOP
    NOOP.called()
    NOOP.leave_out()
    NOOP.finish()
    assert (NOOP.children, NOOP.calls, NOOP.finished, NOOP.sampled, NOOP.flags) == (0, 0, False, False, 0)
    assert (NOOP.trace_id, NOOP.span_id, NOOP.parent_id, NOOP.entry_id) == ("", "", "", "")
    assert pairs_of(NOOP) == {}
    assert repr(NOOP) == "<NOOP>"


def test_it_can_keep_nothing():
    """There is no place to put an attribute."""
    with pytest.raises(AttributeError):
        NOOP.note = 1

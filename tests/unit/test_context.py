"""Contexts: what a visitor is shown."""

from __future__ import annotations

import pytest

from tracelog.context import SpanContext, TraceContext, pairs_of
from tracelog.noop import NOOP

FULL = TraceContext("t", "s", tracestate="a=1", extra={"tenant": "blue"})


def test_a_visitor_sees_every_pair():
    """Ids, tracestate and the application's own content are shown."""
    assert pairs_of(FULL) == {"tenant": "blue", "traceId": "t", "spanId": "s", "tracestate": "a=1"}


def test_without_tracestate_none_is_shown():
    """What did not come is not shown as empty."""
    assert pairs_of(TraceContext("t", "s")) == {"traceId": "t", "spanId": "s"}


def test_ids_win_over_content():
    """Content cannot pass itself off as an id."""
    posing = TraceContext("t", "s", tracestate="a=1", extra={"traceId": "x", "spanId": "x", "tracestate": "x"})
    assert pairs_of(posing) == {"traceId": "t", "spanId": "s", "tracestate": "a=1"}


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_visitor_that_answers_false_is_shown_no_more(stop):
    """The visit ends with the first False; None and other answers go on."""
    seen = []

    def see(key, value):
        seen.append(key)
        return None if len(seen) < stop else False

    FULL.visit(see)
    assert len(seen) == stop


def test_spans_are_contexts(span):
    """A span, the span that does nothing and what came in can each stand where a context is asked for."""
    assert all(isinstance(one, SpanContext) for one in (span, NOOP, FULL))
    assert not isinstance(object(), SpanContext)


def test_a_context_does_not_change():
    """What came in is frozen."""
    with pytest.raises(AttributeError):
        FULL.trace_id = "x"

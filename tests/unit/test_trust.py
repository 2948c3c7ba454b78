"""Which contexts from outside are continued, and what is left of those that are not."""

from __future__ import annotations

import pytest

from tracelog.context import TraceContext, pairs_of
from tracelog.dotted import DottedIds
from tracelog.propagation import inject
from tracelog.record import Kind, Link
from tracelog.sampling import ParentBased, Ratio
from tracelog.testing import CountingIds, Recorder
from tracelog.tracer import Tracer
from tracelog.trust import always, is_trusted, never

FOREIGN = TraceContext(
    "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 0x03, "congo=t61rcWkgMzE", {"tenant": "blue"}
)


def entered(tracer, context=FOREIGN, request=None):
    """Begin what came in with *context*."""
    return tracer.entry(context, "GET /", Kind.SERVER, {}, request=request)


@pytest.mark.parametrize("trust", [None, always, lambda request: request == "from a friend"])
def test_a_caller_who_is_trusted_is_continued(trust):
    """The trace goes on, with all that came along, and nothing is linked."""
    span = entered(Tracer(trust=trust), request="from a friend")
    assert (span.trace_id, span.parent_id) == (FOREIGN.trace_id, FOREIGN.span_id)
    assert {"tracestate", "tenant"} <= set(pairs_of(span))
    assert span.record().links == ()


def test_the_two_words_answer_for_every_request():
    """What the setting names is a judgement like any other."""
    assert [is_trusted(always, request) for request in (None, "request")] == [True, True]
    assert [is_trusted(never, request) for request in (None, "request")] == [False, False]


@pytest.mark.parametrize("trust", [never, lambda request: request == "from a friend", lambda request: None])
def test_a_caller_who_is_not_trusted_is_linked(trust):
    """A trace begins here, and names the one that came in."""
    span = entered(Tracer(trust=trust, ids=CountingIds()), request="from a stranger")
    assert (span.trace_id, span.span_id, span.parent_id) == (f"{1:032x}", f"{1:016x}", "")
    assert span.record().links == (Link(FOREIGN.trace_id, FOREIGN.span_id),)
    assert span.fork().record().links == ()


def test_nothing_of_a_stranger_is_handed_on():
    """Neither baggage nor tracestate nor the flags of a context that is not trusted reach the next service."""
    span = entered(Tracer(trust=never, ids=CountingIds()))
    headers: dict[str, str] = {}
    inject(headers, context=span)
    assert headers == {"traceparent": f"00-{1:032x}-{1:016x}-01"}
    assert set(pairs_of(span)) == {"traceId", "spanId"}


@pytest.mark.parametrize(("flags", "ratio", "kept"), [(0, 1, True), (1, 0, False)])
def test_a_stranger_has_no_say_in_what_is_kept(flags, ratio, kept):
    """Sampling is decided anew, whatever the caller asked for."""
    context = TraceContext(FOREIGN.trace_id, FOREIGN.span_id, flags)
    assert entered(Tracer(trust=never, sampler=ParentBased(Ratio(ratio))), context).sampled is kept
    assert entered(Tracer(sampler=ParentBased(Ratio(ratio))), context).sampled is not kept


def test_numbers_of_a_stranger_are_not_kept():
    """Where servers keep the number they are sent, one that is not trusted begins at 0."""
    span = entered(Tracer(trust=never, ids=DottedIds()), TraceContext("a" * 16, "0.1"))
    assert (span.span_id, span.parent_id, span.record().links) == ("0", "", (Link("a" * 16, "0.1"),))


def test_a_request_without_ids_is_no_question():
    """Nobody is asked about a request that brought no context."""
    asked = []
    entered(Tracer(trust=asked.append), None, "request")
    assert asked == []
    entered(Tracer(trust=asked.append), FOREIGN, "request")
    assert asked == ["request"]


def test_a_judgement_that_fails_is_no_yes(caplog):
    """A callable that raises keeps the ids out, is reported, and reaches nobody."""
    span = entered(Tracer(trust=lambda request: request.no_such_thing), FOREIGN, object())
    assert span.trace_id != FOREIGN.trace_id
    assert [(record.name, "TRUST_INCOMING" in record.message) for record in caplog.records] == [("tracelog", True)]


def test_what_ends_the_program_is_not_held_back():
    """An exception that is no fault passes through."""

    def interrupted(request):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        is_trusted(interrupted, None)


def test_spans_that_are_begun_by_hand_are_asked_about_too():
    """Whoever starts a server span by hand gets the same answer, without a request to judge by."""
    asked = []
    span = Tracer(trust=asked.append, sink=Recorder()).start_server_span(FOREIGN, "work")
    assert span.trace_id != FOREIGN.trace_id
    assert asked == [None]

"""Inject and extract, as users call them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.active import activate
from tracelog.context import SpanContext, TraceContext
from tracelog.errors import InvalidCarrier
from tracelog.noop import NOOP
from tracelog.propagation import PROPAGATORS, W3C, Baggage, Composite, default_propagator, extract, inject, wrap
from tracelog.tracer import Tracer, has_default, set_default

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


class Legacy:
    """A format of two headers, as somebody else might write one."""

    def extract(self, carrier, context, /):
        """Read both headers unless there is a context already."""
        trace_id, span_id = carrier.get("X-Old-Trace"), carrier.get("X-Old-Span")
        return context or (TraceContext(trace_id, span_id) if trace_id and span_id else None)

    def inject(self, context, carrier, /):
        """Write both headers."""
        carrier.set("X-Old-Trace", context.trace_id)
        carrier.set("X-Old-Span", context.span_id)


@pytest.mark.parametrize("name", ["http", "wsgi", "metadata", "mapping"])
def test_round_trip_in_every_format(name, span):
    """What the active span injects is extracted again, in each format."""
    carrier: dict[str, str] = {}
    inject(carrier, name)
    assert extract(carrier, name) == TraceContext(span.trace_id, span.span_id)


@given(
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 3),
    st.dictionaries(st.text("ab", min_size=1), st.text("xy ,;=é%+")),
)
def test_a_context_given_is_written_whole(trace, span, flags, extra):
    """Ids, flags, tracestate and baggage of a context arrive as they were."""
    context = TraceContext(f"{trace:032x}", f"{span:016x}", flags, "v=1", extra)
    headers: dict[str, str] = {}
    inject(headers, context=context)
    assert extract(headers) == context


def test_injecting_counts_as_a_call_and_forks_nothing(span):
    """Each inject is one call of the span; children are forked by hand only."""
    inject({})
    inject([], "metadata")
    assert (span.calls, span.children) == (2, 0)


def test_a_span_given_wins_over_the_active_one(span):
    """The span that is named is written and counted."""
    child = span.fork()
    headers: dict[str, str] = {}
    inject(headers, context=child)
    assert extract(headers).span_id == child.span_id
    assert (child.calls, span.calls) == (1, 0)


def test_without_an_active_span_nothing_is_written():
    """NOOP writes nothing, active or named."""
    headers: dict[str, str] = {}
    inject(headers)
    inject(headers, context=NOOP)
    assert headers == {}


def test_a_finished_span_is_active_no_more(tracer):
    """After its end a span that is still active injects nothing."""
    headers: dict[str, str] = {}
    with activate(tracer.start_server_span(None, "GET /")) as opened:
        opened.finish()
        inject(headers)
    assert headers == {}


@pytest.mark.parametrize(("carrier", "name"), [({}, "grpc"), ((), "http"), (None, "metadata"), ("x", "http")])
def test_carriers_are_checked_without_a_span_too(carrier, name):
    """A mistake in the application shows at once, not first in production."""
    with pytest.raises(InvalidCarrier):
        inject(carrier, name)


def test_headers_without_ids_are_no_error():
    """Nothing found, and nothing valid found, is None."""
    assert extract({}) is None
    assert extract({"traceparent": "nonsense", "baggage": "a=1"}) is None
    assert extract(None, "metadata") is None


def test_extract_makes_no_default_tracer():
    """Reading headers leaves the process as it was."""
    extract({"traceparent": VALID})
    inject({}, context=TraceContext(TRACE, SPAN))
    assert not has_default()


def test_the_tracers_own_format_is_used(recorder):
    """A tracer with a propagator of its own writes and reads with that one."""
    tracer = Tracer(sink=recorder, propagator=Legacy())
    set_default(tracer)
    headers: dict[str, str] = {}
    with activate(tracer.start_server_span(None, "GET /")) as opened:
        inject(headers)
    assert headers == {"X-Old-Trace": opened.trace_id, "X-Old-Span": opened.span_id}
    assert extract(headers) == TraceContext(opened.trace_id, opened.span_id)
    given: dict[str, str] = {}
    inject(given, context=TraceContext("1", "2"))
    assert given == {"X-Old-Trace": "1", "X-Old-Span": "2"}


def test_the_first_valid_format_wins():
    """Formats are asked in their order; one without valid ids leaves the word to the next."""
    both = Composite([W3C(), Legacy()])
    old = {"X-Old-Trace": "1", "X-Old-Span": "2"}
    assert both.extract(wrap({"traceparent": VALID, **old}, "http"), None).trace_id == TRACE
    assert both.extract(wrap({"traceparent": "nonsense", **old}, "http"), None).trace_id == "1"


def test_every_format_is_written():
    """A composite writes all of its formats."""
    headers: dict[str, str] = {}
    Composite([Legacy(), W3C()]).inject(TraceContext(TRACE, SPAN), wrap(headers, "http", writing=True))
    assert headers == {"X-Old-Trace": TRACE, "X-Old-Span": SPAN, "traceparent": VALID}


def test_baggage_comes_after_the_ids_in_any_order():
    """Named first or last, baggage is added to what the formats of ids found."""
    first = Composite([Baggage(), W3C()])
    assert first.extract(wrap({"traceparent": VALID, "baggage": "a=1"}, "http"), None).extra == {"a": "1"}


def test_the_default_is_w3c_and_baggage():
    """Without configuration both of W3C's headers are used."""
    assert default_propagator().propagators == tuple(PROPAGATORS[name] for name in ("w3c", "baggage"))


class Own:
    """A context of the application's own."""

    trace_id, span_id = TRACE, SPAN

    def visit(self, see, /):
        """Show ids and a pair."""
        for key, value in {"traceId": TRACE, "spanId": SPAN, "tenant": "blue"}.items():
            if see(key, value) is False:
                return


def test_a_context_of_the_applications_own_survives(tracer):
    """It is a context without inheriting; its pairs reach the service behind the next, under the span's own id."""
    assert isinstance(Own(), SpanContext)
    span = tracer.start_server_span(Own(), "GET /").fork().fork()
    headers: dict[str, str] = {}
    inject(headers, context=span)
    assert extract(headers) == TraceContext(TRACE, span.span_id, extra={"tenant": "blue"})


def test_a_decision_without_ids_gives_the_word_to_the_next():
    """A format that found a decision alone is asked no more than the others; ids win, then the first decision."""

    class Deny(Legacy):
        """Finds a decision, whatever the headers say."""

        def extract(self, carrier, context, /):
            """Answer that a trace is to be left out."""
            return context or TraceContext("", "", 0)

    class Accept(Deny):
        """Finds the opposite."""

        def extract(self, carrier, context, /):
            """Answer that a trace is to be kept."""
            return context or TraceContext("", "")

    both = Composite([Deny(), Accept(), W3C(), Baggage()])
    assert both.extract(wrap({}, "http"), None) == TraceContext("", "", 0)
    headers = {"traceparent": VALID, "baggage": "a=1"}
    assert both.extract(wrap(headers, "http"), None) == TraceContext(TRACE, SPAN, extra={"a": "1"})

"""The pair of go-zero up to 1.2.1, edge by edge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.context import TraceContext
from tracelog.noop import NOOP
from tracelog.propagation import W3C, Composite, GoZero, wrap

TRACE, SPAN = "2ef1c3a9d4b57e60", "0.1.2"

ids = st.text("0123456789abcXYZ.", min_size=1, max_size=64)


def read(trace_id, span_id):
    """Extract both headers; None stands for one that is not there."""
    pair = {"X-Trace-ID": trace_id, "X-Span-ID": span_id}
    return GoZero().extract(wrap({name: value for name, value in pair.items() if value is not None}, "http"), None)


def written(context, form="http", propagator=None):
    """Inject *context* into an empty carrier."""
    carrier: dict[str, str] = {}
    (propagator or GoZero()).inject(context, wrap(carrier, form, writing=True))
    return carrier


@given(ids, ids)
def test_round_trip(trace_id, span_id):
    """Any ids of the alphabet arrive as they were sent, and count as sampled."""
    context = TraceContext(trace_id, span_id)
    assert read(*written(context).values()) == context


def test_the_names_of_headers_and_metadata():
    """Headers have go-zero's spelling, metadata has lower case."""
    context = TraceContext(TRACE, SPAN)
    assert written(context) == {"X-Trace-ID": TRACE, "X-Span-ID": SPAN}
    assert written(context, "metadata") == {"x-trace-id": TRACE, "x-span-id": SPAN}
    assert written(context, "wsgi") == {"HTTP_X_TRACE_ID": TRACE, "HTTP_X_SPAN_ID": SPAN}


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [
        (None, None),
        (TRACE, None),
        (None, SPAN),
        (TRACE, ""),
        ("", SPAN),
        (TRACE, "x" * 65),
        ("x" * 65, SPAN),
        (TRACE, "0 1"),
        (f"{TRACE}-", SPAN),
        (TRACE, "é"),
        (TRACE, "\u0660"),
        (TRACE, f"{SPAN}\n"),
        (f"{TRACE},{TRACE}", SPAN),
        (TRACE, f"{SPAN},{SPAN}"),
        ("x" * 1_000_000, SPAN),
    ],
)
def test_pairs_that_are_not_valid(trace_id, span_id):
    """Half a context, another alphabet, two values, or more than 64 characters: as good as none."""
    assert read(trace_id, span_id) is None


def test_ids_that_were_found_stay():
    """A context that another format found is answered as it is."""
    found = TraceContext("f" * 32, "e" * 16)
    assert GoZero().extract(wrap(written(TraceContext(TRACE, SPAN)), "http"), found) is found


@pytest.mark.parametrize(("trace_id", "span_id"), [("", ""), (TRACE, ""), ("a\r\nX-Admin: 1", SPAN), (TRACE, "a b")])
def test_ids_of_another_alphabet_are_never_written(trace_id, span_id):
    """What a context of the application's own holds cannot break out of the header."""
    assert written(TraceContext(trace_id, span_id)) == {}


def test_noop_writes_nothing():
    """The span that does nothing has no ids to write."""
    assert written(NOOP) == {}


def test_the_bridge_to_w3c_keeps_the_original(tracer):
    """A trace of 16 digits goes out as it came, padded in the traceparent alone, below a span id of W3C's shape."""
    span = tracer.start_server_span(TraceContext(TRACE, SPAN), "GET /")
    headers = written(span, propagator=Composite([GoZero(), W3C()]))
    assert headers == {
        "X-Trace-ID": TRACE,
        "X-Span-ID": span.span_id,
        "traceparent": f"00-{'0' * 16}{TRACE}-{span.span_id}-01",
    }


def test_a_dotted_id_never_stands_in_a_traceparent():
    """Where both formats are written, a number goes into go-zero's own pair alone."""
    both = Composite([W3C(), GoZero()])
    assert written(TraceContext(TRACE, SPAN), propagator=both) == {"X-Trace-ID": TRACE, "X-Span-ID": SPAN}

"""Input that somebody made up to hurt: a new trace or a cleaned one, never an exception, in every format at once."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.active import activate
from tracelog.propagation import PROPAGATORS, Composite, extract, inject, wrap
from tracelog.propagation.carrier import LONGEST
from tracelog.tracer import Tracer, set_default

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
NAMES = ["traceparent", "tracestate", "baggage", "b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-Sampled", "X-B3-Flags"]
NAMES += ["X-Trace-ID", "X-Span-ID"]
EVERY = Composite(PROPAGATORS.values())
LONG = "a=1," * 250_000

texts = st.text() | st.text("0123456789abcdef-,=;%. ", max_size=100) | st.sampled_from([PARENT, TRACE, SPAN, LONG])


@pytest.fixture
def everything(recorder):
    """Make a default tracer that reads and writes every format."""
    tracer = Tracer(sink=recorder, propagator=EVERY)
    set_default(tracer)
    return tracer


def passed_on(tracer, headers, form="http"):
    """Begin a span from *headers* and return what its call would carry to the next service."""
    with activate(tracer.start_server_span(extract(headers, form), "GET /")):
        sent: dict[str, str] = {}
        inject(sent)
    return sent


@given(st.dictionaries(st.sampled_from(NAMES), texts), st.sampled_from(["http", "metadata", "mapping"]))
def test_no_headers_raise(headers, form):
    """Whatever stands in the headers, a span begins and its ids go on, in plain ASCII without line breaks."""
    sent = passed_on(Tracer(propagator=EVERY), headers, form)
    assert all(value.isascii() and value.isprintable() for value in sent.values())


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary() | texts.map(lambda text: text.encode(errors="replace")))))
def test_binary_metadata_does_not_raise(metadata):
    """Metadata of any bytes is read as nothing, or as valid ids."""
    context = EVERY.extract(wrap(metadata, "metadata"), None)
    assert context is None or context.trace_id.isascii()


def test_binary_values_stand_for_nothing(everything):
    """Bytes that are no ASCII are no ids, and take no valid ones with them."""
    noise = os.urandom(64) + b"\xff"
    metadata = [("baggage", noise), ("trace-bin", noise), ("traceparent", PARENT.encode())]
    assert extract(metadata, "metadata").trace_id == TRACE
    assert extract([("traceparent", noise), ("x-trace-id", noise), ("x-span-id", noise)], "metadata") is None


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": PARENT[:-3]},
        {"traceparent": f"00-{TRACE}"},
        {"traceparent": PARENT.upper()},
        {"traceparent": "0" * 1_000_000},
        {"tracestate": "a=1", "baggage": "a=1"},
        {"X-B3-TraceId": TRACE},
        {"X-B3-SpanId": SPAN},
        {"b3": TRACE},
        {"X-Trace-ID": TRACE},
        {"X-Span-ID": "0.1"},
    ],
)
def test_half_a_context_begins_a_new_trace(everything, headers):
    """Half a context, or one of a wrong length or alphabet, leaves nothing behind in what is passed on."""
    sent = passed_on(everything, headers)
    assert extract(headers) is None
    assert TRACE not in str(sent)
    assert sent.keys().isdisjoint({"tracestate", "baggage"})


def test_a_megabyte_of_baggage_is_cut(everything):
    """The first 64 members are taken and passed on, the ids are kept."""
    many = ",".join(f"key{number}=value" for number in range(70_000))
    sent = passed_on(everything, {"traceparent": PARENT, "baggage": many})
    assert sent["baggage"] == ",".join(f"key{number}=value" for number in range(64))
    assert TRACE in sent["traceparent"]


def test_a_member_of_a_megabyte_is_left_out(everything):
    """A single member that is too long goes as a whole."""
    sent = passed_on(everything, {"traceparent": PARENT, "baggage": f"tenant=blue,key={'v' * 1_000_000}"})
    assert sent["baggage"] == "tenant=blue"


@pytest.mark.parametrize("line", ["a{}=1", "a{}=" + "b" * 100])
def test_ten_thousand_members_of_tracestate_are_dropped(everything, line):
    """A tracestate of that many members is none; the ids are kept."""
    many = ",".join(line.format(number) for number in range(10_000))
    sent = passed_on(everything, {"traceparent": PARENT, "tracestate": many})
    assert "tracestate" not in sent
    assert TRACE in sent["traceparent"]


def test_a_tracestate_of_commas_is_dropped(everything):
    """Empty members are allowed, but not thousands of them."""
    assert "tracestate" not in passed_on(everything, {"traceparent": PARENT, "tracestate": "a=1" + "," * 8000})
    assert passed_on(everything, {"traceparent": PARENT, "tracestate": "a=1" + "," * 200})["tracestate"] == "a=1"


@pytest.mark.parametrize("name", ["baggage", "tracestate"])
def test_members_over_many_lines_are_counted_together(everything, name):
    """Ten thousand lines of one member each are no way around a limit, and are not even joined to the end."""
    lines = [("traceparent", PARENT), *((name, f"key{number}={'v' * 90}") for number in range(10_000))]
    joined = wrap(lines, "http").get(name)
    sent = passed_on(everything, lines)
    assert LONGEST < len(joined) < LONGEST + 200
    assert sent.get(name, "").count(",") == (63 if name == "baggage" else 0)

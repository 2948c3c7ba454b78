"""B3, edge by edge: one header and several, 64 bits and 128, every decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.context import DEBUG, DEFERRED, SAMPLED, TraceContext
from tracelog.ids import is_id
from tracelog.propagation import B3, W3C, B3Multi, Composite, wrap
from tracelog.sampling import ParentBased, Ratio
from tracelog.testing import CountingIds
from tracelog.tracer import Tracer

TRACE, SHORT, SPAN = "80f198ee56343ba864fe8b2a57d3eff7", "64fe8b2a57d3eff7", "e457b5a2e4d86bd1"
PARENT = "05e3ac9a4f6e3b90"
NO = "0" * 16

#: What a caller says, as the one header and as several, and the context it makes.
SAID = [
    (f"{TRACE}-{SPAN}-1", {"X-B3-Sampled": "1"}, SAMPLED),
    (f"{TRACE}-{SPAN}-0", {"X-B3-Sampled": "0"}, 0),
    (f"{TRACE}-{SPAN}-d", {"X-B3-Flags": "1"}, SAMPLED | DEBUG),
    (f"{TRACE}-{SPAN}", {}, SAMPLED | DEFERRED),
]


def read(headers, *formats):
    """Extract from *headers* with the formats of B3, or with others."""
    return Composite(formats or (B3(), B3Multi())).extract(wrap(headers, "http"), None)


def written(context, *formats):
    """Inject *context* into empty headers."""
    headers: dict[str, str] = {}
    Composite(formats).inject(context, wrap(headers, "http", writing=True))
    return headers


@pytest.mark.parametrize(("single", "multi", "flags"), SAID)
def test_each_decision_makes_the_way_there_and_back(single, multi, flags):
    """Accept, deny, debug and none are read from either form, and written as they were read."""
    context = TraceContext(TRACE, SPAN, flags)
    several = {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, **multi}
    assert read({"b3": single}) == context == read(several)
    assert (written(context, B3()), written(context, B3Multi())) == ({"b3": single}, several)


def test_the_example_of_the_specification():
    """A parent may be named after the decision; it is the caller's affair."""
    assert read({"b3": f"{TRACE}-{SPAN}-1-{PARENT}"}) == TraceContext(TRACE, SPAN)
    assert read({"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-ParentSpanId": PARENT}).span_id == SPAN


@pytest.mark.parametrize("form", [B3(), B3Multi()])
def test_short_trace_ids_stay_short(form):
    """64 bits come in and go out as they are, and are padded in a traceparent alone."""
    context = read(written(TraceContext(SHORT, SPAN), form))
    assert (context.trace_id, read(written(context, form)).trace_id) == (SHORT, SHORT)
    assert written(context, form, W3C())["traceparent"] == f"00-{NO}{SHORT}-{SPAN}-01"


def test_a_span_names_its_parent_so_that_the_next_service_may_share_its_id(tracer):
    """The headers are those of the call's own span, below the one that made it."""
    span = tracer.start_server_span(TraceContext(SHORT, SPAN), "GET /")
    call = span.fork()
    assert written(call, B3()) == {"b3": f"{SHORT}-{call.span_id}-1-{span.span_id}"}
    assert written(call, B3Multi()) == {
        "X-B3-TraceId": SHORT,
        "X-B3-SpanId": call.span_id,
        "X-B3-ParentSpanId": span.span_id,
        "X-B3-Sampled": "1",
    }


def test_a_parent_stands_after_a_decision_alone():
    """Where a context of the application's own leaves the decision open, the one header ends with the span's id."""

    class Own:
        trace_id, span_id, parent_id, flags = TRACE, SPAN, PARENT, SAMPLED | DEFERRED

        def visit(self, see, /):
            """Show nothing."""

    assert written(Own(), B3()) == {"b3": f"{TRACE}-{SPAN}"}
    assert written(Own(), B3Multi()) == {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-ParentSpanId": PARENT}


def test_debug_is_handed_on_and_kept(recorder):
    """What a caller marks as debug is marked so all the way down, also where nothing else is kept."""
    tracer = Tracer(sink=recorder, sampler=ParentBased(Ratio(0)))
    span = tracer.start_server_span(read({"b3": f"{TRACE}-{SPAN}-d"}), "GET /").fork()
    assert span.sampled
    assert written(span, B3())["b3"].split("-")[2] == "d"
    assert written(span, B3Multi())["X-B3-Flags"] == "1"
    assert written(span, W3C())["traceparent"].endswith("-01")


def test_debug_wins_over_what_else_is_said():
    """Debug implies accept."""
    context = read({"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "0", "X-B3-Flags": "1"})
    assert context.flags == SAMPLED | DEBUG


def test_a_span_that_was_left_out_is_not_debugged(tracer):
    """Where the application excludes a request, the next service is told so."""
    span = tracer.start_server_span(read({"b3": f"{TRACE}-{SPAN}-d"}), "GET /")
    span.leave_out()
    assert written(span, B3())["b3"].split("-")[2] == "0"


@pytest.mark.parametrize(("ratio", "state"), [(0, "0"), (1, "1")])
def test_a_decision_that_was_deferred_is_made_here(recorder, ratio, state):
    """The sampler of this service decides, and the next one is told."""
    tracer = Tracer(sink=recorder, sampler=ParentBased(Ratio(ratio)))
    span = tracer.start_server_span(read({"b3": f"{TRACE}-{SPAN}"}), "GET /")
    assert (span.trace_id, span.sampled) == (TRACE, bool(ratio))
    assert written(span, B3())["b3"].split("-")[2] == state


@pytest.mark.parametrize("headers", [{"b3": "0"}, {"X-B3-Sampled": "0"}, {"X-B3-Sampled": "false"}])
def test_a_decision_without_ids_is_made_about_a_new_trace(tracer, headers):
    """A lone deny begins a trace of our own that is left out, here and behind; its ids are on lines all the same."""
    span = tracer.start_server_span(read(headers), "GET /")
    assert (is_id(span.trace_id, 32), span.parent_id, span.sampled) == (True, "", False)
    call = span.fork()
    assert written(call, B3())["b3"] == f"{span.trace_id}-{call.span_id}-0-{span.span_id}"
    assert written(span, W3C())["traceparent"] == f"00-{span.trace_id}-{span.span_id}-00"


@pytest.mark.parametrize("headers", [{"b3": "d"}, {"b3": "1"}, {"X-B3-Flags": "1"}, {"X-B3-Sampled": "true"}])
def test_a_lone_accept_keeps_a_new_trace(recorder, headers):
    """A caller without ids may also ask that the trace is kept."""
    tracer = Tracer(sink=recorder, sampler=ParentBased(Ratio(0)))
    assert tracer.start_server_span(read(headers), "GET /").sampled


def test_ids_of_another_format_win_over_a_lone_decision():
    """Where a later format has ids the trace goes on, by what that one says."""
    headers = {"b3": "0", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    assert read(headers, B3(), W3C()) == TraceContext(TRACE, SPAN)


def test_a_lone_decision_of_a_stranger_names_nobody(recorder):
    """Where callers are not believed there is no link to an id that was not sent, and no decision."""
    tracer = Tracer(sink=recorder, trust=lambda request: False, ids=CountingIds())
    span = tracer.start_server_span(read({"b3": "0"}), "GET /")
    span.finish()
    assert recorder.spans[0].links == ()


def test_a_decision_alone_is_never_written():
    """Without ids nothing goes out."""
    assert written(TraceContext("", "", 0), B3(), B3Multi()) == {}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "-",
        "2",
        "00",
        TRACE,
        f"{TRACE}-",
        f"-{SPAN}",
        f"{TRACE}-{SPAN}-",
        f"{TRACE}-{SPAN}-2",
        f"{TRACE}-{SPAN}-true",
        f"{TRACE}-{SPAN}-{PARENT}",
        f"{TRACE}-{SPAN}-1-",
        f"{TRACE}-{SPAN}-1-{PARENT}-",
        f"{TRACE}-{SPAN}-1-{PARENT[:-1]}",
        f"{TRACE[:-1]}-{SPAN}-1",
        f"{TRACE[:24]}-{SPAN}-1",
        f"{TRACE}-{SPAN[:-1]}-1",
        f"{TRACE}-{SPAN}0-1",
        f"{TRACE.upper()}-{SPAN}-1",
        f"{TRACE}-{SPAN.upper()}-1",
        f"{NO}{NO}-{SPAN}-1",
        f"{NO}-{SPAN}-1",
        f"{TRACE}-{NO}-1",
        f"{TRACE}-{SPAN}-1,{TRACE}-{SPAN}-1",
        f"{TRACE}-{SPAN}-1\n",
        f"{TRACE}-0.1.2-1",
        f"{TRACE}-{SPAN}-1" + " " * 200,
    ],
)
def test_single_headers_that_are_not_valid(header):
    """Half a context, a wrong length or alphabet, two headers, or one too long: as good as none."""
    assert read({"b3": header}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-B3-TraceId": TRACE},
        {"X-B3-SpanId": SPAN},
        {"X-B3-TraceId": TRACE, "X-B3-Sampled": "0"},
        {"X-B3-TraceId": "", "X-B3-SpanId": ""},
        {"X-B3-TraceId": TRACE[:-1], "X-B3-SpanId": SPAN},
        {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN[:-1]},
        {"X-B3-TraceId": TRACE.upper(), "X-B3-SpanId": SPAN},
        {"X-B3-TraceId": NO + NO, "X-B3-SpanId": SPAN},
        {"X-B3-TraceId": TRACE, "X-B3-SpanId": NO},
        {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "maybe"},
        {"X-B3-TraceId": f"{TRACE},{TRACE}", "X-B3-SpanId": SPAN},
        {"X-B3-Sampled": "2"},
        {"X-B3-Flags": "0"},
        {"X-B3-ParentSpanId": PARENT},
    ],
)
def test_several_headers_that_are_not_valid(headers):
    """Half a context, a wrong length or alphabet, or a decision that nobody knows: as good as none."""
    assert read(headers) is None


def test_each_form_reads_its_own_headers():
    """Who wants both forms names both, and then the first in order wins."""
    several = {"X-B3-TraceId": SHORT, "X-B3-SpanId": SPAN}
    single = {"b3": f"{TRACE}-{SPAN}-1"}
    assert (read(several, B3()), read(single, B3Multi())) == (None, None)
    assert read({**several, **single}, B3Multi(), B3()).trace_id == SHORT
    assert read({**several, **single}, B3(), B3Multi()).trace_id == TRACE


def test_ids_that_were_found_stay():
    """A context that another format found is answered as it is."""
    found = TraceContext("f" * 32, "e" * 16)
    carrier = wrap({"b3": f"{TRACE}-{SPAN}-1", "X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN}, "http")
    assert B3().extract(carrier, found) is found is B3Multi().extract(carrier, found)


@pytest.mark.parametrize(
    ("trace_id", "span_id"), [("", ""), (TRACE, "0.1.2"), (TRACE[:20], SPAN), (TRACE.upper(), SPAN)]
)
def test_ids_of_another_shape_are_never_written(trace_id, span_id):
    """A dotted span id, an empty one, or one of another alphabet leaves the carrier as it is."""
    assert written(TraceContext(trace_id, span_id), B3(), B3Multi()) == {}


def test_a_context_of_the_applications_own_counts_as_sampled():
    """Without flags that are a number a context is accepted."""
    assert written(TraceContext(TRACE, SPAN, flags="x"), B3()) == {"b3": f"{TRACE}-{SPAN}-1"}


@given(st.text(alphabet="0123456789abcdefABCDEF-1d, g", max_size=90))
def test_near_misses_never_raise(header):
    """No header makes extract raise, and nothing but ids of B3's shape comes in."""
    context = read({"b3": header})
    assert context is None or not context.trace_id or is_id(context.span_id, 16)


def test_metadata_has_the_names_in_lower_case(span):
    """Capitals are refused by gRPC."""
    metadata: list[tuple[str, str]] = []
    B3Multi().inject(span, wrap(metadata, "metadata", writing=True))
    assert [key for key, _ in metadata] == ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled"]
    assert B3Multi().extract(wrap(metadata, "metadata"), None).span_id == span.span_id

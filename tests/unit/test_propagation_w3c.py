"""W3C Trace Context, edge by edge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.context import DEBUG, DEFERRED, RANDOM, SAMPLED, TraceContext
from tracelog.ids import is_id
from tracelog.noop import NOOP
from tracelog.propagation import W3C, wrap
from tracelog.propagation.w3c import parse_traceparent, parse_tracestate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"

trace_ids = st.integers(1, 2**128 - 1).map("{:032x}".format)
span_ids = st.integers(1, 2**64 - 1).map("{:016x}".format)
states = st.lists(
    st.tuples(
        st.from_regex(r"[a-z0-9][a-z0-9_\-*/@]{0,30}", fullmatch=True),
        st.from_regex(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,20}[\x21-\x2b\x2d-\x3c\x3e-\x7e]", fullmatch=True),
    ),
    max_size=9,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: ",".join(f"{key}={value}" for key, value in pairs))


def read(**headers):
    """Extract from *headers*."""
    return W3C().extract(wrap(headers, "http"), None)


def written(context):
    """Inject *context* and return the headers."""
    headers: dict[str, str] = {}
    W3C().inject(context, wrap(headers, "http", writing=True))
    return headers


class Own:
    """A context of the application's own, without flags."""

    def __init__(self, trace_id, span_id, **pairs):
        self.trace_id, self.span_id, self.pairs = trace_id, span_id, pairs

    def visit(self, see, /):
        """Show ids and pairs."""
        for key, value in {"traceId": self.trace_id, "spanId": self.span_id, **self.pairs}.items():
            if see(key, value) is False:
                return


@given(trace_ids, span_ids, st.integers(0, 3), states)
def test_round_trip(trace_id, span_id, flags, state):
    """What one service injects, the next one extracts."""
    context = TraceContext(trace_id, span_id, flags, state)
    assert read(**written(context)) == context


@given(st.text(), st.text())
def test_garbage_is_read_as_nothing_or_as_valid_ids(parent, state):
    """No header makes extract raise, and nothing but ids of W3C's shape comes in."""
    context = read(traceparent=parent, tracestate=state)
    assert context is None or (is_id(context.trace_id, 32) and is_id(context.span_id, 16))


@given(st.text(alphabet="0123456789abcdefABCDEF-, g", max_size=80))
def test_near_misses_never_raise(parent):
    """Texts that look like a traceparent are read or refused, never an error."""
    parsed = parse_traceparent(parent)
    assert parsed is None or parent.strip(" ")[3:35] == parsed[0]


@pytest.mark.parametrize(
    "parent",
    [
        VALID,
        f" \t{VALID} \t",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
        f"cc-{TRACE}-{SPAN}-01-",
        f"fe-{TRACE}-{SPAN}-01",
    ],
)
def test_traceparents_that_are_valid(parent):
    """White space around it, and what a version to come puts after it, are no reason to refuse a traceparent."""
    assert parse_traceparent(parent) == (TRACE, SPAN, SAMPLED)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "-",
        VALID[:-1],
        f"{VALID}-",
        f"{VALID}-more",
        f"{VALID}.",
        f"ff-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.",
        f"cc-{TRACE}-{SPAN}-01what",
        f"cc-{TRACE}-{SPAN}-01-more,cc-{TRACE}-{SPAN}-01-more",
        f"{VALID},{VALID}",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"0X-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0G",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[:-1]}.-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        VALID.replace("0", "\u0660"),
        f"{VALID}\n",
        f"cc-{TRACE}-{SPAN}-01-\n",
    ],
)
def test_traceparents_that_are_not(parent):
    """A traceparent that breaks a rule is as good as none."""
    assert parse_traceparent(parent) is None


def test_a_long_traceparent_is_not_even_parsed():
    """A header of more than 512 characters is refused, whatever it holds; one of 512 is read."""
    future = f"cc-{TRACE}-{SPAN}-01-".ljust(512, "x")
    assert parse_traceparent(future) is not None
    assert parse_traceparent(future + "x") is None
    assert parse_traceparent(VALID + " " * 600) is None


@pytest.mark.parametrize(("flags", "kept"), [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("ff", 3), ("fc", 0)])
def test_unknown_flags_are_not_passed_on(flags, kept):
    """Of eight flags two are known, and only these are kept."""
    context = read(traceparent=f"00-{TRACE}-{SPAN}-{flags}")
    assert context.flags == kept
    assert written(context)["traceparent"].endswith(f"-{kept:02x}")


def test_doubled_traceparents_are_refused():
    """Two traceparents in one request are as good as none, even if they say the same."""
    carrier = wrap([("traceparent", VALID), ("Traceparent", VALID)], "http")
    assert W3C().extract(carrier, None) is None


def test_ids_that_were_found_stay():
    """A context that another format found is answered as it is, whatever the headers say."""
    found = TraceContext("f" * 32, "e" * 16)
    assert W3C().extract(wrap({"traceparent": VALID}, "http"), found) is found


def test_no_header_no_context():
    """Without a traceparent there is no context, with a tracestate or without."""
    assert read() is None
    assert read(tracestate="a=1") is None


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("", ""),
        ("a=1", "a=1"),
        ("a=1,b=2", "a=1,b=2"),
        (" a=1 ,\t b=2 ", "a=1,b=2"),
        ("a=1,,b=2,", "a=1,b=2"),
        ("a=1, ,b=2", "a=1,b=2"),
        ("a=1,b=2,a=3", "a=1,b=2"),
        ("tenant@system=1", "tenant@system=1"),
        ("0tenant@system=1", "0tenant@system=1"),
        ("a_-*/=1", "a_-*/=1"),
        ("a= 1", "a= 1"),
        (f"{'k' * 256}=1,b=2", f"{'k' * 256}=1,b=2"),
        (f"a={'v' * 256}", f"a={'v' * 256}"),
    ],
)
def test_tracestates_that_are_valid(state, kept):
    """Whole members come through in their order; empty ones and later ones of the same key do not."""
    assert parse_tracestate(state) == kept


@pytest.mark.parametrize(
    "state",
    [
        "a",
        "=1",
        "a=",
        "a=1=2",
        "A=1",
        "a =1",
        "a.b=1",
        "@a=1",
        "_a=1",
        "a=1,b",
        "a=\x1b",
        "a=é",
        "é=1",
        "a=1\n",
        f"{'k' * 257}=1",
        f"a={'v' * 257}",
        ",".join(f"k{n}=1" for n in range(33)),
        "a=1," + " " * 8192,
    ],
)
def test_tracestates_that_are_not(state):
    """One invalid member, or too much of it, and the whole tracestate is dropped; the ids are kept."""
    context = read(traceparent=VALID, tracestate=state)
    assert (context.trace_id, context.tracestate) == (TRACE, "")


def test_thirty_two_members_are_not_too_many():
    """The limit is 32 members, empty ones not counted."""
    state = ",".join(f"k{n}=1" for n in range(32))
    assert parse_tracestate(f"{state},,") == state


def test_long_members_go_first():
    """Over 512 characters members longer than 128 are dropped before any other, the last of them first."""
    short = ",".join(f"k{n:02}={'v' * 16}" for n in range(19))
    assert parse_tracestate(f"long={'v' * 124},{short}") == short
    assert parse_tracestate(f"a={'v' * 250},b={'v' * 200},c=1,d={'v' * 100}") == f"a={'v' * 250},c=1,d={'v' * 100}"


def test_without_long_members_the_last_go():
    """Over 512 characters of short members those at the end are dropped."""
    members = [f"k{n:02}={'v' * 96}" for n in range(6)]
    assert parse_tracestate(",".join(members)) == ",".join(members[:5])


@given(st.lists(st.integers(1, 200), min_size=1, max_size=32))
def test_what_is_passed_on_is_bounded_and_whole(lengths):
    """At most 512 characters are passed on, made of members that came in, in their order."""
    members = [f"k{place}={'v' * length}" for place, length in enumerate(lengths)]
    kept = [member for member in parse_tracestate(",".join(members)).split(",") if member]
    assert len(",".join(kept)) <= 512
    assert kept == [member for member in members if member in kept]
    dropped = [member for member in members if member not in kept]
    if dropped:
        assert len(",".join([*kept, dropped[0]])) > 512 or any(len(one) > 128 for one in dropped)


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [
        ("", ""),
        (TRACE, ""),
        (TRACE, "0.1.2"),
        (TRACE.upper(), SPAN),
        ("0" * 32, SPAN),
        ("0" * 16, SPAN),
        (TRACE[:20], SPAN),
        (7, 8),
        (f"{TRACE[:-1]}\n", SPAN),
    ],
)
def test_ids_of_another_shape_are_never_written(trace_id, span_id):
    """A dotted span id, an empty id or one of other characters leaves the carrier as it is."""
    assert written(Own(trace_id, span_id)) == {}


def test_noop_writes_nothing():
    """The span that does nothing has no ids to write."""
    assert written(NOOP) == {}


def test_a_short_trace_id_is_padded():
    """A trace id of 16 digits is written with zeros on its left."""
    assert written(Own("8448eb211c80319c", SPAN))["traceparent"] == f"00-{'0' * 16}8448eb211c80319c-{SPAN}-01"


def test_a_context_of_the_applications_own_counts_as_sampled():
    """Without flags a context is sampled, and its tracestate goes along."""
    assert written(Own(TRACE, SPAN, tracestate="a=1")) == {"traceparent": VALID, "tracestate": "a=1"}


@pytest.mark.parametrize("state", ["a=1\r\nX-Admin: 1", 7, None, "A=1"])
def test_no_tracestate_that_is_invalid_leaves(state):
    """What a context of the application's own shows as tracestate cannot break out of the header."""
    assert written(Own(TRACE, SPAN, tracestate=state)) == {"traceparent": VALID}


def test_flags_that_are_no_number_count_as_sampled():
    """Flags of another type are not understood, and sampled is the default."""
    context = Own(TRACE, SPAN)
    context.flags = "03"
    assert written(context)["traceparent"] == VALID


def test_a_span_passes_on_what_arrived(tracer):
    """A span writes its own id, the flags that came in, and the tracestate."""
    span = tracer.start_server_span(TraceContext(TRACE, SPAN, SAMPLED | RANDOM, "a=1"), "GET /")
    assert written(span.fork()) == {"traceparent": f"00-{TRACE}-{2:016x}-03", "tracestate": "a=1"}


def test_a_trace_that_begins_here_goes_out_as_sampled_alone(tracer):
    """go-zero takes the flags 00, 01 and 02 only, so a trace of our own is not marked as random."""
    assert written(tracer.start_server_span(None, "GET /"))["traceparent"].endswith("-01")


@pytest.mark.parametrize("came", [TRACE, TRACE[16:]])
@pytest.mark.parametrize("flags", [SAMPLED, SAMPLED | DEFERRED, SAMPLED | DEBUG])
def test_what_another_format_cannot_say_is_added(came, flags):
    """Where both name one span, a short id stays as it came, and decision and tracestate are the traceparent's."""
    found = TraceContext(came, SPAN, flags, extra={"tenant": "blue"})
    sent = {"traceparent": f"00-{came:0>32}-{SPAN}-03", "tracestate": "a=1"}
    both = W3C().extract(wrap(sent, "http"), found)
    assert both == TraceContext(came, SPAN, SAMPLED | RANDOM | flags & DEBUG, "a=1", {"tenant": "blue"})
    sent["traceparent"] = f"00-{came:0>32}-{SPAN}-00"
    assert not W3C().extract(wrap(sent, "http"), found).flags & SAMPLED


@pytest.mark.parametrize("other", [f"00-{TRACE}-{'c' * 16}-00", f"00-{'c' * 32}-{SPAN}-00", "nonsense"])
def test_nothing_is_added_from_another_span(other):
    """A traceparent that names another span, or none, says nothing about the one that was found."""
    for found in (TraceContext(TRACE, SPAN), Own(TRACE, SPAN)):
        assert W3C().extract(wrap({"traceparent": other, "tracestate": "a=1"}, "http"), found) is found


def test_nothing_is_added_to_a_context_of_the_applications_own():
    """What the application made itself is not rebuilt, though a traceparent names the same span."""
    own = Own(TRACE, SPAN)
    assert W3C().extract(wrap({"traceparent": VALID, "tracestate": "a=1"}, "http"), own) is own

"""W3C Baggage, edge by edge."""

from __future__ import annotations

import pickle
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.context import DEBUG, RANDOM, SAMPLED, TraceContext, pairs_of
from tracelog.noop import NOOP
from tracelog.propagation import Baggage, carry, wrap
from tracelog.propagation.baggage import NOT_BAGGAGE, parse_baggage, write_baggage

IDS = TraceContext("a" * 32, "b" * 16)

pairs = st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=9).map(
    lambda made: {
        key.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
        for key, value in made.items()
        if key not in NOT_BAGGAGE
    }
)


def read(header, context=IDS):
    """Extract *header* on top of *context*."""
    return Baggage().extract(wrap({"baggage": header}, "http"), context)


@given(pairs)
def test_round_trip(extra):
    """Any pairs of text arrive as they were sent."""
    assert parse_baggage(write_baggage(extra)) == extra


@given(pairs)
def test_what_is_written_is_plain_ascii_in_one_line(extra):
    """Nothing in a key or value can end the header or the member."""
    header = write_baggage(extra)
    assert header.isascii()
    assert header.isprintable()
    assert header.count(",") == max(0, len(extra) - 1)


@given(st.text())
def test_garbage_never_raises(header):
    """Any header is read as some pairs of text, at most 64."""
    read_pairs = parse_baggage(header)
    assert len(read_pairs) <= 64
    assert all(isinstance(value, str) for value in read_pairs.values())


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=1", {"a": "1"}),
        (" a = 1 , b=2", {"a": "1", "b": "2"}),
        ("a=1;ttl=3;secure,b=2", {"a": "1", "b": "2"}),
        ("a=%C3%A9%20x", {"a": "é x"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1+1", {"a": "1+1"}),
        ("a=1,a=2", {"a": "2"}),
        ("a,b=2", {"b": "2"}),
        ("a b=1,c=2", {"c": "2"}),
        ('a="1",c=2', {"c": "2"}),
        ("=1,,c=2", {"c": "2"}),
        ("é=1,c=é,d=1", {"d": "1"}),
        ("traceId=evil,spanId=evil,tracestate=evil=1,parentSpanId=evil,a=1", {"a": "1"}),
    ],
)
def test_members(header, expected):
    """Valid members are read and decoded; properties, invalid members and names of ids are left out."""
    assert parse_baggage(header) == expected


def test_caps_before_parsing():
    """Of 65 members 64 are read, and nothing after 8192 characters, nor a member cut there."""
    assert len(parse_baggage(",".join(f"k{n}=1" for n in range(65)))) == 64
    assert parse_baggage(f"a={'x' * 8000},b={'y' * 300}") == {"a": "x" * 8000}
    assert parse_baggage(f"a={'x' * 9000}") == {}
    assert parse_baggage(f"a={'x' * 8188},b=1") == {"a": "x" * 8188}
    assert parse_baggage(f"a={'x' * 8190}") == {"a": "x" * 8190}


def test_caps_of_what_is_written():
    """At most 64 members and 8192 characters are written, whole members only."""
    assert write_baggage({f"k{n}": "1" for n in range(70)}).count(",") == 63
    assert write_baggage({"a": "x" * 8190}) == f"a={'x' * 8190}"
    assert write_baggage({"a": "x" * 8190, "b": "1"}) == f"a={'x' * 8190}"
    assert write_baggage({"a": "x" * 8191}) == ""


def test_pairs_that_are_no_text_are_left_out():
    """A context of the application's own may show anything; what is not text stays here."""
    assert write_baggage({"a": 1, "": "x", "b": None, "c": "ok"}) == "c=ok"


def test_baggage_without_ids_makes_no_context():
    """Baggage alone begins nothing."""
    assert read("a=1", None) is None


def test_baggage_is_added_to_what_is_there():
    """Pairs of the header join those of the context, which itself is not changed."""
    context = TraceContext("a" * 32, "b" * 16, extra={"x": "0", "y": "1"})
    assert read("x=2", context) == TraceContext("a" * 32, "b" * 16, extra={"x": "2", "y": "1"})
    assert context.extra == {"x": "0", "y": "1"}


@pytest.mark.parametrize("header", ["", ",,", "no member"])
def test_nothing_to_add_changes_nothing(header):
    """Without a pair the context is the same object."""
    assert read(header) is IDS


def test_a_context_of_another_type_is_left_alone():
    """What the application made itself is not rebuilt."""

    class Own:
        trace_id, span_id = "a" * 32, "b" * 16

        def visit(self, see, /):
            """Show nothing."""

    own = Own()
    assert read("a=1", own) is own


def test_pairs_travel_from_service_to_service(tracer):
    """What came in as baggage goes out with every call made below, without any id in it."""
    arrived = TraceContext("a" * 32, "b" * 16, tracestate="v=1", extra={"tenant": "blue", "parentSpanId": "c" * 16})
    span = tracer.start_server_span(arrived, "GET /").fork()
    headers: dict[str, str] = {}
    Baggage().inject(span, wrap(headers, "http", writing=True))
    assert headers == {"baggage": "tenant=blue"}


def test_no_pairs_no_header(tracer):
    """Without anything to send, and for a trace that began here, no header is written."""
    for context in (IDS, tracer.start_server_span(None, "GET /")):
        headers: dict[str, str] = {}
        Baggage().inject(context, wrap(headers, "http", writing=True))
        assert headers == {}


@given(st.text("0123456789abcdefABCDEF%=_-xé", max_size=60).map(lambda text: text.replace("é", quote("é"))))
def test_values_are_decoded_as_everywhere(value):
    """Escapes mean what they mean in a URL, broken ones and bytes that are no UTF-8 included."""
    assert parse_baggage(f"a={value}") == {"a": unquote(value)}


@given(st.characters())
def test_characters_are_encoded_as_everywhere(character):
    """A character that is written as an escape is written as in a URL."""
    written = write_baggage({"a": character}).removeprefix("a=")
    assert written in (character, quote(character, "", errors="replace"))


def test_members_show_in_visit(tracer):
    """What came in as baggage is shown beside the ids, in the span and in what is below it."""
    span = tracer.start_server_span(read("tenant=blue"), "GET /").fork()
    assert pairs_of(span) == {"tenant": "blue", "traceId": "a" * 32, "spanId": span.span_id}


def sent(span):
    """Return what *span* would send as baggage."""
    headers: dict[str, str] = {}
    Baggage().inject(span, wrap(headers, "http", writing=True))
    return headers.get("baggage")


def test_the_application_adds_members(tracer):
    """Pairs go out from then on with the span and with what is forked from it, not with what was forked before."""
    span = tracer.start_server_span(None, "GET /")
    before = span.fork()
    carry(span, tenant="blue", **{"user id": "Amélie"})
    assert [sent(one) for one in (before, span, span.fork())] == [None, *["tenant=blue,user%20id=Am%C3%A9lie"] * 2]


def test_members_join_what_came_in(tracer):
    """A pair of the same name is replaced; others, tracestate and flags stay, and ids cannot be overwritten."""
    arrived = TraceContext("a" * 32, "b" * 16, SAMPLED | RANDOM | DEBUG, "v=1", {"tenant": "blue", "zone": "eu"})
    span = tracer.start_server_span(arrived, "GET /")
    carry(span, tenant="red", traceId="evil")
    assert sent(span) == "tenant=red,zone=eu"
    assert pairs_of(span)["traceId"] == "a" * 32
    assert (span.flags, span.arrived.flags, span.arrived.tracestate) == (3, arrived.flags, "v=1")
    assert arrived.extra["tenant"] == "blue"


def test_noop_carries_nothing():
    """Where no span is active there is nothing to add to."""
    carry(NOOP, tenant="blue")
    assert pairs_of(NOOP) == {}


@pytest.mark.parametrize("header", ["a=1+1", "a=Am%c3%a9lie", "a=%FF", "a=%", "a=x%2By+z"])
def test_a_value_is_handed_on_as_it_came(tracer, header):
    """Who writes a space as a plus finds a plus again behind this service, and escapes stay what they are."""
    span = tracer.start_server_span(read(header), "GET /").fork()
    assert sent(span) == header
    carry(span, b="1+1")
    assert sent(span) == f"{header},b=1%2B1"


def test_contexts_can_be_sent_to_another_process():
    """A value that is coded makes the way through pickle, too."""
    context = read("a=1+1%2520x")
    again = pickle.loads(pickle.dumps(dict(context.extra)))  # noqa: S301 - our own
    assert (again, write_baggage(again)) == ({"a": "1+1%20x"}, "a=1+1%2520x")

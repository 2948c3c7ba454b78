"""Carriers of every format: what they read, what they write, and what they refuse."""

from __future__ import annotations

from email.message import Message
from types import MappingProxyType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from werkzeug.datastructures import EnvironHeaders, Headers

from tracelog.errors import InvalidCarrier
from tracelog.propagation import FORMATS, wrap


class Metadatum(NamedTuple):
    """A pair as gRPC hands it out."""

    key: str
    value: str | bytes


MAKERS = {
    "http": [dict, list, Message, CaseInsensitiveDict, Headers],
    "wsgi": [dict],
    "metadata": [dict, list],
    "mapping": [dict, CaseInsensitiveDict],
}
CARRIERS = [(name, make) for name, makers in MAKERS.items() for make in makers]


def test_every_format_is_tested():
    """A format that is added is added to the table of this suite, too."""
    assert MAKERS.keys() == FORMATS.keys()


@pytest.mark.parametrize(("name", "make"), CARRIERS)
def test_what_is_written_can_be_read(name, make):
    """Each format reads back what it wrote, and nothing else."""
    carrier = wrap(make(), name, writing=True)
    assert carrier.get("trace-parent") is None
    carrier.set("trace-parent", "1")
    assert carrier.get("trace-parent") == "1"
    assert carrier.get("traceparent") is None


@pytest.mark.parametrize(("name", "make"), CARRIERS)
def test_writing_replaces(name, make):
    """A second write takes the place of the first; nothing is appended."""
    source = make()
    carrier = wrap(source, name, writing=True)
    carrier.set("a", "1")
    carrier.set("a", "2")
    assert wrap(source, name).get("a") == "2"
    assert len(list(source)) == 1


@pytest.mark.parametrize("make", [dict, list, CaseInsensitiveDict, Headers])
def test_writing_replaces_other_spellings(make):
    """A name written in other letters is the same header, and goes; others stay."""
    source = make([("TraceParent", "1"), ("Host", "x")])
    wrap(source, "http", writing=True).set("traceparent", "2")
    assert wrap(source, "http").get("TRACEPARENT") == "2"
    assert wrap(source, "http").get("host") == "x"


@pytest.mark.parametrize("make", [list, Headers])
def test_all_values_of_a_name_are_replaced(make):
    """Where a name may have several values, all of them go."""
    source = make([("a", "1"), ("A", "2")])
    wrap(source, "http", writing=True).set("a", "3")
    assert wrap(source, "http").get("a") == "3"


@pytest.mark.parametrize(
    "source",
    [
        {"TraceParent": "1", "traceparent": "2"},
        [("TraceParent", "1"), ("traceparent", "2")],
        (("TraceParent", "1"), ["traceparent", "2"]),
        Headers([("TraceParent", "1"), ("traceparent", "2")]),
        [(b"traceparent", b"1"), (b"traceparent", b"2")],
    ],
)
def test_several_values_are_joined(source):
    """Values of one name are joined by commas, so that a doubled header is seen as such."""
    assert wrap(source, "http").get("traceparent") == "1,2"


def test_headers_of_a_message_are_joined():
    """The header class of the standard library counts as headers, too."""
    message = Message()
    message["a"] = "1"
    message["A"] = "2"
    assert wrap(message, "http").get("a") == "1,2"


def test_an_environ_is_read_by_its_own_names():
    """WSGI's spelling of a header is read and written; what is no text is nothing."""
    environ = {"HTTP_TRACEPARENT": "1", "traceparent": "2", "HTTP_ODD": 3}
    carrier = wrap(environ, "wsgi", writing=True)
    assert (carrier.get("traceparent"), carrier.get("odd")) == ("1", None)
    carrier.set("x-trace-id", "4")
    assert environ["HTTP_X_TRACE_ID"] == "4"


def test_the_headers_of_an_environ_are_headers():
    """Werkzeug's view of an environ can be read, and says when it is asked to be written."""
    headers = EnvironHeaders({"HTTP_TRACEPARENT": "1"})
    assert wrap(headers, "http").get("traceparent") == "1"
    with pytest.raises(InvalidCarrier):
        wrap(headers, "http", writing=True).set("traceparent", "2")


def test_metadata_as_grpc_gives_it():
    """Named tuples are pairs; bytes that are ASCII are text, others are ignored."""
    carrier = wrap((Metadatum("traceparent", "1"), ("x-bin", b"\xff"), ("y-bin", b"2")), "metadata")
    assert [carrier.get(key) for key in ("traceparent", "x-bin", "y-bin")] == ["1", None, "2"]


def test_metadata_keys_are_lower_case():
    """Keys in capitals are refused by gRPC, so none is written."""
    metadata: list[tuple[str, str]] = []
    wrap(metadata, "metadata", writing=True).set("X-Trace-Id", "1")
    assert metadata == [("x-trace-id", "1")]


def test_no_metadata_is_empty_metadata():
    """A call without metadata gives None, in which nothing is found and to which nothing is written."""
    assert wrap(None, "metadata").get("traceparent") is None
    with pytest.raises(InvalidCarrier, match="NoneType"):
        wrap(None, "metadata", writing=True)


def test_a_mapping_is_exact():
    """In a plain mapping a key in other letters is another key, and bytes are text."""
    carrier = wrap({"TraceParent": "1", "b": b"2", "c": 3}, "mapping")
    assert [carrier.get(key) for key in ("traceparent", "TraceParent", "b", "c")] == [None, "1", "2", None]


class Frozen(dict):
    """A dictionary that cannot be written, as header classes of some frameworks are."""

    def __setitem__(self, key, value):
        raise TypeError


@pytest.mark.parametrize("name", ["http", "mapping", "metadata"])
def test_a_carrier_that_refuses_to_be_written_is_invalid(name):
    """A TypeError of the carrier's own becomes an InvalidCarrier."""
    with pytest.raises(InvalidCarrier, match="Frozen"):
        wrap(Frozen(), name, writing=True).set("a", "1")


class FirstOnly:
    """A multi-dict whose ``del`` takes the first value only, as that of gRPC's asyncio side does."""

    def __init__(self, pairs):
        self.pairs = list(pairs)

    def items(self):
        """Show all pairs."""
        return tuple(self.pairs)

    def __delitem__(self, key):
        del self.pairs[next(place for place, pair in enumerate(self.pairs) if pair[0] == key)]

    def __setitem__(self, key, value):
        self.pairs.append((key, value))


class AllAtOnce(FirstOnly):
    """A multi-dict whose ``del`` takes all values, and then knows the key no more."""

    def __delitem__(self, key):
        left = [pair for pair in self.pairs if pair[0] != key]
        if len(left) == len(self.pairs):
            raise KeyError(key)
        self.pairs = left


@pytest.mark.parametrize("make", [FirstOnly, AllAtOnce])
def test_multi_dicts_of_any_kind_are_cleared(make):
    """However a multi-dict deletes, one value is left after writing."""
    source = make([("a", "1"), ("b", "x"), ("a", "2"), ("a", "3")])
    wrap(source, "metadata", writing=True).set("a", "4")
    assert source.pairs == [("b", "x"), ("a", "4")]


@pytest.mark.parametrize(
    ("carrier", "name"),
    [
        (None, "http"),
        ("traceparent", "http"),
        (b"traceparent", "http"),
        (5, "http"),
        (dict, "http"),
        (object(), "http"),
        ({1, 2}, "metadata"),
        ("text", "metadata"),
        ([], "wsgi"),
        (None, "wsgi"),
        (MappingProxyType({}), "wsgi"),
        ([("a", "1")], "mapping"),
        (None, "mapping"),
    ],
)
def test_carriers_of_the_wrong_type(carrier, name):
    """A carrier that its format cannot read is refused with a sentence that names both."""
    with pytest.raises(InvalidCarrier, match=f"format '{name}' cannot use a {type(carrier).__name__}"):
        wrap(carrier, name)


@pytest.mark.parametrize(
    ("carrier", "name"),
    [((), "http"), (MappingProxyType({}), "http"), ((), "metadata"), (MappingProxyType({}), "mapping")],
)
def test_carriers_that_can_only_be_read(carrier, name):
    """What cannot be changed can be read, and is refused where it is to be written."""
    assert wrap(carrier, name).get("a") is None
    with pytest.raises(InvalidCarrier):
        wrap(carrier, name, writing=True)


@pytest.mark.parametrize("name", ["grpc", "", None, [], 3])
def test_unknown_formats(name):
    """An unknown format is refused with the list of those that are known."""
    with pytest.raises(InvalidCarrier, match="choose one of http, wsgi, metadata, mapping") as raised:
        wrap({}, name)
    assert raised.value.known == tuple(FORMATS)


odd = st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.lists(st.text(), max_size=3), st.floats())


@given(st.dictionaries(st.one_of(st.text(), st.binary(), st.integers(), st.none()), odd), st.text())
def test_odd_mappings_never_raise(source, key):
    """Whatever a mapping holds, reading gives text or nothing."""
    for name in FORMATS:
        value = wrap(source, name).get(key)
        assert value is None or isinstance(value, str)


@given(st.lists(st.one_of(odd, st.tuples(odd, odd))), st.text(max_size=3))
def test_odd_sequences_never_raise(source, key):
    """Whatever a sequence holds, reading gives text or nothing, and writing leaves one value."""
    for name in ("http", "metadata"):
        value = wrap(source, name).get(key)
        assert value is None or isinstance(value, str)
        copy = list(source)
        wrap(copy, name, writing=True).set("traceparent", "1")
        assert wrap(copy, name).get("traceparent") == "1"

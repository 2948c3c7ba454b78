"""Values of any type made plain: JSON can be written of them, they are bounded, and nothing raises."""

from __future__ import annotations

import math
from collections import OrderedDict, UserDict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.plain import MAX_DEPTH, MAX_KEYS, MAX_MEMBERS, MAX_TEXT, made_plain, named, plain, safe_repr


class Colour(Enum):
    """A plain enumeration."""

    RED = 1


class Level(IntEnum):
    """Numbers with names."""

    HIGH = 3


class Word(str):
    """Text of a type of its own."""

    __slots__ = ()


class Rude:
    """An object whose repr raises."""

    def __repr__(self):
        raise ValueError


class Lazy:
    """An object that raises as soon as it is asked what it is."""

    @property
    def __class__(self):
        raise LookupError


class Posing:
    """An object that says it is a dictionary."""

    __class__ = dict


class Odd(dict):
    """A dictionary that cannot be walked through."""

    def items(self):
        """Fail."""
        raise ZeroDivisionError


class Growing(dict):
    """A dictionary that changes while it is read, as one that another thread writes to."""

    def items(self):
        """Add a key after each."""
        for key in self:
            yield key, 1
            self[f"{key}+"] = 1


class Unwilling(int):
    """A number that refuses to be one."""

    def __int__(self):
        raise OverflowError

    __index__ = __int__


def wide(members):
    """Make a list that contains itself many times over."""
    cycle: list[object] = []
    cycle.extend([cycle] * members)
    return cycle


def count(value):
    """Count a value and all its members."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count, members))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (Word("text"), "text"),
        (True, True),
        (None, None),
        (7, 7),
        (Level.HIGH, 3),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        (0.5, 0.5),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (b"raw", "raw"),
        (bytearray(b"\xff"), "\ufffd"),
        (memoryview(b"view"), "view"),
        ("\ud800", "?"),
        ((1, 2), [1, 2]),
        ({1}, [1]),
        (frozenset({1}), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (
            {1: "a", None: "b", "c": "d", (1, 2): "e", Word("f"): "g"},
            {"1": "a", "None": "b", "c": "d", "(1, 2)": "e", "f": "g"},
        ),
        (datetime(2026, 1, 1, tzinfo=timezone.utc), "2026-01-01 00:00:00+00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        (timedelta(seconds=1), "0:00:01"),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a"), "/a"),
        (Colour.RED, "RED"),
        (UserDict(a=1), "{'a': 1}"),
        (Growing(a=1), "<changed while it was read>"),
    ],
)
def test_values(value, expected):
    """Each kind of value has its form in JSON's own types."""
    made = plain(value)
    assert made == expected
    assert type(made) is type(expected)


def test_a_number_too_long_to_be_written_is_described():
    """Python refuses to write more than some thousand digits."""
    assert plain(10**5000) == "<int of 16610 bits>"
    assert plain({10**5000: 1}) == {"<int of 16610 bits>": 1}


@pytest.mark.parametrize("make", [Rude, Lazy, Posing, lambda: Odd(a=1), lambda: Unwilling(3)])
def test_objects_that_resist(make):
    """What raises when it is looked at is named by its type."""
    value = make()
    assert plain(value) == f"<{__name__}.{type(value).__name__}>"


def test_a_type_that_bears_the_name_of_a_known_one_is_not_called():
    """Only the standard library's own types are written out on the worker's thread, whatever others call themselves."""
    posing = type("Decimal", (), {"__module__": "decimal", "__str__": lambda self: 1 / 0})
    assert plain(posing(), named) == "<decimal.Decimal>"


def test_a_fault_in_one_member_leaves_the_others():
    """Only the member that raises is replaced."""
    assert plain([1, Rude(), 2])[::2] == [1, 2]
    assert plain({"a": Odd(b=1), "c": 2, Rude(): 3}) == {"a": f"<{__name__}.Odd>", "c": 2, f"<{__name__}.Rude>": 3}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("members", [1, 2, 10, 128, 1000])
def test_cycles_end(members):
    """A container that holds itself, once or often, comes to a bounded number of members."""
    for value in (wide(members), {"a": wide(members), "b": wide(members)}):
        assert count(plain(value)) <= MAX_MEMBERS + 2


def test_containers_are_limited():
    """Members after the 128th, and containers below the sixth, are cut."""
    assert plain(list(range(1000))) == list(range(MAX_KEYS))
    assert list(plain({n: n for n in range(1000)})) == [str(n) for n in range(MAX_KEYS)]
    assert plain([[[[[[[1]]]]]]]) == [[[[[["…"]]]]]]
    assert list(plain({"x" * 300: 1, 10**300: 2})) == ["x" * 256, "1" + "0" * 255]


def test_texts_are_limited():
    """Text is cut at 8192 characters, and shows it; bytes likewise."""
    assert plain("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert plain("x" * (MAX_TEXT + 1)) == "x" * (MAX_TEXT - 1) + "…"
    assert plain(b"x" * 100_000) == "x" * (MAX_TEXT - 1) + "…"


def test_how_objects_are_shown_can_be_chosen():
    """With *named* no method of an object of the application's own is called."""
    assert plain(Rude(), named) == f"<{__name__}.Rude>"
    assert plain([UserDict(a=1)], named) == ["<collections.UserDict>"]
    assert plain({(1, 2): Colour.RED, 3: Decimal(1)}, named) == {"<builtins.tuple>": "RED", "3": "1"}
    assert safe_repr(Rude()) == f"<{__name__}.Rude>"
    assert safe_repr({1}) == "{1}"


def test_simple_values_are_not_copied():
    """The usual attributes, text and numbers, cost no copy."""
    simple = {"a": 1, "b": "x", "c": None, "d": True, "e": 0.5}
    assert made_plain(simple) is simple


def test_attributes_are_limited():
    """At most 128 attributes are kept, with keys of at most 256 characters where they are looked at."""
    assert list(made_plain({f"k{n}": n for n in range(200)})) == [f"k{n}" for n in range(MAX_KEYS)]
    assert made_plain({"x" * 300: [1]}) == {"x" * 256: [1]}


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.dates(),
    st.decimals(),
    st.uuids(),
    st.complex_numbers(),
    st.builds(Rude),
    st.builds(Lazy),
    st.sampled_from([Colour.RED, Level.HIGH, object, len]),
)
keys = st.one_of(st.text(), st.integers(), st.none(), st.booleans(), st.tuples(st.text()))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(keys, inner), st.tuples(inner, inner), st.sets(st.integers())
    ),
)


@given(trees)
def test_any_tree_can_be_written_as_json(tree):
    """What comes out is JSON, within limits, and plain already."""
    made = plain(tree)
    assert orjson.loads(orjson.dumps(made)) == made
    assert depth(made) <= MAX_DEPTH
    assert plain(made) == made


def depth(value):
    """Count how many containers lie in each other."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if members is None else 1 + max(map(depth, members), default=0)

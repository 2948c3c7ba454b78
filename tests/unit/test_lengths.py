"""Lengths of time as they are typed."""

from __future__ import annotations

from contextlib import suppress

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.cli.lengths import Length, nanoseconds
from tracelog.cli.paint import length


@pytest.mark.parametrize(
    ("said", "meant"),
    [("500ms", 5e8), ("1.5s", 15e8), ("2m", 12e10), ("0s", 0), ("7us", 7e3), ("7 µs", 7e3), (" 1h 30m ", 54e11)],
)
def test_a_length_is_a_number_and_a_unit(said, meant):
    """Each unit counts for what it is, and several add up."""
    assert nanoseconds(said) == meant


@given(st.integers(1_000, 10**17))
def test_what_a_picture_says_can_be_typed(took):
    """Any length that a picture shows is read back as what is shown the same."""
    assert length(nanoseconds(length(took))) == length(took)


@pytest.mark.parametrize(
    ("took", "said"),
    [
        (999_499, "999 µs"),
        (999_500, "1.0 ms"),
        (99_950_000, "100 ms"),
        (999_500_000, "1.00 s"),
        (59_995_000_000, "1m 00s"),
    ],
)
def test_a_length_that_is_rounded_up_gets_the_next_unit(took, said):
    """Nobody reads 1000 µs, 1000 ms or 60.00 s."""
    assert length(took) == said


@pytest.mark.parametrize(
    "said", ["", "5", "ms", "-1s", "1.s", "1,5s", "1e3s", "5 min", "1S", "s5", "٣s", "9" * 400 + "s"]
)
def test_what_is_no_length_is_named(said):
    """The sentence shows what was typed, and three lengths to copy."""
    with pytest.raises(click.BadParameter) as caught:
        Length().convert(said, None, None)
    assert repr(said) in caught.value.message
    assert "500ms, 1.5s or 2m" in caught.value.message


@given(st.text(st.sampled_from("0123456789.msuµhd -e")))
def test_any_text_is_a_length_or_none(said):
    """Nothing that can be typed is answered with another error."""
    with suppress(click.BadParameter):
        assert Length().convert(said, None, None) >= 0

"""Waterfalls, read as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracelog.cli.scale import NARROWEST, ROOM, TIMES, Scale, columns

times = st.integers(-(10**18), 10**18)
widths = st.integers(1, 300)


@given(times, st.integers(0, 10**18), widths, times, st.integers(0, 10**18))
def test_every_span_is_seen_and_none_leaves_the_waterfall(begin, whole, width, at, took):
    """However short, early or late a span is, its bar is one piece within the width, and the rest is blank."""
    bar = Scale(begin, begin + whole, width).bar(at, took)
    assert len(bar) == width
    assert bar.strip()
    assert " " not in bar.strip()
    assert set(bar) <= set(" ━╺╸")


@given(times, st.integers(1, 10**18), widths)
def test_what_takes_all_the_time_takes_all_the_width(begin, whole, width):
    """The span of the whole trace is drawn from edge to edge."""
    assert Scale(begin, begin + whole, width).bar(begin, whole) == "━" * width


def halves(bar: str) -> tuple[int, int]:
    """Tell the first half column that a bar covers, and the first one after it."""
    drawn = "".join({"━": "11", "╺": "01", "╸": "10", " ": "00"}[sign] for sign in bar)
    return drawn.index("1"), drawn.rindex("1") + 1


@given(st.integers(1, 10**12), st.data(), widths)
def test_a_bar_covers_the_time_it_stands_for(whole, data, width):
    """Begin and end are right to half a column, and what lies within another span is drawn within its bar."""
    at = data.draw(st.integers(0, whole))
    took = data.draw(st.integers(0, whole - at))
    first, beyond = halves(Scale(0, whole, width).bar(at, took))
    half = whole / (2 * width)
    assert first * half <= at + 1
    assert beyond * half >= at + took - 1
    assert (beyond - first) * half <= took + 2 * half + 1


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_columns_fill_the_terminal(width, longest):
    """Names, waterfall and times are as wide as the terminal, and each has the room it needs at least."""
    shared = columns(width, longest)
    assert shared.label >= ROOM
    assert (shared.bar > 0) == (width >= NARROWEST)
    assert shared.wide + 1 + TIMES == max(width, ROOM + 1 + TIMES)
    if shared.bar and longest < width // 3 - TIMES:
        assert shared.label > longest

"""Traces that are still arriving, on a clock that waits for nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tracelog.cli.following import DOUBT, POLL, QUIET, arriving, fitted, is_whole, waits_for
from tracelog.cli.tree import grow
from tracelog.ecs.found import Found
from tracelog.errors import DestinationError

NOTHING = Found([], [])


def span(span_id, parent_id="", *, entry=False, **told):
    """Make a document of a span; *told* are fields of tracelog's own."""
    document = {
        "@timestamp": "2026-11-23T12:00:00Z",
        "span.id": span_id,
        "parent.id": parent_id,
        "processor.event": "transaction" if entry else "span",
    }
    return {**document, **{f"tracelog.{name}": value for name, value in told.items()}}


ROOT = span("a", entry=True, children=1)
CHILD = span("b", "a")
WHOLE = Found([ROOT, CHILD], [])
BROKEN = DestinationError("sqlite:///x", "the disk is gone", "look after it")


class Play:
    """A store in which more is found, or goes wrong, from certain seconds on; time passes only while it is waited."""

    def __init__(self, *scenes, pressed=float("inf")):
        self.scenes = scenes
        self.time = 0.0
        self.pressed = pressed

    def look(self):
        """Answer what the latest scene holds."""
        scene = [what for at, what in self.scenes if at <= self.time][-1]
        if isinstance(scene, Exception):
            raise scene
        return scene

    def pause(self, seconds):
        """Let time pass, and tell whether somebody pressed Ctrl-C."""
        self.time += seconds
        return self.time >= self.pressed

    def watch(self, seconds=60.0):
        """Follow, and tell for each look when it was given and how many spans and lines it had."""
        looks = arriving(self.look, seconds=seconds, now=lambda: self.time, pause=self.pause)
        return [(self.time, len(look.found.spans), len(look.found.lines)) for look in looks]


def test_each_change_is_given_once_and_the_end_is_quiet():
    """What comes later is given when it is seen; a whole trace is waited on until nothing more comes."""
    play = Play((0, NOTHING), (1, Found([CHILD], [])), (4, WHOLE), (5, Found([ROOT, CHILD], [{"span.id": "a"}])))
    assert play.watch() == [(0, 0, 0), (1, 1, 0), (4, 2, 0), (5, 2, 1)]
    assert play.time == 5 + QUIET


@pytest.mark.parametrize("found", [NOTHING, Found([ROOT], []), Found([CHILD], []), Found([], [{"message": "x"}])])
def test_what_is_not_whole_is_waited_for_until_time_is_up(found):
    """Nothing at all, a child that is owed, a parent that must come, lines without a span: none of them ends early."""
    play = Play((0, found))
    play.watch(seconds=20)
    assert play.time == 20
    assert not is_whole(grow(found))


@pytest.mark.parametrize(
    "found",
    [
        Found([span("a", entry=True, calls=1)], []),
        Found([span("b", "a", entry=True)], []),
        Found([*WHOLE.spans], [{"span.id": "gone"}]),
    ],
)
def test_what_may_be_whole_is_waited_for_longer(found):
    """A callee that may be traced, a caller that may be, a line of a span that may come: there is time for them."""
    play = Play((0, found))
    play.watch()
    assert play.time == DOUBT
    assert is_whole(grow(found))


def test_who_presses_ctrl_c_ends_it():
    """Nothing more is asked then, whatever is owed."""
    play = Play((0, Found([ROOT], [])), (7, BROKEN), pressed=7)
    assert play.watch() == [(0, 1, 0)]
    assert play.time == 7


def test_a_store_that_fails_at_first_says_so_at_once():
    """A wrong address is not waited on."""
    with pytest.raises(DestinationError):
        Play((0, BROKEN)).watch()


def test_a_store_that_fails_for_a_while_is_asked_again():
    """What came before stays, what comes after is given, and quiet is counted from then."""
    play = Play((0, WHOLE), (1, BROKEN), (30, WHOLE))
    assert play.watch() == [(0, 2, 0)]
    assert 30 + QUIET - POLL <= play.time <= 30 + QUIET


def test_a_store_that_fails_to_the_end_is_an_error():
    """A picture that may be old is not passed off as all there is."""
    play = Play((0, WHOLE), (1, BROKEN))
    with pytest.raises(DestinationError):
        play.watch(seconds=5)
    assert play.time == 5


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (NOTHING, "nothing of it is stored yet"),
        (Found([], [{"message": "x"}]), "none of its spans is stored yet"),
        (Found([span("a", entry=True, children=3)], []), "waiting for 3 more spans"),
        (Found([ROOT], []), "waiting for 1 more span"),
        (Found([span("b", "a", entry=True)], []), "waiting for whoever called"),
        (WHOLE, "whole so far"),
    ],
)
def test_what_is_waited_for_is_said(found, said):
    """The row below the picture tells why it is still open."""
    assert waits_for(grow(found)) == said


@given(st.integers(0, 5), st.integers(0, 40), st.integers(1, 30))
def test_a_picture_fits_the_terminal_with_its_head_and_its_end(heads, count, height):
    """No more rows than there is room for, the head first, then the last; what is left out is counted."""
    head, rows = [Text(f"head {place}") for place in range(heads)], [Text(f"row {place}") for place in range(count)]
    kept = [row.plain for row in fitted(head, rows, height)]
    assert len(kept) == min(height, heads + count)
    assert kept[:heads] == [row.plain for row in head][:height]
    if heads + count <= height:
        assert kept == [row.plain for row in head + rows]
    elif heads < height:
        last = kept[heads + 1 :]
        assert kept[heads].startswith(f"… {count - len(last)} row")
        assert last == [row.plain for row in rows[count - len(last) :]]

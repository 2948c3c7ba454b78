"""A trace that is still arriving: when to look again, when it is whole, and what of it fits a terminal."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from rich.text import Text

from tracelog.cli.reading import is_entry
from tracelog.cli.told import counted
from tracelog.cli.tree import Tree, grow
from tracelog.ecs.found import Found
from tracelog.errors import DestinationError

#: Seconds between two looks.
POLL = 0.5

#: So long nothing may have come before a whole trace is taken for all of it: longer than a batch of the sender waits,
#: and longer than Elasticsearch takes to show what it stored.
QUIET = 3.0

#: So long, where somebody was called of whom nothing is here: who calls may still be at it.
DOUBT = 10.0

NEVER = float("inf")


class Look(NamedTuple):
    """What was there at one moment."""

    found: Found
    tree: Tree


def arriving(
    look: Callable[[], Found],
    *,
    seconds: float,
    pause: Callable[[float], bool],
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Look]:
    """
    Look again and again; give what is there at first, and whenever more has come.

    Ends when the trace is whole and quiet, after *seconds*, or when *pause*, which waits, answers True. A store that
    cannot be read at first is a DestinationError at once; one that fails later is asked again, and is one at the end.
    """
    deadline = now() + seconds
    last, since = _seen(look()), now()
    yield last
    while now() < deadline and now() - since < patience(last.tree):
        if pause(POLL):
            return
        try:
            found = look()
        except DestinationError:
            if now() >= deadline:
                raise
            # What cannot be seen is not quiet.
            since = now()
            continue
        if _size(found) != _size(last.found):
            last, since = _seen(found), now()
            yield last


@contextmanager
def until_interrupted() -> Generator[Callable[[float], bool], None, None]:
    """
    Give what waits for some seconds, and tells whether Ctrl-C was pressed; a second Ctrl-C does what it always does.

    An exception in its place could come while a picture is half drawn, and would leave the terminal so.
    """
    pressed = threading.Event()

    def press(number: int, frame: FrameType | None) -> None:
        signal.signal(number, before)
        pressed.set()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.wait
    finally:
        signal.signal(signal.SIGINT, before)


def patience(tree: Tree) -> float:
    """Tell for how many seconds nothing may come before *tree* is taken for all there is."""
    if not tree.nodes or tree.missing:
        return NEVER
    called_from_outside = any(node.lost_parent for node in tree.nodes)
    doubt = tree.loose or called_from_outside or any(node.unanswered for node in tree.nodes)
    return DOUBT if doubt else QUIET


def is_whole(tree: Tree) -> bool:
    """Tell whether all is here that is known to exist."""
    return bool(tree.nodes) and not tree.missing


def waits_for(tree: Tree) -> str:
    """
    Say what is still waited for.

    >>> waits_for(Tree([], [], []))
    'nothing of it is stored yet'
    """
    if not tree.nodes:
        return "none of its spans is stored yet" if tree.loose else "nothing of it is stored yet"
    if tree.missing:
        return f"waiting for {counted(tree.missing, 'more span', 'more spans')}"
    if any(is_entry(node.span) and node.lost_parent for node in tree.nodes):
        return "waiting for whoever called"
    return "whole so far"


def fitted(head: list[Text], rows: list[Text], height: int, cut: str = "…") -> list[Text]:
    """Keep as many rows as *height* has room for: the head, and the end, which is where something happens."""
    room = height - len(head)
    if len(rows) <= room:
        return head + rows
    kept = max(0, room - 1)
    note = Text(f"{cut} {counted(len(rows) - kept, 'row')} above are drawn at the end", "dim")
    return [*head, note, *rows[len(rows) - kept :]][: max(1, height)]


def _size(found: Found) -> tuple[int, int]:
    """Tell how much was found; nothing that is stored changes."""
    return len(found.spans), len(found.lines)


def _seen(found: Found) -> Look:
    return Look(found, grow(found))

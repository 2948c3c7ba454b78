"""Where encoded lines wait for the sender."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tracelog.pipeline.exporter import Line
from tracelog.pipeline.native import new_lock

SEGMENT_BYTES = 1 << 20
SEGMENT_LINES = 1000
SEGMENT_SECONDS = 0.5

#: What a line costs besides its body: key, tuple, objects.
_LINE_OVERHEAD = 200


@dataclass(eq=False)
class Segment:
    """
    Lines that are sent together.

    *not_before* is the moment (monotonic seconds) of the next try, *asked_for* the earliest that the server allows.
    """

    lines: list[Line] = field(default_factory=list[Line])
    size: int = 0
    opened_at: float = 0.0
    not_before: float = 0.0
    asked_for: float = 0.0
    attempts: int = 0


class Spool(Protocol):
    """
    Keeps lines between writer and sender; the seam for one that survives the process.

    ``append`` and ``roll`` are called by the writer, ``take``, ``done`` and ``put_back`` by the sender.
    """

    def append(self, line: Line, /) -> None:
        """Add *line* to the open segment; where the spool is full its oldest segment is given up and counted."""

    def roll(self, *, now: bool = False) -> float:
        """
        Close the open segment if it is due, or now if so asked.

        Returns the seconds until it will be due.
        """
        ...

    def take(self) -> Segment | None:
        """Take the oldest closed segment whose time has come."""
        ...

    def done(self, segment: Segment, /) -> None:
        """Forget a segment whose lines are all settled."""

    def put_back(self, segment: Segment, lines: Sequence[Line], /) -> None:
        """Keep the *lines* of *segment* that are to be sent again at its *not_before*, behind the others."""

    def wait(self) -> float:
        """Return the seconds until a closed segment can be taken; ``inf`` if there is none."""
        ...

    def hurry(self) -> None:
        """Make every closed segment due, but for what the server asked."""


class MemorySpool:
    """A spool in memory, bounded in bytes; *lost* is told how many lines were given up."""

    def __init__(self, max_bytes: int, lost: Callable[[int], None], now: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._lost = lost
        self._now = now
        self._lock = new_lock()
        self._open = Segment()
        self._closed: deque[Segment] = deque()
        self._bytes = 0

    def append(self, line: Line, /) -> None:
        """Add *line* to the open segment."""
        size = len(line.body) + _LINE_OVERHEAD
        with self._lock:
            opened = self._open
            if not opened.lines:
                opened.opened_at = self._now()
            opened.lines.append(line)
            opened.size += size
            self._bytes += size
            if opened.size >= SEGMENT_BYTES or len(opened.lines) >= SEGMENT_LINES:
                self._close()
            given_up = self._make_room() if self._bytes > self._max_bytes else 0
        if given_up:
            self._lost(given_up)

    def roll(self, *, now: bool = False) -> float:
        """Close the open segment if it is half a second old, or now."""
        with self._lock:
            if not self._open.lines:
                return float("inf")
            left = self._open.opened_at + SEGMENT_SECONDS - self._now()
            if left > 0 and not now:
                return left
            self._close()
            return float("inf")

    def take(self) -> Segment | None:
        """Take the oldest closed segment whose time has come."""
        with self._lock:
            moment = self._now()
            for segment in self._closed:
                if segment.not_before <= moment:
                    self._closed.remove(segment)
                    return segment
        return None

    def done(self, segment: Segment, /) -> None:
        """Free the room of *segment*."""
        with self._lock:
            self._bytes -= segment.size

    def put_back(self, segment: Segment, lines: Sequence[Line], /) -> None:
        """Keep what is left of *segment*, behind the others."""
        size = sum(len(line.body) + _LINE_OVERHEAD for line in lines)
        left = replace(segment, lines=list(lines), size=size)
        with self._lock:
            self._bytes += left.size - segment.size
            self._closed.append(left)
            given_up = self._make_room()
        if given_up:
            self._lost(given_up)

    def wait(self) -> float:
        """Look for the segment that is due next."""
        with self._lock:
            due = min((segment.not_before for segment in self._closed), default=float("inf"))
        return max(0.0, due - self._now())

    def hurry(self) -> None:
        """Make every closed segment due, but for what the server asked."""
        with self._lock:
            for segment in self._closed:
                segment.not_before = segment.asked_for

    def _close(self) -> None:
        self._closed.append(self._open)
        self._open = Segment()

    def _make_room(self) -> int:
        """Give up whole segments, oldest first, until what is left fits; return how many lines that cost."""
        lines = 0
        while self._bytes > self._max_bytes and self._closed:
            oldest = min(self._closed, key=lambda segment: segment.opened_at)
            self._closed.remove(oldest)
            self._bytes -= oldest.size
            lines += len(oldest.lines)
        return lines

"""
For tests of applications that use tracelog: counting ids, a ticking clock, a fixture that hands out what was traced.

Installed as a pytest plugin, so the fixture :func:`tracelog_recorder` is there without an import.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from tracelog import factory
from tracelog.record import LineRecord, Resource, SpanRecord
from tracelog.span import Span
from tracelog.stats import Stats
from tracelog.tracer import Tracer, set_default

__all__ = ["CountingIds", "Recorder", "TickingClock", "recording", "tracelog_recorder"]

#: 2026-01-01T00:00:00Z, where a ticking clock begins.
EPOCH_NS = 1_767_225_600_000_000_000


class CountingIds:
    """Ids 1, 2, 3 …, in the length of real ones, so that a test can write them down."""

    def __init__(self) -> None:
        self._traces, self._spans = count(1), count(1)

    def trace_id(self) -> str:
        """Return the next trace id, 32 hexadecimal digits."""
        return f"{next(self._traces):032x}"

    def span_id(self) -> str:
        """Return the next span id, 16 hexadecimal digits."""
        return f"{next(self._spans):016x}"


class TickingClock:
    """A clock that goes on by *tick* nanoseconds each time the steady time is read."""

    def __init__(self, tick: int = 1_000_000) -> None:
        self.tick = tick
        self.now = 0

    def wall(self) -> int:
        """Return nanoseconds since the epoch, beginning in 2026."""
        return EPOCH_NS + self.now

    def steady(self) -> int:
        """Go on by one tick."""
        self.now += self.tick
        return self.now


class Recorder:
    """Keeps what was traced and logged, at once and in order; a sink for a tracer."""

    def __init__(self) -> None:
        self._items: list[Any] = []

    @property
    def spans(self) -> list[SpanRecord]:
        """The finished spans, in the order in which they finished."""
        return [item for item in self._items if isinstance(item, SpanRecord)]

    @property
    def lines(self) -> list[LineRecord]:
        """The log lines, in the order in which they were written."""
        return [item.record() for item in self._items if not isinstance(item, SpanRecord)]

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()

    def offer(self, item: Any, /) -> None:
        """Keep *item*; a span as it is now, a line with what is added to it a moment later."""
        self._items.append(item.record() if isinstance(item, Span) else item)

    def flush(self, timeout: float, /) -> int:
        """Have nothing to wait for."""
        return 0

    def stats(self) -> Stats:
        """Count what was kept as stored."""
        return Stats(finished=len(self._items), stored=len(self._items))

    def close(self, timeout: float, /) -> int:
        """Have nothing to close."""
        return 0


@contextmanager
def recording(**options: Any) -> Generator[Recorder, None, None]:
    """
    Make a tracer that records into memory the process's default inside the block.

    *options* are those of :class:`~tracelog.tracer.Tracer`; ids count and the clock ticks unless they say otherwise.
    Afterwards the default tracer and the LogRecord factory are what they were.
    """
    recorder = Recorder()
    chosen: dict[str, Any] = {
        "resource": Resource("test"),
        "ids": CountingIds(),
        "clock": TickingClock(),
        "ship_lines": True,
        **options,
    }
    before = set_default(Tracer(sink=recorder, **chosen))
    installed = factory.installed()
    factory.install()
    try:
        yield recorder
    finally:
        if not installed:
            factory.uninstall()
        set_default(before)


@pytest.fixture
def tracelog_recorder() -> Generator[Recorder, None, None]:
    """Record what a test traces and logs: ``tracelog_recorder.spans`` and ``.lines``."""
    with recording() as recorder:
        yield recorder

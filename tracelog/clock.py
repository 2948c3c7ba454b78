"""Time, in nanoseconds."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from; tests bring one that ticks."""

    def wall(self) -> int:
        """Return nanoseconds since the epoch."""
        ...

    def steady(self) -> int:
        """Return nanoseconds since some moment, never going back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    wall = staticmethod(time.time_ns)
    steady = staticmethod(time.perf_counter_ns)

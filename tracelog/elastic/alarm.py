"""The time that a request has: one thread watches over all requests of a connection, one after the other."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator

from tracelog.pipeline.native import Bell, new_lock, start

_LONGEST_SLEEP = 3600.0


class Watch:
    """One request: the moment (monotonic seconds) at which its time is over, and whether that moment came."""

    __slots__ = ("due", "over")

    def __init__(self, due: float) -> None:
        self.due = due
        self.over = False


class Alarm:
    """
    Calls *ring*, on a thread of its own, when a request takes too long.

    The thread begins with the first request and sleeps through those that end in time: a thread for each of them costs
    as much as half of a request.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._lock, self._starting = new_lock(), new_lock()
        self._bell = Bell()
        self._watched: Watch | None = None
        self._wakes = math.inf
        self._running = self._closed = False

    @contextlib.contextmanager
    def watching(self, seconds: float) -> Generator[Watch, None, None]:
        """Watch over the block, which is one request, for *seconds*."""
        watch = Watch(time.monotonic() + seconds)
        self._watched = watch
        if not self._running:
            self._start()
        elif watch.due < self._wakes:
            self._bell.ring()
        try:
            yield watch
        finally:
            # From here on nobody rings for it: what would be broken off is the next request.
            with self._lock:
                self._watched = None

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._bell.ring()

    def _start(self) -> None:
        """Start the thread; while the interpreter ends there is none, and whoever flushes has a deadline of its own."""
        with self._starting, contextlib.suppress(RuntimeError):
            if not self._running:
                start(self._watch, "tracelog-alarm")
                self._running = True

    def _watch(self) -> None:
        """Be the thread."""
        while not self._closed:
            watched, now = self._watched, time.monotonic()
            if watched is not None and watched.due <= now:
                self._over(watched)
                continue
            self._wakes = math.inf if watched is None else watched.due
            # Told before it is looked at again: who begins meanwhile either is seen here, or rings.
            if self._watched is watched:
                self._bell.wait(min(self._wakes - now, _LONGEST_SLEEP))

    def _over(self, watched: Watch) -> None:
        """Ring for *watched*, unless it has just ended."""
        with self._lock:
            if self._watched is watched:
                self._watched = None
                watched.over = True
                self._ring()

"""The pipeline as the tracer sees it: takes records, and sees to it that they arrive."""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from os import getpid
from typing import Any
from weakref import WeakSet

from tracelog.active import apart
from tracelog.cleaning import Cleaner
from tracelog.lines import mute
from tracelog.pipeline import native
from tracelog.pipeline.backlog import Backlog
from tracelog.pipeline.exporter import Exporter
from tracelog.pipeline.ledger import Ledger
from tracelog.pipeline.sender import Sender
from tracelog.pipeline.spool import MemorySpool
from tracelog.pipeline.writer import BATCH, Writer
from tracelog.stats import Stats
from tracelog.tracer import hold, let_go

#: Seconds between two looks of the writer at a busy backlog.
TICK = 0.01
EXIT_SECONDS = 2.0
EVICTED = "memory full"

_POLL = 0.005
_RETRY_THREADS = 1.0
_CLOSING_SECONDS = 1.0
_LONGEST_SLEEP = 60.0

log = logging.getLogger("tracelog")


class Crew:
    """Everything of a pipeline that belongs to one process: a forked child gets its own."""

    def __init__(self, open_exporter: Callable[[], Exporter], cleaner: Cleaner, room: int, max_bytes: int) -> None:
        self.pid = getpid()
        self._pause: Callable[[float], None] = native.original("time", "sleep")
        self.running = False
        self.stopping = False
        self.urgent = 0
        self._open_exporter = open_exporter
        self._opened: Exporter | None = None
        self._opening = native.new_lock()
        self._starting = native.new_lock()
        self._not_before = 0.0
        self._writing, self._sending = native.new_lock(), native.new_lock()
        self.write_bell, self.send_bell = native.Bell(), native.Bell()
        self.ledger = Ledger()
        self.backlog = Backlog(room, self.ledger, self.write_bell)
        self.spool = MemorySpool(max_bytes, lambda count: self.ledger.drop(EVICTED, count))
        self.writer = Writer(self.backlog, self.spool, self.ledger, exporter=self.exporter, cleaner=cleaner)
        self.sender = Sender(self.spool, self.ledger, exporter=self.exporter)

    def exporter(self) -> Exporter:
        """Return the back end, opened in this process."""
        if self._opened is None:
            with self._opening:
                if self._opened is None:
                    self._opened = self._open_exporter()
        return self._opened

    def start(self) -> None:
        """Start both threads; where the system gives none, later calls try again and records wait."""
        if not self._starting.acquire(False):
            return
        try:
            if self.running or self.stopping or time.monotonic() < self._not_before:
                return
            native.start(self._write, "tracelog-writer")
            native.start(self._send, "tracelog-sender")
            self.running = True
        except RuntimeError:
            self._not_before = time.monotonic() + _RETRY_THREADS
        finally:
            self._starting.release()

    def write(self) -> bool:
        """Take one step of the writer."""
        with self._writing:
            busy = self.writer.step()
            if self.urgent and not len(self.backlog):
                self.spool.roll(now=True)
            return busy

    def send(self) -> bool:
        """Take one step of the sender."""
        # A thread may have been started, and flush may be called, where a span is active.
        with self._sending, apart():
            return self.sender.step()

    def rouse(self) -> None:
        """Wake both threads."""
        self.write_bell.ring()
        self.send_bell.ring()

    def stats(self) -> Stats:
        """Draw the balance."""
        with self.ledger.lock:
            return self.ledger.stats(len(self.backlog))

    def close(self) -> None:
        """Stop both threads and let go of the back end."""
        self.stopping = True
        self.rouse()
        # A request that hangs keeps its connection; the thread behind it ends with the process.
        if self._opened is not None and self._sending.acquire(True, _CLOSING_SECONDS):
            try:
                with self._writing:
                    self._opened.close()
            finally:
                self._sending.release()

    def _write(self) -> None:
        """Be the writer's thread."""
        mute()
        while not self.stopping:
            busy = self.write()
            left = self.spool.roll()
            if self.spool.wait() <= 0:
                self.send_bell.ring()
            if not busy:
                self._sleep(min(left, _LONGEST_SLEEP))
            if len(self.backlog) < BATCH and not self.urgent:
                # More is likely to follow, and many at once cost less than each by itself.
                self._pause(TICK)

    def _sleep(self, seconds: float) -> None:
        """Wait for the bell unless something came in just now."""
        self.backlog.unattended = True
        if not len(self.backlog) and not self.stopping:
            self.write_bell.wait(seconds)
        self.backlog.unattended = False

    def _send(self) -> None:
        """Be the sender's thread."""
        mute()
        while not self.stopping:
            if not self.send():
                self.send_bell.wait(min(self.sender.wait(), _LONGEST_SLEEP))


class Courier:
    """
    Takes records from any thread and process, and ships them through the exporter that *open_exporter* makes.

    At most *room* records wait to be encoded and *max_bytes* of encoded ones to be sent; what does not fit is counted
    in :meth:`stats`. At exit what is left gets two seconds.
    """

    def __init__(
        self,
        open_exporter: Callable[[], Exporter],
        *,
        cleaner: Cleaner | None = None,
        room: int = 16_384,
        max_bytes: int = 32 << 20,
    ) -> None:
        #: Opens the back end anew in each process.
        self.open_exporter = open_exporter
        self._recruit: Callable[[], Crew] = partial(Crew, open_exporter, cleaner or Cleaner(), room, max_bytes)
        # Never let go of: closing a parent's connections would disturb it.
        self._inherited: list[Crew] = []
        self._crew = self._recruit()
        self._crew.exporter()
        self._closed = False
        _couriers.add(self)

    def offer(self, item: Any, /) -> None:
        """Take a record, or anything with a ``record()`` that makes one; never blocks and never raises."""
        crew = self._crew
        if crew.pid != getpid():
            crew = self.renew()
        crew.backlog.offer(item)
        if not crew.running and not self._closed:
            hold(self)
            crew.start()

    def flush(self, timeout: float, /) -> int:
        """
        Hurry what was taken so far on its way, and wait for it up to *timeout* seconds.

        Returns how many records are pending then. Waits for a server that asked for time are kept.
        """
        crew = self._own_crew()
        deadline = time.monotonic() + timeout
        crew.urgent += 1
        crew.sender.hurry()
        try:
            while (pending := crew.stats().pending) and time.monotonic() < deadline:
                if crew.running:
                    crew.rouse()
                    time.sleep(_POLL)
                elif not (crew.write() or crew.send()):
                    time.sleep(_POLL)
        finally:
            crew.urgent -= 1
        return pending

    def stats(self) -> Stats:
        """Count what became of the records this process took."""
        return self._own_crew().stats()

    def close(self, timeout: float = EXIT_SECONDS, /) -> int:
        """Flush, stop the threads and let go of the back end; returns how many records were still pending."""
        pending = self.flush(timeout)
        self._closed = True
        self._own_crew().close()
        _couriers.discard(self)
        let_go(self)
        return pending

    def renew(self) -> Crew:
        """Begin anew in a forked child: nothing of the parent's is sent twice."""
        self._inherited.append(self._crew)
        self._crew = self._recruit()
        return self._crew

    def _own_crew(self) -> Crew:
        return self._crew if self._crew.pid == getpid() else self.renew()


_couriers: WeakSet[Courier] = WeakSet()


def _after_fork() -> None:
    for courier in tuple(_couriers):
        courier.renew()


def _at_exit() -> None:
    """Give every pipeline of this process what is left of two seconds."""
    deadline = time.monotonic() + EXIT_SECONDS
    for courier in tuple(_couriers):
        pending = courier.flush(max(0.0, deadline - time.monotonic()))
        if pending:
            log.warning("%d records were not sent before the process ended", pending)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

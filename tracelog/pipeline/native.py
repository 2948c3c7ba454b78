"""
Threads and locks of the operating system, even where gevent has replaced Python's.

Encoding and sending on a greenlet would stop the application's own for as long as they take.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from tracelog.active import apart


class Lock(Protocol):
    """The part of a lock that is used here."""

    def acquire(self, blocking: bool = True, timeout: float = -1, /) -> bool:
        """Take the lock, waiting up to *timeout* seconds."""
        ...

    def release(self) -> None:
        """Give the lock back."""

    def __enter__(self) -> bool: ...

    def __exit__(self, *error: object) -> None: ...


def original(module: str, name: str) -> Any:
    """Return what *name* in *module* was before gevent replaced it, if it did."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(importlib.import_module(module), name)


def new_lock() -> Lock:
    """Make a lock that native threads can share with greenlets."""
    lock: Lock = original("_thread", "allocate_lock")()
    return lock


def start(target: Callable[[], None], name: str) -> None:
    """
    Run *target* in a native thread that keeps no process alive.

    Raises RuntimeError where the system gives no thread, and while the interpreter shuts down.
    """
    if "gevent.monkey" in sys.modules:
        original("_thread", "start_new_thread")(target, ())
    else:
        # Threads may be told to keep the span of whoever starts them; ours outlive every request.
        with apart():
            threading.Thread(target=target, name=name, daemon=True).start()


class Bell:
    """Wakes one waiting thread; rung any number of times before somebody waits, it wakes once."""

    __slots__ = ("_silence",)

    def __init__(self) -> None:
        self._silence = new_lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake the thread that waits, or let the next one through."""
        try:
            self._silence.release()
        except RuntimeError:
            return  # rung already

    def wait(self, seconds: float) -> None:
        """Wait until the bell rings, at most *seconds*."""
        self._silence.acquire(True, max(0.0, seconds))

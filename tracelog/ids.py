"""Ids as W3C Trace Context has them: 32 and 16 lower-case hexadecimal digits, never all zero."""

from __future__ import annotations

import os
import random
from typing import Protocol
from weakref import WeakSet

TRACE_ID_BITS = 128
SPAN_ID_BITS = 64


class Ids(Protocol):
    """Where new ids come from; tests bring one that counts."""

    def trace_id(self) -> str:
        """Return the id of a new trace."""
        ...

    def span_id(self) -> str:
        """Return the id of a new span."""
        ...


class RandomIds:
    """
    Random ids from a generator of our own.

    The application may seed the global generator, and then two of its processes would make the same ids. A process
    that was forked draws a new seed, lest it makes its parent's ids again; the process id is also compared once per
    trace, for servers that fork without running Python's hooks (uWSGI's preload).
    """

    __slots__ = ("__weakref__", "_bits", "_generator", "_pid")

    def __init__(self) -> None:
        self._generator = random.Random()  # noqa: S311 - ids are names, not secrets
        self._bits = self._generator.getrandbits
        self._pid = 0
        self.renew()
        _generators.add(self)

    def renew(self) -> None:
        """Draw a new seed from the operating system if this process is not the one that drew the last."""
        pid = os.getpid()
        if pid != self._pid:
            self._generator.seed(os.urandom(32))
            self._pid = pid

    def trace_id(self) -> str:
        """Return 32 hexadecimal digits."""
        self.renew()
        return (self._bits(TRACE_ID_BITS) or 1).to_bytes(TRACE_ID_BITS // 8, "big").hex()

    def span_id(self) -> str:
        """Return 16 hexadecimal digits."""
        # One is drawn for every span, and this costs less than any way of formatting a number.
        return (self._bits(SPAN_ID_BITS) or 1).to_bytes(SPAN_ID_BITS // 8, "big").hex()


_generators: WeakSet[RandomIds] = WeakSet()


def _renew_all() -> None:
    """Draw new seeds in a process that was just forked; a span forked there may belong to a trace of its parent."""
    for ids in tuple(_generators):
        ids.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


def is_id(text: str, digits: int) -> bool:
    """
    Tell whether *text* is *digits* lower-case hexadecimal digits that are not all zero.

    >>> is_id("00f067aa0ba902b7", 16), is_id("00F067AA0BA902B7", 16), is_id("0" * 16, 16)
    (True, False, False)
    """
    return len(text) == digits and not text.strip("0123456789abcdef") and text.strip("0") != ""

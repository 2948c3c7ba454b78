"""
Ids as go-zero has them up to its version 1.2.1: dotted numbers that tell who began whom.

A trace begins with span ``0``, whose children are ``0.1``, ``0.2`` …; both sides of a call have one id, and are told
apart by their kind.
"""

from __future__ import annotations

import os
import re
from itertools import count
from typing import Any

from tracelog.ids import RandomIds, is_id
from tracelog.record import Kind
from tracelog.span import CHILD, Arrival, Span, Workshop

ROOT = "0"

#: A longer number is none that a service of go-zero ever counted to.
_MOST_DIGITS = 64

_SENT = re.compile(r"[0-9A-Za-z.]{1,64}")
_ELSEWHERE = 1 << 56


def child_id(span_id: str, number: int) -> str:
    """
    Name the child of *span_id* that was forked as its *number*.

    >>> child_id("0", 1), child_id("0.1", 12)
    ('0.1', '0.1.12')
    """
    return f"{span_id}.{number}"


def sibling_id(span_id: str, steps: int = 1) -> str:
    """
    Name the span that follows *span_id* on the same level; an id that ends in no number stays as it is.

    >>> sibling_id("0.1"), sibling_id("0.9"), sibling_id("0"), sibling_id("0.x")
    ('0.2', '0.10', '1', '0.x')
    """
    above, dot, last = span_id.rpartition(".")
    return f"{above}{dot}{int(last) + steps}" if _is_number(last) else span_id


def parent_id(span_id: str) -> str:
    """
    Name the span that forked *span_id*, ``""`` for a root and where the id does not say.

    >>> parent_id("0.1.12"), parent_id("0.1"), parent_id("0"), parent_id("0.x")
    ('0.1', '0', '', '')
    """
    above, _, last = span_id.rpartition(".")
    return above if _is_number(last) else ""


def entry_ids(sent: Any, own: str) -> tuple[str, str]:
    """
    Name the first span of a trace in this process, and its parent: it keeps the id that was *sent*.

    Below an id that cannot be shared, one of W3C Trace Context above all, it is a child with an id of its *own*.

    >>> entry_ids("", "b7ad6b7169203331"), entry_ids("0.1.2", "b7ad6b7169203331")
    (('0', ''), ('0.1.2', '0.1'))
    >>> entry_ids("00f067aa0ba902b7", "b7ad6b7169203331")
    ('b7ad6b7169203331', '00f067aa0ba902b7')
    """
    if sent == "":
        return ROOT, ""
    # A context of the application's own may hold anything.
    if isinstance(sent, str) and _SENT.fullmatch(sent) and not is_id(sent, 16):
        return sent, parent_id(sent)
    return own, sent


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


class DottedIds(RandomIds):
    """Trace ids of 16 hexadecimal digits; a tracer that is given these numbers its spans."""

    __slots__ = ()

    def trace_id(self) -> str:
        """Return 16 hexadecimal digits."""
        self.renew()
        return self.span_id()


class Numbers:
    """
    1, 2, 3 …: none twice, whichever threads ask.

    A forked process cannot know how far its parent counts meanwhile: it goes on at a place of its own, far away.
    """

    __slots__ = ("_place",)

    def __init__(self) -> None:
        self._place = os.getpid(), count(1)

    def take(self) -> int:
        """Return the next number."""
        pid, numbers = self._place
        if pid != os.getpid():
            numbers = count(_ELSEWHERE + int.from_bytes(os.urandom(7), "big"))
            self._place = os.getpid(), numbers
        # A single step of the interpreter: no two threads are given the same, and nobody needs a lock.
        return next(numbers)


class DottedSpan(Span):
    """A span whose id is a number below its parent's."""

    __slots__ = ("_forked", "_level")

    _level: tuple[str, Numbers] | None

    def __init__(
        self, workshop: Workshop, operation: str, kind: Kind, attributes: dict[str, Any], parent: Span | Arrival
    ) -> None:
        super().__init__(workshop, operation, kind, attributes, parent)
        self._forked = Numbers()
        if isinstance(parent, DottedSpan):
            self.span_id = child_id(parent.span_id, parent._forked.take())  # noqa: SLF001 - a span's own kind
            return
        own = self.span_id
        self.span_id, self.parent_id = entry_ids(parent.span_id, own)
        self.entry_id = self.span_id
        #: The first span of this level, where it has a number, and how many have followed it.
        self._level = None if self.span_id == own else (self.span_id, Numbers())

    def child(self, operation: str, kind: Kind, attributes: dict[str, Any]) -> Span:
        """Fork with attributes whose names may be anything; the dictionary is the span's from now on."""
        self._owed.append(CHILD)
        return DottedSpan(self.workshop, operation, kind, attributes, self)

    def follow(self, operation: str | None = None, /, **attributes: Any) -> Span:
        """Start a successor on the same level; beside the first span of this process it has the number after it."""
        successor = super().follow(operation, **attributes)
        if isinstance(successor, DottedSpan) and not isinstance(self._parent, Span) and self._level is not None:
            first, followed = successor._level = self._level  # noqa: SLF001 - a span's own kind
            successor.span_id = successor.entry_id = sibling_id(first, followed.take())
        return successor

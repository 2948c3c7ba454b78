"""The seam that a back end implements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tracelog.record import Record

SPANS = "spans"
LINES = "lines"


class Line(NamedTuple):
    """
    One encoded record.

    *kind* is ``"spans"`` or ``"lines"``. *key* is unique for ever and fixed when the record was encoded, so that
    sending a line twice stores it once. *body* is JSON in UTF-8 without a line break.
    """

    kind: str
    key: str
    body: bytes


class Refusal(NamedTuple):
    """A line that will never be stored, by its place in the batch, and why."""

    place: int
    reason: str


@dataclass(frozen=True)
class Outcome:
    """
    What became of each line of a batch; every line is in exactly one of the four.

    *again* holds the places in the batch of lines to be sent again, not before *retry_after* seconds if that is
    given. *problem* is a sentence for the person who runs the application, logged once until something is stored.
    """

    stored: int = 0
    already_there: int = 0
    refused: tuple[Refusal, ...] = ()
    again: tuple[int, ...] = ()
    retry_after: float | None = None
    problem: str = ""


class Exporter(Protocol):
    """
    Ships records somewhere.

    All three are called away from the application's threads, ``encode`` from one thread and ``send`` from another,
    never two of the same at once.
    """

    def encode(self, record: Record, /) -> bytes:
        """Turn *record* into one JSON document in UTF-8 without a line break."""
        ...

    def send(self, lines: Sequence[Line], /) -> Outcome:
        """Ship *lines* and say what became of each; raising means that all are to be sent again."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""

"""What became of the records so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Stats:
    """
    Counts of records (spans and lines) since the process started.

    At any instant ``finished == stored + already_there + refused + sum(dropped.values()) + pending``.
    *dropped* counts losses by cause; *retries* counts requests that had to be made again and is no part of the sum.
    """

    finished: int = 0
    stored: int = 0
    already_there: int = 0
    refused: int = 0
    pending: int = 0
    retries: int = 0
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __add__(self, other: Stats) -> Stats:
        """Add two counts up, cause by cause."""
        causes = self.dropped.keys() | other.dropped.keys()
        return Stats(
            finished=self.finished + other.finished,
            stored=self.stored + other.stored,
            already_there=self.already_there + other.already_there,
            refused=self.refused + other.refused,
            pending=self.pending + other.pending,
            retries=self.retries + other.retries,
            dropped={cause: self.dropped.get(cause, 0) + other.dropped.get(cause, 0) for cause in sorted(causes)},
        )


def total(stats: Iterable[Stats]) -> Stats:
    """Add up the counts of several pipelines."""
    return sum(stats, Stats())

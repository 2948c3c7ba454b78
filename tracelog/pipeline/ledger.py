"""The books: how many records came in and what became of them."""

from __future__ import annotations

from collections import Counter

from tracelog.pipeline.exporter import Outcome
from tracelog.pipeline.native import new_lock
from tracelog.stats import Stats


class Ledger:
    """Exact counts under any number of threads; every record is settled once."""

    def __init__(self) -> None:
        self.lock = new_lock()
        self.taken = 0
        self._stored = self._already_there = self._refused = self._retries = 0
        self._dropped: Counter[str] = Counter()
        self._turned_away: Counter[str] = Counter()

    def turn_away(self, cause: str) -> None:
        """Count a record that never got in."""
        with self.lock:
            self._turned_away[cause] += 1

    def drop(self, cause: str, count: int = 1) -> None:
        """Count records that were taken in and lost."""
        with self.lock:
            self._dropped[cause] += count

    def settle(self, outcome: Outcome) -> None:
        """Count what an answer settled, and a retry if it left something to be sent again."""
        with self.lock:
            self._stored += outcome.stored
            self._already_there += outcome.already_there
            self._refused += len(outcome.refused)
            self._retries += bool(outcome.again)

    @property
    def settled(self) -> int:
        """How many of the records taken in are done with."""
        with self.lock:
            return self._settled()

    def stats(self, waiting: int) -> Stats:
        """
        Draw the balance; *waiting* is how many records wait to be taken in.

        The caller holds :attr:`lock`, so that nothing moves meanwhile.
        """
        turned_away = self._turned_away.total()
        dropped = self._dropped + self._turned_away
        return Stats(
            finished=self.taken + waiting + turned_away,
            stored=self._stored,
            already_there=self._already_there,
            refused=self._refused,
            pending=self.taken + waiting - self._settled(),
            retries=self._retries,
            dropped=dict(sorted(dropped.items())),
        )

    def _settled(self) -> int:
        return self._stored + self._already_there + self._refused + self._dropped.total()

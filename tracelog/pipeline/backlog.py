"""Where finished spans and log lines wait for the writer."""

from __future__ import annotations

from collections import deque
from typing import Any

from tracelog.pipeline.ledger import Ledger
from tracelog.pipeline.native import Bell

FULL = "backlog full"


class Backlog:
    """
    Takes records from any thread: no lock, no I/O, no waiting.

    Bounded: what finds no room is counted and gone.
    """

    def __init__(self, room: int, ledger: Ledger, bell: Bell) -> None:
        self._items: deque[Any] = deque()
        self._room = room
        self._ledger = ledger
        self._bell = bell
        #: True while the writer sleeps until the bell rings; ringing costs a caller more than a look at this.
        self.unattended = False

    def offer(self, item: Any) -> None:
        """Take *item* if there is room; otherwise count it."""
        if len(self._items) >= self._room:
            self._ledger.turn_away(FULL)
            return
        self._items.append(item)
        if self.unattended:
            self.unattended = False
            self._bell.ring()

    def take(self, most: int) -> list[Any]:
        """Take the oldest items out, and into the books; called by the writer alone."""
        items = self._items
        with self._ledger.lock:
            taken = [items.popleft() for _ in range(min(most, len(items)))]
            self._ledger.taken += len(taken)
        return taken

    def __len__(self) -> int:
        return len(self._items)

"""Time as columns: how wide a waterfall is, and where in it a span stands."""

from __future__ import annotations

from typing import NamedTuple

#: Below this width there is no room for a waterfall.
NARROWEST = 60

#: So many columns at least are left for what a span is called.
ROOM = 26

#: So many columns say how long something took.
TIMES = 10


class Columns(NamedTuple):
    """How many columns names and bars have."""

    label: int
    bar: int

    @property
    def wide(self) -> int:
        """How many columns stand left of the times."""
        return self.label + self.bar + (1 if self.bar else 0)


def columns(width: int, longest: int) -> Columns:
    """
    Share *width* out: names get what the *longest* needs and a blank, the waterfall a quarter to two thirds.

    >>> columns(80, 30), columns(200, 30), columns(80, 500), columns(59, 30)
    (Columns(label=31, bar=37), Columns(label=63, bar=125), Columns(label=51, bar=17), Columns(label=48, bar=0))
    """
    if width < NARROWEST:
        return Columns(max(ROOM, width - TIMES - 1), 0)
    free = width - TIMES - 2
    bar = min(free - ROOM, max(free // 4, min(2 * free // 3, free - longest - 1)))
    return Columns(free - bar, bar)


class Scale(NamedTuple):
    """The time from *begin* to *end*, drawn over *width* columns."""

    begin: int
    end: int
    width: int

    def bar(self, at: int, took: int, signs: tuple[str, str, str] = ("━", "╺", "╸")) -> str:
        """
        Draw when something ran, to half a column; however short it was, there is something to see.

        >>> [Scale(0, 80, 4).bar(*ran) for ran in ((0, 80), (10, 40), (80, 0), (30, 1))]
        ['━━━━', '╺━╸ ', '   ╺', ' ╺  ']
        """
        whole = max(1, self.end - self.begin)
        last = 2 * self.width - 1
        first = min(last, max(0, at - self.begin) * 2 * self.width // whole)
        beyond = -(-max(0, at + took - self.begin) * 2 * self.width // whole)
        beyond = min(last + 1, max(first + 1, beyond))
        halves = range(first, beyond)
        return "".join(_cell(2 * cell in halves, 2 * cell + 1 in halves, signs) for cell in range(self.width))


def _cell(left: bool, right: bool, signs: tuple[str, str, str]) -> str:
    """Choose the sign for the two halves of a column."""
    if left:
        return signs[0] if right else signs[2]
    return signs[1] if right else " "

"""Keeps records as they are, for tests and for looking at."""

from __future__ import annotations

from collections.abc import Sequence

from tracelog.pipeline.exporter import Line, Outcome, Refusal
from tracelog.record import LineRecord, Record, SpanRecord


class MemoryExporter:
    """Keeps what was sent in :attr:`spans` and :attr:`lines`, in the order in which it came."""

    def __init__(self) -> None:
        self.spans: list[SpanRecord] = []
        self.lines: list[LineRecord] = []
        self._encoded: dict[bytes, Record] = {}
        self._keys: set[str] = set()
        self._count = 0

    def encode(self, record: Record, /) -> bytes:
        """Put *record* aside and return the number it is known by; it counts as stored when that is sent."""
        self._count += 1
        number = b"%d" % self._count
        self._encoded[number] = record
        return number

    def send(self, lines: Sequence[Line], /) -> Outcome:
        """Keep the records behind *lines*, each key once."""
        stored = already_there = 0
        refused: list[Refusal] = []
        for place, line in enumerate(lines):
            if line.key in self._keys:
                already_there += 1
                continue
            record = self._encoded.pop(line.body, None)
            if record is None:
                refused.append(Refusal(place, "it was not encoded by this exporter"))
                continue
            self._keys.add(line.key)
            self._keep(record)
            stored += 1
        return Outcome(stored=stored, already_there=already_there, refused=tuple(refused))

    def clear(self) -> None:
        """Forget what was sent so far; what is on its way will still come in."""
        self.spans.clear()
        self.lines.clear()

    def close(self) -> None:
        """Keep what was sent: it is what one wants to look at."""

    def _keep(self, record: Record) -> None:
        """Sort *record* in by what it is."""
        if isinstance(record, SpanRecord):
            self.spans.append(record)
        else:
            self.lines.append(record)

    def __repr__(self) -> str:
        return f"<MemoryExporter of {len(self.spans)} spans and {len(self.lines)} lines>"

"""Spans and log lines on their way into Elasticsearch."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tracelog.ecs.encode import encode
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.bulk import NO_DOCUMENT, addressed, body_of, decided, joined, kept, sendable
from tracelog.elastic.connection import NDJSON, Connection, target
from tracelog.elastic.names import data_stream, stream
from tracelog.errors import DestinationError
from tracelog.pipeline.exporter import LINES, SPANS, Line, Outcome, Refusal
from tracelog.record import Record, SpanRecord

#: Status must stay in it: an item's place among the others is all that says which document it speaks of.
_ANSWER = "errors,items.*.status,items.*.error.type,items.*.error.reason"


class ElasticExporter:
    """
    Ships spans and log lines into two data streams, with the bulk API.

    Asks for ``auto_configure`` and ``create_doc`` on them, nothing else, and never for ``GET /``. Raises InvalidSetting
    for an address that cannot be used; whether somebody is there shows with the first batch.
    """

    def __init__(self, address: ElasticAddress) -> None:
        self._connection = Connection(address)
        self._heads = {kind: data_stream(kind, address.namespace) for kind in (SPANS, LINES)}
        self._targets = {
            kind: target(stream(kind, address.namespace), "_bulk", require_data_stream="true", filter_path=_ANSWER)
            for kind in (SPANS, LINES)
        }

    def encode(self, record: Record, /) -> bytes:
        """Turn *record* into its ECS document, and name its data stream in it."""
        return self._heads[SPANS if isinstance(record, SpanRecord) else LINES] + encode(record)[1:]

    def send(self, lines: Sequence[Line], /) -> Outcome:
        """Ship *lines*, each kind to its own stream, and say what became of each; it raises for none of them."""
        parts: list[tuple[Sequence[int], Outcome]] = []
        for kind in self._targets:
            places = [place for place, line in enumerate(lines) if line.kind == kind and sendable(line)]
            parts += self._shipped(kind, places, lines)
        broken = tuple(
            Refusal(place, NO_DOCUMENT)
            for place, line in enumerate(lines)
            if line.kind not in self._targets or not sendable(line)
        )
        parts.append((range(len(lines)), Outcome(refused=broken)))
        return addressed(joined(parts), str(self._connection.address))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _shipped(self, kind: str, places: Sequence[int], lines: Sequence[Line]) -> list[tuple[Sequence[int], Outcome]]:
        """Ship the lines at *places*; halve where that helps, and stop where nothing gets through."""
        waiting = [places] if places else []
        parts: list[tuple[Sequence[int], Outcome]] = []
        while waiting:
            group = waiting.pop()
            outcome = self._sent(kind, [lines[place] for place in group])
            if outcome is None:
                middle = len(group) // 2
                waiting += [group[middle:], group[:middle]]
                continue
            parts.append((group, outcome))
            if len(outcome.again) == len(group):
                parts += [(rest, kept(len(rest), outcome.problem, outcome.retry_after)) for rest in waiting]
                break
        return parts

    def _sent(self, kind: str, lines: Sequence[Line]) -> Outcome | None:
        """Make one request, and decide what its answer means; None asks for halves."""
        try:
            answer = self._connection.call("POST", self._targets[kind], body_of(lines), NDJSON)
        except DestinationError as error:
            problem = f"{error.problem}; {error.advice}" if error.advice else error.problem
            return kept(len(lines), f"{problem}; everything is kept and sent again")
        return decided(answer, lines, time.time())

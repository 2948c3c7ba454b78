"""Spans and log lines on their way into Elasticsearch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from tracelog.ecs.encode import encode, error_of
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.bulk import NO_DOCUMENT, Fate, addressed, body_of, decided, joined, kept, sendable
from tracelog.elastic.connection import NDJSON, Connection, target
from tracelog.elastic.names import DATASETS, ERRORS, data_stream, stream
from tracelog.errors import DestinationError
from tracelog.pipeline.exporter import LINES, SPANS, Line, Outcome, Refusal
from tracelog.record import Record, SpanRecord

#: Status must stay in it: an item's place among the others is all that says which document it speaks of.
_ANSWER = "errors,items.*.status,items.*.error.type,items.*.error.reason"


#: What the key of a failure's document adds to that of its span.
_OF_ERROR = "-error"

#: The documents to be sent to one stream, each with the place of the line that it is of.
Parcel = list[tuple[int, Line]]


class ElasticExporter:
    """
    Ships spans, log lines, and failures as documents of their own, into three data streams with the bulk API.

    Asks for ``auto_configure`` and ``create_doc`` on them, nothing else, and never for ``GET /``. Raises InvalidSetting
    for an address that cannot be used; whether somebody is there shows with the first batch.
    """

    def __init__(self, address: ElasticAddress) -> None:
        self._connection = Connection(address)
        self._heads = {kind: data_stream(kind, address.namespace) for kind in DATASETS}
        self._targets = {
            kind: target(stream(kind, address.namespace), "_bulk", require_data_stream="true", filter_path=_ANSWER)
            for kind in DATASETS
        }

    def encode(self, record: Record, /) -> bytes:
        """Turn *record* into its ECS document, and name its data stream in it."""
        return encode(record, self._heads[SPANS if isinstance(record, SpanRecord) else LINES])

    def send(self, lines: Sequence[Line], /) -> Outcome:
        """Ship *lines*, each kind to its own stream, and say what became of each; it raises for none of them."""
        spans: Parcel = []
        others: Parcel = []
        broken: list[Refusal] = []
        everywhere = range(len(lines))
        for place, line in enumerate(lines):
            if not sendable(line):
                broken.append(Refusal(place, NO_DOCUMENT))
            else:
                (spans if line.kind == SPANS else others).append((place, line))
        parts = [*self._shipped(SPANS, spans), *self._shipped(LINES, others), (everywhere, Fate(refused=tuple(broken)))]
        # A span that is to be sent again brings its failure with it then.
        waiting = {places[place] for places, fate in parts for place in fate.again}
        parts += self._shipped(ERRORS, self._errors((place, line) for place, line in spans if place not in waiting))
        return addressed(joined(parts), str(self._connection.address))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _errors(self, spans: Iterable[tuple[int, Line]]) -> Parcel:
        """Make the documents of the failures that *spans* tell of."""
        found = ((place, line.key, error_of(line.body)) for place, line in spans)
        return [
            (place, Line(ERRORS, key + _OF_ERROR, self._heads[ERRORS] + document[1:]))
            for place, key, document in found
            if document is not None
        ]

    def _shipped(self, kind: str, parcel: Parcel) -> list[tuple[Sequence[int], Fate]]:
        """Ship the documents of *parcel*; halve where that helps, and stop where nothing gets through."""
        waiting = [parcel] if parcel else []
        parts: list[tuple[Sequence[int], Fate]] = []
        while waiting:
            group = waiting.pop()
            fate = self._sent(kind, [line for _, line in group])
            if fate is None:
                middle = len(group) // 2
                waiting += [group[middle:], group[:middle]]
                continue
            parts.append((_places(group), fate))
            if len(fate.again) == len(group):
                parts += [(_places(rest), kept(len(rest), fate.problem, fate.retry_after)) for rest in waiting]
                break
        return parts

    def _sent(self, kind: str, lines: Sequence[Line]) -> Fate | None:
        """Make one request, and decide what its answer means; None asks for halves."""
        try:
            answer = self._connection.call("POST", self._targets[kind], body_of(lines), NDJSON)
        except DestinationError as error:
            problem = f"{error.problem}; {error.advice}" if error.advice else error.problem
            return kept(len(lines), f"{problem}; everything is kept and sent again")
        return decided(answer, lines, time.time())


def _places(parcel: Parcel) -> list[int]:
    """List the places of the lines that the documents of *parcel* are of."""
    return [place for place, _ in parcel]

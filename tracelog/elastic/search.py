"""Reads spans and lines back from Elasticsearch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from tracelog.ecs.found import Document, Found, flat
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.answers import Answer, parsed
from tracelog.elastic.connection import Connection, target
from tracelog.elastic.names import stream
from tracelog.errors import DestinationError
from tracelog.pipeline.exporter import LINES, SPANS

PAGE = 1000

#: As far as an index lets a search look by default (``index.max_result_window``).
MOST = 10_000

#: Seconds between tries while the first shard of a stream is being made.
_PAUSES = (0.1, 0.3, 0.6, 1.0, 2.0)

_READ = f"the key or user needs the privilege read on {stream(SPANS, '*')} and {stream(LINES, '*')}"


class ElasticSearch:
    """Searches the two data streams of one namespace. Raises DestinationError where that is not possible."""

    def __init__(self, address: ElasticAddress) -> None:
        self._connection = Connection(address)
        self._streams = {kind: stream(kind, address.namespace) for kind in (SPANS, LINES)}

    def trace(self, trace_id: str, /) -> Found:
        """Find every span and line of a trace, 10,000 of each at most."""
        spans, more_spans = self._all(SPANS, trace_id)
        lines, more_lines = self._all(LINES, trace_id)
        return Found(spans, lines, more_spans or more_lines)

    def recent(
        self, *, service: str = "", failed: bool = False, min_duration_ns: int = 0, limit: int = 20
    ) -> list[Document]:
        """Find the entry spans that began last, newest first."""
        wanted: list[dict[str, Any]] = [{"term": {"processor.event": "transaction"}}]
        if service:
            wanted.append({"term": {"service.name": service}})
        if failed:
            wanted.append({"term": {"event.outcome": "failure"}})
        if min_duration_ns:
            wanted.append({"range": {"event.duration": {"gte": min_duration_ns}}})
        hits, _ = self._page(SPANS, {**_query(wanted, "desc"), "size": min(limit, MOST)})
        return [flat(hit["_source"]) for hit in hits]

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _all(self, kind: str, trace_id: str) -> tuple[list[Document], bool]:
        """Find the documents of one kind in order of time, and tell whether there are more."""
        pages = list(self._pages(kind, trace_id))
        # What is stored while pages are turned can show a document twice.
        found = {hit["_index"] + hit["_id"]: flat(hit["_source"]) for hits, _ in pages for hit in hits}
        # The stream of spans sorts by milliseconds.
        ordered = sorted(found.values(), key=lambda document: str(document.get("@timestamp", "")))
        return ordered, pages[-1][1] > MOST

    def _pages(self, kind: str, trace_id: str) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """Ask for one page after the other while they are full."""
        query = _query([{"term": {"trace.id": trace_id}}], "asc")
        for start in range(0, MOST, PAGE):
            hits, total = self._page(kind, {**query, "from": start, "size": PAGE}, trace_id)
            yield hits, total
            if len(hits) < PAGE:
                return

    def _page(self, kind: str, body: dict[str, Any], preference: str = "_local") -> tuple[list[dict[str, Any]], int]:
        """Ask for one page, and how many documents there are; a stream that does not exist yet has none."""
        query = {"ignore_unavailable": "true", "preference": preference if preference.isalnum() else "_local"}
        where = target(self._streams[kind], "_search", **query)
        answer = self._answer(where, body)
        if answer.status == HTTPStatus.FORBIDDEN:
            problem = "the credentials do not allow searching (403)"
            raise DestinationError(str(self._connection.address), problem, _READ)
        found: dict[str, Any] = (parsed(answer) or {}).get("hits", {})
        return found.get("hits", []), found.get("total", {}).get("value", 0)

    def _answer(self, where: str, body: dict[str, Any]) -> Answer:
        """Search; a stream whose first shard is being made answers 503 for a moment, which is waited for."""
        for pause in _PAUSES:
            answer = self._connection.ask("POST", where, body, expected=frozenset({403, 503}))
            if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                return answer
            time.sleep(pause)
        return self._connection.ask("POST", where, body, expected=frozenset({403}))


def _query(wanted: list[dict[str, Any]], order: str) -> dict[str, Any]:
    """Ask for documents that meet all that is *wanted*, in order of time."""
    return {
        "query": {"bool": {"filter": wanted}},
        "sort": [{"@timestamp": {"order": order, "unmapped_type": "date"}}],
        "track_total_hits": MOST + 1,
    }

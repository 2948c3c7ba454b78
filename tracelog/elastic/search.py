"""Reads spans and lines back from Elasticsearch."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from http import HTTPStatus
from typing import Any

from tracelog.ecs.found import Document, Found, Glimpse, flat
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

_ENTRY: dict[str, Any] = {"term": {"processor.event": "transaction"}}
_FAILED: dict[str, Any] = {"term": {"event.outcome": "failure"}}


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
        wanted = [_ENTRY, *_conditions(service, failed, min_duration_ns)]
        hits, _ = self._page(SPANS, {**_query(wanted, "desc"), "size": min(limit, MOST)})
        return [flat(hit["_source"]) for hit in hits]

    def traces(
        self, *, service: str = "", failed: bool = False, min_duration_ns: int = 0, limit: int = 20
    ) -> list[Glimpse]:
        """Find the traces in which something happened last; conditions are met by one span of each."""
        active = self._active(_conditions(service, failed, min_duration_ns) or [_ENTRY], limit)
        if not active:
            return []
        answer = self._searched(SPANS, _firsts(active))
        counts = {bucket["key"]: bucket for bucket in answer["aggregations"]["traces"]["buckets"]}
        found: list[Glimpse] = []
        for hit in answer["hits"]["hits"]:
            first = flat(hit["_source"])
            counted = counts[first["trace.id"]]
            found.append(Glimpse(first, counted["doc_count"], counted["failed"]["doc_count"]))
        return sorted(found, key=lambda glimpse: str(glimpse.first.get("@timestamp", "")), reverse=True)

    def ids(self, prefix: str, /, *, limit: int = 10) -> list[str]:
        """Find the ids of traces that begin with *prefix*, taken literally, in order."""
        terms = {"field": "trace.id", "size": limit, "order": {"_key": "asc"}}
        body = {"size": 0, "query": {"prefix": {"trace.id": prefix}}, "aggs": {"ids": {"terms": terms}}}
        answers = [self._searched(kind, body) for kind in (SPANS, LINES)]
        # A stream that does not exist yet has no aggregations either.
        found = [answer["aggregations"]["ids"]["buckets"] for answer in answers if "aggregations" in answer]
        return sorted({bucket["key"] for buckets in found for bucket in buckets})[:limit]

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

    def _active(self, wanted: list[dict[str, Any]], limit: int) -> list[str]:
        """Find the ids of traces with the newest spans that meet all that is *wanted*."""
        query = {**_query(wanted, "desc"), "_source": False, "docvalue_fields": ["trace.id"], "size": PAGE}
        ids: dict[str, None] = {}
        for start in range(0, MOST, PAGE):
            hits, _ = self._page(SPANS, {**query, "from": start})
            ids.update((trace_id, None) for hit in hits for trace_id in hit.get("fields", {}).get("trace.id", ()))
            if len(hits) < PAGE or len(ids) >= limit:
                break
        return list(ids)[:limit]

    def _page(self, kind: str, body: dict[str, Any], preference: str = "_local") -> tuple[list[dict[str, Any]], int]:
        """Ask for one page, and how many documents there are; a stream that does not exist yet has none."""
        found: dict[str, Any] = self._searched(kind, body, preference).get("hits", {})
        return found.get("hits", []), found.get("total", {}).get("value", 0)

    def _searched(self, kind: str, body: dict[str, Any], preference: str = "_local") -> dict[str, Any]:
        """Search among the documents of one kind."""
        query = {"ignore_unavailable": "true", "preference": preference if preference.isalnum() else "_local"}
        where = target(self._streams[kind], "_search", **query)
        answer = self._answer(where, body)
        if answer.status == HTTPStatus.FORBIDDEN:
            problem = "the credentials do not allow searching (403)"
            raise DestinationError(str(self._connection.address), problem, _READ)
        return parsed(answer) or {}

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


def _conditions(service: str, failed: bool, min_duration_ns: int) -> list[dict[str, Any]]:
    """Write what a span has to meet."""
    wanted: list[dict[str, Any]] = []
    if service:
        wanted.append({"term": {"service.name": service}})
    if failed:
        wanted.append(_FAILED)
    if min_duration_ns > 0:
        wanted.append({"range": {"event.duration": {"gte": min_duration_ns}}})
    return wanted


def _firsts(ids: Collection[str]) -> dict[str, Any]:
    """
    Ask for the span each trace began with, and how many there are.

    One without a parent stands before an entry span, and that before any other; where hosts' clocks differ a callee can
    seem to have begun before its caller.
    """
    root = {"bool": {"must_not": [{"exists": {"field": "parent.id"}}]}}
    nearness = [{"constant_score": {"filter": root, "boost": 2}}, {"constant_score": {"filter": _ENTRY, "boost": 1}}]
    counts = {"terms": {"field": "trace.id", "size": len(ids)}, "aggs": {"failed": {"filter": _FAILED}}}
    return {
        "query": {"bool": {"filter": [{"terms": {"trace.id": list(ids)}}], "should": nearness}},
        "sort": ["_score", {"@timestamp": "asc"}],
        "collapse": {"field": "trace.id"},
        "size": len(ids),
        "aggs": {"traces": counts},
    }

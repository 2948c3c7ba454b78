"""Reads fields out of documents of any origin without ever failing."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from tracelog.ecs.found import flat

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")


def text(document: Mapping[str, Any], name: str) -> str:
    """Return the field as text, ``""`` where there is none."""
    value = document.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def number(document: Mapping[str, Any], name: str) -> int:
    """Return the field as a whole number, 0 where it is none."""
    value = document.get(name)
    try:
        return int(value) if isinstance(value, (int, float, str)) else 0
    except (ValueError, OverflowError):
        return 0


def is_entry(span: Mapping[str, Any]) -> bool:
    """Tell whether *span* is the one its service began with in this trace."""
    event = text(span, "processor.event")
    if event:
        return event == "transaction"
    return text(span, "span.kind") in ("server", "consumer")


def is_failure(span: Mapping[str, Any]) -> bool:
    """Tell whether *span* failed."""
    return text(span, "event.outcome") == "failure"


def operation(span: Mapping[str, Any]) -> str:
    """Name what *span* did."""
    names = ("event.action", "transaction.name", "span.name")
    return next((name for field in names if (name := text(span, field))), "(no name)")


def events(span: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the events of *span* in the form of log lines."""
    told = span.get("tracelog.events")
    several = isinstance(told, list)
    members = cast("list[Any]", told) if several else []
    return [
        {"@timestamp": text(event, "@timestamp"), "message": text(event, "name"), "labels": event.get("attributes")}
        for event in (cast("dict[str, Any]", member) for member in members if isinstance(member, dict))
    ]


def links(span: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the ids of each trace that *span* is linked to, and of the span there."""
    told = span.get("span.links")
    several = isinstance(told, list)
    members = cast("list[Any]", told) if several else []
    found = [flat(cast("dict[str, Any]", member)) for member in members if isinstance(member, dict)]
    return [(trace_id, text(link, "span.id")) for link in found if (trace_id := text(link, "trace.id"))]


def duration(span: Mapping[str, Any]) -> int:
    """Return how long *span* took, in nanoseconds."""
    told = number(span, "event.duration")
    return max(0, told or 1000 * (number(span, "transaction.duration.us") or number(span, "span.duration.us")))


def moment(document: Mapping[str, Any]) -> int:
    """Return when *document* began, in nanoseconds since the epoch."""
    return _parsed(text(document, "@timestamp")) or 1000 * number(document, "timestamp.us")


@lru_cache(maxsize=4096)
def _parsed(time: str) -> int:
    """
    Read ISO 8601 in UTC to the nanosecond; 0 for anything else.

    >>> _parsed("2023-11-14T22:13:20.000000007Z") - _parsed("2023-11-14T22:13:20Z")
    7
    """
    match = _TIME.match(time)
    if match is None:
        return 0
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        seconds = timegm((year, month, day, hour, minute, second))
    except ValueError:
        return 0
    return seconds * 1_000_000_000 + int((match[7] or "").ljust(9, "0"))

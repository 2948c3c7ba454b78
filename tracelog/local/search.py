"""Reads spans and lines back from the embedded file."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tracelog.ecs.found import Document, Found, Glimpse, flat
from tracelog.local.database import failure, open_to_read
from tracelog.local.place import default_path

#: As many spans, and as many lines, of one trace are read.
LIMIT = 100_000

_OF_TRACE = "SELECT body FROM {table} WHERE trace_id = ? ORDER BY at, key LIMIT ?"
_SPANS, _LINES = _OF_TRACE.format(table="spans"), _OF_TRACE.format(table="lines")

_ACTIVE = "SELECT trace_id FROM spans WHERE {where} ORDER BY at DESC, key DESC"

#: Among so many of a trace's entry spans, the earliest by the clocks of their hosts, is the one it began with.
_EARLIEST = 100
_FIRST = f"SELECT body FROM spans WHERE trace_id = ? ORDER BY entry DESC, at, key LIMIT {_EARLIEST}"  # noqa: S608 - a number
_COUNTED = "SELECT count(*), coalesce(sum(failed), 0) FROM spans WHERE trace_id = ?"

_IDS = """
    SELECT trace_id FROM spans WHERE trace_id >= :prefix AND trace_id < :beyond
    UNION SELECT trace_id FROM lines WHERE trace_id >= :prefix AND trace_id < :beyond ORDER BY trace_id LIMIT :limit
"""
_LAST_LETTER = "\U0010ffff"


class LocalSearch:
    """Searches one file; raises :class:`~tracelog.errors.DestinationError` where it cannot be read."""

    def __init__(self, path: Path | str | None = None, *, limit: int = LIMIT) -> None:
        self.path = Path(path or default_path()).absolute()
        self.limit = limit

    def trace(self, trace_id: str, /) -> Found:
        """Find every span and line of a trace; both lists are empty for an unknown one."""
        spans = self._documents(_SPANS, (trace_id, self.limit + 1))
        lines = self._documents(_LINES, (trace_id, self.limit + 1))
        partial = max(len(spans), len(lines)) > self.limit
        return Found(spans[: self.limit], lines[: self.limit], partial)

    def recent(
        self, *, service: str = "", failed: bool = False, min_duration_ns: int = 0, limit: int = 20
    ) -> list[Document]:
        """Find the entry spans that began last, newest first."""
        where, values = _conditions(service, failed, min_duration_ns)
        query = f"SELECT body FROM spans WHERE entry AND {where} ORDER BY at DESC, key DESC LIMIT ?"  # noqa: S608 - fixed words only
        return self._documents(query, (*values, limit))

    def traces(
        self, *, service: str = "", failed: bool = False, min_duration_ns: int = 0, limit: int = 20
    ) -> list[Glimpse]:
        """Find the traces in which something happened last; conditions are met by one span of each."""
        where, values = _conditions(service, failed, min_duration_ns)
        with self._opened() as connection:
            if connection is None:
                return []
            spans = connection.execute(_ACTIVE.format(where=where if values else "entry"), values)
            found = [_glimpse(connection, trace_id) for trace_id in _distinct(spans, limit)]
        return sorted(found, key=lambda glimpse: str(glimpse.first["@timestamp"]), reverse=True)

    def ids(self, prefix: str, /, *, limit: int = 10) -> list[str]:
        """Find the ids of traces that begin with *prefix*, taken literally, in order."""
        with self._opened() as connection:
            values = {"prefix": prefix, "beyond": prefix + _LAST_LETTER, "limit": limit}
            return [] if connection is None else [trace_id for (trace_id,) in connection.execute(_IDS, values)]

    def close(self) -> None:
        """Have nothing to close: the file is open only while it is read."""

    def _documents(self, query: str, values: tuple[Any, ...]) -> list[Document]:
        """Run *query* and read what it finds."""
        with self._opened() as connection:
            return [] if connection is None else _read(connection, query, values)

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection | None, None, None]:
        """Open a connection for one question alone, so that a search never keeps the writers from tidying up."""
        connection: sqlite3.Connection | None = None
        try:
            connection = open_to_read(self.path)
            yield connection
        except (sqlite3.Error, OSError, ValueError) as error:
            raise failure(self.path, error) from error
        finally:
            if connection is not None:
                connection.close()


def _conditions(service: str, failed: bool, min_duration_ns: int) -> tuple[str, tuple[Any, ...]]:
    """Write what a span has to meet, and the values in it."""
    wanted: list[tuple[str, Any]] = []
    if service:
        wanted.append(("service = ?", service))
    if failed:
        wanted.append(("failed = ?", 1))
    if min_duration_ns > 0:
        wanted.append(("duration_ns >= ?", min_duration_ns))
    return " AND ".join(condition for condition, _ in wanted) or "true", tuple(value for _, value in wanted)


def _distinct(rows: Iterable[tuple[str]], limit: int) -> list[str]:
    """Take the first values that differ, and read no further."""
    values: dict[str, None] = {}
    for (value,) in rows:
        values[value] = None
        if len(values) >= limit:
            break
    return list(values)


def _glimpse(connection: sqlite3.Connection, trace_id: str) -> Glimpse:
    """Look at one trace from afar."""
    spans, failed = connection.execute(_COUNTED, (trace_id,)).fetchone()
    # Where hosts' clocks differ a callee can seem to have begun before its caller, which alone has no parent.
    first = min(_read(connection, _FIRST, (trace_id,)), key=lambda span: bool(span.get("parent.id")))
    return Glimpse(first, spans, failed)


def _read(connection: sqlite3.Connection, query: str, values: tuple[Any, ...]) -> list[Document]:
    """Run *query* and read the documents it finds."""
    return [flat(orjson.loads(body)) for (body,) in connection.execute(query, values)]

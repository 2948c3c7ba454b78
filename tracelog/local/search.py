"""Reads spans and lines back from the embedded file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson

from tracelog.ecs.found import Document, Found, flat
from tracelog.local.database import failure, open_to_read
from tracelog.local.place import default_path

#: As many spans, and as many lines, of one trace are read.
LIMIT = 100_000

_OF_TRACE = "SELECT body FROM {table} WHERE trace_id = ? ORDER BY at, key LIMIT ?"
_SPANS, _LINES = _OF_TRACE.format(table="spans"), _OF_TRACE.format(table="lines")


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
        wanted: list[tuple[str, Any]] = [("entry", None)]
        if service:
            wanted.append(("service = ?", service))
        if failed:
            wanted.append(("failed", None))
        if min_duration_ns > 0:
            wanted.append(("duration_ns >= ?", min_duration_ns))
        where = " AND ".join(condition for condition, _ in wanted)
        values = tuple(value for _, value in wanted if value is not None)
        query = f"SELECT body FROM spans WHERE {where} ORDER BY at DESC, key DESC LIMIT ?"  # noqa: S608 - fixed words only
        return self._documents(query, (*values, limit))

    def close(self) -> None:
        """Have nothing to close: the file is open only while it is read."""

    def _documents(self, query: str, values: tuple[Any, ...]) -> list[Document]:
        """Run *query* on a connection of its own, so that a search never keeps the writers from tidying up."""
        try:
            connection = open_to_read(self.path)
            if connection is None:
                return []
            try:
                return [flat(orjson.loads(body)) for (body,) in connection.execute(query, values)]
            finally:
                connection.close()
        except (sqlite3.Error, OSError, ValueError) as error:
            raise failure(self.path, error) from error

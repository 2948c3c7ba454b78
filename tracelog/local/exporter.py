"""Writes spans and lines into the embedded file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tracelog.ecs.encode import encode
from tracelog.ecs.found import Document, flat
from tracelog.local.database import BUSY_SECONDS, abandon, failure, open_to_write
from tracelog.local.place import default_path
from tracelog.pipeline.exporter import SPANS, Line, Outcome, Refusal
from tracelog.record import Record

_INSERT_SPAN = "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
_INSERT_LINE = "INSERT INTO lines VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"

Row = tuple[Any, ...]


class LocalExporter:
    """
    Keeps everything in one SQLite file that several processes may write at once.

    The file is opened, and made if need be, by the first batch. A batch waits up to *patience* seconds for others who
    write, then it is to be sent again.
    """

    def __init__(self, path: Path | str | None = None, *, patience: float = BUSY_SECONDS) -> None:
        self.path = Path(path or default_path()).absolute()
        self._patience = patience
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._file = (0, 0)

    def encode(self, record: Record, /) -> bytes:
        """Turn *record* into its document."""
        return encode(record)

    def send(self, lines: Sequence[Line], /) -> Outcome:
        """Store *lines* in one transaction; a file that cannot be written keeps all of them for later."""
        spans, others, refused = _sorted_out(lines)
        try:
            stored = self._store(spans, others)
        except (sqlite3.Error, OSError) as error:
            self._let_go()
            problem = failure(self.path, error)
            dead = {refusal.place for refusal in refused}
            again = tuple(place for place in range(len(lines)) if place not in dead)
            return Outcome(
                refused=refused, again=again, problem=f"nothing could be stored, everything is kept: {problem}"
            )
        return Outcome(stored=stored, already_there=len(spans) + len(others) - stored, refused=refused)

    def close(self) -> None:
        """Close the file."""
        self._let_go()

    def _store(self, spans: list[Row], others: list[Row]) -> int:
        """Insert what is not there yet and return how much that was."""
        if not spans and not others:
            return 0
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        stored = connection.executemany(_INSERT_SPAN, spans).rowcount if spans else 0
        stored += connection.executemany(_INSERT_LINE, others).rowcount if others else 0
        connection.execute("COMMIT")
        return stored

    def _opened(self) -> sqlite3.Connection:
        """Return the connection; a new one after a fork, and where the file was moved away or deleted."""
        if self._connection is not None and self._pid == os.getpid() and self._file == _identity(self.path):
            return self._connection
        self._let_go()
        self._connection = open_to_write(self.path, self._patience)
        self._pid, self._file = os.getpid(), _identity(self.path)
        return self._connection

    def _let_go(self) -> None:
        """Forget the connection, and close it if this process made it; that undoes what was not committed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._pid != os.getpid():
            abandon(connection)
        else:
            connection.close()

    def __repr__(self) -> str:
        return f"LocalExporter({str(self.path)!r})"


def _identity(path: Path) -> tuple[int, int]:
    """Name the file itself, whatever its path."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return found.st_dev, found.st_ino


def _sorted_out(lines: Sequence[Line]) -> tuple[list[Row], list[Row], tuple[Refusal, ...]]:
    """Turn *lines* into rows of the two tables; a body that is no document can never be stored."""
    spans: list[Row] = []
    others: list[Row] = []
    refused: list[Refusal] = []
    for place, line in enumerate(lines):
        try:
            document = flat(orjson.loads(line.body))
            row = _span_row(line, document) if line.kind == SPANS else _line_row(line, document)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            refused.append(Refusal(place, f"this is no document of a span or a line: {error!r}"))
        else:
            (spans if line.kind == SPANS else others).append(row)
    return spans, others, tuple(refused)


def _span_row(line: Line, document: Document) -> Row:
    """Lay out one span."""
    return (
        line.key,
        document["trace.id"],
        document["@timestamp"],
        document["service.name"],
        document["processor.event"] == "transaction",
        document["event.outcome"] == "failure",
        document["event.duration"],
        line.body,
    )


def _line_row(line: Line, document: Document) -> Row:
    """Lay out one log line; outside of any span it has no trace id."""
    return line.key, document.get("trace.id", ""), document["@timestamp"], document["service.name"], line.body

"""One SQLite file of ours: made, opened, recognised."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from tracelog.errors import DestinationError
from tracelog.local.place import url_of

#: Written into the head of the file, so that no other program's file is taken for ours.
APPLICATION_ID = 0x74726C67
VERSION = 1
BUSY_SECONDS = 5.0

#: What is searched for has a column of its own; the rest of a document is read from its body.
SCHEMA = (
    """
    CREATE TABLE spans (
        key TEXT PRIMARY KEY, trace_id TEXT NOT NULL, at TEXT NOT NULL, service TEXT NOT NULL,
        entry INTEGER NOT NULL, failed INTEGER NOT NULL, duration_ns INTEGER NOT NULL, body BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE lines (
        key TEXT PRIMARY KEY, trace_id TEXT NOT NULL, at TEXT NOT NULL, service TEXT NOT NULL, body BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX spans_by_trace ON spans (trace_id, at)",
    "CREATE INDEX lines_by_trace ON lines (trace_id, at)",
    "CREATE INDEX entries_by_time ON spans (at, service, failed, duration_ns) WHERE entry",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

#: Part of what SQLite says, and what to do then.
ADVICE = (
    ("not a database", "it is not an SQLite file: name another one"),
    ("malformed", "the file is damaged: move it away, a new one will be made"),
    ("locked", "another process is writing; it will be tried again"),
    ("disk I/O", "look after the disk: it may be full or broken"),
    ("full", "free some room on the disk"),
    ("readonly", "make the file and its directory writable, or name another file"),
    ("unable to open", "make the file and its directory readable and writable, or name another file"),
    ("no such table", "it is not a file of tracelog: name another one"),
)

# A connection that a forked child inherits must not be closed there: closing it would tidy up the files under the
# parent's feet. It is kept here, so that nobody collects it.
_inherited: list[sqlite3.Connection] = []


def failure(path: Path, error: Exception) -> DestinationError:
    """Turn what SQLite or the system said about *path* into a sentence with advice."""
    if isinstance(error, DestinationError):
        return error
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    advice = next((advice for part, advice in ADVICE if part in said), "check the file and its directory")
    return DestinationError(url_of(path), said, advice)


def open_to_write(path: Path, patience: float = BUSY_SECONDS) -> sqlite3.Connection:
    """
    Open *path*, or make it, for this user alone; other writers are waited for up to *patience* seconds.

    Raises ``sqlite3.Error``, ``OSError`` or DestinationError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only a new file is opened by hand: closing a descriptor of one that is in use gives up SQLite's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = _connect(path, patience)
    try:
        if not recognised(connection, path):
            _make_tables(connection, path)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        # Survives the death of the process, not that of the machine; FULL costs an fsync per batch.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """Open *path* for reading only; None if it is empty yet. Raises as :func:`open_to_write`."""
    if not path.exists():
        raise DestinationError(
            url_of(path),
            "there is no such file",
            "`tracelog demo` makes one, and so does an application that exports there",
        )
    connection = _connect(path)
    try:
        connection.execute("PRAGMA query_only = ON")
        if recognised(connection, path):
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def recognised(connection: sqlite3.Connection, path: Path) -> bool:
    """Tell whether the tables are there, False for an empty file; another program's file is refused."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version) == (APPLICATION_ID, VERSION):
        return True
    if application == APPLICATION_ID:
        problem = f"the file has format {version}, this tracelog reads format {VERSION}"
        raise DestinationError(url_of(path), problem, "use the version that wrote it, or name another file")
    if tables or application or version:
        problem = "this SQLite file belongs to another program"
        raise DestinationError(url_of(path), problem, "name another file; nothing was changed")
    return False


def abandon(connection: sqlite3.Connection) -> None:
    """Let go of a connection that was made by the process this one was forked from."""
    _inherited.append(connection)


def _connect(path: Path, patience: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Connect, with transactions begun by hand, for one thread at a time that is not always the same."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables unless another process just did."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not recognised(connection, path):
            for statement in SCHEMA:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

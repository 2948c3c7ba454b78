"""
SQLAlchemy: every statement that an engine sends becomes a client span, without the values that are in it.

The span lasts from the driver's ``execute`` until it returns; rows are fetched by whoever wants them, when they want
them. The driver is told nothing, and outside of a span nothing is done but to look for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, event

from tracelog import sql
from tracelog.active import parent
from tracelog.record import Kind
from tracelog.span import Span
from tracelog.wsgi import report_fault

__all__ = ["install", "uninstall"]

#: Names in the conventions that are not SQLAlchemy's.
_SYSTEMS = {"db2": "ibm.db2", "ibm_db_sa": "ibm.db2", "mssql": "microsoft.sql_server", "oracle": "oracle.db"}

#: Where the span of a statement waits for its end: on the execution that it belongs to.
_PLACE = "_tracelog_statement"

_MAX_STATEMENTS = 512
_MAX_VALUES = 1000
_MAX_MESSAGE = 512

#: What many sets of parameters come in. One statement with many rows has its values in one tuple or dictionary.
_SETS = frozenset({list})

_CODES = ("sqlstate", "pgcode", "sqlite_errorname")
_QUOTED = re.compile(r"(?<!\w)'.*?(?:'(?!\w)|\Z)")


#: Whom we listen to. ``event.contains`` goes by the number of an object, and may mean one that is gone.
_traced: WeakSet[Engine | type[Engine]] = WeakSet()


class AsynchronousEngine(Protocol):
    """An engine of ``sqlalchemy.ext.asyncio``, which is a shell around another."""

    @property
    def sync_engine(self) -> Engine:
        """The engine that does the work, and has the events."""
        ...


def install(engine: Engine | AsynchronousEngine | None = None) -> None:
    """
    Trace what *engine*, synchronous or not, sends, or what every engine of the process does.

    A second call changes nothing. Connections that are open already may stay untraced.
    """
    target = _target(engine)
    if target not in _traced:
        _traced.add(target)
        for name, function in _LISTENERS.items():
            event.listen(target, name, function, retval=name == "before_cursor_execute")


def uninstall(engine: Engine | AsynchronousEngine | None = None) -> None:
    """Undo :func:`install`."""
    target = _target(engine)
    if target in _traced:
        _traced.discard(target)
        for name, function in _LISTENERS.items():
            event.remove(target, name, function)


def _target(engine: Engine | AsynchronousEngine | None) -> Engine | type[Engine]:
    """Return who has the events."""
    if engine is None or isinstance(engine, Engine):
        return engine or Engine
    return engine.sync_engine


class _Running:
    """The span of a statement that was sent."""

    __slots__ = ("span",)

    def __init__(self, span: Span) -> None:
        self.span = span

    def __del__(self) -> None:
        """Finish what nobody ended: SQLAlchemy can be told to keep an error from its listeners."""
        if not self.span.finished:
            self.span.set(**{"error.type": "_OTHER"}).fail().finish()


class _Database:
    """What all statements of an engine have in common, and what is known of each."""

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect.name
        self._shared = _shared(engine)
        #: Name and attributes of a statement; most programs have few, and send them often.
        self.told = lru_cache(maxsize=_MAX_STATEMENTS)(self._told)

    def _told(self, text: str) -> tuple[str, Mapping[str, Any]]:
        told = sql.statement(text, self.dialect)
        attributes = {**self._shared, "db.query.text": told.text}
        if told.operation:
            attributes["db.operation.name"] = told.operation
        if told.table:
            attributes["db.collection.name"] = told.table
        target = told.table or self._shared.get("db.namespace", "")
        return f"{told.operation} {target}".strip() or self._shared["db.system.name"], attributes


#: By dialect, which an engine shares with those that ``execution_options`` makes of it.
_databases: WeakKeyDictionary[Dialect, _Database] = WeakKeyDictionary()


def _before(connection: Connection, cursor: Any, statement: str, parameters: Any, *more: Any) -> tuple[str, Any]:
    """Start the span of a statement."""
    above = parent()
    context, many = more
    # Listeners of an engine and of all engines may both be there; the first of them does it.
    if above is None or context is None or getattr(context, _PLACE, None) is not None:
        return statement, parameters
    try:
        database = _databases.get(connection.dialect)
        if database is None:
            database = _databases[connection.dialect] = _Database(connection.engine)
        name, told = database.told(statement[: sql.MAX_LENGTH])
        attributes = {**told}
        if many and type(parameters) in _SETS and len(parameters) > 1:
            attributes["db.operation.batch.size"] = len(parameters)
        setattr(context, _PLACE, _Running(above.child(name, Kind.CLIENT, attributes)))
    except Exception as error:  # noqa: BLE001 - no fault of ours may reach the statement
        report_fault("beginning a statement", error)
    return statement, parameters


def _after(connection: Connection, cursor: Any, statement: str, parameters: Any, *more: Any) -> None:
    """Finish the span of a statement that went well."""
    context, _ = more
    running: _Running | None = getattr(context, _PLACE, None)
    if running is None:
        return
    try:
        setattr(context, _PLACE, None)
        returned, rows = cursor.description is not None, cursor.rowcount
        # Drivers that fetch one row after the other say 0, or nothing, of what a query returns.
        if type(rows) is int and rows >= returned:
            running.span.attributes["db.response.returned_rows" if returned else "db.response.affected_rows"] = rows
    except Exception as error:  # noqa: BLE001 - as above
        report_fault("ending a statement", error)
    running.span.finish()


def _failed(failing: ExceptionContext) -> None:
    """Finish the span of a statement that failed."""
    context = failing.execution_context
    running: _Running | None = getattr(context, _PLACE, None)
    if running is None:
        return
    try:
        setattr(context, _PLACE, None)
        running.span.set(**_failure(failing)).fail()
    except Exception as error:  # noqa: BLE001 - as above
        report_fault("ending a statement", error)
    running.span.finish()


_LISTENERS: Mapping[str, Callable[..., Any]] = {
    "before_cursor_execute": _before,
    "after_cursor_execute": _after,
    "handle_error": _failed,
}


def _shared(engine: Engine) -> dict[str, Any]:
    """Tell which database an engine speaks to."""
    url, dialect = engine.url, engine.dialect
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    told: dict[str, Any] = {"db.system.name": _SYSTEMS.get(name, name)}
    namespace = url.database or ""
    if name == "sqlite":
        # The folders of a file are nobody's business, and a URI brings its options along.
        namespace = "" if ":memory:" in namespace else PurePath(namespace.partition("?")[0]).name
    if namespace:
        told["db.namespace"] = namespace
    if url.host:
        told["server.address"] = url.host
        if url.port:
            told["server.port"] = url.port
    return told


def _failure(failing: ExceptionContext) -> dict[str, Any]:
    """Say why a statement failed: neither SQLAlchemy's text nor a traceback, since both hold its parameters."""
    error = failing.original_exception
    kind = type(failing.sqlalchemy_exception or error)
    told = {"error.type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
    code = next((code for name in _CODES if (code := getattr(error, name, None))), None)
    if code is None and error.args and type(error.args[0]) is int:
        code = error.args[0]  # as the drivers of MySQL do
    if code is not None:
        told["db.response.status_code"] = str(code)
    secrets = [*_flat(failing.parameters), *sql.values(failing.statement or "", failing.dialect.name)]
    if len(secrets) <= _MAX_VALUES:
        told["error.message"] = _without(str(error), secrets)
    return told


def _flat(parameters: Any) -> list[str]:
    """List the values in one set of parameters, or in many, and some more where there are too many to look for."""
    found: list[str] = []
    waiting: list[Any] = [parameters]
    while waiting and len(found) <= _MAX_VALUES:
        value: Any = waiting.pop()
        match value:
            case {**members}:
                waiting.extend(members.values())
            case [*members]:
                waiting.extend(members)
            case _ if value is not None:
                found.append(str(value))
            case _:
                continue
    return found


def _without(message: str, secrets: Iterable[str]) -> str:
    """Take what a statement was given out of a driver's message, and the lines in which servers go into detail."""
    words = sorted({re.escape(secret) for secret in secrets if secret.strip()}, key=len, reverse=True)
    if words:
        message = re.sub(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", "?", message)
    return _QUOTED.sub("?", message.partition("\n")[0])[:_MAX_MESSAGE]

"""Reads what structlog and the standard library call a log line: pure functions, run by the worker."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, cast

from tracelog.plain import is_dict, is_list, named, plain
from tracelog.record import Failure, LineRecord, Origin, Resource

#: Levels that structlog's method names stand for.
_LEVELS = {"exception": "error", "warn": "warning", "msg": "info", "log": "info", "fatal": "critical"}

#: What every LogRecord has, and what formatters and this library add: all else was given as ``extra``.
_OF_EVERY_RECORD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "asctime",
    "message",
    "spanId",
    "taskName",
    "traceId",
}

#: Keys of a structlog event that have a place of their own in a record.
_PLACED = frozenset(
    {
        "event",
        "exc_info",
        "exception",
        "filename",
        "func_name",
        "level",
        "lineno",
        "logger",
        "logger_name",
        "pathname",
        "spanId",
        "stack",
        "thread_name",
        "timestamp",
        "traceId",
    }
)
_SOMEWHERE = Resource("")


#: Numbers of the levels that go by these names in both libraries.
LEVEL_NUMBERS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def level_of(method: str) -> str:
    """
    Name the level that a structlog method logs at.

    >>> level_of("exception"), level_of("info")
    ('error', 'info')
    """
    return _LEVELS.get(method, method)


def line_of_event(event: Mapping[str, Any], method: str) -> LineRecord:
    """Read a structlog event; time and resource are for the caller to fill in."""
    said = event.get("event", event.get("message", ""))
    fields = {key: value for key, value in event.items() if key not in _PLACED and not key.startswith("_")}
    if "event" not in event:
        fields.pop("message", None)
    # By position: keywords cost a third more, and this runs for each line.
    return LineRecord(
        _SOMEWHERE,
        0,
        _text(event.get("level")) or level_of(method),
        _text(event.get("logger") or event.get("logger_name")),
        _text(said),
        _text(event.get("traceId")),
        _text(event.get("spanId")),
        "",
        fields,
        _origin_of(event),
        _failure_of(event.get("exception")) or _stack_of(event.get("stack")),
        _text(event.get("thread_name")),
    )


def line_of_log_record(record: logging.LogRecord, said: str | Mapping[str, Any] | None = None) -> LineRecord:
    """
    Read a LogRecord; resource, and ids of the active span, are for the caller to fill in.

    *said* is its message where that was read before: a structlog event that was handed to logging stays one.
    """
    message = said if said is not None else _message_of(record)
    event = message if isinstance(message, Mapping) else _event_in(message)
    line = line_of_event({"event": message} if event is None else event, record.levelname.lower())
    return line._replace(
        at_ns=int(record.created * 1e9),
        level=record.levelname.lower(),
        logger=line.logger or record.name,
        trace_id=line.trace_id or _text(vars(record).get("traceId")),
        span_id=line.span_id or _text(vars(record).get("spanId")),
        fields={**line.fields, **_extra_of(record)},
        origin=line.origin or Origin(record.pathname, record.lineno, record.funcName or ""),
        failure=line.failure or _stack_of(record.stack_info),
        thread=record.threadName or "",
    )


def _message_of(record: logging.LogRecord) -> str:
    """Format the message; where the arguments do not fit, show both as they are."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - logging reports it to the application in its own way
        return f"{record.msg} {record.args}"


def _event_in(message: str) -> dict[str, Any] | None:
    """Read an event that was rendered as JSON before it was handed to logging."""
    if not message.startswith("{"):
        return None
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return _plain_event(cast("dict[str, Any]", event)) if isinstance(event, dict) else None


def _plain_event(event: dict[str, Any]) -> dict[str, Any] | None:
    """Tell an event apart from other JSON, and translate one that was rendered in ECS."""
    # In ECS ``event`` is an object.
    if isinstance(event.get("event"), str) or _field(event, "ecs.version") is None:
        return event if "event" in event else None
    labels = event.get("labels")
    translated: dict[str, Any] = dict(labels) if is_dict(labels) else {}
    for ours, theirs in _ECS.items():
        if (value := _field(event, theirs)) is not None:
            translated[ours] = value
    return translated


def _field(document: Mapping[str, Any], name: str) -> Any:
    """Read the field of that dotted name, whether it is nested, or some loggers' mixture; None where there is none."""
    if name in document:
        return document[name]
    head, _, rest = name.partition(".")
    within = document.get(head)
    return _field(within, rest) if rest and is_dict(within) else None


_ECS = {
    "event": "message",
    "level": "log.level",
    "logger": "log.logger",
    "traceId": "trace.id",
    "spanId": "span.id",
    "exception": "error.stack_trace",
    "pathname": "log.origin.file.name",
    "lineno": "log.origin.file.line",
    "func_name": "log.origin.function",
}


def _extra_of(record: logging.LogRecord) -> dict[str, Any]:
    """Collect what was given as ``extra``, without calling into objects of the application."""
    given = dict(vars(record))
    return {
        key: plain(value, named)
        for key, value in given.items()
        if key not in _OF_EVERY_RECORD and not key.startswith("_")
    }


def _origin_of(event: Mapping[str, Any]) -> Origin | None:
    """Read what structlog's CallsiteParameterAdder added."""
    file = event.get("pathname") or event.get("filename")
    line = event.get("lineno")
    if not isinstance(file, str):
        return None
    return Origin(file, line if isinstance(line, int) else 0, _text(event.get("func_name")))


def _failure_of(exception: Any) -> Failure | None:
    """Read what ``format_exc_info`` (text) or ``dict_tracebacks`` (a list) made of an exception."""
    first = _first_of(exception)
    if first:
        return Failure(_text(first.get("exc_type")), _text(first.get("exc_value")), None, _frames_of(first))
    if not isinstance(exception, str) or not exception:
        return None
    last = exception.rstrip().rpartition("\n")[2]
    kind, colon, message = last.partition(": ")
    return Failure(kind if colon or kind.isidentifier() else "", message or last, None, exception)


def _first_of(exceptions: Any) -> dict[str, Any]:
    """Return the first of a list of structured tracebacks, empty where it is none."""
    first = exceptions[0] if is_list(exceptions) and exceptions else None
    return first if is_dict(first) else {}


def _frames_of(traceback: Mapping[str, Any]) -> str:
    """Write the frames of one structured traceback in Python's own form."""
    given = traceback.get("frames")
    frames = [frame for frame in given if is_dict(frame)] if is_list(given) else []
    lines = [
        f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}\n' for frame in frames
    ]
    last = f"{traceback.get('exc_type')}: {traceback.get('exc_value')}\n"
    return "".join(["Traceback (most recent call last):\n", *lines, last])


def _stack_of(stack: Any) -> Failure | None:
    """Keep a stack that was asked for without an exception (``stack_info``)."""
    return Failure("", "", None, stack) if isinstance(stack, str) and stack else None


def _text(value: Any) -> str:
    """Write *value* as one line would hold it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else str(plain(value, named))

"""
Log lines on their way into the pipeline.

A line is taken where it is written and turned into a record by the worker. What the worker must not do, which is to
call into objects of the application, is done here on the caller's thread, and nothing else.
"""

from __future__ import annotations

import inspect
import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from functools import lru_cache
from types import FrameType
from typing import Any, cast

from tracelog.active import active
from tracelog.clock import SystemClock
from tracelog.ids import RandomIds
from tracelog.plain import is_dict, is_tuple, made_plain, named, plain, text
from tracelog.reading import LEVEL_NUMBERS, level_of, line_of_event, line_of_log_record
from tracelog.record import Failure, LineRecord, Origin, Resource, failure_of
from tracelog.span import Span, Workshop
from tracelog.tracer import default_workshop

_muted: ContextVar[bool] = ContextVar("tracelog_muted", default=False)
_NAMES = frozenset({str})
_SIMPLE = frozenset({str, int, float, bool, type(None)})

#: Modules whose frames lie between a structlog call and the application.
_BETWEEN = ("structlog", "tracelog", "logging")

#: For lines of a process where nothing was set up.
_NO_WORKSHOP = Workshop(Resource("unknown"), SystemClock(), RandomIds(), None, id)


def mute() -> None:
    """Keep what this thread logs out of the pipeline; the pipeline's own threads call it."""
    _muted.set(True)


class _Taken:
    """What every line takes along from where it was written."""

    __slots__ = ("entry_id", "failure", "resource", "span_id", "trace_id")

    def __init__(self, workshop: Workshop, span: Span | None, failure: Failure | None) -> None:
        self.resource = workshop.resource
        self.failure = failure
        if span is None:
            self.trace_id = self.span_id = self.entry_id = ""
        else:
            self.trace_id, self.span_id, self.entry_id = span.trace_id, span.span_id, span.entry_id

    def completed(self, line: LineRecord, at_ns: int, origin: Origin | None, thread: str) -> LineRecord:
        """Add to *line* what was known where it was written; ids and origin that the caller set win."""
        foreign = line.trace_id and line.trace_id != self.trace_id
        # By position: naming what changes costs three times as much, and this runs for each line.
        return LineRecord(
            self.resource,
            at_ns,
            line.level,
            line.logger,
            line.message,
            line.trace_id or self.trace_id,
            line.span_id or self.span_id,
            "" if foreign else self.entry_id,
            line.fields,
            line.origin or origin,
            self.failure or line.failure,
            line.thread or thread,
        )


class EventLine(_Taken):
    """A structlog event, copied as it passed the processor."""

    __slots__ = ("at_ns", "event", "method", "origin", "thread")

    def __init__(self, workshop: Workshop, span: Span | None, method: str, event: Mapping[str, Any]) -> None:
        super().__init__(workshop, span, failure_in(event.get("exc_info")))
        self.at_ns = workshop.clock.wall()
        self.method = method
        self.event = _copied(event)
        self.origin = caller()
        self.thread = threading.current_thread().name

    def record(self) -> LineRecord:
        """Turn the event into a record; safe on any thread."""
        return self.completed(line_of_event(self.event, self.method), self.at_ns, self.origin, self.thread)


class LogRecordLine(_Taken):
    """A LogRecord as the factory made it; its ``extra`` comes later and is read by the worker."""

    __slots__ = ("log_record", "said")

    def __init__(self, workshop: Workshop, span: Span | None, record: logging.LogRecord) -> None:
        said = record.msg
        # structlog's event, handed on as a dictionary, may hold what logging was not told.
        exc_info = record.exc_info or (said.get("exc_info") if is_dict(said) else None)
        super().__init__(workshop, span, failure_in(exc_info))
        self.log_record = record
        self.said: str | Mapping[str, Any] | None = _said(record)

    def record(self) -> LineRecord:
        """Turn the LogRecord into a record; safe on any thread."""
        line = line_of_log_record(self.log_record, self.said)
        return self.completed(line, line.at_ns, line.origin, line.thread)


class Untaken:
    """Goes the way of a line that could not be taken, so that the worker counts it and reports the first."""

    __slots__ = ("_error",)

    def __init__(self, error: Exception) -> None:
        self._error = error

    def record(self) -> LineRecord:
        """Raise what went wrong."""
        raise self._error


def take_event(method: str, event: Mapping[str, Any]) -> None:
    """Ship a structlog event, if lines are shipped here."""
    span = active()
    workshop = default_workshop() if span is None else span.workshop
    if workshop is None or workshop.ship is None or _muted.get():
        return
    if LEVEL_NUMBERS.get(level_of(method), workshop.ship_level) < workshop.ship_level:
        return
    try:
        line: EventLine | Untaken = EventLine(workshop, span, method, event)
    except Exception as error:  # noqa: BLE001 - a log call never fails because of us
        line = Untaken(error)
    workshop.ship(line)


def take_log_record(record: logging.LogRecord, span: Span | None) -> None:
    """Ship a LogRecord, if lines are shipped here; one without a logger's name is a copy of another."""
    workshop = default_workshop() if span is None else span.workshop
    if workshop is None or workshop.ship is None or _muted.get():
        return
    # Copies of records are made without a name and a level first.
    name, level = cast("tuple[str | None, int | None]", (record.name, record.levelno))
    if name is None or level is None or level < workshop.ship_level:
        return
    try:
        line: LogRecordLine | Untaken = LogRecordLine(workshop, span, record)
    except Exception as error:  # noqa: BLE001 - a log call never fails because of us
        line = Untaken(error)
    workshop.ship(line)


def line_here(record: logging.LogRecord, said: Mapping[str, Any] | None = None) -> LineRecord:
    """
    Read a LogRecord, or the structlog event it stands for, for a formatter of this process.

    The ids it was made with count, not those of the thread that happens to write it out.
    """
    span = active()
    mine = vars(record).get("traceId")
    if span is not None and mine is not None and mine != span.trace_id:
        span = None
    taken = _Taken(_workshop_of(span), span, failure_in((said or {}).get("exc_info") or record.exc_info))
    line = line_of_log_record(record, said)
    return taken.completed(line, line.at_ns, line.origin, line.thread)


def event_here(method: str, event: Mapping[str, Any]) -> LineRecord:
    """Read a structlog event for a renderer of this process."""
    span = active()
    return EventLine(_workshop_of(span), span, method, event).record()


def _workshop_of(span: Span | None) -> Workshop:
    return (default_workshop() or _NO_WORKSHOP) if span is None else span.workshop


def failure_in(exc_info: Any) -> Failure | None:
    """Read the ``exc_info`` of either library: an exception, a tuple as of ``sys.exc_info``, or true."""
    if not exc_info:
        return None
    if isinstance(exc_info, BaseException):
        return failure_of(exc_info)
    error = exc_info[1] if is_tuple(exc_info) else sys.exc_info()[1]
    return failure_of(error) if isinstance(error, BaseException) else None


def caller() -> Origin | None:
    """Find the line of the application that is writing a log line."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None and _lies_between(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    if frame is None:
        return None
    return Origin(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


@lru_cache(maxsize=1024)
def _lies_between(module: str) -> bool:
    """Tell whether *module* is one that a log call passes on its way here."""
    return module.partition(".")[0] in _BETWEEN


def _said(record: logging.LogRecord) -> str | Mapping[str, Any] | None:
    """Read the message here if that calls into objects of the application; None leaves it to the worker."""
    said = record.msg
    if is_dict(said):
        return _copied(said)
    args = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
    if type(said) is str and _SIMPLE.issuperset(map(type, args)):
        return None
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - logging will report it to the application in its own way
        return text(said) if isinstance(said, str) else named(said)


def _copied(event: Mapping[Any, Any]) -> dict[str, Any]:
    """Copy what the worker reads of an event; the names in a dictionary that was logged may be of any type."""
    members = dict(event)
    members.pop("exc_info", None)
    if _NAMES.issuperset(map(type, members)):
        return made_plain(members)
    copied: dict[str, Any] = plain(members)
    return copied


def bind(event: MutableMapping[str, Any], span: Span) -> None:
    """Put the ids of *span* on a structlog event; keys that the caller set win."""
    event.setdefault("traceId", span.trace_id)
    event.setdefault("spanId", span.span_id)

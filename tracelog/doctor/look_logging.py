"""Looks at how standard logging is set up, and makes one record by each way there is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from logging.handlers import QueueHandler

from structlog.stdlib import ProcessorFormatter

from tracelog.doctor.judge_logging import HandlerSeen, LoggingSeen
from tracelog.doctor.quiet import Ear
from tracelog.doctor.sources import Sources
from tracelog.doctor.trial import SAID, shows, trial
from tracelog.span import Span

_OURS = "tracelog.request"

#: What they get is written by another handler, or by none.
_SILENT = (logging.NullHandler, QueueHandler, Ear)


def look_at_logging(sources: Sources) -> LoggingSeen:
    """Describe standard logging as *sources* left it."""
    factory = logging.getLogRecordFactory()
    with trial() as span:
        binds = _has_ids(_record(), span)
        return LoggingSeen(
            binds=binds,
            plain=factory is logging.LogRecord,
            factory=getattr(factory, "__qualname__", type(factory).__qualname__),
            factory_where=sources.last("setLogRecordFactory") or sources.of_code(factory),
            classes=tuple(_bypassing(sources, span)) if binds else (),
            handlers=tuple(_handlers(span)) if binds else (),
            formatter_where=sources.where("ProcessorFormatter"),
            disabled=tuple(_disabled(sources)),
            disabled_where=sources.where("dictConfig", "fileConfig"),
        )


def _record() -> logging.LogRecord:
    return logging.getLogRecordFactory()("tracelog.doctor", logging.CRITICAL, __file__, 0, SAID, (), None)


def _has_ids(record: logging.LogRecord, span: Span) -> bool:
    return vars(record).get("traceId") == span.trace_id


def _loggers() -> Iterator[logging.Logger]:
    """Walk over all loggers there are."""
    root = logging.getLogger()
    yield root
    yield from [known for known in tuple(root.manager.loggerDict.values()) if isinstance(known, logging.Logger)]


def _bypassing(sources: Sources, span: Span) -> Iterator[tuple[str, str]]:
    """Find the classes of loggers whose records have no ids."""
    by_class = {type(logger): logger for logger in _loggers()}
    wanted = logging.getLoggerClass()
    for kind in {*by_class, wanted}:
        if kind.makeRecord is logging.Logger.makeRecord:
            continue
        # A class of the application's own may want more.
        with suppress(Exception):
            logger = by_class.get(kind) or kind("tracelog.doctor")
            record = logger.makeRecord(logger.name, logging.CRITICAL, __file__, 0, SAID, (), None)
            if not _has_ids(record, span):
                yield kind.__qualname__, sources.of_code(kind.makeRecord)


def _handlers(span: Span) -> Iterator[HandlerSeen]:
    """Have each handler format a line."""
    seen: set[int] = set()
    for logger in _loggers():
        for handler in logger.handlers:
            if id(handler) in seen or isinstance(handler, _SILENT):
                continue
            seen.add(id(handler))
            name = f"{type(handler).__name__} of {logger.name}"
            yield HandlerSeen(name, _shows(handler, span), isinstance(handler.formatter, ProcessorFormatter))


def _shows(handler: logging.Handler, span: Span) -> bool:
    """Tell whether a line of this handler shows ids; one that cannot be told about does."""
    try:
        return shows(handler.format(_record()), span)
    except Exception:  # noqa: BLE001 - a formatter of the application's own may raise anything
        return True


def _disabled(sources: Sources) -> Iterator[str]:
    """Name the application's loggers, and ours, that are silenced."""
    for logger in _loggers():
        if logger.disabled and (logger.name == _OURS or logger.name in sources.modules):
            yield logger.name

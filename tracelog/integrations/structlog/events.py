"""structlog: ids on every event, and ECS JSON at the end of the chain."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from tracelog.active import active
from tracelog.cleaning import Cleaner
from tracelog.ecs.encode import encode
from tracelog.lines import bind, event_here, line_here, take_event

__all__ = ["ECSRenderer", "bind_ids"]

#: These hand the event on to standard logging, where the record factory takes it.
_STANDARD = (logging.Logger, logging.LoggerAdapter)


def bind_ids(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """
    Add the active span's ``traceId`` and ``spanId``; keys that the caller set win, and without a span there are none.

    A processor for any place in the chain; put it last before the renderer, so that shipped lines hold what the
    processors before it added and those that were dropped are not shipped. In ``foreign_pre_chain`` it reads the ids
    from the LogRecord. Events for loggers other than the standard library's are shipped from here.
    """
    span = active()
    record = event.get("_record")
    if record is not None:
        _bind_of_record(event, record)
    elif span is not None:
        bind(event, span)
    if record is None and not isinstance(logger, _STANDARD):
        take_event(method, event)
    return event


def _bind_of_record(event: MutableMapping[str, Any], record: logging.LogRecord) -> None:
    """Add the ids a LogRecord was made with; the thread that formats it may be another."""
    trace_id = vars(record).get("traceId")
    if trace_id is None and (span := active()) is not None:
        bind(event, span)
    elif trace_id:
        event.setdefault("traceId", trace_id)
        event.setdefault("spanId", vars(record).get("spanId", ""))


class ECSRenderer:
    """
    Renders an event as one line of ECS JSON, the same document that is shipped: the last processor of a chain.

    Works before structlog's own loggers and as a processor of ``ProcessorFormatter``. ``exc_info`` becomes
    ``error.*``, so no ``format_exc_info`` is needed before it.
    """

    def __init__(self, *, cleaner: Cleaner | None = None) -> None:
        self._cleaner = cleaner or Cleaner()

    def __call__(self, logger: Any, method: str, event: Mapping[str, Any]) -> str:
        """Return the line; values that JSON cannot hold are made safe, secrets are left out."""
        record = event.get("_record")
        line = event_here(method, event) if record is None else line_here(record, event)
        return encode(self._cleaner.line(line)).decode()

"""
Log lines on their way into the pipeline.

A line is taken where it is written and turned into a record by the worker. What the worker cannot safely do there,
which is to call into objects of the application, is done here on the caller's thread, and nothing else.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from tracelog.active import active
from tracelog.plain import made_plain, named, plain, safe_repr
from tracelog.record import Failure, LineRecord, Origin, Resource
from tracelog.span import Span, Workshop, failure_of
from tracelog.tracer import default_tracer

_muted: ContextVar[bool] = ContextVar("tracelog_muted", default=False)

_SIMPLE = frozenset({str, int, float, bool, type(None)})

#: What every LogRecord has, and what formatters add to it: all else came in as ``extra``.
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "traceId", "spanId", "taskName"}


def mute() -> None:
    """Keep what this thread logs out of the pipeline; the pipeline's own threads call it."""
    _muted.set(True)


def muted() -> bool:
    """Tell whether this thread's lines are kept out of the pipeline."""
    return _muted.get()


class Line:
    """Where and when a line was written; the base of the two ways a line comes in."""

    __slots__ = ("at_ns", "entry_id", "failure", "resource", "span_id", "trace_id")

    def __init__(self, resource: Resource, span: Span | None, at_ns: int, failure: Failure | None) -> None:
        self.resource = resource
        self.at_ns = at_ns
        self.failure = failure
        if span is None:
            self.trace_id = self.span_id = self.entry_id = ""
        else:
            self.trace_id, self.span_id, self.entry_id = span.trace_id, span.span_id, span.entry_id

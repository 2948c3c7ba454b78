"""What is left of a finished span, and of a log line: frozen, and all that an exporter ever sees."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from traceback import FrameSummary, TracebackException
from typing import Any, NamedTuple


class Kind(str, Enum):
    """The side of a conversation a span stands on (OpenTelemetry's SpanKind, in lower case)."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Status(str, Enum):
    """How an operation ended, in the words of ECS ``event.outcome``."""

    SUCCESS = "success"
    FAILURE = "failure"


class Resource(NamedTuple):
    """The process that spans and lines come from; one per tracer."""

    service: str
    version: str = ""
    environment: str = ""
    host: str = ""


class Event(NamedTuple):
    """Something that happened at one moment of a span; *at_ns* is nanoseconds since the epoch."""

    name: str
    at_ns: int
    attributes: Mapping[str, Any]


class Entry(NamedTuple):
    """The local entry span around a failure, as it was known then; *type* is its attribute ``transaction.type``."""

    operation: str
    kind: Kind
    type: Any = None


class Failure(NamedTuple):
    """
    Why a span or a line speaks of failure.

    *trace* keeps no frame alive; its source lines are read when it is formatted, away from the caller. A line may
    bring its stack trace as *text* instead. *entry* is given where a failure was first seen: not on lines, and not on
    a span that failed with the exception of a span inside of it.
    """

    type: str
    message: str
    trace: TracebackException | None = None
    text: str = ""
    entry: Entry | None = None

    def stack(self) -> str:
        """Format the stack trace, or return ``""`` where there is none."""
        return "".join(self.trace.format()) if self.trace is not None else self.text

    def follows(self, earlier: Failure) -> bool:
        """Tell whether this can be the exception of *earlier* on its way out: what it passed by then is passed."""
        here: list[FrameSummary] = [] if self.trace is None else self.trace.stack
        there: list[FrameSummary] = [] if earlier.trace is None else earlier.trace.stack
        return self.type == earlier.type and here[len(here) - len(there) :] == there


class Link(NamedTuple):
    """A span of another trace that led to this one."""

    trace_id: str
    span_id: str


class SpanRecord(NamedTuple):
    """
    A finished span.

    *entry_id* is the span id of the local entry span (ECS ``transaction.id``), equal to *span_id* on an entry span
    itself. *parent_id* is ``""`` on roots. *children* were forked and owe a record of their own; *calls* were
    contexts handed to others, who may or may not be traced. *weight* is 1 / sampling ratio. *links* name contexts that
    came in and were not continued.
    """

    resource: Resource
    trace_id: str
    span_id: str
    parent_id: str
    entry_id: str
    operation: str
    kind: Kind
    status: Status
    started_ns: int
    duration_ns: int
    children: int
    calls: int
    weight: float
    attributes: Mapping[str, Any]
    events: tuple[Event, ...] = ()
    failure: Failure | None = None
    links: tuple[Link, ...] = ()


class Origin(NamedTuple):
    """Where in the source a line was written."""

    file: str
    line: int
    function: str


class LineRecord(NamedTuple):
    """
    A log line.

    *level* is lower case, *fields* is what the caller added. Ids are ``""`` outside of any span.
    """

    resource: Resource
    at_ns: int
    level: str
    logger: str
    message: str
    trace_id: str
    span_id: str
    entry_id: str
    fields: Mapping[str, Any]
    origin: Origin | None = None
    failure: Failure | None = None
    thread: str = ""


#: What an exporter is given.
Record = SpanRecord | LineRecord


def failure_of(error: BaseException) -> Failure:
    """
    Take down *error* while its traceback is at hand, without keeping its frames alive.

    A ``__str__`` that raises is told as such; nothing is raised here.
    """
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        trace = TracebackException.from_exception(error, lookup_lines=False, compact=True)
    except Exception:  # noqa: BLE001 - an exception's own code may do anything
        trace = None
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - as above
        message = f"<{name}: its __str__ raised>"
    return Failure(name, message, trace)

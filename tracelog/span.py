"""One operation, from its start to the record it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from traceback import TracebackException
from typing import Any, NamedTuple

from tracelog.clock import Clock
from tracelog.context import RANDOM, SAMPLED, Propagator, SpanContext, Visitor, pairs_of
from tracelog.ids import Ids
from tracelog.plain import MAX_KEYS, made_plain
from tracelog.record import Event, Failure, Kind, Resource, SpanRecord, Status

MAX_EVENTS = 128

_CHILD = True
_CALL = False


class Workshop(NamedTuple):
    """What all spans of one tracer share; without a *propagator* the default formats are used."""

    resource: Resource
    clock: Clock
    ids: Ids
    propagator: Propagator | None
    sink: Callable[[SpanRecord], object]
    ship: Callable[[Any], object] | None = None
    ship_level: int = 0


class Birth(NamedTuple):
    """Where a span comes from. *context* is what arrived from elsewhere with the trace, if anything did."""

    trace_id: str
    parent_id: str = ""
    weight: float = 1.0
    context: SpanContext | None = None
    parent: Span | None = None


class Span:
    """
    One operation. Made by a tracer or by :meth:`fork`, never by hand.

    A span is a :class:`~tracelog.context.SpanContext` itself: it can be injected, and forks can begin from it
    elsewhere. All methods can be called from any thread.
    """

    __slots__ = (
        "_birth",
        "_duration",
        "_open",
        "_owed",
        "_started",
        "_ticked",
        "_workshop",
        "attributes",
        "entry_id",
        "events",
        "failure",
        "kind",
        "operation",
        "span_id",
        "status",
        "trace_id",
    )

    def __init__(
        self, workshop: Workshop, operation: str, birth: Birth, kind: Kind, attributes: dict[str, Any]
    ) -> None:
        clock = workshop.clock
        self._ticked = clock.steady()
        parent = birth.parent
        # Spans of one process stand on the clock of their entry, so that a step of the wall clock tears no trace.
        self._started: int = (
            clock.wall() if parent is None else parent._started + self._ticked - parent._ticked  # noqa: SLF001 - a span, too
        )
        self._workshop = workshop
        self._birth = birth
        self.operation = operation
        self.kind = kind
        self.trace_id = birth.trace_id
        self.span_id = workshop.ids.span_id()
        self.entry_id: str = self.span_id if parent is None else parent.entry_id
        self.attributes = made_plain(attributes) if attributes else attributes
        self.events: list[Event] | None = None
        self.status = Status.SUCCESS
        self.failure: Failure | None = None
        # Appending to a list is atomic; a counter would need a lock in each span, which makes it half as dear again.
        self._owed: list[bool] = []
        self._duration = 0
        self._open = True

    @property
    def parent_id(self) -> str:
        """Id of the span this one was forked from or called by, ``""`` on a root."""
        return self._birth.parent_id

    @property
    def service(self) -> str:
        """Name of the service the operation belongs to."""
        return self._workshop.resource.service

    @property
    def workshop(self) -> Workshop:
        """What this span shares with the others of its tracer."""
        return self._workshop

    @property
    def arrived(self) -> SpanContext | None:
        """The context that came in with the trace, None where the trace began in this process."""
        return self._birth.context

    @property
    def sampled(self) -> bool:
        """Whether the span leaves a record; its ids are put on log lines either way."""
        return self._birth.weight > 0

    @property
    def flags(self) -> int:
        """Trace flags of W3C Trace Context for the next service."""
        context = self._birth.context
        random: int = getattr(context, "flags", 0) & RANDOM if context is not None else 0
        return random | SAMPLED if self.sampled else random

    @property
    def children(self) -> int:
        """How many spans were forked from this one."""
        return self._owed.count(_CHILD)

    @property
    def calls(self) -> int:
        """How many times this span's context was injected into a carrier."""
        return self._owed.count(_CALL)

    @property
    def finished(self) -> bool:
        """Whether :meth:`finish` has been called."""
        return not hasattr(self, "_open")

    @property
    def duration_ns(self) -> int:
        """How long the operation took, 0 while it has not finished."""
        return self._duration

    def visit(self, see: Visitor, /) -> None:
        """Show ``traceId``, ``spanId``, and what else came with the trace, to *see* until it returns False."""
        pairs = {} if self._birth.context is None else pairs_of(self._birth.context)
        pairs["traceId"], pairs["spanId"] = self.trace_id, self.span_id
        for key, value in pairs.items():
            if see(key, value) is False:
                return

    def fork(self, operation: str | None = None, kind: Kind = Kind.INTERNAL, /, **attributes: Any) -> Span:
        """Start a child, by default of the same operation name."""
        self._owed.append(_CHILD)
        birth = self._birth
        born = Birth(self.trace_id, self.span_id, birth.weight, birth.context, self)
        return Span(self._workshop, self.operation if operation is None else operation, born, kind, attributes)

    def follow(self, operation: str | None = None, /, **attributes: Any) -> Span:
        """Start a successor on the same level: a child of this span's parent, or a second root of the trace."""
        name = self.operation if operation is None else operation
        birth = self._birth
        if birth.parent is not None:
            return birth.parent.fork(name, self.kind, **attributes)
        return Span(self._workshop, name, birth, self.kind, attributes)

    def set(self, **attributes: Any) -> Span:
        """Add attributes; a name set twice keeps the later value, and 128 names are kept."""
        if hasattr(self, "_open"):
            mine = self.attributes
            for key, value in made_plain(attributes).items():
                if len(mine) < MAX_KEYS or key in mine:
                    mine[key] = value
        return self

    def event(self, name: str, /, **attributes: Any) -> Span:
        """Note that something happened now; 128 events are kept."""
        if hasattr(self, "_open"):
            if self.events is None:
                self.events = []
            if len(self.events) < MAX_EVENTS:
                at = self._started + self._workshop.clock.steady() - self._ticked
                self.events.append(Event(name, at, made_plain(attributes)))
        return self

    def fail(self, failure: BaseException | str | None = None, /) -> Span:
        """Mark the operation as failed, because of an exception, for a reason in words, or without saying why."""
        if hasattr(self, "_open"):
            self.status = Status.FAILURE
            if isinstance(failure, BaseException):
                self.failure = failure_of(failure)
            elif failure is not None:
                self.failure = Failure("", failure)
        return self

    def called(self) -> None:
        """Count a context of this span that was handed to somebody else."""
        self._owed.append(_CALL)

    def leave_out(self) -> None:
        """Drop the record of this span, and of those forked from it from now on; ids stay on log lines."""
        self._birth = self._birth._replace(weight=0.0)

    def finish(self) -> None:
        """End the operation and hand its record over; later calls do nothing."""
        ticks = self._workshop.clock.steady()
        try:
            # Deleting an attribute is atomic: of two threads that finish at once, one gets the error.
            del self._open
        except AttributeError:
            return
        self._duration = ticks - self._ticked
        if self._birth.weight > 0:
            self._workshop.sink(self._record())

    def _record(self) -> SpanRecord:
        """Freeze what is known now."""
        birth = self._birth
        owed = self._owed
        return SpanRecord(
            self._workshop.resource,
            self.trace_id,
            self.span_id,
            birth.parent_id,
            self.entry_id,
            self.operation,
            self.kind,
            self.status,
            self._started,
            self._duration,
            owed.count(_CHILD) if owed else 0,
            owed.count(_CALL) if owed else 0,
            birth.weight,
            self.attributes,
            tuple(self.events) if self.events else (),
            self.failure,
        )

    def __repr__(self) -> str:
        return f"<Span {self.operation!r} traceId={self.trace_id} spanId={self.span_id}>"


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


#: Attributes as a record holds them.
Attributes = Mapping[str, Any]

"""One operation, from its start to the record it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tracelog.clock import Clock
from tracelog.context import RANDOM, SAMPLED, Propagator, SpanContext, Visitor, pairs_of
from tracelog.ids import Ids
from tracelog.plain import MAX_KEYS, made_plain
from tracelog.record import Entry, Event, Failure, Kind, Link, Resource, SpanRecord, Status, failure_of

MAX_EVENTS = 128

#: How many failures of spans inside of it a span remembers, so that none of them is told twice.
MAX_FAILURES = 16

#: What a span owes: a child that it forked, or an answer to a context that it handed on.
CHILD, _CALL = True, False
_SUCCESS = Status.SUCCESS


@dataclass(frozen=True, slots=True)
class Workshop:
    """
    What all spans of one tracer share; without a *propagator* the default formats are used.

    Each span looks into it half a dozen times, and slots answer three times as fast as the fields of a tuple.
    """

    resource: Resource
    clock: Clock
    ids: Ids
    propagator: Propagator | None
    sink: Callable[[Span], object]
    ship: Callable[[Any], object] | None = None
    ship_level: int = 0


class Arrival(NamedTuple):
    """
    What the first span of a trace in this process begins from.

    *span_id* is the caller's, ``""`` where the trace begins here; *arrived* is the context that came in, if one did;
    *weight* is the sampler's answer; *links* name a context that came in and was not believed.
    """

    trace_id: str
    span_id: str = ""
    weight: float = 1.0
    arrived: SpanContext | None = None
    links: tuple[Link, ...] = ()


class Span:
    """
    One operation. Made by a tracer or by :meth:`fork`, never by hand.

    A span is a :class:`~tracelog.context.SpanContext` itself: it can be injected, and spans elsewhere can begin from
    it. *arrived* is the context that came in with the trace, whose content is handed on; *weight* is 1 / sampling
    ratio, 0 for a span that leaves no record. All methods can be called from any thread.
    """

    __slots__ = (
        "_duration",
        "_epoch",
        "_inside",
        "_open",
        "_owed",
        "_parent",
        "_ticked",
        "arrived",
        "attributes",
        "entry_id",
        "events",
        "failure",
        "finished",
        "kind",
        "operation",
        "parent_id",
        "span_id",
        "status",
        "trace_id",
        "weight",
        "workshop",
    )

    _inside: tuple[tuple[int, Failure], ...]

    def __init__(
        self, workshop: Workshop, operation: str, kind: Kind, attributes: dict[str, Any], parent: Span | Arrival
    ) -> None:
        self._ticked = ticked = workshop.clock.steady()
        self.workshop = workshop
        self.operation = operation
        self.kind = kind
        self.attributes = made_plain(attributes) if attributes else attributes
        self.trace_id: str = parent.trace_id
        self.span_id = workshop.ids.span_id()
        self.parent_id = parent.span_id
        self.weight: float = parent.weight
        self.arrived: SpanContext | None = parent.arrived
        self._parent = parent
        self.entry_id: str
        self._epoch: int
        if isinstance(parent, Span):
            self.entry_id = parent.entry_id
            # Spans of one process stand on the clock of their entry, so that a step of the wall clock tears no trace.
            self._epoch = parent._epoch  # noqa: SLF001 - a span's own kind
        else:
            self.entry_id = self.span_id
            self._epoch = workshop.clock.wall() - ticked
        self.events: list[Event] | None = None
        self.status = _SUCCESS
        self.failure: Failure | None = None
        # Appending to a list is atomic; a counter would need a lock in each span, which makes it half as dear again.
        self._owed: list[bool] = []
        self._duration = 0
        self._open = True
        self.finished = False

    @property
    def service(self) -> str:
        """Name of the service the operation belongs to."""
        return self.workshop.resource.service

    @property
    def sampled(self) -> bool:
        """Whether the span leaves a record; its ids are put on log lines either way."""
        return self.weight > 0

    @property
    def flags(self) -> int:
        """Trace flags of W3C Trace Context for the next service."""
        random: int = getattr(self.arrived, "flags", 0) & RANDOM
        return random | SAMPLED if self.sampled else random

    @property
    def children(self) -> int:
        """How many spans were forked from this one."""
        return self._owed.count(CHILD)

    @property
    def calls(self) -> int:
        """How many times this span's context was injected into a carrier."""
        return self._owed.count(_CALL)

    @property
    def duration_ns(self) -> int:
        """How long the operation took, 0 while it has not finished."""
        return self._duration

    def visit(self, see: Visitor, /) -> None:
        """Show ``traceId``, ``spanId``, and what else came with the trace, to *see* until it returns False."""
        pairs = {} if self.arrived is None else pairs_of(self.arrived)
        pairs["traceId"], pairs["spanId"] = self.trace_id, self.span_id
        for key, value in pairs.items():
            if see(key, value) is False:
                return

    def fork(self, operation: str | None = None, kind: Kind = Kind.INTERNAL, /, **attributes: Any) -> Span:
        """Start a child, by default of the same operation name."""
        return self.child(self.operation if operation is None else operation, kind, attributes)

    def child(self, operation: str, kind: Kind, attributes: dict[str, Any]) -> Span:
        """Fork with attributes whose names may be anything; the dictionary is the span's from now on."""
        self._owed.append(CHILD)
        return Span(self.workshop, operation, kind, attributes, self)

    def follow(self, operation: str | None = None, /, **attributes: Any) -> Span:
        """Start a successor on the same level: a child of this span's parent, or a second root of the trace."""
        name = self.operation if operation is None else operation
        if isinstance(self._parent, Span):
            return self._parent.fork(name, self.kind, **attributes)
        return type(self)(self.workshop, name, self.kind, attributes, self._parent._replace(weight=self.weight))

    def set(self, /, **attributes: Any) -> Span:
        """Add attributes; a name set twice keeps the later value, and 128 names are kept."""
        if not self.finished:
            mine = self.attributes
            for key, value in made_plain(attributes).items():
                if len(mine) < MAX_KEYS or key in mine:
                    mine[key] = value
        return self

    def event(self, name: str, /, **attributes: Any) -> Span:
        """Note that something happened now; 128 events are kept."""
        if not self.finished:
            if self.events is None:
                self.events = []
            if len(self.events) < MAX_EVENTS:
                at = self.wall(self.workshop.clock.steady())
                self.events.append(Event(name, at, made_plain(attributes)))
        return self

    def fail(self, failure: BaseException | str | None = None, /) -> Span:
        """Mark the operation as failed, because of an exception, for a reason in words, or without saying why."""
        if not self.finished:
            self.status = Status.FAILURE
            if isinstance(failure, BaseException):
                self.failure = self._seen(failure_of(failure), id(failure))
            elif failure is not None:
                self.failure = self._seen(Failure("", failure))
        return self

    def called(self) -> None:
        """Count a context of this span that was handed to somebody else."""
        self._owed.append(_CALL)

    def wall(self, ticked: int) -> int:
        """Tell the time of day, in nanoseconds since the epoch, at a reading of the steady clock."""
        return self._epoch + ticked

    def leave_out(self) -> None:
        """Drop the record of this open span, and of those that begin from it from now on; ids stay on log lines."""
        if not self.finished:
            self.weight = 0.0

    def open_parent(self) -> Span | None:
        """Return the nearest span above this one, in this process, that has not finished."""
        above = self._parent
        while isinstance(above, Span):
            if not above.finished:
                return above
            above = above._parent  # noqa: SLF001 - a span's own kind
        return None

    def finish(self) -> None:
        """End the operation and hand the span over; later calls do nothing."""
        ticks = self.workshop.clock.steady()
        try:
            # Deleting an attribute is atomic: of two threads that finish at once, one gets the error.
            del self._open
        except AttributeError:
            return
        self.finished = True
        self._duration = ticks - self._ticked
        if self.weight > 0:
            self.workshop.sink(self)

    def record(self) -> SpanRecord:
        """Freeze what is known of a finished span; the worker asks for it, which is time that the caller keeps."""
        owed, parent = self._owed, self._parent
        return SpanRecord(
            self.workshop.resource,
            self.trace_id,
            self.span_id,
            self.parent_id,
            self.entry_id,
            self.operation,
            self.kind,
            self.status,
            self._epoch + self._ticked,
            self._duration,
            owed.count(CHILD) if owed else 0,
            owed.count(_CALL) if owed else 0,
            self.weight,
            # A copy: a thread that is still in set() may not change what the worker reads.
            dict(self.attributes),
            tuple(self.events) if self.events else (),
            self.failure,
            parent.links if type(parent) is Arrival else (),
        )

    def _seen(self, failure: Failure, identity: int = 0) -> Failure:
        """Add where *failure* was first seen, unless it is the exception *identity* of a span inside of this one."""
        # An attribute only where something failed: one that is there from the start would cost every span.
        for number, told in getattr(self, "_inside", ()):
            # An identity is given out again once its exception is gone, so that it alone proves nothing.
            if number == identity and failure.follows(told):
                return failure
        entry = self
        while isinstance(entry._parent, Span):
            entry = entry._parent
            if identity and self.sampled:
                before = getattr(entry, "_inside", ())[1 - MAX_FAILURES :]
                entry._inside = (*before, (identity, failure))  # noqa: SLF001 - a span's own kind
        return failure._replace(entry=Entry(entry.operation, entry.kind, entry.attributes.get("transaction.type")))

    def __repr__(self) -> str:
        return f"<Span {self.operation!r} traceId={self.trace_id} spanId={self.span_id}>"

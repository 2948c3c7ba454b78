"""Starts spans; owns the clock, the ids, the sampler and the way out."""

from __future__ import annotations

import time
from typing import Any, Protocol
from weakref import WeakSet

from tracelog.active import current
from tracelog.clock import Clock, SystemClock
from tracelog.context import Propagator, SpanContext
from tracelog.dotted import DottedIds, DottedSpan
from tracelog.ids import Ids, RandomIds
from tracelog.noop import AnySpan
from tracelog.record import Kind, Link, Resource
from tracelog.sampling import ParentBased, Sampler
from tracelog.span import Arrival, Span, Workshop
from tracelog.stats import Stats, total
from tracelog.trust import Trust, always, is_trusted


class Sink(Protocol):
    """Where finished spans and log lines go. ``offer`` never blocks and never raises."""

    def offer(self, item: Any, /) -> None:
        """Take a record, or anything with a ``record()`` that the worker turns into one."""

    def flush(self, timeout: float, /) -> int:
        """Wait up to *timeout* seconds for what was offered to be settled; return how many records are pending."""
        ...

    def stats(self) -> Stats:
        """Count what became of the records so far."""
        ...

    def close(self, timeout: float, /) -> int:
        """Flush, then let go of threads, connections and files."""
        ...


class Nowhere:
    """The sink of a tracer without a destination: ids work, records are forgotten."""

    def offer(self, item: Any, /) -> None:
        """Forget *item*."""

    def flush(self, timeout: float, /) -> int:
        """Have nothing to wait for."""
        return 0

    def stats(self) -> Stats:
        """Have nothing to count."""
        return Stats()

    def close(self, timeout: float, /) -> int:
        """Have nothing to close."""
        return 0


class Tracer:
    """
    Starts spans for one service.

    *ship_lines* says whether log lines from *ship_level* upwards go the way of the spans; *trust* is asked whether the
    context of a request is continued, and :class:`~tracelog.dotted.DottedIds` number spans as go-zero does. Everything
    has a default that needs no set-up: ``Tracer()`` gives ids on log lines and exports nothing.
    """

    def __init__(
        self,
        *,
        resource: Resource | None = None,
        sink: Sink | None = None,
        sampler: Sampler | None = None,
        propagator: Propagator | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        ship_lines: bool = False,
        ship_level: int = 0,
        trust: Trust | None = None,
    ) -> None:
        self.sink: Sink = Nowhere() if sink is None else sink
        self.sampler = sampler or ParentBased()
        #: Asked about each request that came with a context; None believes all.
        self.trust = None if trust is always else trust
        self._begun: type[Span] = DottedSpan if isinstance(ids, DottedIds) else Span
        self.workshop = Workshop(
            resource or Resource(service="unknown"),
            clock or SystemClock(),
            ids or RandomIds(),
            propagator,
            self.sink.offer,
            self.sink.offer if ship_lines else None,
            ship_level,
        )
        _tracers.add(self)

    def start_server_span(self, context: SpanContext | None, operation: str, /, **attributes: Any) -> Span:
        """Start the span of a request that came in with *context*, or of one that begins a trace."""
        return self.entry(context, operation, Kind.SERVER, attributes)

    def start_client_span(self, operation: str, /, **attributes: Any) -> AnySpan:
        """Start the span of a call to another service, a child of the active span; without one return NOOP."""
        return current().fork(operation, Kind.CLIENT, **attributes)

    def start_span(self, operation: str, /, **attributes: Any) -> Span:
        """Start a child of the active span, or a span that begins a trace."""
        parent = current()
        if isinstance(parent, Span):
            return parent.fork(operation, **attributes)
        return self.entry(None, operation, Kind.INTERNAL, attributes)

    def entry(
        self,
        context: SpanContext | None,
        operation: str,
        kind: Kind,
        attributes: dict[str, Any],
        *,
        request: Any = None,
    ) -> Span:
        """
        Start the first span of this process in a trace, and decide whether the trace is kept.

        The names of *attributes* may be anything; the dictionary is the span's from now on. *context* came with
        *request*: where that is not trusted a trace begins here, and nothing of the context is left but a link to it.
        """
        links: tuple[Link, ...] = ()
        if context is not None and self.trust is not None and not is_trusted(self.trust, request):
            # A decision without ids names nobody.
            links, context = (Link(context.trace_id, context.span_id),) if context.trace_id else (), None
        if context is None or not context.trace_id:
            trace_id, parent_id = self.workshop.ids.trace_id(), ""
        else:
            trace_id, parent_id = context.trace_id, context.span_id
        weight = self.sampler(trace_id, operation, context)
        arrival = Arrival(trace_id, parent_id, weight, context, links)
        return self._begun(self.workshop, operation, kind, attributes, arrival)


_tracers: WeakSet[Tracer] = WeakSet()

#: Ways out that hold records for which nobody else may be left: the application that made them can be let go of.
_held: set[Sink] = set()
_default: list[Tracer] = []


def default_tracer() -> Tracer:
    """Return the process's default tracer; one that exports nothing until another was set."""
    if not _default:
        _default.append(Tracer())
    return _default[0]


def has_default() -> bool:
    """Tell whether a default tracer was set."""
    return bool(_default)


def default_workshop() -> Workshop | None:
    """Return what the default tracer works with, None while there is none; lines outside of spans go its way."""
    return _default[0].workshop if _default else None


def set_default(tracer: Tracer | None) -> Tracer | None:
    """Make *tracer* the process's default; None forgets it. Returns the one before."""
    before = _default[0] if _default else None
    _default[:] = [] if tracer is None else [tracer]
    return before


def hold(sink: Sink) -> None:
    """Count *sink* among those that are flushed and asked for their stats, whoever else still knows it."""
    _held.add(sink)


def let_go(sink: Sink) -> None:
    """Undo :func:`hold`: *sink* is closed."""
    _held.discard(sink)


def flush(timeout: float = 2.0) -> int:
    """
    Wait up to *timeout* seconds until what every tracer of this process took so far is settled.

    Returns how many records are still pending: 0 means that each was stored, refused or dropped, and counted.
    """
    deadline = time.monotonic() + timeout
    return sum(sink.flush(max(0.0, deadline - time.monotonic())) for sink in _sinks())


def stats() -> Stats:
    """Count what became of the records of every tracer of this process."""
    return total(sink.stats() for sink in _sinks())


def _sinks() -> list[Sink]:
    """Collect where spans go, each once: several tracers may share one way out."""
    return list({id(sink): sink for sink in (*(tracer.sink for tracer in tuple(_tracers)), *tuple(_held))}.values())

"""What crosses the wire, and how it gets on and off it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

#: Shown each pair of a context; answering False ends the visit.
Visitor = Callable[[str, str], object]

SAMPLED = 0x01
RANDOM = 0x02

#: What B3 can say beyond the eight flags of W3C, which are all that a traceparent has room for.
DEBUG = 0x100
DEFERRED = 0x200


@runtime_checkable
class SpanContext(Protocol):
    """
    The identity of a span, and whatever else travels with it.

    Users may bring their own: any object with these three members can be given to
    :meth:`tracelog.tracer.Tracer.start_server_span`; what its ``visit`` shows is handed on to every fork and inject.
    """

    @property
    def trace_id(self) -> str:
        """Id of the trace."""
        ...

    @property
    def span_id(self) -> str:
        """Id of the span."""
        ...

    def visit(self, see: Visitor, /) -> None:
        """Show each pair, ``traceId`` and ``spanId`` among them, to *see* until it returns False."""


@dataclass(frozen=True)
class TraceContext:
    """
    A context as it came in from elsewhere.

    *flags* are those of W3C Trace Context (bit 0 sampled, bit 1 random) and two of B3's, *tracestate* is passed on as
    it is, *extra* is content of the application's own. Without ids it is a decision about a trace that begins here.
    """

    trace_id: str
    span_id: str
    flags: int = SAMPLED
    tracestate: str = ""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def visit(self, see: Visitor, /) -> None:
        """Show ``traceId``, ``spanId``, ``tracestate`` if there is one, and the extra pairs."""
        pairs = {"traceId": self.trace_id, "spanId": self.span_id}
        if self.tracestate:
            pairs["tracestate"] = self.tracestate
        for key, value in {**self.extra, **pairs}.items():
            if see(key, value) is False:
                return


class Carrier(Protocol):
    """Something that holds text by name on the way from one process to the next."""

    def get(self, key: str, /) -> str | None:
        """Return the value of *key*, several of them joined by commas, or None."""
        ...

    def set(self, key: str, value: str, /) -> None:
        """Write *value* under *key*, in place of what was there."""


@runtime_checkable
class Propagator(Protocol):
    """One format of carrying a context; the seam for more formats."""

    def extract(self, carrier: Carrier, context: SpanContext | None, /) -> SpanContext | None:
        """
        Read a context.

        *context* is what the formats before this one found. A format that reads ids returns it unchanged if there
        is one (the first valid one wins); one that reads further content adds to it.
        """
        ...

    def inject(self, context: SpanContext, carrier: Carrier, /) -> None:
        """Write *context* into *carrier*."""


def pairs_of(context: SpanContext) -> dict[str, str]:
    """
    Collect what *context* shows to a visitor.

    >>> pairs_of(TraceContext("t", "s", extra={"tenant": "blue"}))
    {'tenant': 'blue', 'traceId': 't', 'spanId': 's'}
    """
    pairs: dict[str, str] = {}
    context.visit(pairs.__setitem__)
    return pairs

"""Contexts on and off the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracelog.active import current
from tracelog.context import Carrier, Propagator, SpanContext
from tracelog.noop import NoopSpan
from tracelog.propagation.b3 import B3, B3Multi
from tracelog.propagation.baggage import Baggage, carry
from tracelog.propagation.carrier import FORMATS, wrap
from tracelog.propagation.gozero import GoZero
from tracelog.propagation.w3c import W3C
from tracelog.span import Span
from tracelog.tracer import default_tracer, has_default

__all__ = [
    "B3",
    "FORMATS",
    "PROPAGATORS",
    "W3C",
    "B3Multi",
    "Baggage",
    "Composite",
    "GoZero",
    "carry",
    "default_propagator",
    "extract",
    "inject",
    "wrap",
]


class Composite:
    """Several formats in one: all are written, the first that has ids is read, and baggage is added to that."""

    def __init__(self, propagators: Iterable[Propagator]) -> None:
        self.propagators = tuple(sorted(propagators, key=lambda one: isinstance(one, Baggage)))

    def extract(self, carrier: Carrier, context: SpanContext | None, /) -> SpanContext | None:
        """Ask each format in turn; a decision without ids counts where no format has any."""
        decision: SpanContext | None = None
        for propagator in self.propagators:
            context = propagator.extract(carrier, context)
            if context is not None and not context.trace_id:
                decision, context = decision or context, None
        return context or decision

    def inject(self, context: SpanContext, carrier: Carrier, /) -> None:
        """Write each format."""
        for propagator in self.propagators:
            propagator.inject(context, carrier)


#: Formats of ids by the names that ``TRACELOG_PROPAGATORS`` knows.
PROPAGATORS: dict[str, Propagator] = {
    "w3c": W3C(),
    "baggage": Baggage(),
    "b3": B3(),
    "b3multi": B3Multi(),
    "gozero": GoZero(),
}

_DEFAULT = Composite([PROPAGATORS["w3c"], PROPAGATORS["baggage"]])


def default_propagator() -> Propagator:
    """Return what is used where nothing else is configured: W3C Trace Context and W3C Baggage."""
    return _DEFAULT


def inject(carrier: Any, format: str = "http", context: SpanContext | None = None) -> None:
    """
    Write the ids of *context*, or of the active span, into *carrier*, in place of any that are there.

    Forks nothing; the span counts that its context was handed on. Where no span is active nothing is written. Raises
    :class:`~tracelog.errors.InvalidCarrier` for an unknown *format* and for a carrier that it cannot write to.
    """
    writable = wrap(carrier, format, writing=True)
    source = current() if context is None else context
    if isinstance(source, NoopSpan):
        return
    if isinstance(source, Span):
        (source.workshop.propagator or _DEFAULT).inject(source, writable)
        source.called()
    else:
        _own_propagator().inject(source, writable)


def extract(carrier: Any, format: str = "http") -> SpanContext | None:
    """
    Read the context that came with *carrier*; headers without ids, or with invalid ones, give None.

    Raises :class:`~tracelog.errors.InvalidCarrier` for an unknown *format* and for a carrier that it cannot read.
    """
    return _own_propagator().extract(wrap(carrier, format), None)


def _own_propagator() -> Propagator:
    """Return what this process's default tracer uses, without making one."""
    return (default_tracer().workshop.propagator if has_default() else None) or _DEFAULT

"""Which traces are kept: decided once, where a trace enters the process."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol
from zlib import crc32

from tracelog.context import DEFERRED, SAMPLED, SpanContext

LEFT_OUT = 0.0
KEPT = 1.0


class Sampler(Protocol):
    """Decides about a trace where it enters the process."""

    def __call__(self, trace_id: str, operation: str, parent: SpanContext | None, /) -> float:
        """Return the weight of the trace's spans (1 / ratio), 0 for a trace that is left out."""
        ...


def always(trace_id: str, operation: str, parent: SpanContext | None) -> float:
    """Keep every trace."""
    return KEPT


class Ratio:
    """
    Keeps that share of all traces, the same ones in every service, since the trace id decides.

    Reads the last 64 bits of the id, as OpenTelemetry's TraceIdRatioBased does.
    """

    def __init__(self, ratio: float) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError(ratio)
        self.ratio = ratio
        self._bound = round(ratio * 2**64)

    def __call__(self, trace_id: str, operation: str, parent: SpanContext | None) -> float:
        """Keep the trace if its id falls below the bound."""
        return 1 / self.ratio if _position(trace_id) < self._bound else LEFT_OUT


def _position(trace_id: str) -> int:
    """Place *trace_id* between 0 and 2**64; an id of another alphabet is placed by a checksum of it."""
    try:
        return int(trace_id[-16:], 16)
    except ValueError:
        return crc32(trace_id.encode(errors="replace")) << 32


class Rule(NamedTuple):
    """*pattern* is a glob over ``METHOD path``, or over the path alone where it begins with ``/`` or ``*``."""

    pattern: str
    sampler: Sampler

    def fits(self, operation: str) -> bool:
        """Tell whether *operation* (``GET /orders/17``, or any name) falls under this rule."""
        if fnmatchcase(operation, self.pattern):
            return True
        _, _, path = operation.partition(" ")
        return self.pattern.startswith("/") and fnmatchcase(path, self.pattern)


class ByRoute:
    """Asks the first rule that fits; without one every trace is kept."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)

    def __call__(self, trace_id: str, operation: str, parent: SpanContext | None) -> float:
        """Let the first rule that fits *operation* decide."""
        for rule in self.rules:
            if rule.fits(operation):
                return rule.sampler(trace_id, operation, parent)
        return KEPT


class ParentBased:
    """Follows the decision that came in with the context; asks *root* where none did, and about new traces."""

    def __init__(self, root: Sampler = always) -> None:
        self.root = root

    def __call__(self, trace_id: str, operation: str, parent: SpanContext | None) -> float:
        """Honour the caller's flag; a context of the user's own without flags counts as sampled."""
        if parent is None:
            return self.root(trace_id, operation, None)
        flags: int = getattr(parent, "flags", SAMPLED)
        if flags & DEFERRED:
            return self.root(trace_id, operation, parent)
        return KEPT if flags & SAMPLED else LEFT_OUT

"""
B3, the formats of Zipkin: one header ``b3``, or several that begin with ``X-B3-``.

A caller may send a decision without ids: a trace begins here then, and is kept or left out as it was told.
"""

from __future__ import annotations

import re

from tracelog.context import DEBUG, DEFERRED, SAMPLED, Carrier, SpanContext, TraceContext
from tracelog.ids import is_id
from tracelog.span import Span

#: The longest valid header has 68 characters; white space may stand around it.
MAX_HEADER = 128

_SINGLE = re.compile(r"(?:([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?|([01d]))")

#: What a caller may say about sampling; tracers from before the specification write words.
_FLAGS = {None: SAMPLED | DEFERRED, "0": 0, "1": SAMPLED, "d": SAMPLED | DEBUG, "false": 0, "true": SAMPLED}
_TRACE, _SPAN, _PARENT = "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId"
_SAMPLED, _DEBUG = "X-B3-Sampled", "X-B3-Flags"


class B3:
    """Carries ids in one header, ``b3``; ids of another shape are never written."""

    def extract(self, carrier: Carrier, context: SpanContext | None, /) -> SpanContext | None:
        """Read ``b3``; a value that is not valid is as good as none."""
        header = None if context is not None else carrier.get("b3")
        return context if header is None else parse_b3(header)

    def inject(self, context: SpanContext, carrier: Carrier, /) -> None:
        """Write ids, decision, and the parent where there is one."""
        ids = _ids(context)
        if ids is None:
            return
        trace_id, span_id, parent_id = ids
        state = _state(context)
        # Only after a decision can a parent stand.
        parts = (trace_id, span_id, state, parent_id if state else "")
        carrier.set("b3", "-".join(part for part in parts if part))


class B3Multi:
    """Carries ids in headers of their own, ``X-B3-TraceId`` and others; ids of another shape are never written."""

    def extract(self, carrier: Carrier, context: SpanContext | None, /) -> SpanContext | None:
        """Read the headers; half a context is as good as none."""
        if context is not None:
            return context
        trace_id, span_id, state = carrier.get(_TRACE), carrier.get(_SPAN), carrier.get(_SAMPLED)
        if carrier.get(_DEBUG) == "1":
            state = "d"
        if trace_id is None and span_id is None:
            return None if state is None else _context("", "", state)
        if trace_id is None or span_id is None or not is_id(span_id, 16):
            return None
        return _context(trace_id, span_id, state) if is_id(trace_id, 16) or is_id(trace_id, 32) else None

    def inject(self, context: SpanContext, carrier: Carrier, /) -> None:
        """Write ids, decision, and the parent where there is one."""
        ids = _ids(context)
        if ids is None:
            return
        trace_id, span_id, parent_id = ids
        carrier.set(_TRACE, trace_id)
        carrier.set(_SPAN, span_id)
        if parent_id:
            carrier.set(_PARENT, parent_id)
        state = _state(context)
        if state == "d":
            # The specification forbids to say both.
            carrier.set(_DEBUG, "1")
        elif state:
            carrier.set(_SAMPLED, state)


def parse_b3(header: str) -> SpanContext | None:
    """
    Read the single header; a decision alone gives a context without ids.

    >>> parse_b3("64fe8b2a57d3eff7-e457b5a2e4d86bd1-0").span_id
    'e457b5a2e4d86bd1'
    >>> parse_b3("0").flags, parse_b3("64fe8b2a57d3eff7")
    (0, None)
    """
    match = _SINGLE.fullmatch(header.strip(" \t")) if len(header) <= MAX_HEADER else None
    if match is None:
        return None
    trace_id, span_id, state, alone = match.groups()
    if alone is not None:
        return _context("", "", alone)
    return _context(trace_id, span_id, state) if trace_id.strip("0") and span_id.strip("0") else None


def _context(trace_id: str, span_id: str, state: str | None) -> SpanContext | None:
    """Put a context together, unless nobody knows what *state* means."""
    flags = _FLAGS.get(state)
    return None if flags is None else TraceContext(trace_id, span_id, flags)


def _ids(context: SpanContext) -> tuple[str, str, str] | None:
    """Return the ids of a trace, of a span, and ``""`` or that of its parent, as far as they have B3's shape."""
    trace_id, span_id = str(context.trace_id), str(context.span_id)
    if not is_id(span_id, 16) or not (is_id(trace_id, 16) or is_id(trace_id, 32)):
        return None
    parent_id = str(getattr(context, "parent_id", ""))
    return trace_id, span_id, parent_id if is_id(parent_id, 16) else ""


def _state(context: SpanContext) -> str:
    """Write the decision: deny, accept, debug as it came in, or ``""`` where it was left to the next service."""
    flags = getattr(context, "flags", SAMPLED)
    if not isinstance(flags, int):
        return "1"
    if isinstance(context, Span) and context.sampled:
        flags |= getattr(context.arrived, "flags", 0) & DEBUG
    if flags & DEFERRED:
        return ""
    return ("d" if flags & DEBUG else "1") if flags & SAMPLED else "0"

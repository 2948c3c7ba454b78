"""The pair of go-zero up to its version 1.2.1: ``X-Trace-ID`` and ``X-Span-ID``, in lower case in metadata."""

from __future__ import annotations

import re

from tracelog.context import Carrier, SpanContext, TraceContext

#: Longer ids are not taken from outside.
MAX_ID = 64

_ALPHABET = re.compile(r"[0-9A-Za-z.]+")
_TRACE, _SPAN = "X-Trace-ID", "X-Span-ID"


class GoZero:
    """Carries any ids of letters, digits and dots; they say nothing about sampling."""

    def extract(self, carrier: Carrier, context: SpanContext | None, /) -> SpanContext | None:
        """Read both headers as they are; one alone is as good as none."""
        if context is not None:
            return context
        trace_id, span_id = carrier.get(_TRACE), carrier.get(_SPAN)
        if trace_id is None or span_id is None or max(len(trace_id), len(span_id)) > MAX_ID:
            return None
        return TraceContext(trace_id, span_id) if _fits(trace_id) and _fits(span_id) else None

    def inject(self, context: SpanContext, carrier: Carrier, /) -> None:
        """Write both headers."""
        trace_id, span_id = str(context.trace_id), str(context.span_id)
        if _fits(trace_id) and _fits(span_id):
            carrier.set(_TRACE, trace_id)
            carrier.set(_SPAN, span_id)


def _fits(text: str) -> bool:
    """Tell whether an id can neither be mistaken for two nor break out of its header."""
    return _ALPHABET.fullmatch(text) is not None

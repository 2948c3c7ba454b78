"""W3C Trace Context (level 2): the headers ``traceparent`` and ``tracestate``."""

from __future__ import annotations

import re
from dataclasses import replace

from tracelog.context import DEBUG, RANDOM, SAMPLED, Carrier, SpanContext, TraceContext, pairs_of
from tracelog.ids import is_id
from tracelog.span import Span

MAX_TRACEPARENT = 512
MAX_TRACESTATE = 8192
MAX_MEMBERS = 32

#: Empty members are allowed, "a reasonable number" of them (RFC 9110, 5.6.1.2).
MAX_COMMAS = 256

#: How many characters of tracestate are passed on, and how long the members are that go first when there are more.
PASSED_ON = 512
LONG_MEMBER = 128

_KNOWN_FLAGS = SAMPLED | RANDOM
_OWS = " \t"

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x20-\x2b\x2d-\x7e]*)?")
_MEMBER = re.compile(
    r"([a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


class W3C:
    """Carries ids as W3C Trace Context has them; ids of another shape are never written."""

    def extract(self, carrier: Carrier, context: SpanContext | None, /) -> SpanContext | None:
        """
        Read ``traceparent`` and ``tracestate``; a traceparent that is not valid is as good as none.

        Where another format found the same span, its ids stay as they came, and the rest is added to them.
        """
        header = carrier.get("traceparent")
        parent = None if header is None else parse_traceparent(header)
        if parent is None:
            return context
        header = carrier.get("tracestate")
        state = parse_tracestate(header) if header else ""
        if context is None:
            return TraceContext(*parent, tracestate=state)
        trace_id, span_id, flags = parent
        if not isinstance(context, TraceContext) or (context.trace_id.zfill(32), context.span_id) != (
            trace_id,
            span_id,
        ):
            return context
        return replace(context, flags=flags | context.flags & DEBUG, tracestate=state)

    def inject(self, context: SpanContext, carrier: Carrier, /) -> None:
        """Write ``traceparent``, and ``tracestate`` where something of it came along."""
        trace_id, span_id = str(context.trace_id), str(context.span_id)
        if is_id(trace_id, 16):
            trace_id = trace_id.zfill(32)
        if not is_id(trace_id, 32) or not is_id(span_id, 16):
            return
        flags = getattr(context, "flags", SAMPLED)
        flags = flags & _KNOWN_FLAGS if isinstance(flags, int) else SAMPLED
        carrier.set("traceparent", f"00-{trace_id}-{span_id}-{flags:02x}")
        if isinstance(context, Span) and context.arrived is None:
            return
        state = pairs_of(context).get("tracestate")
        # A context of the application's own may say anything here, line breaks included.
        state = parse_tracestate(state) if isinstance(state, str) else ""
        if state:
            carrier.set("tracestate", state)


def parse_traceparent(header: str) -> tuple[str, str, int] | None:
    """
    Read trace id, span id and flags.

    >>> parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff")
    ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', 3)
    >>> parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more") is None
    True
    """
    if len(header) > MAX_TRACEPARENT:
        return None
    match = _PARENT.fullmatch(header.strip(_OWS))
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    if not is_id(trace_id, 32) or not is_id(span_id, 16):
        return None
    return trace_id, span_id, int(flags, 16) & _KNOWN_FLAGS


def parse_tracestate(header: str) -> str:
    """
    Return the members worth passing on, or ``""`` if one is invalid or there are too many.

    >>> parse_tracestate("congo=t61rcWkgMzE , ,rojo=00f067aa0ba902b7,congo=late")
    'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7'
    """
    if len(header) > MAX_TRACESTATE or header.count(",") > MAX_COMMAS:
        return ""
    members = [member for raw in header.split(",") if (member := raw.strip(_OWS))]
    if len(members) > MAX_MEMBERS:
        return ""
    kept: dict[str, str] = {}
    for member in members:
        match = _MEMBER.fullmatch(member)
        if match is None:
            return ""
        kept.setdefault(match[1], member)
    return ",".join(_shortened(list(kept.values())))


def _shortened(members: list[str]) -> list[str]:
    """Drop whole members from the end, the long ones first, until the rest is short enough to be passed on."""
    excess = sum(map(len, members)) + len(members) - 1 - PASSED_ON
    for least in (LONG_MEMBER + 1, 0):
        for place in range(len(members) - 1, -1, -1):
            if excess <= 0:
                return members
            if len(members[place]) >= least:
                excess -= len(members.pop(place)) + 1
    return members

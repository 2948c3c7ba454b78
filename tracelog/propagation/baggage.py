"""W3C Baggage: what the application sends along with a trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote, unquote

from tracelog.context import Carrier, SpanContext, TraceContext, pairs_of
from tracelog.span import Span

MAX_LENGTH = 8192
MAX_MEMBERS = 64

#: Pairs that other headers carry.
NOT_BAGGAGE = frozenset({"traceId", "spanId", "parentSpanId", "tracestate"})

# A percent sign stands for itself nowhere, so that reading undoes writing. A plus is legal, but is read as a space by
# those who take values for form fields.
_KEY_MARKS = "!#$&'*+-.^_`|~"
_VALUE_MARKS = "!#$&'()*-./:<=>?@[]^_`{|}~"

_MEMBER = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*)[ \t]*(?:;.*)?"
)


class Baggage:
    """Carries the pairs of a context that are not ids; adds to a context and never makes one."""

    def extract(self, carrier: Carrier, context: SpanContext | None, /) -> SpanContext | None:
        """Add what came as ``baggage`` to *context*; without ids there is nothing to add to."""
        if not isinstance(context, TraceContext):
            return context
        header = carrier.get("baggage")
        pairs = parse_baggage(header) if header else {}
        return replace(context, extra={**context.extra, **pairs}) if pairs else context

    def inject(self, context: SpanContext, carrier: Carrier, /) -> None:
        """Write the pairs that *context* shows, ids and tracestate left out, as far as they fit."""
        if isinstance(context, Span) and context.arrived is None:
            return
        header = write_baggage(pairs_of(context))
        if header:
            carrier.set("baggage", header)


def parse_baggage(header: str) -> dict[str, str]:
    """
    Read the pairs; members that are not valid, and properties, are left out.

    >>> parse_baggage("tenant=blue;ttl=3, na me=x, user=Am%C3%A9lie")
    {'tenant': 'blue', 'user': 'Amélie'}
    """
    if len(header) > MAX_LENGTH:
        # What stands after the last comma may have lost its end.
        header = header[: MAX_LENGTH + 1].rpartition(",")[0]
    pairs: dict[str, str] = {}
    for member in header.split(",", MAX_MEMBERS)[:MAX_MEMBERS]:
        match = _MEMBER.fullmatch(member.strip(" \t"))
        if match is not None:
            key = unquote(match[1])
            if key not in NOT_BAGGAGE:
                pairs[key] = unquote(match[2])
    return pairs


def write_baggage(pairs: Mapping[str, str]) -> str:
    """
    Write *pairs*, up to 64 of them and 8192 characters.

    >>> write_baggage({"traceId": "t", "tenant": "blue", "user": "Amélie"})
    'tenant=blue,user=Am%C3%A9lie'
    """
    members: list[str] = []
    length = -1
    for member in _members(pairs):
        length += len(member) + 1
        if length > MAX_LENGTH or len(members) == MAX_MEMBERS:
            break
        members.append(member)
    return ",".join(members)


def _members(pairs: Mapping[str, object]) -> Iterator[str]:
    """Write each pair of texts that may travel as baggage."""
    for key, value in pairs.items():
        # A context of the application's own may show anything.
        if isinstance(value, str) and key and key not in NOT_BAGGAGE:
            yield f"{quote(key, _KEY_MARKS, errors='replace')}={quote(value, _VALUE_MARKS, errors='replace')}"

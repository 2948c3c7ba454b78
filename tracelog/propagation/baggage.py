"""
W3C Baggage: what the application sends along with a trace.

Keys are percent-encoded as values are, so that any text makes the way there and back. Properties of members (what
stands after a semicolon) are not passed on.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import unquote

from tracelog.context import Carrier, SpanContext, TraceContext, pairs_of
from tracelog.noop import AnySpan
from tracelog.span import Span

MAX_LENGTH = 8192
MAX_MEMBERS = 64

#: Pairs that other headers carry.
NOT_BAGGAGE = frozenset({"traceId", "spanId", "parentSpanId", "tracestate"})

_MEMBER = re.compile(
    r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*)[ \t]*(?:;.*)?"
)

# What stands for something else when it is written. A percent sign stands for itself nowhere, so that reading undoes
# writing. A plus is legal, but is read as a space by those who take values for form fields.
_KEY = re.compile(r"[!#$&'*\-.^_`|~0-9A-Za-z]+")
_NO_KEY = re.compile(r"[^!#$&'*\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[!#$&'()*\-./:<=>?@\[\]^_`{|}~0-9A-Za-z]*")
_NO_VALUE = re.compile(r"[^!#$&'()*\-./:<=>?@\[\]^_`{|}~0-9A-Za-z]+")


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


def carry(span: AnySpan, /, **pairs: str) -> None:
    """
    Have *span*, and what is forked from it from now on, hand *pairs* to the services behind as baggage.

    They join what came in with the trace, and take the place of pairs of the same name.
    """
    if isinstance(span, Span):
        came = {} if span.arrived is None else pairs_of(span.arrived)
        span.arrived = TraceContext(
            span.trace_id,
            span.span_id,
            getattr(span.arrived, "flags", 0),
            came.get("tracestate", ""),
            {**{key: value for key, value in came.items() if key not in NOT_BAGGAGE}, **pairs},
        )


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
        match = _MEMBER.fullmatch(member)
        if match is not None:
            key, value = _decoded(match[1]), match[2]
            if key not in NOT_BAGGAGE:
                pairs[key] = _AsItCame(value) if "%" in value or "+" in value else value
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
            # To see that all is well costs a third of looking for what is not.
            written = key if _KEY.fullmatch(key) else _NO_KEY.sub(_encoded, key)
            if isinstance(value, _AsItCame):
                yield f"{written}={value.raw}"
            else:
                yield f"{written}={value if _VALUE.fullmatch(value) else _NO_VALUE.sub(_encoded, value)}"


class _AsItCame(str):
    """
    A value that is read decoded and handed on as it came.

    Some (OpenTelemetry's Python among them) write a space as a plus, and have to find it so in the next service.
    """

    __slots__ = ("raw",)

    raw: str

    def __new__(cls, raw: str) -> _AsItCame:  # noqa: PYI034 - Self came with Python 3.11, and nothing inherits this
        value = super().__new__(cls, _decoded(raw))
        value.raw = raw
        return value

    def __getnewargs__(self) -> tuple[str]:
        return (self.raw,)


def _encoded(match: re.Match[str]) -> str:
    """Write characters as the bytes of their UTF-8."""
    return "%" + match[0].encode(errors="replace").hex("%").upper()


def _decoded(text: str) -> str:
    """
    Undo :func:`_encoded`; what is no UTF-8 becomes U+FFFD, and what is no escape stays.

    >>> _decoded("%C3%A9=%2C%FF%zz%")
    'é=,\ufffd%zz%'
    """
    if "%" not in text:
        return text
    # As quoted-printable, which differs in the sign alone: a header of escapes is read in a tenth of unquote's time.
    read = a2b_qp(text.replace("=", "=3D").replace("%", "="))
    # Each escape takes two characters more than what it stands for, and nothing else does.
    whole = len(read) + 2 * text.count("%") == len(text)
    return read.decode(errors="replace") if whole else unquote(text)

"""What a call over gRPC tells, on either side: its name, its attributes, and how it ended."""

# pyright: basic
# The stubs of gRPC know half of its types, and of grpc.aio none.

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from grpc import StatusCode

from tracelog.span import Span

#: What a server is to blame for (OpenTelemetry's conventions for gRPC); to a client every code but OK is a failure.
SERVER_FAILURES = frozenset(
    {
        StatusCode.UNKNOWN,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.UNIMPLEMENTED,
        StatusCode.INTERNAL,
        StatusCode.UNAVAILABLE,
        StatusCode.DATA_LOSS,
    }
)
CLIENT_FAILURES = frozenset(StatusCode) - {StatusCode.OK}

#: Seconds. A client whose time is over says no more than that it leaves, and its clock is not the server's.
_SLACK = 0.1

_NUMBERS = {code: code.value[0] for code in StatusCode}
_BY_NUMBER = {number: code for code, number in _NUMBERS.items()}


@lru_cache(maxsize=1024)
def operation(method: str | bytes) -> str:
    """
    Name a call as its service declares it.

    >>> operation("/shop.Stock/Reserve"), operation(b"/shop.Stock/Reserve")
    ('shop.Stock/Reserve', 'shop.Stock/Reserve')
    """
    name = method.decode("utf-8", "replace") if isinstance(method, bytes) else method
    return name.removeprefix("/")


@lru_cache(maxsize=1024)
def attributes(name: str) -> Mapping[str, Any]:
    """
    Describe a call.

    >>> attributes("shop.Stock/Reserve")
    {'rpc.system': 'grpc', 'rpc.service': 'shop.Stock', 'rpc.method': 'Reserve'}
    """
    service, _, method = name.rpartition("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}


def peer(address: str) -> dict[str, Any]:
    """
    Read who called; what is no network address tells nothing.

    >>> peer("ipv4:127.0.0.1:5000"), peer("ipv6:%5B::1%5D:5000"), peer("unix:")
    ({'client.address': '127.0.0.1', 'client.port': 5000}, {'client.address': '::1', 'client.port': 5000}, {})
    """
    family, _, rest = unquote(address).partition(":")
    host, _, port = rest.rpartition(":")
    if family not in ("ipv4", "ipv6") or not host or not port.isdigit():
        return {}
    return {"client.address": host.strip("[]"), "client.port": int(port)}


def code_of(told: object) -> StatusCode | None:
    """Read a status code, which contexts give as a code, as a number, or not at all."""
    if isinstance(told, StatusCode):
        return told
    return _BY_NUMBER.get(told) if isinstance(told, int) else None


def broken_off(left: float | None) -> StatusCode:
    """
    Say why a server's call was broken off with so many seconds *left*.

    >>> broken_off(None).name, broken_off(2.0).name, broken_off(0.003).name
    ('CANCELLED', 'CANCELLED', 'DEADLINE_EXCEEDED')
    """
    return StatusCode.DEADLINE_EXCEEDED if left is not None and left <= _SLACK else StatusCode.CANCELLED


def finish(span: Span, code: StatusCode, failures: frozenset[StatusCode]) -> None:
    """Note how a call ended, and finish its span; later calls do nothing."""
    if span.finished:
        return
    span.attributes["rpc.grpc.status_code"] = _NUMBERS[code]
    if code in failures:
        span.attributes["error.type"] = code.name
        span.fail()
    span.finish()

"""
A call to another service over HTTP, whichever library makes it: what its span shows, and until when it is active.

Libraries sit on each other: the span of a call is marked as such while the call is on its way, so that the library
below makes no second one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar, Token
from functools import lru_cache
from typing import Any, NamedTuple

from tracelog.active import enter, leave, parent
from tracelog.record import Kind
from tracelog.span import Span
from tracelog.wsgi import report_fault

_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
DEFAULT_PORTS = {"http": 80, "https": 443}
_FAILED_FROM = 400
_HIDDEN = "REDACTED"

# What libraries send they have checked; to take it apart once more by the rules would be half of a span's cost.
_URL = re.compile(r"([A-Za-z][\w+.\-]*)://(?:[^/?#]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d*))?([^?#]*)(?:\?([^#]*))?")

_on_its_way: ContextVar[Span | None] = ContextVar("tracelog_on_its_way", default=None)


class Target(NamedTuple):
    """Where a call goes; *port* is None where the scheme says it, *query* is as it stands in the URL."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str = ""

    @classmethod
    def of(cls, url: str) -> Target:
        """
        Take a URL apart; name, password and fragment are left out.

        >>> Target.of("https://ann:secret@shop.test:8443/basket?token=1#top")
        Target(scheme='https', host='shop.test', port=8443, path='/basket', query='token=1')
        """
        match = _URL.match(url)
        if match is None:
            return cls("", "", None, "")
        scheme, host, port, path, query = match.groups("")
        return cls(scheme.lower(), host.strip("[]").lower(), int(port) if port else None, path, query)


class Call:
    """One exchange: inside of the block its span is active, and with the block it ends."""

    __slots__ = ("_before", "_token", "span")

    _before: Span | None
    _token: Token[Span | None]

    def __init__(self, span: Span) -> None:
        self.span = span

    def __enter__(self) -> Span:
        self._before = _on_its_way.get()
        self._token = enter(self.span)
        _on_its_way.set(self.span)
        return self.span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.span.fail(error)
        self.span.finish()
        _on_its_way.set(self._before)
        leave(self._token)

    def answered(self, status: int) -> None:
        """Note what was answered; to the one who calls, a refusal is a failure too."""
        try:
            self.span.attributes["http.response.status_code"] = int(status)
            if status >= _FAILED_FROM:
                self.span.attributes["error.type"] = str(status)
                self.span.fail()
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the call
            report_fault("ending a call", error)


def to_be_traced() -> Span | None:
    """Return the span that a call made now belongs to; None without a trace, and where a span tells of it already."""
    above = parent()
    return None if above is _on_its_way.get() else above


def begin(above: Span, method: str, target: Target, **more: Any) -> Call:
    """Start the span of an exchange as a child of *above*; *more* are further attributes."""
    scheme, host, port, path, query = target
    operation, server, told = _known(method, scheme, host, port)
    url = f"{server}{path}?{hidden(query)}" if query else server + path
    return Call(above.child(operation, Kind.CLIENT, {**told, "url.full": url, **more}))


@lru_cache(maxsize=256)
def _known(method: str, scheme: str, host: str, port: int | None) -> tuple[str, str, Mapping[str, Any]]:
    """Name a call, begin its URL, and tell what all calls have in common that ask the same server in the same way."""
    known = method if method in _METHODS else "_OTHER"
    told: dict[str, Any] = {"http.request.method": known, "server.address": host}
    number = port or DEFAULT_PORTS.get(scheme)
    if number is not None:
        told["server.port"] = number
    if known != method:
        told["http.request.method_original"] = method
    place = f"[{host}]" if ":" in host else host
    return f"{known} {host}", f"{scheme}://{place}:{port}" if port else f"{scheme}://{place}", told


def hidden(query: str) -> str:
    """
    Keep the names in a query and hide their values.

    >>> hidden("token=secret&page=&7")
    'token=REDACTED&page=REDACTED&REDACTED'
    """
    parts = [part.partition("=") for part in query.split("&") if part]
    return "&".join([f"{name}={_HIDDEN}" if equals else _HIDDEN for name, equals, _ in parts])

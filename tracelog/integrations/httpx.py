"""
httpx: every exchange of a client, synchronous or not, becomes a client span, and the service called learns its ids.

Each hop of a redirect, and each step of an authentication, is an exchange of its own; connections that a transport
tries again are inside of one. The span ends when the headers of the answer are there, for ``client.stream(...)`` as for
``client.get(...)``: the body is read by whoever wants it, when they want it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from httpx import AsyncBaseTransport, AsyncClient, BaseTransport, Client, Headers, Request, Response

from tracelog.hooks import put_on, take_off
from tracelog.outgoing import Call, Target, begin, to_be_traced
from tracelog.propagation import inject
from tracelog.span import Span
from tracelog.wsgi import harmless

__all__ = ["install", "uninstall"]

#: Asked by httpx once for each exchange, in clients of both kinds and any age.
_METHOD = "_transport_for_url"


def install(client: Client | AsyncClient | None = None) -> None:
    """Trace what *client* sends, or what every client of the process does; a second call changes nothing."""
    if client is None or isinstance(client, Client):
        put_on(client or Client, _METHOD, _transport)
    if client is None or isinstance(client, AsyncClient):
        put_on(client or AsyncClient, _METHOD, _async_transport)


def uninstall(client: Client | AsyncClient | None = None) -> None:
    """Undo :func:`install`, unless somebody else has wrapped the same method since: then it stays."""
    for owner in (Client, AsyncClient) if client is None else (client,):
        take_off(owner, _METHOD)


def _transport(original: Callable[..., BaseTransport], *args: Any, **kwargs: Any) -> BaseTransport:
    """Return the transport for a URL; inside a span, one that traces the exchange."""
    transport = original(*args, **kwargs)
    # Without a trace to belong to, a call costs no more than this question.
    return transport if to_be_traced() is None else _Traced(transport)


def _async_transport(original: Callable[..., AsyncBaseTransport], *args: Any, **kwargs: Any) -> AsyncBaseTransport:
    """Do the same for a client that is awaited; a transport may serve both kinds."""
    transport = original(*args, **kwargs)
    return transport if to_be_traced() is None else _AsyncTraced(transport)


class _Traced(BaseTransport):
    """A transport, with a span around what it sends."""

    def __init__(self, transport: BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: Request) -> Response:
        """Send *request* with the ids of a new span on it."""
        call = _begun(request)
        if call is None:
            return self._transport.handle_request(request)
        with call as span:
            response = self._transport.handle_request(_marked(request, span))
            call.answered(response.status_code)
        return response


class _AsyncTraced(AsyncBaseTransport):
    """The same for clients that are awaited."""

    def __init__(self, transport: AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: Request) -> Response:
        """Send *request* with the ids of a new span on it."""
        call = _begun(request)
        if call is None:
            return await self._transport.handle_async_request(request)
        with call as span:
            response = await self._transport.handle_async_request(_marked(request, span))
            call.answered(response.status_code)
        return response


def _begun(request: Request) -> Call | None:
    """Start the span of an exchange, if it is to have one."""
    parent = to_be_traced()
    if parent is not None:
        with harmless("beginning a call"):
            url = request.url
            path, _, query = url.raw_path.decode("ascii", "replace").partition("?")
            return begin(parent, request.method, Target(url.scheme, url.host, url.port, path, query))
    return None


def _marked(request: Request, span: Span) -> Request:
    """Put the ids of *span* on a copy: the caller's own request may be sent again, outside of this trace."""
    with harmless("handing ids on"):
        ids: dict[str, str] = {}
        inject(ids, "mapping", span)
        headers = Headers(request.headers)
        for name, value in ids.items():
            headers[name] = value
        return Request(
            request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
        )
    return request

"""
requests: every exchange of a call becomes a client span, and the service that is called learns its ids.

Each hop of a redirect is an exchange of its own. The span ends when the headers of the answer are there: its body is
read by whoever wants it, when they want it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter

from tracelog.active import activate, current
from tracelog.noop import NOOP, AnySpan
from tracelog.propagation import inject
from tracelog.record import Kind
from tracelog.wsgi import harmless

__all__ = ["install", "uninstall"]

_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_PORTS = {"http": 80, "https": 443}
_FAILED_FROM = 400
_HIDDEN = "REDACTED"
_METHOD = "get_adapter"


def install(session: Session | None = None) -> None:
    """Trace what *session* sends, or what every session of the process does; a second call changes nothing."""
    owner = Session if session is None else session
    if not isinstance(vars(owner).get(_METHOD), _Hook):
        setattr(owner, _METHOD, _Hook(owner.get_adapter))


def uninstall(session: Session | None = None) -> None:
    """Undo :func:`install`, unless somebody else has wrapped the same method since: then it stays."""
    owner = Session if session is None else session
    hook = vars(owner).get(_METHOD)
    if not isinstance(hook, _Hook):
        return
    if session is None:
        setattr(Session, _METHOD, hook.original)
    else:
        delattr(session, _METHOD)


class _Hook:
    """Stands in for ``get_adapter``, of one session or of their class; requests asks it once for each exchange."""

    def __init__(self, original: Callable[..., BaseAdapter]) -> None:
        self.original = original

    def __get__(self, session: Session | None, owner: type[Session]) -> Callable[..., BaseAdapter]:
        return self if session is None else partial(self, session)

    def __call__(self, *args: Any, **kwargs: Any) -> BaseAdapter:
        """Return the adapter for a URL; inside a span, one that traces the exchange."""
        adapter = self.original(*args, **kwargs)
        # Without a trace to belong to, a call costs no more than this question.
        if current() is NOOP or isinstance(adapter, _TracedAdapter):
            return adapter
        return _TracedAdapter(adapter)


class _TracedAdapter(BaseAdapter):
    """An adapter, with a span around what it sends."""

    def __init__(self, adapter: BaseAdapter) -> None:
        super().__init__()
        self._adapter = adapter

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send *request* with the ids of a new span on it."""
        span: AnySpan = NOOP
        with harmless("beginning a call"):
            span = _begun(request)
        with harmless("handing ids on"):
            request = _marked(request, span)
        with activate(span):
            try:
                response = self._adapter.send(request, *args, **kwargs)
            except BaseException as error:
                span.fail(error).finish()
                raise
        with harmless("ending a call"):
            _settle(span, response.status_code)
        span.finish()
        return response

    def close(self) -> None:
        """Close the adapter behind."""
        self._adapter.close()

    def __getattr__(self, name: str) -> Any:
        # Applications ask adapters for what they were made with: retries, pools, certificates.
        return getattr(self._adapter, name)


def _begun(request: PreparedRequest) -> AnySpan:
    """Start the span of an exchange."""
    method, url = request.method or "", urlsplit(request.url or "")
    known = method if method in _METHODS else "_OTHER"
    host = url.hostname or ""
    attributes = _attributes(known, host, url)
    if known != method:
        attributes["http.request.method_original"] = method
    return current().fork(f"{known} {host}", Kind.CLIENT, **attributes)


def _marked(request: PreparedRequest, span: AnySpan) -> PreparedRequest:
    """Put the ids of *span* on a copy: the caller's own request may be sent again, outside of this trace."""
    marked = copy(request)
    marked.headers = request.headers.copy()
    inject(marked.headers, context=span)
    return marked


def _attributes(method: str, host: str, url: SplitResult) -> dict[str, Any]:
    attributes: dict[str, Any] = {"http.request.method": method, "server.address": host, "url.full": _shown(host, url)}
    port = url.port or _PORTS.get(url.scheme)
    if port is not None:
        attributes["server.port"] = port
    return attributes


def _shown(host: str, url: SplitResult) -> str:
    """Write *url* without name and password, and without what its query says."""
    place = f"[{host}]" if ":" in host else host
    place = f"{place}:{url.port}" if url.port else place
    names = (part.partition("=") for part in url.query.split("&") if part)
    query = "&".join(f"{name}={_HIDDEN}" if equals else _HIDDEN for name, equals, _ in names)
    return f"{url.scheme}://{place}{url.path}{'?' if query else ''}{query}"


def _settle(span: AnySpan, status: int) -> None:
    """Note how the exchange ended; to the one who calls, a refusal is a failure too."""
    span.set(**{"http.response.status_code": status})
    if status >= _FAILED_FROM:
        span.set(**{"error.type": str(status)}).fail()

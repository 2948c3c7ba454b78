"""
requests: every exchange of a call becomes a client span, and the service that is called learns its ids.

Each hop of a redirect is an exchange of its own; retries that an adapter makes are inside of one. The span ends when
the headers of the answer are there: its body is read by whoever wants it, when they want it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter

from tracelog.hooks import put_on, take_off
from tracelog.outgoing import Call, Target, begin, to_be_traced
from tracelog.propagation import inject
from tracelog.span import Span
from tracelog.wsgi import report_fault

__all__ = ["install", "uninstall"]

#: Asked by requests once for each exchange.
_METHOD = "get_adapter"


def install(session: Session | None = None) -> None:
    """Trace what *session* sends, or what every session of the process does; a second call changes nothing."""
    put_on(Session if session is None else session, _METHOD, _adapter)


def uninstall(session: Session | None = None) -> None:
    """Undo :func:`install`, unless somebody else has wrapped the same method since: then it stays."""
    take_off(Session if session is None else session, _METHOD)


def _adapter(original: Callable[..., BaseAdapter], *args: Any, **kwargs: Any) -> BaseAdapter:
    """Return the adapter for a URL; inside a span, one that traces the exchange."""
    adapter = original(*args, **kwargs)
    # Without a trace to belong to, a call costs no more than this question.
    return adapter if to_be_traced() is None else _TracedAdapter(adapter)


class _TracedAdapter(BaseAdapter):
    """An adapter, with a span around what it sends."""

    def __init__(self, adapter: BaseAdapter) -> None:  # the class above has nothing to set up
        self._adapter = adapter

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send *request* with the ids of a new span on it."""
        call = _begun(request)
        if call is None:
            return self._adapter.send(request, *args, **kwargs)
        with call as span:
            response = self._adapter.send(_marked(request, span), *args, **kwargs)
            call.answered(response.status_code)
        return response

    def close(self) -> None:
        """Close the adapter behind."""
        self._adapter.close()

    def __getattr__(self, name: str) -> Any:
        # Applications ask adapters for what they were made with: retries, pools, certificates.
        return getattr(self._adapter, name)


def _begun(request: PreparedRequest) -> Call | None:
    """Start the span of an exchange, if it is to have one."""
    parent = to_be_traced()
    if parent is None:
        return None
    try:
        return begin(parent, request.method or "", Target.of(request.url or ""))
    except Exception as error:  # noqa: BLE001 - no fault of ours may reach the call
        report_fault("beginning a call", error)
        return None


def _marked(request: PreparedRequest, span: Span) -> PreparedRequest:
    """Put the ids of *span* on a copy: the caller's own request may be sent again, outside of this trace."""
    try:
        ids: dict[str, str] = {}
        inject(ids, "mapping", span)
        headers = request.headers.copy()
        for name, value in ids.items():
            headers[name] = value
        # What copy() does, for a fifth of the time.
        marked = type(request).__new__(type(request))
        marked.__dict__ = {**request.__dict__, "headers": headers}
    except Exception as error:  # noqa: BLE001 - as above
        report_fault("handing ids on", error)
        return request
    return marked

"""
urllib3: every attempt of a call becomes a client span, and the service that is called learns its ids.

A call that is tried three times is three spans, each with the ids that its attempt carries; hops of redirects are too.
The span ends when the headers of the answer are there; urllib3 2 reads a body that it is to preload (its default)
before that. What another traced library, such as requests, sends through urllib3 has a span already and gets no second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, PoolManager

from tracelog.hooks import put_on, take_off
from tracelog.outgoing import DEFAULT_PORTS, Call, Target, begin, to_be_traced
from tracelog.propagation import inject
from tracelog.span import Span
from tracelog.wsgi import harmless

__all__ = ["install", "uninstall"]

#: Called by urllib3 once for each attempt, with ``(connection, method, url)`` and the rest by keyword, since 1.26.
_METHOD = "_make_request"

#: Where every pool of a manager comes from, whether it is new or was there.
_SOURCE = "connection_from_pool_key"

_Pool = HTTPConnectionPool | PoolManager


def install(pool: _Pool | None = None) -> None:
    """Trace what *pool*, or a pool manager, sends, or what all of the process do; a second call changes nothing."""
    if pool is None:
        put_on(HTTPConnectionPool, _METHOD, _of_any)
    elif isinstance(pool, PoolManager):
        put_on(pool, _SOURCE, _opened)
    else:
        put_on(pool, _METHOD, partial(_attempt, pool))


def uninstall(pool: _Pool | None = None) -> None:
    """Undo :func:`install`, unless somebody else has wrapped the same method since: then it stays."""
    if pool is None:
        take_off(HTTPConnectionPool, _METHOD)
    elif isinstance(pool, PoolManager):
        take_off(pool, _SOURCE)
        for key in pool.pools.keys():  # noqa: SIM118 - this container cannot be iterated
            opened = pool.pools.get(key)
            if opened is not None:
                take_off(opened, _METHOD)
    else:
        take_off(pool, _METHOD)


def _opened(original: Callable[..., HTTPConnectionPool], *args: Any, **kwargs: Any) -> HTTPConnectionPool:
    """Trace each pool that a manager gives out."""
    pool = original(*args, **kwargs)
    install(pool)
    return pool


def _of_any(original: Callable[..., Any], pool: HTTPConnectionPool, *args: Any, **kwargs: Any) -> Any:
    return _attempt(pool, partial(original, pool), *args, **kwargs)


def _attempt(
    pool: HTTPConnectionPool, send: Callable[..., Any], connection: Any, method: str, url: str, **options: Any
) -> Any:
    """Make one attempt with the ids of a new span on it."""
    call: Call | None = None
    parent = to_be_traced()
    if parent is not None:
        with harmless("beginning a call"):
            call = begin(parent, method, _target(pool, url), **_resent(options))
    if call is None:
        return send(connection, method, url, **options)
    with call as span:
        with harmless("handing ids on"):
            options["headers"] = _marked(options.get("headers"), span)
        response = send(connection, method, url, **options)
        call.answered(response.status)
    return response


def _target(pool: HTTPConnectionPool, url: str) -> Target:
    """Tell where an attempt goes; a proxy is told the whole URL, any other server the part after its own name."""
    if not url.startswith("/") and "://" in url:
        return Target.of(url)
    path, _, query = url.partition("#")[0].partition("?")
    scheme = pool.scheme or "http"
    port = None if pool.port == DEFAULT_PORTS.get(scheme) else pool.port
    return Target(scheme, pool.host.strip("[]"), port, path, query)


def _resent(options: Mapping[str, Any]) -> dict[str, int]:
    """Count what was sent before this attempt, where urllib3 says it (since 2.0)."""
    earlier = len(getattr(options.get("retries"), "history", ()))
    return {"http.request.resend_count": earlier} if earlier else {}


def _marked(headers: Any, span: Span) -> Any:
    """Put the ids of *span* on a copy: the caller's own headers may be sent again, outside of this trace."""
    # Of the same kind: connections that others bring along (botocore's) ask for values that are bytes.
    marked = {} if headers is None else headers.copy() if hasattr(headers, "copy") else dict(headers)
    inject(marked, context=span)
    return marked

"""
Flask: every request becomes a server span, and its ids stand on every line until the body is closed.

Built on Flask's public hooks and a wrapper around ``wsgi_app``; :mod:`tracelog.wsgi` has the way of one request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, cast

from flask import Flask, Request, got_request_exception, request

from tracelog import factory
from tracelog.assembly import Settings, build, build_beside, read_settings
from tracelog.pipeline.exporter import Exporter
from tracelog.propagation import default_propagator
from tracelog.propagation.carrier import Environ as Incoming
from tracelog.record import Kind
from tracelog.span import Span
from tracelog.tracer import Tracer, default_tracer, has_default, set_default
from tracelog.wsgi import FAILED_FROM, Environ, Exchange, StartResponse, harmless, is_test_client, report_fault

__all__ = ["TraceLog"]

_KEY = "tracelog"
_EXCHANGE = "tracelog.exchange"
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_CLIENT_ERRORS_FROM = 400

_LINE = "%s %d in %.1f ms"

#: The request itself, as Flask documents it: each look through the proxy would cost as much as a whole child span.
_asked: Callable[[], Request] = cast("Any", request)._get_current_object  # noqa: SLF001 - public in all but its name

#: One line at INFO for each finished request.
request_log = logging.getLogger("tracelog.request")
_LOGGERS = request_log.manager


class TraceLog:
    """
    The Flask extension: ``TraceLog(app)``, or ``TraceLog()`` and later ``init_app(app)``.

    *settings* are those of the README's table in lower case; what is not given is read from the application's
    configuration (``TRACELOG_…``), then from the environment. A *tracer* that is there already, or an *exporter* of
    your own, can be given instead of ``export``. One object may serve several applications.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        tracer: Tracer | None = None,
        exporter: Exporter | None = None,
        **settings: Any,
    ) -> None:
        self._tracer = tracer
        self._exporter = exporter
        self._settings = settings
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, **settings: Any) -> None:
        """
        Trace every request of *app*, and put ids on every LogRecord of the process.

        Its tracer becomes the process's default if there is none. Without a destination in the settings the default
        tracer is used where one was configured. Raises InvalidSetting for a setting that cannot be used, and
        RuntimeError for an application that is traced already.
        """
        if _KEY in app.extensions:
            raise RuntimeError("this application is traced already: call TraceLog(app) or init_app(app) once")
        chosen = read_settings({**self._settings, **settings}, app.config)
        tracer = self._tracer or self._make_tracer(chosen, app.name)
        if not has_default():
            set_default(tracer)
        factory.install()
        traced = _TracedFlask(app.wsgi_app, tracer, chosen)
        app.extensions[_KEY] = traced
        app.wsgi_app = traced  # type: ignore[method-assign]  # as Flask documents it
        # First of all, so that a hook of the application's own that ends the request finds it named.
        app.before_request_funcs.setdefault(None, []).insert(0, traced.routed)
        got_request_exception.connect(traced.failed, app)

    def _make_tracer(self, chosen: Settings, name: str) -> Tracer:
        if chosen.export is None and self._exporter is None and has_default():
            return build_beside(default_tracer(), chosen)
        return build(replace(chosen, service=chosen.service or name), exporter=self._exporter)


class _TracedFlask:
    """One application's ``wsgi_app``, traced."""

    def __init__(self, wsgi_app: Callable[..., Iterable[bytes]], tracer: Tracer, settings: Settings) -> None:
        self._wsgi_app = wsgi_app
        self.tracer = tracer
        self._propagator = tracer.workshop.propagator or default_propagator()
        self._header = settings.response_header
        self._failed_from = _CLIENT_ERRORS_FROM if settings.client_errors_fail else FAILED_FROM
        #: The rules of ``EXCLUDE``: each says of a request whether it makes no span.
        self.exclusions = tuple(map(_exclusion, settings.exclude))
        self._says_line = settings.request_line

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            exchange = self._exchange(environ, start_response)
            exchange.begin()
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the request
            report_fault("beginning a request", error)
            return self._wsgi_app(environ, start_response)
        try:
            body = self._wsgi_app(environ, exchange.start_response)
        except BaseException as error:
            exchange.raised(error)
            raise
        return exchange.answered(body, environ)

    def routed(self) -> None:
        """Name the span after the route, as soon as Flask knows it; a ``before_request`` function."""
        asked = _asked()
        exchange: Exchange | None = asked.environ.get(_EXCHANGE)
        if exchange is None:
            return
        try:
            rule = asked.url_rule
            if rule is not None:
                _name(exchange.span, asked.environ.get("SCRIPT_NAME", "") + rule.rule)
            if self.exclusions and any(excludes(asked) for excludes in self.exclusions):
                exchange.span.leave_out()
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the request
            report_fault("naming a request", error)

    def failed(self, sender: Flask, exception: BaseException, **extra: Any) -> None:
        """Take an unhandled exception down; Flask turns it into an answer 500 before we would see it."""
        exchange: Exchange | None = request.environ.get(_EXCHANGE)
        if exchange is not None:
            with harmless("noting an exception"):
                exchange.span.fail(exception)

    def _exchange(self, environ: Environ, start_response: StartResponse) -> Exchange:
        """Start the span of a request."""
        method = environ["REQUEST_METHOD"]
        shown = method if method in _METHODS else "_OTHER"
        context = self._propagator.extract(Incoming(environ), None)
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        tracer, asked = self.tracer, None
        if context is not None and tracer.trust is not None:
            # Not Flask's own for this request, which is still to be made; reading the body here would take it away.
            asked = Request(environ, populate_request=False, shallow=True)
        described = _attributes(environ, shown, path)
        span = tracer.entry(context, f"{shown} {path}", Kind.SERVER, described, request=asked)
        span.operation = f"{shown} unknown route"
        exchange = Exchange(
            span,
            start_response,
            self._settled,
            by_hand=is_test_client(environ),
            header=self._header,
            failed_from=self._failed_from,
        )
        environ[_EXCHANGE] = exchange
        return exchange

    def _settled(self, exchange: Exchange) -> None:
        """Say in one line that a request has finished."""
        if self._says_line:
            _say(exchange)


def _name(span: Span, route: str) -> None:
    """Name the span ``METHOD route``, where the application is mounted included."""
    span.operation = f"{span.operation.partition(' ')[0]} {route}"
    span.attributes["http.route"] = route


def _attributes(environ: Environ, method: str, path: str) -> dict[str, Any]:
    """Describe a request, without its query: what a person types there is nobody's business."""
    attributes = {
        "http.request.method": method,
        "url.path": path,
        "url.scheme": environ["wsgi.url_scheme"],
        "server.address": environ.get("HTTP_HOST") or environ.get("SERVER_NAME", ""),
    }
    if agent := environ.get("HTTP_USER_AGENT"):
        attributes["user_agent.original"] = agent
    if address := environ.get("REMOTE_ADDR"):
        attributes["client.address"] = address
    if method == "_OTHER":
        attributes["http.request.method_original"] = environ["REQUEST_METHOD"]
    return attributes


def _exclusion(rule: Any) -> Callable[[Request], bool]:
    """Read one member of ``EXCLUDE``: a path glob, ``endpoint:name``, ``blueprint:name``, or a callable."""
    if callable(rule):
        return lambda request: bool(rule(request))
    kind, colon, name = str(rule).partition(":")
    if colon and kind == "endpoint":
        return lambda request: request.endpoint == name
    if colon and kind == "blueprint":
        return lambda request: name in request.blueprints
    return lambda request: fnmatchcase(request.script_root + request.path, rule)


def _say(exchange: Exchange) -> None:
    """
    Write the line of a finished request.

    Where nobody set a level and INFO is not shown, as in a program that configured no logging, the line is shipped all
    the same: making a LogRecord is enough for that.
    """
    shown = request_log.isEnabledFor(logging.INFO)
    span = exchange.span
    if not shown and (span.workshop.ship is None or request_log.level or _LOGGERS.disable >= logging.INFO):
        return
    method, _, route = span.operation.partition(" ")
    told = {
        "http.request.method": method,
        "http.route": route,
        "url.path": span.attributes.get("url.path", ""),
        "http.response.status_code": exchange.status,
        "event.duration": span.duration_ns,
    }
    said = (span.operation, exchange.status, span.duration_ns / 1e6)
    if shown:
        request_log.info(_LINE, *said, extra=told)
    else:
        request_log.makeRecord(request_log.name, logging.INFO, __file__, 0, _LINE, said, None, extra=told)

"""Applications and servers that speak WSGI, for tests of one request's way."""

from __future__ import annotations

import io
from wsgiref.handlers import SimpleHandler
from wsgiref.util import setup_testing_defaults

from tracelog.active import active, current
from tracelog.wsgi import Exchange

PLAIN = [("Content-Type", "text/plain")]


class Served:
    """A WSGI application with each request traced, and what a server is told of it."""

    def __init__(self, app, tracer, **options):
        self.app, self.tracer, self.options = app, tracer, options
        self.settled = []
        self.told = []

    def __call__(self, environ, start_response):
        """Trace a request as an integration does."""
        span = self.tracer.start_server_span(None, "GET /")
        exchange = Exchange(span, start_response, self._settle, **self.options)
        exchange.begin()
        try:
            body = self.app(environ, exchange.start_response)
        except BaseException as error:
            exchange.raised(error)
            raise
        return exchange.answered(body, environ)

    def _settle(self, exchange):
        """Remember a request that has ended, and who was active then."""
        self.settled.append((exchange.status, active() is exchange.span, exchange.span.duration_ns > 0))

    def call(self, **environ):
        """Call the application as a server does, which remembers what it is told."""
        setup_testing_defaults(environ)
        return self(environ, self._start_response)

    def _start_response(self, *told):
        self.told.append(told)
        return self.told.append

    def run(self, **environ):
        """Let a server serve one request, and return what it sends."""
        return serve(self, environ)


def serve(app, environ):
    """Let the standard library's own server side call *app*, and return what it sends."""
    setup_testing_defaults(environ)
    sent, errors = io.BytesIO(), io.StringIO()
    SimpleHandler(io.BytesIO(), sent, errors, environ, multithread=False).run(app)
    assert errors.getvalue() == ""
    return sent.getvalue()


def hello(environ, start_response):
    """Answer with a list, which has no ``close``."""
    start_response("200 OK", PLAIN)
    return [b"hello, ", b"world"]


def late(environ, start_response):
    """Answer from a generator, which says its status with the first chunk."""
    start_response("201 Created", PLAIN)
    yield current().span_id.encode()
    yield current().span_id.encode()


class Body:
    """A body that tells what is done to it, and fails where it is told to."""

    def __init__(self, *chunks, fails_to_close=None):
        self.chunks = iter(chunks)
        self.fails_to_close = fails_to_close
        self.closed = []

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def close(self):
        """Remember who was active."""
        self.closed.append(current())
        if self.fails_to_close is not None:
            raise self.fails_to_close


def answering(body, status="200 OK", headers=PLAIN):
    """Make an application that answers with *body*."""

    def app(environ, start_response):
        start_response(status, headers)
        return body

    return app


def outcomes(recorder):
    """Tell the status code and the outcome of each request."""
    return [(span.attributes.get("http.response.status_code"), span.status.value) for span in recorder.spans]

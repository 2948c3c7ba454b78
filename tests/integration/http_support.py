"""A service on loopback that tests of HTTP clients call."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tracelog.active import activate
from tracelog.tracer import default_tracer

#: How long a server keeps a caller waiting at most.
PATIENCE = 20


class Handler(BaseHTTPRequestHandler):
    """Answers by path and keeps the headers it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer 200, the status that the path names, a redirect, a failure once, or nothing at all."""
        self.server.seen.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        if path == "/hang-up":
            self.connection.close()
            self.close_connection = True
            return
        if path == "/slow":
            self.server.reached.set()
            self.server.ended.wait(PATIENCE)
        status = int(path[1:4]) if path[1:4].isdigit() else 200
        if path == "/once":
            status = 503 if len(self.server.seen) == 1 else 200
        self._answer(302 if path == "/redirect" else status, path)

    def do_HEAD(self):
        """Answer in the same way, without a body."""
        self.do_GET()

    def do_POST(self):
        """Answer in the same way, with what was sent."""
        self.do_GET()

    def _answer(self, status, path):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"ok"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if path == "/redirect":
            self.send_header("Location", "/after")
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, *args):
        """Stay silent."""


class Server(ThreadingHTTPServer):
    """Serves until it is ended; what a client keeps open, or breaks off, is no concern of it."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        """Stay silent where a client has gone: what it was answered is for the test to look at."""


@contextmanager
def serving():
    """Serve on a port of loopback; the server has its ``url``, what it has ``seen``, and whether it is ``reached``."""
    made = Server(("127.0.0.1", 0), Handler)
    made.seen, made.reached, made.ended = [], threading.Event(), threading.Event()
    made.url = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.ended.set()
        made.shutdown()
        thread.join()
        made.server_close()


def sent_ids(server):
    """Return the trace and span ids of each exchange that *server* saw, None where it was sent none."""
    told = ({name.lower(): value for name, value in headers.items()} for _, headers in server.seen)
    return [tuple(headers["traceparent"].split("-")[1:3]) if "traceparent" in headers else None for headers in told]


def told_of(server, path, status=200):
    """Return what the span of a call to *server* says, *path* being as it is shown."""
    return {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": server.server_port,
        "url.full": server.url + path,
        "http.response.status_code": status,
    }


@contextmanager
def debugging(name):
    """Let a library tell everything inside the block."""
    logger = logging.getLogger(name)
    before, logger.level = logger.level, logging.DEBUG
    logger._cache.clear()
    try:
        yield
    finally:
        logger.level = before
        logger._cache.clear()


class Broken:
    """A context of the application's own that cannot be handed on."""

    trace_id = span_id = "1"
    flags = 1

    def visit(self, see):
        """Raise, as code of others may."""
        raise RuntimeError("a context of the application's own")


@contextmanager
def broken_trace():
    """Open a span from which no ids can be handed on."""
    with activate(default_tracer().start_server_span(Broken(), "GET /")) as span:
        yield
        span.finish()

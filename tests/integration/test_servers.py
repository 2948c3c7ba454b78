"""What the Flask extension promises, met under the servers that people run: each a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tracelog.errors import DestinationError
from tracelog.local.search import LocalSearch

APP = Path(__file__).parent / "apps" / "served.py"
GUNICORN = [sys.executable, "-m", "gunicorn", "--chdir", str(APP.parent), "--access-logfile", os.devnull, "-w", "1"]
SERVERS = {
    "werkzeug": lambda port: [sys.executable, str(APP), str(port), "werkzeug"],
    "waitress": lambda port: [sys.executable, str(APP), str(port), "waitress"],
    "sync": lambda port: [*GUNICORN, "-b", f"127.0.0.1:{port}", "served:app"],
    "gthread": lambda port: [*GUNICORN, "-k", "gthread", "--threads", "4", "-b", f"127.0.0.1:{port}", "served:app"],
    "gevent": lambda port: [*GUNICORN, "-k", "gevent", "-b", f"127.0.0.1:{port}", "served:app"],
    "preload": lambda port: [*GUNICORN, "--preload", "-b", f"127.0.0.1:{port}", "served:app"],
}
ACCESS = {"werkzeug": "werkzeug", "sync": "gunicorn.access", "gthread": "gunicorn.access", "gevent": "gunicorn.access"}
ACCESS["preload"] = "gunicorn.access"


class Served:
    """A server in a process of its own, and the store its spans and lines go to."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.store = folder / "spans.sqlite"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {"TRACELOG_EXPORT": f"sqlite:{self.store}", "TRACELOG_SERVICE": kind, "PYTHONUNBUFFERED": "1"}
        self.output = folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                SERVERS[kind](self.port), env={**os.environ, **settings}, stdout=output, stderr=output, cwd=folder
            )
        self._await_port()

    def _await_port(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self.output.read_text())

    def get(self, path, **headers):
        """Return (status, trace id, body) of one request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers["X-Trace-Id"], answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["X-Trace-Id"], error.read()

    def found(self, trace_id, logger=None):
        """Wait until the trace's span, and a line of *logger*, are in the store; return spans and lines."""
        deadline = time.monotonic() + 20
        while True:
            spans, lines = [], []
            with suppress(DestinationError):  # the file is made with the first record
                spans, lines, _ = LocalSearch(self.store).trace(trace_id)
            loggers = {line.get("log.logger") for line in lines}
            if (spans and (logger is None or logger in loggers)) or time.monotonic() > deadline:
                return spans, lines
            time.sleep(0.1)

    def stop(self):
        """End the process by its own id."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)


@pytest.fixture(scope="module", params=SERVERS)
def served(request, tmp_path_factory):
    """Run the application under each server."""
    server = Served(request.param, tmp_path_factory.mktemp(request.param))
    yield server
    server.stop()


def said(lines):
    """Return the messages, sorted."""
    return sorted(line["message"] for line in lines)


def test_every_line_of_a_request_has_its_ids(served):
    """Hooks, view, teardown, finished-request line and the server's access line carry the ids of one span."""
    status, trace_id, _ = served.get("/plain")
    (span,), lines = served.found(trace_id, ACCESS.get(served.kind))
    assert status == 200
    assert span["event.action"] == "GET /plain"
    assert {line["span.id"] for line in lines} == {span["span.id"]}
    assert {"before", "in view", "teardown"} < set(said(lines))
    if served.kind in ACCESS:
        assert ACCESS[served.kind] in {line["log.logger"] for line in lines if "log.logger" in line}


def test_each_chunk_of_a_stream_has_its_ids(served):
    """The lines of a streamed body carry the ids, and the span lasts as long as the stream."""
    _, trace_id, body = served.get("/stream")
    (span,), lines = served.found(trace_id, ACCESS.get(served.kind))
    assert body == b"0\n1\n2\n"
    assert [line["span.id"] for line in lines if line["message"] == "chunk"] == [span["span.id"]] * 3
    assert span["event.duration"] >= 60_000_000


def test_the_line_of_an_unhandled_exception_has_its_ids(served):
    """The line "Exception on /fails" carries the ids, and the span has the exception."""
    status, trace_id, _ = served.get("/fails")
    (span,), lines = served.found(trace_id, ACCESS.get(served.kind))
    assert status == 500
    assert (span["event.outcome"], span["error.type"]) == ("failure", "ValueError")
    (line,) = [line for line in lines if line["message"].startswith("Exception on")]
    assert line["span.id"] == span["span.id"]


def test_a_client_that_hangs_up_ends_the_span_once(served):
    """When the client goes away in the middle of a body the span finishes, once."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with socket.create_connection(("127.0.0.1", served.port), 10) as client:
        request = f"GET /endless HTTP/1.1\r\nHost: x\r\ntraceparent: 00-{trace_id}-b7ad6b7169203331-01\r\n\r\n"
        client.sendall(request.encode())
        assert client.recv(1000).startswith(b"HTTP/1.")
    spans, _ = served.found(trace_id)
    assert len(spans) == 1
    assert spans[0]["parent.id"] == "b7ad6b7169203331"


def test_a_file_is_sent_whole_inside_of_one_span(served):
    """A file, which some servers send past the body's iterator, arrives whole and leaves one span."""
    _, trace_id, body = served.get("/file")
    spans, _ = served.found(trace_id)
    assert body == APP.read_bytes()
    assert [span["event.action"] for span in spans] == ["GET /file"]


def test_a_doubled_traceparent_begins_a_new_trace(served):
    """Two traceparent headers, however the server joins them, are no parent, and the request is answered."""
    one = b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    with socket.create_connection(("127.0.0.1", served.port), 10) as client:
        client.sendall(b"GET /plain HTTP/1.0\r\nHost: x\r\n" + one + one + b"\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert b" 200 " in answer.splitlines()[0]
    header = next(line for line in answer.splitlines() if line.lower().startswith(b"x-trace-id:"))
    trace_id = header.split()[1].decode()
    assert trace_id != "4bf92f3577b34da6a3ce929d0e0e4736"
    spans, _ = served.found(trace_id)
    assert ["parent.id" in span for span in spans] == [False]


def test_an_exception_that_only_the_server_catches_has_its_ids_on_the_servers_line(served):
    """What escapes the application fails the span, and the server's own error line has its ids."""
    trace_id = "1af7651916cd43dd8448eb211c80319c"
    with suppress(OSError):  # werkzeug's server closes the connection without an answer
        served.get("/escapes", traceparent=f"00-{trace_id}-b7ad6b7169203331-01")
    logger = {"werkzeug": "werkzeug", "waitress": "waitress"}.get(served.kind, "gunicorn.error")
    (span,), lines = served.found(trace_id, logger)
    assert (span["event.outcome"], span["error.message"]) == ("failure", "escaped")
    assert logger in {line.get("log.logger") for line in lines}

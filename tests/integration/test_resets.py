"""Clients that reset their connection, against servers that then forget to close the body."""

from __future__ import annotations

import gc
import socket
import struct
import threading
import time

import pytest
from flask import Flask, Response
from werkzeug.serving import make_server

from tracelog.exporters.memory import MemoryExporter
from tracelog.integrations.flask import TraceLog

RESETS = 30
WAIT_SECONDS = 20


@pytest.fixture
def served():
    """Serve an application with Werkzeug's server, a thread for each request; gives its port and what it sends."""
    kept = MemoryExporter()
    app = Flask("served")
    app.add_url_rule("/", view_func=lambda: Response("x" * 4096 for _ in range(100)))
    TraceLog(app, exporter=kept)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_port, kept
    server.shutdown()
    thread.join(WAIT_SECONDS)
    server.server_close()


def reset(port: int) -> None:
    """Read the beginning of an answer, and break off without a goodbye."""
    with socket.create_connection(("127.0.0.1", port), WAIT_SECONDS) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1)


def test_every_request_that_was_reset_leaves_its_span(served):
    """Werkzeug closes no body where a look for more from the client fails; the span finishes all the same, once."""
    port, kept = served
    for _ in range(RESETS):
        reset(port)
    deadline = time.monotonic() + WAIT_SECONDS
    while len(kept.spans) < RESETS and time.monotonic() < deadline:
        # The traceback that the server printed can hold the request until then.
        gc.collect()
        time.sleep(0.05)
    assert len(kept.spans) == RESETS
    assert len({span.span_id for span in kept.spans}) == RESETS

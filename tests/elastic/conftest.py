"""What tests with Elasticsearch can ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer

import pytest
from elastic_support import Pretender, Reply, asked, handler

from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.setup import install, remove


@pytest.fixture
def exporter(elastic_address) -> Iterator[ElasticExporter]:
    """Open an exporter to data streams of the test's own."""
    opened = ElasticExporter(elastic_address)
    yield opened
    opened.close()


@pytest.fixture
def pretend() -> Iterator[Callable[[Callable[[str, str, bytes], Reply]], Pretender]]:
    """Serve whatever a function of method, path and body answers, on a port of its own."""
    servers: list[ThreadingHTTPServer] = []

    def serve(reply: Callable[[str, str, bytes], Reply]) -> Pretender:
        requests: list[tuple[str, str, bytes]] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(reply, requests))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return Pretender(f"http://127.0.0.1:{server.server_port}", requests)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def without_templates(fresh_address) -> Iterator[None]:
    """Take our templates away, whatever streams of other tests stand on them, and bring them back."""
    names = [entry["name"] for entry in asked(fresh_address, "GET", "/_resolve/index/traces-*,logs-*")["data_streams"]]
    if names:
        # Elasticsearch removes no template that a stream would then be without.
        stand_in = {"index_patterns": names, "priority": 1, "data_stream": {}}
        asked(fresh_address, "PUT", "/_index_template/tests-stand-in", stand_in)
    connection = Connection(fresh_address)
    remove(connection)
    yield
    install(connection)
    connection.close()
    if names:
        asked(fresh_address, "DELETE", "/_index_template/tests-stand-in")

"""Clients that sit on each other, and tracelog's own requests beside the application's."""

from __future__ import annotations

import gzip
import io
import json
import logging
import threading
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import elastic_transport
import httpx
import pytest
import requests
import urllib3
from http_support import sent_ids, serving

import tracelog
from tracelog.integrations import httpx as for_httpx
from tracelog.integrations import requests as for_requests
from tracelog.integrations import urllib3 as for_urllib3
from tracelog.record import Kind
from tracelog.tracer import set_default


@pytest.fixture
def server():
    """Serve on a port of loopback until the test ends."""
    with serving() as made:
        yield made


@contextmanager
def installed(*integrations):
    """Trace every client of some libraries inside the block."""
    with ExitStack() as undoing:
        for integration in integrations:
            integration.install()
            undoing.callback(integration.uninstall)
        yield


@pytest.mark.parametrize(
    "integrations",
    [(for_requests,), (for_urllib3,), (for_requests, for_urllib3), (for_urllib3, for_requests)],
    ids=["requests", "urllib3", "both", "both, the other way round"],
)
def test_requests_over_urllib3_is_one_span(integrations, server, tracelog_recorder):
    """Whichever is installed, and in whichever order, an exchange is one span, whose ids arrive."""
    with installed(*integrations), requests.Session() as session, tracelog.span("work"):
        session.trust_env = False
        session.get(server.url, timeout=10)
    call, work = tracelog_recorder.spans
    assert (call.kind, call.parent_id, call.calls) == (Kind.CLIENT, work.span_id, 1)
    assert sent_ids(server) == [(call.trace_id, call.span_id)]


def test_calls_after_one_another_are_all_traced(server, tracelog_recorder):
    """A call by requests hides no later one by urllib3 or httpx."""
    with (
        installed(for_requests, for_urllib3, for_httpx),
        tracelog.span("work") as work,
        requests.Session() as session,
        urllib3.PoolManager() as manager,
        httpx.Client(trust_env=False) as client,
    ):
        session.trust_env = False
        session.get(server.url, timeout=10)
        manager.request("GET", server.url, timeout=10)
        client.get(server.url, timeout=10)
    calls = tracelog_recorder.spans[:-1]
    assert [call.parent_id for call in calls] == [work.span_id] * 3
    assert [span_id for _, span_id in sent_ids(server)] == [call.span_id for call in calls]


def test_a_call_made_while_another_is_on_its_way_is_a_span_of_its_own(server, tracelog_recorder):
    """A transport that asks somebody else first has that call below its own, once, and its own still once."""

    class Asking(httpx.BaseTransport):
        def handle_request(self, request):
            with tracelog.span("ask for a token"):
                requests.get(f"{server.url}/token", timeout=10, proxies={"http": ""})
            with urllib3.PoolManager() as manager:
                answer = manager.request("GET", f"{server.url}/basket", headers=dict(request.headers), timeout=10)
            return httpx.Response(answer.status)

    with (
        installed(for_requests, for_urllib3, for_httpx),
        tracelog.span("work"),
        httpx.Client(transport=Asking()) as client,
    ):
        client.get("http://shop.test/basket")
    token, asking, outer, work = tracelog_recorder.spans
    assert [token.parent_id, asking.parent_id, outer.parent_id] == [asking.span_id, outer.span_id, work.span_id]
    assert [span_id for _, span_id in sent_ids(server)] == [token.span_id, outer.span_id]


def test_a_client_span_made_by_hand_does_not_hide_the_call(server, tracelog_recorder):
    """What an application opens around a call is its own span, not the call's."""
    with installed(for_requests, for_urllib3), tracelog.span("work"):
        by_hand = tracelog.tracer.default_tracer().start_client_span("charge", **{"http.request.method": "GET"})
        with tracelog.activate(by_hand):
            requests.get(server.url, timeout=10, proxies={"http": ""})
        by_hand.finish()
    assert [span.operation for span in tracelog_recorder.spans] == ["GET 127.0.0.1", "charge", "work"]
    assert sent_ids(server)[0][1] == tracelog_recorder.spans[0].span_id


def test_the_transport_of_the_applications_own_elasticsearch_is_traced(server, tracelog_recorder):
    """Elasticsearch's client sits on urllib3: a request of the application's is one span."""
    node = elastic_transport.NodeConfig("http", "127.0.0.1", server.server_port)
    transport = elastic_transport.Transport([node], node_class="urllib3")
    with installed(for_urllib3), tracelog.span("work"):
        transport.perform_request("HEAD", "/_search")
    transport.close()
    call, _ = tracelog_recorder.spans
    assert (call.operation, call.attributes["url.full"]) == ("HEAD 127.0.0.1", f"{server.url}/_search")
    assert sent_ids(server) == [(call.trace_id, call.span_id)]


class Store(BaseHTTPRequestHandler):
    """Answers bulk requests like Elasticsearch, and keeps their headers and documents."""

    def do_POST(self):
        """Store everything."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        lines = gzip.GzipFile(fileobj=io.BytesIO(body)).read().splitlines()
        self.server.asked.append(dict(self.headers))
        self.server.documents += map(json.loads, lines[1::2])
        answer = json.dumps({"errors": False, "items": [{"create": {"status": 201}} for _ in lines[1::2]]}).encode()
        self.send_response(200)
        for name, value in (("X-Elastic-Product", "Elasticsearch"), ("Content-Type", "application/json")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        """Stay silent."""


@contextmanager
def storing():
    """Serve as Elasticsearch on a port of loopback."""
    store = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    store.asked, store.documents = [], []
    thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield store
    finally:
        store.shutdown()
        thread.join()
        store.server_close()


@pytest.fixture(params=[False, True], ids=["threads begin anew", "threads inherit"])
def inheriting(request, monkeypatch):
    """Let threads begin with what is active where they are started, too, as Python 3.14 can be told to."""
    start = threading.Thread.start

    def inherited(thread):
        thread.run = partial(copy_context().run, thread.run)
        start(thread)

    if request.param:
        monkeypatch.setattr(threading.Thread, "start", inherited)


def test_what_tracelog_sends_itself_is_never_traced(inheriting, server):
    """Spans travel by urllib3 as well; while a span is active neither a span nor a header comes of that."""
    before = set_default(None)
    try:
        with installed(for_urllib3, for_requests), storing() as store, urllib3.PoolManager() as manager:
            tracer = tracelog.configure(service="shop", export=f"http://127.0.0.1:{store.server_port}")
            with tracelog.span("work"):
                # A line is what starts the threads that send, here where a span is active.
                logging.getLogger("shop").warning("begun")
                manager.request("GET", server.url, timeout=10)
                assert tracelog.flush(10) == 0
            assert tracelog.flush(10) == 0
            tracer.sink.close(10)
    finally:
        set_default(before)
    stored = {document.get("message") or document["event"]["action"] for document in store.documents}
    assert (len(store.documents), stored) == (3, {"begun", "GET 127.0.0.1", "work"})
    assert [name for headers in store.asked for name in headers if name.lower() == "traceparent"] == []

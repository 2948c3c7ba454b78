"""What the tests with Elasticsearch, real and pretended, make and ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from tracelog.ecs.found import Document, flat
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.names import stream
from tracelog.pipeline.exporter import LINES, SPANS, Line
from tracelog.record import Entry, Failure, Kind, LineRecord, Resource, SpanRecord, Status

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOON = 1_763_899_200_000_000_000
STACK = """Traceback (most recent call last):
  File "/srv/shop/pay.py", line 9, in charge
    raise DeclinedError("no funds")
shop.pay.DeclinedError: no funds
"""
RESOURCE = Resource("shop", "1.2", "test", "desk")

_numbers = count(1)


def span(**told: Any) -> SpanRecord:
    """Make an entry span; *told* are the fields that matter."""
    number = next(_numbers)
    span_id = told.pop("span_id", f"{number:016x}")
    record = SpanRecord(
        *(RESOURCE, TRACE, span_id, "", span_id, f"GET /{number}", Kind.SERVER, Status.SUCCESS),
        started_ns=NOON + number,
        duration_ns=5_000_000,
        children=0,
        calls=0,
        weight=1.0,
        attributes={},
    )
    return record._replace(**told)


def failed_span(**told: Any) -> SpanRecord:
    """Make the span of a request that failed with an exception of its own; *told* are the fields that matter."""
    failure = Failure("shop.pay.DeclinedError", "no funds", None, STACK, Entry("POST /pay", Kind.SERVER))
    return span(status=Status.FAILURE, failure=failure)._replace(**told)


def line(**told: Any) -> LineRecord:
    """Make a log line; *told* are the fields that matter."""
    number = next(_numbers)
    ids = (TRACE, f"{number:016x}", f"{number:016x}")
    return LineRecord(RESOURCE, NOON + number, "info", "shop.cart", f"line {number}", *ids, {})._replace(**told)


def encoded(exporter: ElasticExporter, *records: SpanRecord | LineRecord) -> list[Line]:
    """Encode *records* as the pipeline does, with keys of their own."""
    return [
        Line(SPANS if isinstance(record, SpanRecord) else LINES, f"key-{next(_numbers)}", exporter.encode(record))
        for record in records
    ]


def asked(address: ElasticAddress, method: str, path: str, body: Any = None) -> Any:
    """Ask Elasticsearch directly, past all of our own code."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(address.nodes[0] + path, data, {"content-type": "application/json"}, method=method)
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


def found(address: ElasticAddress, kind: str, query: str) -> list[Document]:
    """Find documents of one kind by a query string, as Kibana's search bar would, and read them flat."""
    name = stream(kind, address.namespace)
    asked(address, "POST", f"/{name}/_refresh")
    body = {"query": {"query_string": {"query": query}}, "size": 100}
    return [flat(hit["_source"]) for hit in asked(address, "POST", f"/{name}/_search", body)["hits"]["hits"]]


class Reply(NamedTuple):
    """What a pretended server answers; *cut* is how many bytes of the body it keeps to itself."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int = 0


GENUINE = (("X-elastic-product", "Elasticsearch"), ("Content-Type", "application/json"))


class Pretender(NamedTuple):
    """A server that only looks like one; *requests* are method, path and body as they came."""

    url: str
    requests: list[tuple[str, str, bytes]]


def handler(
    reply: Callable[[str, str, bytes], Reply], requests: list[tuple[str, str, bytes]]
) -> type[BaseHTTPRequestHandler]:
    """Make a handler that answers as *reply* says."""

    class Handler(BaseHTTPRequestHandler):
        """Answers any request."""

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            requests.append((self.command, self.path, body))
            told = reply(self.command, self.path, body)
            self.send_response(told.status)
            for name, value in told.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body[: len(told.body) - told.cut])
            self.close_connection = bool(told.cut)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - http.server looks for these names

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    return Handler

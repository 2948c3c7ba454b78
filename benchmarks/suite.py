"""
What single steps cost, beside the peers that are installed: ``python benchmarks/suite.py [-o file.json]``.

pyperf runs each benchmark in processes of its own and says how far the values scatter; all of its options work
(``--fast``, ``--rigorous``), and ``python -m pyperf compare_to`` compares two files. What is timed is the processor
time of the calling thread; what the pipeline does elsewhere is measured by ``encode`` and ``send`` apart.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import thread_time
from typing import Any

import orjson
import pyperf
import structlog
from flask import Flask
from peers import Bare, Tracelog, installed

from tracelog.cleaning import Cleaner
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.exporter import ElasticExporter
from tracelog.exporters.memory import MemoryExporter
from tracelog.pipeline.exporter import SPANS, Line
from tracelog.record import SpanRecord

#: So many steps to a trace, fewer than anybody's limit; flushed between them, outside of the measured time.
CHUNK = 400
BATCH = 500

ATTRIBUTES: dict[str, Any] = {"a": 1, "b": "two", "c": 3.5, "d": True, "e": "five"}
ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/orders/42",
    "QUERY_STRING": "limit=20",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "bench",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "shop.example.test",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "wsgi.url_scheme": "http",
}


class Dropped:
    """Where rendered lines go: nowhere, without a system call."""

    def write(self, data: bytes) -> int:
        """Drop *data*."""
        return len(data)

    def flush(self) -> None:
        """Have nothing to write."""


def main() -> None:
    """Run each benchmark for each peer."""
    runner = pyperf.Runner()
    runner.metadata["description"] = "what tracelog and its peers cost on the caller's thread"
    for name, peer in installed().items():
        for step, make in (("span", span), ("line", line), ("request", request)):
            runner.bench_time_func(f"{step} {name}", timed, make, peer)
    runner.bench_time_func("encode tracelog", timed_encode)
    if find_spec("opentelemetry") and find_spec("opentelemetry.exporter"):
        runner.bench_time_func("encode opentelemetry", timed_otlp)
    runner.bench_time_func("send tracelog", timed_send, inner_loops=BATCH)


def timed(loops: int, make: Callable[[Bare], Callable[[], object]], peer: type[Bare]) -> float:
    """Take the time of *loops* calls."""
    one, step = ready(make, peer)
    taken = 0.0
    for start in range(0, loops, CHUNK):
        with around(make, one):
            begun = thread_time()
            for _ in range(min(CHUNK, loops - start)):
                step()
            taken += thread_time() - begun
        one.flush()
    return taken


@cache
def ready(make: Callable[[Bare], Callable[[], object]], peer: type[Bare]) -> tuple[Bare, Callable[[], object]]:
    """Set a peer up, once in a process, and take the first step, which is dearer than all that follow."""
    one = peer()
    step = make(one)
    with around(make, one):
        step()
    return one, step


def around(make: object, peer: Bare) -> AbstractContextManager[Any]:
    """Open a trace for steps that do not begin one themselves."""
    return nullcontext() if make is request else peer.root()


def span(peer: Bare) -> Callable[[], object]:
    """Open a child span with five attributes, as a block."""

    def step() -> None:
        with peer.span("db.query", ATTRIBUTES):
            pass

    return step


def line(peer: Bare) -> Callable[[], object]:
    """Log an event of structlog, rendered as JSON, inside of a span."""
    log = logger(peer)
    return lambda: log.info("priced", total=12.5, order=42)


def request(peer: Bare) -> Callable[[], object]:
    """Make a request of Flask with three child spans and five lines, called as a server does."""
    app = shop(peer)
    return lambda: served(app)


def logger(peer: Bare) -> Any:
    """Return the fastest logger that structlog has."""
    return structlog.wrap_logger(
        structlog.BytesLogger(Dropped()),  # type: ignore[arg-type]  # all it does is write and flush
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *peer.processors(),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    ).bind()


def shop(peer: Bare) -> Flask:
    """Make the application that is measured."""
    app = Flask("bench")
    log = logger(peer)

    @app.get("/orders/<int:number>")
    def order(number: int) -> dict[str, Any]:
        log.info("request received", order=number)
        with peer.span("db.query", {"db.system": "postgresql", "db.rows": 3}):
            log.info("rows fetched", rows=3, table="orders")
            with peer.span("db.decode", {"codec": "json", "bytes": 512}):
                log.info("decoded", bytes=512)
        with peer.span("price", {"currency": "EUR", "lines": 3}):
            log.info("priced", total=12.5)
        log.info("request done", order=number)
        return {"id": number, "total": 12.5, "currency": "EUR"}

    peer.instrument(app)
    return app


def served(app: Flask) -> None:
    """Ask for one answer, and close it."""
    body: Any = app.wsgi_app(dict(ENVIRON), _start_response)
    for _ in body:
        pass
    body.close()


def _start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
    if not status.startswith("200"):
        raise SystemExit(status)


@cache
def records(count: int) -> list[SpanRecord]:
    """Record requests until there are *count* spans of all sorts."""
    exporter = MemoryExporter()
    peer = Tracelog(exporter)
    app = shop(peer)
    while len(exporter.spans) < count:
        served(app)
        peer.flush()
    return exporter.spans[:count]


def timed_encode(loops: int) -> float:
    """Take the time from a record to its cleaned document."""
    chosen = records(64)
    cleaner, exporter = Cleaner(), ElasticExporter(ElasticAddress(("http://127.0.0.1:9",)))
    begun = thread_time()
    for place in range(loops):
        exporter.encode(cleaner.span(chosen[place % 64]))
    return thread_time() - begun


def timed_otlp(loops: int) -> float:
    """Take the time that OpenTelemetry needs for the same, 500 spans at once."""
    encode_spans = import_module("opentelemetry.exporter.otlp.proto.common.trace_encoder").encode_spans
    tracer = import_module("opentelemetry.sdk.trace").TracerProvider().get_tracer("bench")
    spans: list[Any] = [tracer.start_span(record.operation, attributes={**record.attributes}) for record in records(64)]
    for one in spans:
        one.end()
    begun = thread_time()
    for start in range(0, loops, BATCH):
        count = min(BATCH, loops - start)
        encode_spans([spans[place % 64] for place in range(count)]).SerializeToString()
    return thread_time() - begun


def timed_send(loops: int) -> float:
    """Take the time of *loops* requests of 500 documents each, compressed, to a server on loopback."""
    sink = subprocess.Popen(  # noqa: S603 - a script of ours
        [sys.executable, str(Path(__file__).with_name("sink.py"))], stdout=subprocess.PIPE, text=True
    )
    try:
        assert sink.stdout is not None  # noqa: S101 - for the checkers of types
        exporter = ElasticExporter(ElasticAddress((sink.stdout.readline().strip(),)))
        lines = [Line(SPANS, f"{place:032x}", exporter.encode(record)) for place, record in enumerate(records(BATCH))]
        exporter.send(lines)
        begun = thread_time()
        for _ in range(loops):
            if exporter.send(lines).stored != BATCH:
                raise SystemExit("the sink did not take everything")
        return thread_time() - begun
    finally:
        sink.kill()
        sink.wait()


if __name__ == "__main__":
    main()

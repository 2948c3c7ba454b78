"""
What a call costs that a client library makes inside of a span: ``python benchmarks/clients.py [--rounds 60]``.

Slices without instrumentation, with ours and with OpenTelemetry's take turns in one process; what counts is the median
of the differences between neighbours, in processor time of the calling thread. Calls over HTTP are answered from memory
and SQLite is in memory too, so that no system call blurs what is added. Outside of a span is measured apart: there
OpenTelemetry begins a trace with each call. Its instrumentation of SQLAlchemy takes no release from 2.1 on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle
from statistics import median, quantiles
from time import thread_time
from typing import Any, NamedTuple

import grpc
import httpx
import requests
import sqlalchemy
from peers import Bare, OpenTelemetry, Tracelog
from requests.adapters import BaseAdapter

#: No two calls of a slice go to the same place, as where numbers stand in paths; nothing that is remembered helps.
URLS = cycle([f"https://shop.example.test/orders/{number}?limit=20" for number in range(5000)])

#: Calls of a slice, and those before it that are not measured: the first after a change are dearer than the rest.
CALLS = 200
WARM_UP = 10

QUARTERS = 4


class Switch(NamedTuple):
    """What instruments a library, and what takes that back."""

    on: Callable[[], object]
    off: Callable[[], object]


class Client(NamedTuple):
    """One call of a library, and how that is instrumented by us and, where they are installed, by others."""

    call: Callable[[], object]
    ours: Switch
    theirs: Switch | None


class Memory(BaseAdapter):
    """Answers requests at once."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Answer 200."""
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, request.url or "", request
        answer._content = b"ok"  # noqa: SLF001 - what an adapter would have read
        return answer

    def close(self) -> None:
        """Have nothing to close."""


def of_requests() -> Client:
    """Ask through a session."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Memory())
    ours = import_module("tracelog.integrations.requests")
    theirs = instrumentor("requests", "RequestsInstrumentor")
    return Client(
        lambda: session.get(next(URLS)),
        Switch(ours.install, ours.uninstall),
        theirs and Switch(theirs.instrument, theirs.uninstrument),
    )


def of_httpx() -> Client:
    """Ask through a client."""
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"ok")))
    ours = import_module("tracelog.integrations.httpx")
    theirs = instrumentor("httpx", "HTTPXClientInstrumentor")
    return Client(
        lambda: client.get(next(URLS)),
        Switch(lambda: ours.install(client), lambda: ours.uninstall(client)),
        theirs and Switch(lambda: theirs.instrument_client(client), lambda: theirs.uninstrument_client(client)),
    )


def of_sqlalchemy() -> Client:
    """Send a statement of three columns and two conditions."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.StaticPool)
    columns = (sqlalchemy.Column(name, sqlalchemy.Integer) for name in ("id", "customer", "total"))
    orders = sqlalchemy.Table("orders", sqlalchemy.MetaData(), *columns)
    orders.create(engine)
    query = sqlalchemy.select(orders).where(orders.c.customer == sqlalchemy.bindparam("who"), orders.c.total > 0)
    ours = import_module("tracelog.integrations.sqlalchemy")
    theirs = instrumentor("sqlalchemy", "SQLAlchemyInstrumentor")
    kept = engine.connect()
    return Client(
        lambda: kept.execute(query, {"who": 42}).all(),
        Switch(lambda: ours.install(engine), lambda: ours.uninstall(engine)),
        theirs and Switch(lambda: theirs.instrument(engine=engine), theirs.uninstrument),
    )


def of_grpc() -> Client:
    """Make a call with one answer, of a server in threads of this process."""
    server = grpc.server(ThreadPoolExecutor(1))
    echo = grpc.unary_unary_rpc_method_handler(lambda asked, _: asked)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench.Echo", {"Say": echo})])
    plain = grpc.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    say = plain.unary_unary("/bench.Echo/Say")
    # A channel is intercepted for good: what is switched is which of them is called. A server lives while it is known.
    chosen: list[Any] = [say, server]

    def switch(intercept: Callable[[Any, Any], Any], interceptor: Any) -> Switch:
        traced = intercept(plain, interceptor).unary_unary("/bench.Echo/Say")
        return Switch(lambda: chosen.__setitem__(0, traced), lambda: chosen.__setitem__(0, say))

    ours = import_module("tracelog.integrations.grpc").ClientInterceptor()
    theirs: Switch | None = None
    if instrumentor("grpc", "GrpcInstrumentorClient") is not None:
        # It wraps channels in a way of its own.
        module = import_module("opentelemetry.instrumentation.grpc")
        theirs = switch(import_module(f"{module.__name__}.grpcext").intercept_channel, module.client_interceptor())
    return Client(lambda: chosen[0](b"x", timeout=10), switch(grpc.intercept_channel, ours), theirs)


def instrumentor(library: str, name: str) -> Any:
    """Return OpenTelemetry's instrumentation of a library, or None where it is not installed."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.instrumentation") is None:
        return None
    module = f"opentelemetry.instrumentation.{library}"
    return getattr(import_module(module), name)() if find_spec(module) else None


CLIENTS = {"requests": of_requests, "httpx": of_httpx, "SQLAlchemy": of_sqlalchemy, "gRPC": of_grpc}


def main() -> None:
    """Measure each library inside and outside of a span, and write a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=60, help="slices of each kind")
    options.add_argument("--only", choices=CLIENTS, help="measure this library alone")
    chosen = options.parse_args()
    ours = Tracelog()
    theirs = OpenTelemetry() if find_spec("opentelemetry") else None
    print("| call | bare | tracelog adds | OpenTelemetry adds | ratio |\n|---|---|---|---|---|")  # noqa: T201 - the result
    for name in CLIENTS if chosen.only is None else [chosen.only]:
        client = CLIENTS[name]()
        kinds: list[tuple[Bare, Switch]] = [(Bare(), Switch(int, int)), (ours, client.ours)]
        if theirs and client.theirs:
            kinds.append((theirs, client.theirs))
        for place, inside in ((name, True), (f"{name}, outside of a span", False)):
            print(row(place, *measured(client.call, kinds, chosen.rounds, inside=inside)))  # noqa: T201 - as above


def measured(
    call: Callable[[], object], kinds: list[tuple[Bare, Switch]], rounds: int, *, inside: bool
) -> list[list[float]]:
    """Take *rounds* slices of each kind in turns; return microseconds per call."""
    taken: list[list[float]] = [[] for _ in kinds]
    for number in range(rounds):
        # The order turns round, so that whatever one slice leaves to the next falls on all alike.
        for place in range(len(kinds))[:: 1 if number % 2 else -1]:
            peer, switch = kinds[place]
            switch.on()
            taken[place].append(slice_of(call, peer, inside=inside))
            switch.off()
            peer.flush()
    return taken


def slice_of(call: Callable[[], object], peer: Bare, *, inside: bool) -> float:
    """Time some calls under one span, in microseconds for each."""
    with peer.root() if inside else nullcontext():
        for _ in range(WARM_UP):
            call()
        begun = thread_time()
        for _ in range(CALLS):
            call()
        return (thread_time() - begun) / CALLS * 1e6


def row(name: str, bare: list[float], ours: list[float], theirs: list[float] | None = None) -> str:
    """Write what was added as a line of a table, with its quarters."""
    added = [[one - base for one, base in zip(each, bare, strict=True)] for each in (ours, theirs) if each]
    cells = [f"{median(bare):.1f} µs", *map(spread, added)]
    cells += [f"{median(added[0]) / median(added[1]):.2f}"] if theirs else ["-", "-"]
    return f"| {name} | {' | '.join(cells)} |"


def spread(values: list[float]) -> str:
    """Write a median and the quarters around it."""
    low, _, high = quantiles(values, n=QUARTERS)
    return f"{median(values):.1f} ({low:.1f} to {high:.1f}) µs"


if __name__ == "__main__":
    main()

"""
How long after ``finish`` a span is found by a search: ``python benchmarks/searchable.py URL``.

Asks for each span by its trace id, again and again, until it is there; ``tracelog setup`` was run on that server, and
what is written stays in a namespace of its own. Most of the time is the server's: a refresh makes documents
searchable, by default once a second, and an index that nobody searched for half a minute sleeps.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from contextlib import closing

import orjson

import tracelog
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.names import stream
from tracelog.pipeline.exporter import SPANS

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 60.0


def main() -> None:
    """Measure, and print p50, p99 and the slowest."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url", help="an Elasticsearch without users, whose data may be thrown away")
    options.add_argument("--spans", type=int, default=100, help="how many (default: %(default)s)")
    chosen = options.parse_args()
    namespace = f"searchable_{int(time.time())}"
    tracelog.configure(service="bench", export=chosen.url, namespace=namespace, ship_logs=False)
    with closing(Connection(ElasticAddress((chosen.url,), namespace=namespace))) as connection:
        settled()
        # The stream exists now, and its shard has started when this is answered.
        connection.ask("POST", f"/{stream(SPANS, namespace)}/_refresh")
        found = sorted(waited(connection, namespace) for _ in range(chosen.spans))
        stored = sorted(settled() for _ in range(chosen.spans))
    print(f"searchable after {told(found)}\nacknowledged, if hurried by flush, after {told(stored)}")  # noqa: T201 - its result


def waited(connection: Connection, namespace: str) -> float:
    """Finish a span at some moment between two refreshes, and return the seconds until a search finds it."""
    time.sleep(random.random())  # noqa: S311 - a moment, not a secret
    with tracelog.span("looked for") as span:
        pass
    begun = time.perf_counter()
    body = {"query": {"term": {"traceId": span.trace_id}}, "size": 0, "track_total_hits": True}
    target = f"/{stream(SPANS, namespace)}/_search"
    while time.perf_counter() - begun < PATIENCE_SECONDS:
        if orjson.loads(connection.ask("POST", target, body).body)["hits"]["total"]["value"]:
            return time.perf_counter() - begun
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"not found within {PATIENCE_SECONDS:.0f} s: {tracelog.stats()}")


def settled() -> float:
    """Finish a span, and return the seconds until ``flush`` says that it is stored."""
    with tracelog.span("flushed"):
        pass
    begun = time.perf_counter()
    if tracelog.flush(PATIENCE_SECONDS):
        raise SystemExit(f"still pending: {tracelog.stats()}")
    return time.perf_counter() - begun


def told(seconds: list[float]) -> str:
    """Write the middle, the 99th of a hundred, and the slowest."""
    late = seconds[min(len(seconds) - 1, round(len(seconds) * 0.99) - 1)]
    return f"p50 {statistics.median(seconds):.3f} s, p99 {late:.3f} s, at most {seconds[-1]:.3f} s"


if __name__ == "__main__":
    main()

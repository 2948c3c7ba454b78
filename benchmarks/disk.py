"""
Bytes on disk for a span, a log line and an error document, on a real Elasticsearch: ``python benchmarks/disk.py URL``.

The demo runs for some seconds into a file. Its traces are then sent again and again, each time with other ids and at
another time, until there are enough; the index is merged into one segment, and its store divided by its documents.
"""

from __future__ import annotations

import argparse
import random
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from tracelog.demo.services import running
from tracelog.demo.traffic import visits
from tracelog.ecs.fields import timestamp
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.names import DATASETS, data_stream, stream
from tracelog.elastic.setup import install
from tracelog.pipeline.exporter import LINES, SPANS, Line

SECONDS = 10.0
BATCH = 500
STEP_NS = 250_000_000

_IDS = re.compile(rb'"id":("(?:[0-9a-f]{32}|[0-9a-f]{16})")')


def main() -> None:
    """Measure, and print a line for each kind of document."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url", help="an Elasticsearch without users, whose data may be thrown away")
    options.add_argument("--spans", type=int, default=100_000, help="at least so many (default: %(default)s)")
    chosen = options.parse_args()
    address = ElasticAddress((chosen.url,), namespace=f"disk_{int(time.time())}")
    with closing(Connection(address)) as connection:
        install(connection)
        send(address, chosen.spans)
        for kind in DATASETS:
            print(f"{kind:<8}{measured(connection, stream(kind, address.namespace))}")  # noqa: T201 - its result


def send(address: ElasticAddress, wanted: int) -> None:
    """Send the demo's traces until *wanted* spans are there."""
    recorded = recording()
    sent, count, at_ns = 0, 0, time.time_ns()
    with closing(ElasticExporter(address)) as exporter:
        heads = {kind: data_stream(kind, address.namespace) for kind in (SPANS, LINES)}
        while sent < wanted:
            lines: list[Line] = []
            for kind, body in again(recorded, at_ns):
                count += 1
                lines.append(Line(kind, f"{count:016x}", heads[kind] + body[1:]))
                sent += kind == SPANS
            at_ns += STEP_NS * len(recorded)
            for start in range(0, len(lines), BATCH):
                outcome = exporter.send(lines[start : start + BATCH])
                if outcome.again or outcome.refused:
                    raise SystemExit(outcome.problem or outcome.refused[0].reason)


def recording() -> list[list[tuple[str, bytes]]]:
    """Run the demo, and return what it wrote, trace by trace."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "demo.sqlite"
        with running(f"sqlite://{file}") as urls:
            for _ in visits(urls["shop"], SECONDS):
                pass
        traces: dict[str, list[tuple[str, bytes]]] = {}
        with closing(sqlite3.connect(file)) as connection:
            for kind in (SPANS, LINES):
                for trace_id, body in connection.execute(f"SELECT trace_id, body FROM {kind}"):  # noqa: S608 - our own names
                    traces.setdefault(trace_id, []).append((kind, body))
    return [trace for trace_id, trace in traces.items() if trace_id]


def again(recorded: list[list[tuple[str, bytes]]], at_ns: int) -> Iterator[tuple[str, bytes]]:
    """Tell the traces of the demo once more: ids, times and durations are new, and still fit together."""
    chance = random.Random(at_ns)  # noqa: S311 - ids for a measurement
    for number, trace in enumerate(recorded):
        ids: dict[bytes, bytes] = {}
        begun = min(_begun(orjson.loads(body)) for _, body in trace)
        for kind, body in trace:
            told = _IDS.sub(lambda found, ids=ids: b'"id":' + _other(found[1], ids, chance), body)
            yield kind, _moved(orjson.loads(told), at_ns + number * STEP_NS - begun, chance)


def _other(known: bytes, ids: dict[bytes, bytes], chance: random.Random) -> bytes:
    """Replace an id by one of the same length, the same one each time."""
    length = len(known) - 2
    return ids.setdefault(known, b'"%0*x"' % (length, chance.getrandbits(4 * length)))


def _begun(document: dict[str, Any]) -> int:
    """Read when a document began."""
    seconds, _, rest = document["@timestamp"].removesuffix("Z").partition(".")
    return int(time.mktime(time.strptime(seconds + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone) * 10**9 + int(rest)


def _moved(document: dict[str, Any], by_ns: int, chance: random.Random) -> bytes:
    """Move a document in time, and let it take a little longer or shorter."""
    at_ns = _begun(document) + by_ns
    document["@timestamp"] = timestamp(at_ns)
    if "timestamp" in document:
        document["timestamp"]["us"] = at_ns // 1000
        document["event"]["duration"] = int(document["event"]["duration"] * chance.uniform(0.8, 1.3))
        for part in ("transaction", "span"):
            if "duration" in document.get(part, {}):
                document[part]["duration"]["us"] = document["event"]["duration"] // 1000
    return orjson.dumps(document)


def measured(connection: Connection, name: str) -> str:
    """Merge one stream, and divide its store by its documents."""
    connection.ask("POST", f"/{name}/_forcemerge?max_num_segments=1")
    connection.ask("POST", f"/{name}/_refresh")
    total = orjson.loads(connection.ask("GET", f"/{name}/_stats/store,docs").body)["_all"]["primaries"]
    count, size = total["docs"]["count"], total["store"]["size_in_bytes"]
    return f"{count:>9,} documents {size / max(1, count):8.1f} bytes each"


if __name__ == "__main__":
    main()

"""
Whether cost and memory stay flat: ``python benchmarks/growth.py``.

First 10² to 10⁶ spans, each number in a process of its own: processor time of the caller and of the whole process per
span, and what the process grew by. The caller waits whenever the backlog is half full, as no application does, so that
nothing is dropped. Then the same number of spans from 1, 4 and 16 threads.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import threading
import time
from typing import Any

import tracelog
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.exporter import ElasticExporter
from tracelog.pipeline.exporter import Line, Outcome

COUNTS = (100, 1_000, 10_000, 100_000, 1_000_000)
THREADS = (1, 4, 16)
OF_THREADS = 100_000

#: Children of one trace.
CHILDREN = 20

_ROOM = 16_384
_FLUSH_SECONDS = 60.0


class Discarding(ElasticExporter):
    """Makes the documents and forgets them in place of sending."""

    def send(self, lines: Any, /) -> Outcome:
        """Forget *lines*."""
        taken: list[Line] = list(lines)
        return Outcome(stored=len(taken))


def main() -> None:
    """Measure each number of spans and of threads in a process of its own, or what one of those is told to."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--one", nargs=2, type=int, metavar=("SPANS", "THREADS"), help="measure this alone")
    chosen = options.parse_args()
    if chosen.one:
        print(measured(*chosen.one))  # noqa: T201 - its result
        return
    for spans, threads in [*((count, 1) for count in COUNTS), *((OF_THREADS, count) for count in THREADS)]:
        subprocess.run([sys.executable, __file__, "--one", str(spans), str(threads)], check=True)  # noqa: S603 - ourselves


def measured(spans: int, threads: int) -> str:
    """Make *spans* spans from *threads* threads at once, and say what they cost."""
    tracelog.configure(service="bench", exporter=Discarding(ElasticAddress(("http://127.0.0.1:9",))), ship_logs=False)
    make(CHILDREN + 1)
    tracelog.flush(_FLUSH_SECONDS)
    before = peak_kb()
    taken: list[float] = []
    workers = [threading.Thread(target=lambda: taken.append(make(spans // threads))) for _ in range(threads)]
    began, begun = time.process_time(), time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    pending = tracelog.flush(_FLUSH_SECONDS)
    whole, wall = time.process_time() - began, time.perf_counter() - begun
    counts = tracelog.stats()
    if pending or counts.dropped or counts.refused:
        raise SystemExit(f"not all arrived, so that the figures say nothing: {counts}")
    return (
        f"{spans:>9,} spans {threads:>3} threads   caller {sum(taken) / spans * 1e6:6.2f} µs   "
        f"process {whole / spans * 1e6:6.2f} µs   {spans / wall:>9,.0f} spans/s   +{peak_kb() - before:,} KB"
    )


def make(spans: int) -> float:
    """Make *spans* spans in traces of 21; return the processor time of this thread, without its waits."""
    taken = 0.0
    for _ in range(max(1, spans // (CHILDREN + 1))):
        begun = time.thread_time()
        with tracelog.span("root"):
            for number in range(CHILDREN):
                with tracelog.span("db.query", a=number, b="two", c=3.5, d=True, e="five"):
                    pass
        taken += time.thread_time() - begun
        while tracelog.stats().pending > _ROOM // 2:
            time.sleep(0.005)
    return taken


def peak_kb() -> int:
    """Tell the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


if __name__ == "__main__":
    main()

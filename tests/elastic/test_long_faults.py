"""Minutes of a server at its worst, in the place of an afternoon in production."""

from __future__ import annotations

import gzip
import json
import random
import threading
from collections import Counter
from typing import Any

import pytest
from elastic_support import GENUINE, Reply

from tracelog.assembly import build, read_settings
from tracelog.stats import Stats

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

THREADS = 4
SPANS_EACH = 5_000
#: So many requests meet a server in trouble.
TROUBLED = 40


def read(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Take a bulk request apart: the id and the document of each item."""
    plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    rows = [json.loads(row) for row in plain.splitlines()]
    return [(head["create"]["_id"], document) for head, document in zip(rows[::2], rows[1::2], strict=True)]


class Unreliable:
    """Takes documents as Elasticsearch does, but for a number of requests something goes wrong in between."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a run can be repeated
        self._lock = threading.Lock()
        self.requests = 0
        self.documents: dict[str, dict[str, Any]] = {}

    def __call__(self, method: str, path: str, body: bytes) -> Reply:
        """Answer one bulk request."""
        with self._lock:
            if self.requests == TROUBLED:
                return self._stored(body)
            self.requests += 1
            troubles = [self._busy, self._broken, self._proxy, self._cut, self._half]
            # Successes in between, because waits grow with each failure that follows on another.
            return self._random.choice([*troubles, self._half, self._stored, self._stored])(body)

    def _stored(self, body: bytes, share: float = 1.0) -> Reply:
        items = []
        for key, document in read(body):
            if self._random.random() >= share:
                items.append({"create": {"status": 429, "error": {"type": "es_rejected", "reason": "full"}}})
            else:
                items.append({"create": {"status": 409 if key in self.documents else 201}})
                self.documents.setdefault(key, document)
        return Reply(200, json.dumps({"errors": share < 1, "items": items}).encode(), GENUINE)

    def _half(self, body: bytes) -> Reply:
        """Store some of the batch, and be too busy for the rest."""
        return self._stored(body, share=0.5)

    def _cut(self, body: bytes) -> Reply:
        """Store everything, and hang up in the middle of saying so."""
        return self._stored(body)._replace(cut=10)

    def _busy(self, body: bytes) -> Reply:
        return Reply(429, b"{}", (*GENUINE, ("Retry-After", "0")))

    def _broken(self, body: bytes) -> Reply:
        return Reply(503, b"{}", GENUINE)

    def _proxy(self, body: bytes) -> Reply:
        return Reply(200, b"<html>maintenance</html>", (("Content-Type", "text/html"),))


def balanced(counts: Stats) -> bool:
    """Hold the law of conservation."""
    settled = counts.stored + counts.already_there + counts.refused + sum(counts.dropped.values())
    return counts.finished == settled + counts.pending


@pytest.mark.parametrize("seed", range(3))
def test_every_span_arrives_once_whatever_the_server_does(pretend, seed):
    """Through refusals, cut answers and half-stored batches each span is stored exactly once, and the books balance."""
    server = Unreliable(seed)
    settings = {"service": "worn", "export": pretend(server).url, "backlog_max_records": 2 * THREADS * SPANS_EACH}
    tracer = build(read_settings({**settings, "backlog_max_bytes": 1 << 30}, environ={}))

    def work(thread: int) -> None:
        for turn in range(SPANS_EACH):
            tracer.start_span("work", number=thread * SPANS_EACH + turn).finish()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for worker in workers:
        worker.start()
    books = []
    while any(worker.is_alive() for worker in workers):
        books.append(balanced(tracer.sink.stats()))
        workers[0].join(0.01)
    for worker in workers:
        worker.join()
    # Each flush hurries the next try, which waits longer and longer otherwise.
    for _ in range(100):
        if not tracer.sink.flush(2.0):
            break
        books.append(balanced(tracer.sink.stats()))
    counts = tracer.sink.stats()
    arrived = Counter(document["labels"]["number"] for document in server.documents.values())
    tracer.sink.close(0.0)
    assert (counts.pending, counts.refused, dict(counts.dropped)) == (0, 0, {})
    assert counts.stored + counts.already_there == THREADS * SPANS_EACH
    assert arrived == Counter(range(THREADS * SPANS_EACH))
    assert all(books)
    assert server.requests == TROUBLED

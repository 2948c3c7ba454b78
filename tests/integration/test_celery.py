"""Tasks of celery: sent by a view, run by workers in processes of their own, with a broker made of files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("celery")

from tracelog.ecs.found import Found
from tracelog.local import LocalSearch

APPS = Path(__file__).parent / "apps"
SECONDS = 25.0
PATIENCE = 8.0

ASK = """
import sys
from celery_shop import web
import tracelog
client = web().test_client()
for path in sys.argv[1:]:
    with client.get("/" + path) as answer:
        print(answer.headers["X-Trace-Id"])
tracelog.flush(10)
"""


def environment(folder: Path) -> dict[str, str]:
    """Make the environment of shop and worker."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACELOG_")}
    paths = [str(APPS), *filter(None, [kept.get("PYTHONPATH")])]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONWARNINGS": "ignore",
        "SHOP_FOLDER": str(folder),
        "TRACELOG_EXPORT": f"sqlite:{folder / 'spans.sqlite'}",
    }


def send(folder: Path, *paths: str) -> list[str]:
    """Ask the shop, in a process of its own; return the trace ids of its answers."""
    command = [sys.executable, "-c", ASK, *paths]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@contextmanager
def working(folder: Path, *options: str) -> Iterator[None]:
    """Run a worker inside the block, and end it as a person would."""
    command = [sys.executable, "-m", "celery", "-A", "celery_worker", "worker", "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--concurrency", "1", *options]
    with (folder / "worker.txt").open("wb") as output:
        worker = subprocess.Popen(command, env=environment(folder), cwd=folder, stdout=output, stderr=output)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            # A pool that recycles its processes sometimes never ends: billiard waits for a lock of one that is gone.
            worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def found(folder: Path, trace_id: str, spans: int, last: str = "") -> Found:
    """Read a trace once as many spans are there as must come, that of the task *last* among them."""
    deadline = time.monotonic() + SECONDS
    while True:
        seen = LocalSearch(folder / "spans.sqlite").trace(trace_id)
        ran = {span["event.action"] for span in seen.spans if span["span.kind"] == "consumer"}
        if len(seen.spans) >= spans and (not last or last in ran):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError((seen.spans, (folder / "worker.txt").read_text()))
        time.sleep(0.05)


def parents(seen: Found) -> list[tuple[str, str, str]]:
    """Name each span with its kind and the span above it, sorted."""
    names = {span["span.id"]: span["event.action"] for span in seen.spans}
    return sorted(
        (span["event.action"], span["span.kind"], names.get(span.get("parent.id", ""), "")) for span in seen.spans
    )


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_a_task_goes_on_with_the_trace_of_the_view_that_sent_it(pool, tmp_path):
    """One trace id, parents without a gap, and ids on the lines of both processes, with each pool."""
    (trace_id,) = send(tmp_path, "charge")
    with working(tmp_path, "--pool", pool):
        found(tmp_path, trace_id, 4)
    seen = found(tmp_path, trace_id, 4)
    assert parents(seen) == [
        ("GET /<what>", "server", ""),
        ("book", "internal", "charge"),
        ("charge", "consumer", "charge"),
        ("charge", "producer", "GET /<what>"),
    ]
    (ran,) = [span for span in seen.spans if span["span.kind"] == "consumer"]
    assert (ran["transaction.type"], ran["service.name"]) == ("job", "worker")
    by_message = {line["message"].partition("[")[0]: line for line in seen.lines}
    assert by_message["charging 17"]["span.id"] == by_message["Task charge"]["span.id"] == ran["span.id"]
    assert by_message["sending"]["service.name"] == "web"


def test_a_worker_that_is_recycled_loses_nothing(tmp_path):
    """Each process of the pool ends after two tasks, and all that they did is stored."""
    (trace_id,) = send(tmp_path, "many")
    with working(tmp_path, "--pool", "prefork", "--max-tasks-per-child", "2"):
        found(tmp_path, trace_id, 1 + 3 * 6)
    seen = found(tmp_path, trace_id, 1 + 3 * 6)
    assert len(seen.spans) == 1 + 3 * 6
    assert len({span["process.pid"] for span in seen.spans if span["span.kind"] == "consumer"}) == 3


def test_failures_retries_and_what_is_given_up_are_told_apart(tmp_path):
    """An exception is a failure; a task that will run again, that is ignored or rejected, is none."""
    failed, ignored, rejected, retried = send(tmp_path, "refuse", "ignore", "reject", "again")
    with working(tmp_path, "--pool", "solo"):
        outcomes = {
            name: sorted(
                (span["event.outcome"], span["labels"]["celery.state"])
                for span in found(tmp_path, trace_id, spans).spans
                if span["span.kind"] == "consumer"
            )
            for name, trace_id, spans in [
                ("failed", failed, 3),
                ("ignored", ignored, 3),
                ("rejected", rejected, 3),
                ("retried", retried, 5),
            ]
        }
    assert outcomes == {
        "failed": [("failure", "FAILURE")],
        "ignored": [("success", "IGNORED")],
        "rejected": [("success", "REJECTED")],
        "retried": [("success", "RETRY"), ("success", "SUCCESS")],
    }


def test_what_is_sent_together_or_later_is_one_trace(tmp_path):
    """A countdown, a chain and a chord keep the trace of the view."""
    later, chained, joined = send(tmp_path, "later", "chain", "chord")
    with working(tmp_path, "--pool", "solo"):
        ran = [
            sorted(
                span["event.action"]
                for span in found(tmp_path, one, spans, last).spans
                if span["span.kind"] == "consumer"
            )
            # How often celery looks whether a chord is complete, each time as a task, is a matter of time.
            for one, spans, last in [(later, 4, ""), (chained, 7, ""), (joined, 9, "total")]
        ]
    assert ran[:2] == [["charge"], ["charge", "charge"]]
    assert [name for name in ran[2] if not name.startswith("celery.")] == ["charge", "charge", "total"]

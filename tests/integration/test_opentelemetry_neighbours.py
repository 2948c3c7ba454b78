"""Among services that OpenTelemetry's own packages trace: before and after ours they are part of one trace."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tracelog.errors import DestinationError
from tracelog.ids import is_id
from tracelog.local import LocalSearch

pytest.importorskip("opentelemetry.instrumentation.flask", reason="needs OpenTelemetry's Flask instrumentation")
pytest.importorskip("opentelemetry.instrumentation.requests", reason="needs OpenTelemetry's requests instrumentation")

APP = Path(__file__).parent / "apps" / "neighbour.py"
SECONDS = 60.0
GUNICORN = [sys.executable, "-m", "gunicorn", "--chdir", str(APP.parent), "-w", "1"]
SERVERS = {
    "werkzeug": lambda port: [sys.executable, str(APP), str(port)],
    "gunicorn": lambda port: [*GUNICORN, "-b", f"127.0.0.1:{port}", "neighbour:app"],
}

#: Services from the first to the last, each with its request and, but for the last, its call.
STEPS = [("front", "server"), ("front", "client"), ("ours", "server"), ("ours", "client"), ("back", "server")]


class Step(NamedTuple):
    """A span of either side, as far as both have it."""

    service: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str


class Row(NamedTuple):
    """Three services: the address of the first, and where they write."""

    url: str
    folder: Path

    def ask(self, **headers: str) -> dict[str, Any]:
        """Send the first one a request; gives what the last one saw."""
        asked = urllib.request.Request(self.url, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=SECONDS) as answer:
            return json.load(answer)

    def steps(self, trace_id: str) -> list[Step]:
        """Read what all three stored of a trace, once it is there; from the first to the last."""
        deadline = time.monotonic() + SECONDS
        found: list[Step] = []
        while time.monotonic() < deadline and len(found) < len(STEPS):
            time.sleep(0.05)
            found = [*self._ours(trace_id), *self._theirs("front", trace_id), *self._theirs("back", trace_id)]
        return sorted(found, key=lambda step: STEPS.index((step.service, step.kind)))

    def _ours(self, trace_id: str) -> Iterator[Step]:
        with suppress(DestinationError):  # the file is made with the first record
            for span in LocalSearch(self.folder / "ours.sqlite").trace(trace_id).spans:
                ids = span["trace.id"], span["span.id"], span.get("parent.id", "")
                yield Step(span["service.name"], span["span.kind"], *ids)

    def _theirs(self, role: str, trace_id: str) -> Iterator[Step]:
        for line in (self.folder / f"{role}.json").read_text("utf-8").splitlines():
            span = json.loads(line)
            ids = [span["context"]["trace_id"], span["context"]["span_id"], span["parent_id"] or "0x"]
            step = Step(role, span["kind"].rpartition(".")[2].lower(), *(one.removeprefix("0x") for one in ids))
            if step.trace_id == trace_id:
                yield step


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def service(server: str, role: str, following: str, folder: Path) -> Iterator[str]:
    """Run one of the services inside the block; gives its URL."""
    port, output = free_port(), folder / f"{role}.txt"
    strange = ("TRACELOG_", "OTEL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    environment |= {"ROLE": role, "FOLLOWING": following, "SPANS": str(folder / f"{role}.json"), "NO_PROXY": "*"}
    environment |= {"TRACELOG_EXPORT": f"sqlite:{folder / 'ours.sqlite'}"}
    with output.open("wb") as written:
        process = subprocess.Popen(SERVERS[server](port), stdout=written, stderr=written, env=environment)
    try:
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            raise AssertionError(output.read_text())
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module", params=SERVERS)
def row(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    """Run all three under each server."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        url = ""
        for role in ("back", "ours", "front"):
            url = stack.enter_context(service(request.param, role, url, folder))
        yield Row(url, folder)


def test_the_trace_is_one_from_theirs_over_ours_to_theirs(row: Row) -> None:
    """A trace that OpenTelemetry begins is stored by all three under one id, each span below the one before it."""
    steps = row.steps(row.ask()["trace"])
    assert [(step.service, step.kind) for step in steps] == STEPS
    assert [step.parent_id for step in steps] == ["", *(step.span_id for step in steps[:-1])]
    assert len({step.span_id for step in steps}) == len(STEPS)
    assert all(is_id(step.trace_id, 32) and is_id(step.span_id, 16) for step in steps)


def test_a_caller_in_front_of_all_is_the_parent_of_the_first(row: Row) -> None:
    """A trace that came in goes through all three."""
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    seen = row.ask(traceparent=f"00-{trace_id}-{span_id}-01")
    steps = row.steps(trace_id)
    assert (seen["trace"], seen["sampled"], len(steps)) == (trace_id, True, len(STEPS))
    assert steps[0].parent_id == span_id


def test_not_sampled_is_understood_on_both_sides(row: Row) -> None:
    """A trace that is left out stays so behind ours: the last of the three sees its id, and that it is not kept."""
    trace_id = "5cf92f3577b34da6a3ce929d0e0e4736"
    seen = row.ask(traceparent=f"00-{trace_id}-00f067aa0ba902b7-00")
    assert (seen["trace"], seen["sampled"]) == (trace_id, False)
    # What came later is stored, and of the first still nothing.
    row.steps(row.ask()["trace"])
    assert [*row._ours(trace_id), *row._theirs("front", trace_id), *row._theirs("back", trace_id)] == []


def test_their_baggage_passes_ours(row: Row) -> None:
    """A pair that the first one sets is read by the last one, whatever characters it has."""
    assert row.ask()["baggage"] == {"tenant": "Amélie & Co"}

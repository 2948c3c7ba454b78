"""What README and docs show runs as it stands there."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracelog.ecs.found import Found
from tracelog.local.search import LocalSearch

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if "```python" in page.read_text()]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 30


def blocks(page: Path) -> list[str]:
    """Cut the Python out of a page."""
    return FENCE.findall(page.read_text())


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**settings: str) -> dict[str, str]:
    """Leave tracelog's settings of whoever runs the tests out."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRACELOG_", "FLASK_"))}
    return {**kept, **settings}


def answer_of(url: str) -> str:
    """Ask *url*, which may just be starting, and return the trace id of the answer."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as answer:
                assert json.load(answer) == {"order": 17}
                return answer.headers["X-Trace-Id"]
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def found(store: Path, trace_id: str, spans: int, lines: int) -> Found:
    """Search until as much is there as must come, or time is up."""
    deadline = time.monotonic() + SECONDS
    search = LocalSearch(store)
    seen = Found([], [])
    while (len(seen.spans) < spans or len(seen.lines) < lines) and time.monotonic() < deadline:
        time.sleep(0.05)
        if store.exists():
            seen = search.trace(trace_id)
    search.close()
    return seen


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[str, Path, Path]]:
    """Start the README's application; gives its address, its store and what it prints."""
    (program,) = blocks(README)
    (tmp_path / "shop.py").write_text(program)
    store, output, port = tmp_path / "traces.sqlite", tmp_path / "output", free_port()
    with output.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "shop", "run", "--port", str(port)],
            cwd=tmp_path,
            env=clean_environment(TRACELOG_EXPORT=f"sqlite://{store}", PYTHONUNBUFFERED="1"),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}", store, output
        finally:
            server.terminate()
            server.wait(SECONDS)


def test_the_three_steps_lead_from_a_line_to_the_trace(shop):
    """The README's application prints a line whose traceId finds its spans and its lines."""
    address, store, output = shop
    trace_id = answer_of(f"{address}/orders/17")
    (line,) = [json.loads(text) for text in output.read_text().splitlines() if text.startswith('{"order"')]
    assert line["traceId"] == trace_id
    # Of the view, of the request, and of the server.
    seen = found(store, trace_id, spans=2, lines=3)
    assert [span["event.action"] for span in seen.spans] == ["GET /orders/<int:number>", "charge card"]
    charged = [document for document in seen.lines if document["message"] == "charged"]
    assert [document["span.id"] for document in charged] == [line["spanId"]] == [seen.spans[1]["span.id"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_docs_show_runs(page, tmp_path):
    """Every Python example of the docs runs by itself, in an interpreter of its own."""
    for number, program in enumerate(blocks(page)):
        script = tmp_path / f"example_{number}.py"
        script.write_text(program)
        # Warnings are for the application's own author, too.
        done = subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{page.name}, example {number}:\n{done.stderr}"


def test_the_readme_is_short():
    """The README stays under 150 lines."""
    assert len(README.read_text().splitlines()) < 150

"""What README and docs show runs as it stands there."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracelog.ecs.found import Found
from tracelog.local.search import LocalSearch

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
GETTING_STARTED = ROOT / "docs" / "getting-started.md"
GUNICORN = ROOT / "docs" / "recipes" / "gunicorn.md"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("kibana/*.md")]
)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ID = re.compile(r"[0-9a-f]{32}")
SECONDS = 30

#: What an example may need beside tracelog and its test tools; without it the example is skipped.
BESIDE = ("celery",)


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


def examples() -> Iterator[tuple[str, str]]:
    """Name every Python example of every page."""
    for page in PAGES:
        for number, program in enumerate(blocks(page)):
            yield f"{page.relative_to(ROOT)}:{number}", program


EXAMPLES = dict(examples())


def named(page: Path, name: str) -> str:
    """Find the example that is the file *name*."""
    (program,) = [program for program in blocks(page) if program.startswith(f"# {name}\n")]
    return program


@contextmanager
def served(folder: Path, command: list[str]) -> Iterator[tuple[Path, Path]]:
    """Run a server in *folder*; gives its store and what it prints."""
    store, output = folder / "traces.sqlite", folder / "output"
    with output.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=clean_environment(TRACELOG_EXPORT=f"sqlite://{store}", PYTHONUNBUFFERED="1"),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield store, output
        finally:
            server.terminate()
            server.wait(SECONDS)


def printed(output: Path, word: str) -> str:
    """Find the line that a server wrote with *word* in it."""
    deadline = time.monotonic() + SECONDS
    while True:
        lines = [line for line in output.read_text().splitlines() if word in line]
        if lines or time.monotonic() > deadline:
            (line,) = lines
            return line
        time.sleep(0.05)


@pytest.mark.parametrize("page", [README, GETTING_STARTED], ids=lambda page: page.stem)
def test_the_steps_lead_from_a_line_to_the_trace(page, tmp_path):
    """The application of a page prints a line whose trace id finds its spans and its lines."""
    (tmp_path / "shop.py").write_text(named(page, "shop.py"))
    port = free_port()
    with served(tmp_path, ["flask", "--app", "shop", "run", "--port", str(port)]) as (store, output):
        trace_id = answer_of(f"http://127.0.0.1:{port}/orders/17")
        line = printed(output, "charged")
        # Of the view, of the request, and of the server.
        seen = found(store, trace_id, spans=2, lines=3)
    assert trace_id in ID.findall(line)
    assert [span["event.action"] for span in seen.spans] == ["GET /orders/<int:number>", "charge card"]
    (charged,) = [document for document in seen.lines if document["message"] == "charged"]
    assert charged["span.id"] == seen.spans[1]["span.id"]
    assert charged["span.id"] in line


def test_the_settings_for_gunicorn_put_ids_on_its_own_lines(tmp_path):
    """With the recipe's file, forked workers print the access line as ECS JSON with the ids of the request."""
    (tmp_path / "shop.py").write_text(named(README, "shop.py"))
    (tmp_path / "gunicorn.conf.py").write_text(named(GUNICORN, "gunicorn.conf.py"))
    port = free_port()
    with served(tmp_path, ["gunicorn", "--bind", f"127.0.0.1:{port}", "shop:app"]) as (store, output):
        trace_id = answer_of(f"http://127.0.0.1:{port}/orders/17")
        access = json.loads(printed(output, "gunicorn.access"))
        seen = found(store, trace_id, spans=2, lines=3)
    assert access["trace"]["id"] == trace_id
    assert "gunicorn.access" in {document.get("log.logger") for document in seen.lines}


@pytest.mark.parametrize("program", EXAMPLES.values(), ids=EXAMPLES)
def test_what_the_pages_show_runs(program, tmp_path):
    """Every Python example of every page runs by itself, in an interpreter of its own."""
    for name in BESIDE:
        if f"from {name}" in program and importlib.util.find_spec(name) is None:
            pytest.skip(f"an example needs {name}")
    script = tmp_path / "example.py"
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
    assert done.returncode == 0, done.stderr


def test_every_example_is_found():
    """Pages in folders count as well as those beside the README."""
    pages = {name.partition(":")[0] for name in EXAMPLES}
    assert {"README.md", "docs/logging.md", "docs/recipes/queues.md"} <= pages


def test_the_readme_is_short():
    """The README stays under 150 lines."""
    assert len(README.read_text().splitlines()) < 150

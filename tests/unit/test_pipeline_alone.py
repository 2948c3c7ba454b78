"""What the pipeline does by itself, in a process of its own: it loads nothing, and belongs to no application."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SECONDS = 60


def told(script: str, *arguments: object) -> list[str]:
    """Run a script to its end; return the words that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


LOADING = """
    import logging, sys, tracelog
    tracelog.configure(service="alone", export=sys.argv[1])
    log = logging.getLogger("alone")
    logging.basicConfig(handlers=[logging.NullHandler()])

    def work():
        with tracelog.span("outer", n=1, url="http://shop.test/?token=abc"):
            log.warning("said %s", "ä", extra={"k": [1]})
            try:
                with tracelog.span("inner"):
                    raise ValueError("x")
            except ValueError:
                log.exception("failed")

    before = set(sys.modules)
    work()
    tracelog.flush(float(sys.argv[2]))
    print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("place", ["sqlite", "file", "elasticsearch"])
def test_the_pipelines_threads_load_no_module(tmp_path, place):
    """A process that is forked while another thread loads one waits for that module for ever, and so do its records."""
    exports = {
        "sqlite": (f"sqlite:{tmp_path / 'spans.sqlite'}", 10),
        "file": (f"file:{tmp_path / 'spans.ndjson'}", 10),
        # Nobody listens there: what is loaded to find that out is what would be loaded to send.
        "elasticsearch": ("http://localhost:9", 0.5),
    }
    assert told(LOADING, *exports[place]) == []


LEAVING = """
    import gc, os, sys, tracelog
    from flask import Flask
    from tracelog.integrations.flask import TraceLog

    def served():
        app = Flask("brief")
        TraceLog(app, export=f"sqlite:{sys.argv[1]}", request_line=False, ship_logs=False)
        app.add_url_rule("/", view_func=lambda: "")
        with app.test_client().get("/"):
            pass

    for _ in range(4):
        served()
    gc.collect()
    if sys.argv[2] == "flush":
        print(tracelog.flush(10), tracelog.stats().finished, tracelog.stats().stored)
"""

COUNTING = """
    import sys
    from tracelog.local import LocalSearch
    print(len(LocalSearch(sys.argv[1]).recent(limit=100)))
"""


@pytest.mark.parametrize("how", ["flush", "exit"])
def test_an_application_that_is_let_go_of_leaves_nothing_behind(tmp_path, how):
    """What it had finished is shipped and counted, whether somebody flushes or the process just ends."""
    store = Path(tmp_path / "spans.sqlite")
    assert told(LEAVING, store, how) == (["0", "4", "4"] if how == "flush" else [])
    assert told(COUNTING, store) == ["4"]

"""The pipeline in real processes: forks, exits, gevent, servers that hang."""

import json
import logging
import os
import socket
import subprocess
import sys
import textwrap

import pytest

import tracelog
from tracelog import factory
from tracelog.local.search import LocalSearch
from tracelog.pipeline.exporter import Outcome
from tracelog.tracer import set_default

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


def run(script, *arguments, timeout=60):
    """Run a script in a process of its own; return the ended process."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def operations(store):
    """Return the names of all spans in *store* that began a trace, sorted."""
    return sorted(span["event.action"] for span in LocalSearch(store).recent(limit=1000))


def test_what_is_finished_just_before_the_end_arrives(tmp_path):
    """A process that ends right after its spans and lines loses none: the exit waits for them."""
    store = tmp_path / "spans.sqlite"
    ended = run(
        """
        import logging, sys, tracelog
        tracelog.configure(service="brief", export=f"sqlite:{sys.argv[1]}")
        with tracelog.span("last words") as span:
            logging.getLogger("brief").warning("said in time")
        print(span.trace_id)
        """,
        store,
    )
    spans, lines, _ = LocalSearch(store).trace(ended.stdout.strip())
    assert [span["event.action"] for span in spans] == ["last words"]
    assert [line["message"] for line in lines] == ["said in time"]
    assert ended.stderr == "said in time\n"


FORKING = """
import ctypes, os, sys, tracelog
tracelog.configure(service="forking", export=f"sqlite:{{sys.argv[1]}}")
{before}
child = {fork}
with tracelog.span("child" if child == 0 else "parent") as span:
    pass
pending = tracelog.flush(10)
stats = tracelog.stats()
# One write, so that the two processes do not write into each other's lines where output is not buffered.
os.write(1, f"{{os.getpid()}} {{stats.finished}} {{stats.stored}} {{pending}} {{span.trace_id}}\\n".encode())
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""


def forked(store, fork, before=""):
    """Fork in a process of its own; return the sorted counts of both, after checking what they share."""
    ended = run(FORKING.format(fork=fork, before=before), store, timeout=30)
    assert ended.returncode == 0, ended.stderr
    told = [line.split() for line in ended.stdout.splitlines()]
    assert len({row[0] for row in told}) == len({row[4] for row in told}) == 2
    return sorted(" ".join(row[1:4]) for row in told)


@needs_fork
def test_a_forked_child_sends_its_own_and_nothing_twice(tmp_path):
    """Parent and child each send what they finished, once, though the parent's pipeline was at work."""
    store = tmp_path / "spans.sqlite"
    assert forked(store, "os.fork()", "tracelog.span('before').__enter__().finish()") == ["1 1 0", "2 2 0"]
    assert operations(store) == ["before", "child", "parent"]


@needs_fork
def test_a_fork_that_runs_no_hooks_is_noticed(tmp_path):
    """A server that loads the application and forks without Python's hooks (uWSGI's preload) gets two pipelines."""
    store = tmp_path / "spans.sqlite"
    assert forked(store, "ctypes.CDLL(None).fork()") == ["1 1 0", "1 1 0"]
    assert operations(store) == ["child", "parent"]


@needs_fork
def test_many_children_write_into_one_file(tmp_path):
    """Eight processes that write at once into one embedded store lose nothing."""
    store = tmp_path / "spans.sqlite"
    ended = run(
        """
        import os, sys, tracelog
        tracelog.configure(service="many", export=f"sqlite:{sys.argv[1]}")
        children = []
        for number in range(8):
            child = os.fork()
            if child == 0:
                for turn in range(50):
                    with tracelog.span(f"{number}-{turn}"):
                        pass
                os._exit(tracelog.flush(30))
            children.append(child)
        sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
        """,
        store,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(set(operations(store))) == 400


def test_a_server_that_hangs_does_not_keep_the_process(tmp_path):
    """With an Elasticsearch that takes requests and never answers the process ends, and says what was not sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = run(
            """
            import logging, sys, tracelog
            logging.basicConfig()
            tracelog.configure(service="patient", export=sys.argv[1])
            for number in range(10):
                with tracelog.span("unheard"):
                    pass
            """,
            f"http://127.0.0.1:{silent.getsockname()[1]}",
            timeout=30,
        )
    assert ended.returncode == 0
    assert "10 records were not sent before the process ended" in ended.stderr


def test_nobody_there_is_said_once_and_harms_nobody():
    """Without a server every span is kept and one line says so; the application runs on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = run(
        """
        import json, logging, sys, tracelog
        logging.basicConfig()
        tracelog.configure(service="alone", export=sys.argv[1])
        for number in range(10):
            with tracelog.span("unheard"):
                pass
        pending = tracelog.flush(1.5)
        print(json.dumps([pending, tracelog.stats().finished, sum(tracelog.stats().dropped.values())]))
        """,
        f"http://127.0.0.1:{port}",
    )
    assert json.loads(ended.stdout) == [10, 10, 0]
    assert ended.stderr.count("ERROR:tracelog") == 1
    assert f"127.0.0.1:{port}" in ended.stderr


def test_nothing_configured_gives_ids_and_one_warning():
    """Without any set-up ids are on the lines, nothing is exported, and one warning says how to."""
    ended = run(
        """
        import logging
        logging.basicConfig(format="%(levelname)s %(traceId)s %(message)s")
        from flask import Flask
        from tracelog.integrations.flask import TraceLog
        app = Flask("bare")
        TraceLog(app)
        app.add_url_rule("/", view_func=lambda: (logging.getLogger("view").warning("seen"), "ok")[1])
        print(app.test_client().get("/").headers["X-Trace-Id"])
        """
    )
    trace_id = ended.stdout.strip()
    assert len(trace_id) == 32
    assert f"WARNING {trace_id} seen" in ended.stderr
    assert ended.stderr.count("no TRACELOG_EXPORT is set") == 1


def test_under_gevent_the_pipeline_runs_on_native_threads(tmp_path):
    """Records arrive while the only greenlet computes and never yields: the pipeline needs no turn of the hub."""
    ended = run(
        """
        from gevent import monkey
        monkey.patch_all()
        import sys, time, tracelog
        tracelog.configure(service="green", export=f"sqlite:{sys.argv[1]}")
        with tracelog.span("before computing"):
            pass
        deadline = time.perf_counter() + 20
        while tracelog.stats().stored == 0 and time.perf_counter() < deadline:
            sum(range(1000))
        print(tracelog.stats().stored)
        """,
        tmp_path / "spans.sqlite",
    )
    assert ended.stdout == "1\n", ended.stderr


def test_the_pipelines_own_lines_are_not_shipped(tmp_path, caplog):
    """What the pipeline's threads log about themselves stays out of the pipeline."""

    class Chatty:
        """Logs whatever it does, as a client library would."""

        def __init__(self):
            self.kept = []

        def encode(self, record, /):
            logging.getLogger("client").error("encoding")
            return b"{}"

        def send(self, lines, /):
            logging.getLogger("client").error("sending")
            self.kept += lines
            return Outcome(stored=len(lines))

        def close(self):
            logging.getLogger("client").error("closing")

    chatty = Chatty()
    tracer = tracelog.configure(service="chatty", exporter=chatty)
    try:
        with tracelog.span("one"):
            logging.getLogger("application").error("said")
        assert tracelog.flush(10) == 0
        assert tracelog.flush(10) == 0
        assert [line.kind for line in chatty.kept] == ["lines", "spans"]
        assert caplog.text.count("sending") >= 1
    finally:
        tracer.sink.close(1.0)
        set_default(None)
        factory.uninstall()

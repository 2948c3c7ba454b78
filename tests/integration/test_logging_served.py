"""The one call in processes of their own: on a terminal, into a pipe, and under servers that log by themselves."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracelog.ecs.found import flat

APP = Path(__file__).parent / "apps" / "configured.py"
COLOUR = re.compile(r"\x1b\[[\d;]*m")
GUNICORN = [sys.executable, "-m", "gunicorn", "--chdir", str(APP.parent), "--access-logfile", "-", "-w", "1"]
SERVERS = {
    "werkzeug": lambda port: [sys.executable, str(APP), str(port)],
    "gunicorn": lambda port: [*GUNICORN, "-b", f"127.0.0.1:{port}", "configured:app"],
    "preloaded": lambda port: [*GUNICORN, "--preload", "-b", f"127.0.0.1:{port}", "configured:app"],
}
ACCESS = {"werkzeug": "werkzeug", "gunicorn": "gunicorn.access", "preloaded": "gunicorn.access"}


def environment(**told):
    """Make an environment without a terminal's own wishes."""
    left_out = {"NO_COLOR", "FORCE_COLOR"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "TERM": "xterm-256color", **told}


def on_a_terminal(**told):
    """Run the application on a terminal of its own, and return all that it showed there."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, str(APP), "once"], stdout=theirs, stderr=theirs, env=environment(**told)
        )
        os.close(theirs)
        shown = b""
        while piece := read(ours):
            shown += piece
        assert process.wait(30) == 0
    finally:
        os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def read(terminal):
    """Read what is there; a terminal that was left answers with an error on Linux."""
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def test_on_a_terminal_lines_are_coloured_and_end_with_the_whole_id():
    """A person sees levels in colour, ids dim and whole, and whose frames of a traceback are the application's."""
    shown = on_a_terminal()
    charged = next(line for line in shown.splitlines() if "charged" in line)
    assert re.search(r"\x1b\[32mINFO    \x1b\[0m charged  \x1b\[36morder\x1b\[0m=17  ", charged)
    assert re.search(r"  \x1b\[2m[0-9a-f]{32}\x1b\[0m$", charged)
    frames = [line for line in shown.splitlines() if 'File "' in line]
    assert [line.startswith("\x1b[2m") for line in frames] == ["site-packages" in line for line in frames]
    assert str(APP) in frames[-1]
    assert "\x1b[31mValueError: no such order\x1b[0m" in shown
    assert "{" not in COLOUR.sub("", shown).partition("Traceback")[0]


@pytest.mark.parametrize("wish", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_a_terminal_that_wants_no_colours_gets_none(wish):
    """The lines are those for a person, without any escape sequence."""
    shown = on_a_terminal(**wish)
    assert "\x1b" not in shown
    assert re.search(r"^[\d:.]{12} INFO     charged  order=17  shop\.cart  [0-9a-f]{32}$", shown, re.MULTILINE)


def test_into_a_pipe_each_line_is_json_on_stdout():
    """Nothing goes to stderr, and each line is a document with the ids of its request."""
    done = subprocess.run(
        [sys.executable, str(APP), "once"], capture_output=True, text=True, env=environment(), timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [flat(json.loads(line)) for line in done.stdout.splitlines()]
    messages = [line["message"] for line in lines]
    assert messages[:2] == ["charged", "only 2 left"]
    assert "Exception on /fails [GET]" in messages
    assert all(line["trace.id"] and line["span.id"] for line in lines)


@contextmanager
def serving(kind, output):
    """Serve the application by *kind*, writing both of its outputs to *output*; gives the URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with output.open("wb") as written:
        process = subprocess.Popen(SERVERS[kind](port), stdout=written, stderr=written, env=environment())
    try:
        deadline = time.monotonic() + 30
        while not listening(port):
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def listening(port):
    """Tell whether somebody answers there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def loggers(output, trace_id, awaited=4):
    """Name the loggers of a trace's lines, once *awaited* are written to the end or time is up."""
    deadline = time.monotonic() + 20
    while True:
        written = output.read_text().splitlines(keepends=True)
        lines = [flat(json.loads(line)) for line in written if line.startswith("{") and line.endswith("\n")]
        found = sorted(line["log.logger"] for line in lines if line.get("trace.id") == trace_id)
        if len(found) >= awaited or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


@pytest.mark.parametrize("kind", SERVERS)
def test_the_lines_of_servers_go_through_the_same_chain(kind, tmp_path):
    """Each line of a request, the server's access line included, is written once, as JSON, with the request's id."""
    output = tmp_path / "output.txt"
    with serving(kind, output) as url:
        with urllib.request.urlopen(f"{url}/orders/17", timeout=20) as answer:
            trace_id = answer.headers["X-Trace-Id"]
            assert answer.read() == b"ok"
        # The last two are written when the answer is out already.
        seen = loggers(output, trace_id)
    assert seen == sorted(["shop.cart", "shop.stock", "tracelog.request", ACCESS[kind]])
    assert loggers(output, trace_id) == seen, "the end of the server brought a line once more"
    assert output.read_text().count("GET /orders/17") == 1


def test_gunicorns_own_lines_are_json_once_the_application_is_loaded(tmp_path):
    """What the worker says of itself comes through the chain as well; the master's first lines are gunicorn's own."""
    output = tmp_path / "output.txt"
    with serving("gunicorn", output) as url:
        urllib.request.urlopen(f"{url}/orders/17", timeout=20).close()
    lines = [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]
    assert any(line["log"]["logger"] == "gunicorn.error" and "Worker exiting" in line["message"] for line in lines)

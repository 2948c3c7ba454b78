"""The rules of W3C Trace Context and Baggage at the surface that callers meet: real servers, header lines as sent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from w3c_rules import RULES, SPAN, TRACE, Rule

from tracelog.ids import is_id

APP = Path(__file__).parent / "apps" / "surface.py"
SECONDS = 30.0
# By itself gunicorn refuses header lines of more than 8190 bytes, which a baggage may have.
GUNICORN = [sys.executable, "-m", "gunicorn", "--chdir", str(APP.parent), "--limit-request-field_size", "16380"]
SERVERS = {
    "werkzeug": lambda port: [sys.executable, str(APP), "werkzeug", str(port)],
    "gunicorn": lambda port: [*GUNICORN, "-b", f"127.0.0.1:{port}", "surface:app"],
    "waitress": lambda port: [sys.executable, str(APP), "waitress", str(port)],
}


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    """Wait until the server listens."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(output.read_text())


@pytest.fixture(scope="module", params=SERVERS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run the application under each server, once; gives its port."""
    number, output = free_port(), tmp_path_factory.mktemp(request.param) / "output.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACELOG_")}
    with output.open("wb") as written:
        process = subprocess.Popen(SERVERS[request.param](number), stdout=written, stderr=written, env=environment)
    try:
        await_port(number, process, output)
        yield number
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def told(port: int, lines: tuple[str, ...]) -> dict[str, Any]:
    """Send header *lines* as they are; return what the application answered."""
    request = "\r\n".join(["GET / HTTP/1.0", "Host: x", *lines, "", ""])
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        client.sendall(request.encode("latin-1"))
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"200", answer
    return json.loads(body)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.section}: {rule.law}")
def test_the_rule_holds_under_every_server(port: int, rule: Rule) -> None:
    """A trace is continued or begun, and passed on under a new id, as the rule says."""
    seen = told(port, rule.lines)
    sent = seen["sent"]
    version, trace_id, span_id, flags = sent.pop("traceparent").split("-")
    assert (seen["trace"] == TRACE, seen["parent"]) == (rule.trace, SPAN if rule.trace else "")
    assert (version, trace_id, span_id, flags) == ("00", seen["trace"], seen["span"], rule.flags)
    assert is_id(trace_id, 32)
    assert is_id(span_id, 16)
    assert span_id != SPAN
    expected = {"tracestate": rule.state, "baggage": rule.baggage}
    assert sent == {name: value for name, value in expected.items() if value is not None}


def test_the_table_has_a_row_for_each_law_once() -> None:
    """No row stands in for another."""
    names = [(rule.section, rule.law) for rule in RULES]
    assert len(set(names)) == len(names) > 80

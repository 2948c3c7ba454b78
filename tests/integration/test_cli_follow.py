"""``tracelog show --follow`` on a terminal: a real one, whose screen is read."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from contextlib import closing

import pytest

from tracelog.local import LocalExporter
from tracelog.pipeline.exporter import SPANS, Line
from tracelog.record import Kind, Resource, SpanRecord, Status

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOON = 1_763_899_200_000_000_000
_TOLD = re.compile(r"\x1b\[(\d*)A|\x1b\[[0-9;?]*([A-Za-z])|(\r)|(\n)|(.)", re.DOTALL)


def keep(path, span_id, **told):
    """Store a span that took ten milliseconds."""
    record = SpanRecord(
        *(Resource("shop"), TRACE, span_id, "", "a", f"work {span_id}", Kind.SERVER, Status.SUCCESS),
        started_ns=NOON,
        duration_ns=10_000_000,
        children=0,
        calls=0,
        weight=1.0,
        attributes={},
    )
    with closing(LocalExporter(path)) as exporter:
        assert exporter.send([Line(SPANS, span_id, exporter.encode(record._replace(**told)))]).stored == 1


def screen(output: str) -> list[str]:
    """Read what a terminal shows after *output*: rows, with the cursor going up, back and over them."""
    rows, at, column = [""], 0, 0
    for up, other, back, new, sign in _TOLD.findall(output):
        if up or back:
            at, column = at - int(up or 0), 0 if back else column
        elif new:
            at, column = at + 1, 0
            rows += [""] * (at + 1 - len(rows))
        elif other == "K":
            rows[at] = ""
        elif sign:
            rows[at] = rows[at].ljust(column)[:column] + sign + rows[at][column + 1 :]
            column += 1
    return rows


class Terminal:
    """A terminal of 80 columns in which a trace is followed."""

    def __init__(self, path, rows):
        self.output = ""
        self._letters = codecs.getincrementaldecoder("utf-8")()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
        command = [sys.executable, "-m", "tracelog", "show", TRACE, "--follow", "--export", f"sqlite://{path}"]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env={**kept, "TERM": "xterm"}, start_new_session=True
        )
        os.close(slave)

    def read_until(self, said=None):
        """Read until something was said, or to the end."""
        while said is None or said not in self.output:
            try:
                part = os.read(self._master, 65536)
            except OSError:
                part = b""
            if not part:
                assert said is None, self.output
                return
            self.output += self._letters.decode(part)

    def close(self):
        """End the process, if it still runs."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def path(tmp_path):
    """Name a file that holds one span of which a child is owed."""
    path = tmp_path / "traces.sqlite"
    keep(path, "a", children=1)
    return path


@pytest.fixture
def terminal(path):
    """Open terminals, and close them."""
    opened: list[Terminal] = []

    def follow(rows=24):
        opened.append(Terminal(path, rows))
        return opened[-1]

    yield follow
    for made in opened:
        made.close()


def test_what_arrives_is_drawn_in_place_until_the_trace_is_whole(terminal, path):
    """While a child is owed it is said so; at the end one picture is left on the screen, and nothing else."""
    opened = terminal()
    opened.read_until("waiting for 1 more span")
    keep(path, "b", parent_id="a", kind=Kind.INTERNAL)
    opened.read_until("whole so far")
    opened.read_until()
    assert opened.process.wait(60) == 0
    shown = [row.rstrip() for row in screen(opened.output) if row.strip()]
    assert [row.split("  ")[0] for row in shown] == [
        f"trace {TRACE}",
        "1 service · 2 spans · 0 lines · 10.0 ms · success",
        "shop work a",
        "└─ work b",
    ]


def test_interrupting_leaves_what_there_is(terminal):
    """Ctrl-C is a way to end: the picture stays, without a word about it, and the exit code says that it is in part."""
    opened = terminal()
    opened.read_until("waiting for 1 more span")
    opened.process.send_signal(signal.SIGINT)
    opened.read_until()
    assert opened.process.wait(60) == 3
    shown = [row for row in screen(opened.output) if row.strip()]
    assert [row.split()[0] for row in shown] == ["trace", "1", "⚠", "shop", "⚠"]
    assert "Ctrl-C" not in "".join(shown)


def test_a_trace_that_is_higher_than_the_terminal_is_cut_to_it_until_the_end(terminal, path):
    """What is drawn again and again never scrolls; the whole picture comes once."""
    for number in range(30):
        keep(path, f"b{number}", parent_id="a", started_ns=NOON + number, kind=Kind.INTERNAL)
    opened = terminal(rows=12)
    opened.read_until("Ctrl-C ends")
    assert len(screen(opened.output)) <= 12
    assert "rows above are drawn at the end" in opened.output
    opened.read_until()
    shown = screen(opened.output)
    assert sum("work b" in row for row in shown) == 30
    assert not any("above are drawn" in row for row in shown)

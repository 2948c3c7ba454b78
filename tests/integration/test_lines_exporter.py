"""JSON lines on real files and streams."""

from __future__ import annotations

import io
import json
import resource
import stat
import subprocess
import sys
import textwrap

from tracelog.exporters import LinesExporter
from tracelog.pipeline.exporter import LINES, Line, Outcome
from tracelog.record import LineRecord, Resource


def batch(exporter: LinesExporter, *messages: str) -> list[Line]:
    """Encode a line for each of *messages*."""
    return [
        Line(LINES, text, exporter.encode(LineRecord(Resource("shop"), 1, "info", "", text, "t", "", "", {})))
        for text in messages
    ]


def test_a_file_is_appended_to_and_closed_to_others(tmp_path):
    """What is there stays, each document gets a line, and only the user can read a file that was made."""
    path = tmp_path / "out" / "lines.ndjson"
    for message in ("one", "two"):
        exporter = LinesExporter(path)
        exporter.send(batch(exporter, message))
        exporter.close()
    assert [json.loads(line)["message"] for line in path.read_text().splitlines()] == ["one", "two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_standard_output_is_the_default_stream(capfdbinary):
    """Without a target the lines come out of the process, in order with what was printed before."""
    script = """
        from tracelog.exporters import LinesExporter
        from tracelog.pipeline.exporter import LINES, Line

        print("before")
        LinesExporter().send([Line(LINES, "a", '{"m":"木"}'.encode())])
        print("after")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)
    assert capfdbinary.readouterr().out == 'before\n{"m":"木"}\nafter\n'.encode()


def test_a_stream_of_text_alone_takes_lines():
    """A stream without bytes below it gets text."""
    stream = io.StringIO()
    exporter = LinesExporter(stream)
    assert exporter.send(batch(exporter, "木")) == Outcome(stored=1)
    assert json.loads(stream.getvalue())["message"] == "木"


def test_a_closed_stream_keeps_the_batch():
    """A stream that somebody closed takes nothing: all is to be sent again, and the sentence says why."""
    stream = io.BytesIO()
    exporter = LinesExporter(stream)
    stream.close()
    outcome = exporter.send(batch(exporter, "one", "two"))
    assert outcome.again == (0, 1)
    assert "closed" in outcome.problem


def test_a_directory_in_place_of_the_file_keeps_the_batch(tmp_path):
    """A path that cannot be written keeps everything and is named."""
    exporter = LinesExporter(tmp_path)
    outcome = exporter.send(batch(exporter, "one"))
    assert outcome.again == (0,)
    assert str(tmp_path) in outcome.problem


def test_a_full_disk_tears_no_line_but_one(tmp_path):
    """Where room ends inside a line, whole lines count as stored, and a later try spoils none of its own."""
    script = """
        import resource, sys
        from tracelog.exporters import LinesExporter
        from tracelog.pipeline.exporter import LINES, Line

        lines = [Line(LINES, str(number), b'{"n":%d}' % number) for number in range(1, 6)]
        exporter = LinesExporter(sys.argv[1])
        first = exporter.send(lines)
        assert (first.stored, first.again) == (2, (2, 3, 4)), first
        assert first.problem
        full = exporter.send(lines[2:])
        assert (full.stored, full.again) == (0, (0, 1, 2)), full
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert exporter.send(lines[2:]).stored == 3
    """
    path = tmp_path / "lines.ndjson"
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY)),
    )
    assert path.read_text().splitlines() == ['{"n":1}', '{"n":2}', '{"n"', '{"n":3}', '{"n":4}', '{"n":5}']

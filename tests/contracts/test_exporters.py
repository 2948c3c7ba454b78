"""The laws that every exporter keeps."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tracelog.exporters import LinesExporter, MemoryExporter
from tracelog.local import LocalExporter
from tracelog.pipeline.exporter import SPANS, Exporter, Line, Outcome


class Case(NamedTuple):
    """An exporter, how to look at what it holds, and what it can."""

    exporter: Exporter
    count: Callable[[], int]
    keyed: bool = True
    done: Callable[[], None] = lambda: None


def _memory(tmp_path: Path) -> Case:
    exporter = MemoryExporter()
    return Case(exporter, lambda: len(exporter.spans) + len(exporter.lines))


def _file(tmp_path: Path) -> Case:
    path = tmp_path / "out" / "lines.ndjson"
    return Case(LinesExporter(path), lambda: len(path.read_bytes().splitlines()) if path.exists() else 0, keyed=False)


def _stream(tmp_path: Path) -> Case:
    stream = (tmp_path / "stream").open("w+", encoding="ascii")

    def count() -> int:
        return len((tmp_path / "stream").read_bytes().splitlines())

    return Case(LinesExporter(stream), count, keyed=False, done=stream.close)


def _local(tmp_path: Path) -> Case:
    path = tmp_path / "traces.sqlite"

    def count() -> int:
        if not path.exists():
            return 0
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT (SELECT count(*) FROM spans) + (SELECT count(*) FROM lines)").fetchone()[
                0
            ]

    return Case(LocalExporter(path), count)


@pytest.fixture(params=[_memory, _file, _stream, _local], ids=lambda make: make.__name__.strip("_"))
def case(request, tmp_path):
    """Open each exporter in turn, and close it."""
    made = request.param(tmp_path)
    yield made
    made.exporter.close()
    made.done()


def parts(outcome: Outcome) -> int:
    """Add up the four parts of *outcome*."""
    return outcome.stored + outcome.already_there + len(outcome.refused) + len(outcome.again)


def test_every_line_of_a_good_batch_is_stored(case, records, encoded):
    """Spans and lines of one batch are stored, all of them, and found where they were put."""
    lines = encoded(case.exporter, *(records.span() for _ in range(20)), *(records.line() for _ in range(30)))
    outcome = case.exporter.send(lines)
    assert outcome == Outcome(stored=50)
    assert case.count() == 50


def test_every_line_of_a_mixed_batch_is_in_exactly_one_part(case, records, encoded):
    """Whatever becomes of lines that are no documents, the four parts add up and name different places."""
    good = encoded(case.exporter, records.span(), records.line())
    lines = [good[0], Line(SPANS, "broken", b"{]"), good[1], Line(SPANS, "empty", b"{}")]
    outcome = case.exporter.send(lines)
    places = [refusal.place for refusal in outcome.refused] + list(outcome.again)
    assert parts(outcome) == len(lines)
    assert len(set(places)) == len(places)
    assert not {0, 2} & set(places)
    assert case.count() == outcome.stored


def test_an_empty_batch_is_no_trouble(case):
    """Nothing to send is nothing stored, and no error."""
    assert case.exporter.send([]) == Outcome()
    assert case.count() == 0


def test_a_batch_sent_twice_is_stored_once(case, records, encoded):
    """A second try of the same lines finds them there; without keys the outcome tells that they were written again."""
    lines = encoded(case.exporter, records.span(), records.line())
    case.exporter.send(lines)
    again = case.exporter.send(lines)
    assert again == (Outcome(already_there=2) if case.keyed else Outcome(stored=2))
    assert case.count() == (2 if case.keyed else 4)


def test_a_key_twice_in_one_batch_is_stored_once(case, records, encoded):
    """A line that stands twice in a batch is stored and already there; without keys it is two lines."""
    (line,) = encoded(case.exporter, records.span())
    outcome = case.exporter.send([line, line])
    assert outcome == (Outcome(stored=1, already_there=1) if case.keyed else Outcome(stored=2))
    assert case.count() == outcome.stored


def test_closing_twice_is_harmless(case, records, encoded):
    """A second close neither raises nor loses what was stored."""
    case.exporter.send(encoded(case.exporter, records.span()))
    case.exporter.close()
    case.exporter.close()
    assert case.count() == 1


def test_what_is_sent_after_close_is_not_lost(case, records, encoded):
    """A batch that comes late is stored, or kept to be sent again."""
    case.exporter.close()
    outcome = case.exporter.send(encoded(case.exporter, records.span()))
    assert outcome.stored + len(outcome.again) == 1
    assert case.count() == outcome.stored


@pytest.mark.parametrize("make", [_file, _stream, _local], ids=["file", "stream", "local"])
def test_a_body_is_one_line_of_json(make, tmp_path, records):
    """Documents are JSON in UTF-8 without a line break, whatever was logged."""
    case = make(tmp_path)
    body = case.exporter.encode(records.line(message="two\nlines of 木"))
    case.done()
    assert b"\n" not in body
    assert json.loads(body.decode("utf-8"))["message"] == "two\nlines of 木"


def test_memory_forgets_what_was_sent_and_keeps_what_is_on_its_way(records, encoded):
    """Clearing empties both lists; a record that was encoded before and sent after it is kept."""
    exporter = MemoryExporter()
    first, second = encoded(exporter, records.span(), records.line(message="late"))
    exporter.send([first])
    exporter.clear()
    assert exporter.spans == []
    assert exporter.send([first, second]) == Outcome(stored=1, already_there=1)
    assert [line.message for line in exporter.lines] == ["late"]

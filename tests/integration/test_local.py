"""The embedded file among processes, and when something is wrong with it."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from tracelog.errors import DestinationError
from tracelog.local import LocalExporter, LocalSearch, default_path
from tracelog.pipeline.exporter import LINES, SPANS, Line
from tracelog.record import Kind, LineRecord, Resource, SpanRecord, Status

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def a_line(message: str) -> LineRecord:
    """Make a log line of the one trace."""
    return LineRecord(Resource("shop"), 1, "info", "shop", message, TRACE, "00f067aa0ba902b7", "00f067aa0ba902b7", {})


def batch(exporter: LocalExporter, *messages: str) -> list[Line]:
    """Encode a line for each of *messages*, with the message as its key."""
    return [Line(LINES, message, exporter.encode(a_line(message))) for message in messages]


def messages(path: Path) -> list[str]:
    """Read back what was stored."""
    return [document["message"] for document in LocalSearch(path).trace(TRACE).lines]


@pytest.fixture
def path(tmp_path):
    """Name a file in a directory that is not there yet."""
    return tmp_path / "state" / "traces.sqlite"


@pytest.fixture
def exporter(path):
    """Write to that file, with little patience for others."""
    made = LocalExporter(path, patience=0.05)
    yield made
    made.close()


_WRITER = """
    import sys
    from tracelog.local import LocalExporter
    from tracelog.pipeline.exporter import LINES, Line
    from tracelog.record import LineRecord, Resource

    path, name = sys.argv[1:]
    exporter = LocalExporter(path)
    for number in range(40):
        record = LineRecord(Resource(name), number, "info", "", name, "4bf92f3577b34da6a3ce929d0e0e4736", "", "", {})
        lines = [Line(LINES, f"{name}-{number}-{place}", exporter.encode(record)) for place in range(5)]
        while (outcome := exporter.send(lines)).again:
            assert len(outcome.again) == 5
        assert outcome.stored == 5, outcome
    exporter.close()
"""


def test_several_processes_write_one_file(path):
    """Four processes that make and fill one file at once lose nothing and store nothing twice."""
    command = [sys.executable, "-c", textwrap.dedent(_WRITER), str(path)]
    writers = [subprocess.Popen([*command, f"writer{number}"]) for number in range(4)]
    try:
        assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    found = messages(path)
    assert {name: found.count(name) for name in found} == {f"writer{number}": 200 for number in range(4)}


def test_only_the_user_can_read_the_file(exporter, path):
    """The file, what SQLite puts beside it, and a directory made for it are closed to others."""
    before = os.umask(0)
    try:
        exporter.send(batch(exporter, "one"))
    finally:
        os.umask(before)
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert path.name in modes
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_forked_child_writes_on_its_own(exporter, path):
    """A child that inherits an open exporter stores its batch, and the parent goes on as before."""
    exporter.send(batch(exporter, "parent before"))
    pid = os.fork()
    if pid == 0:
        outcome = exporter.send(batch(exporter, "child"))
        exporter.close()
        os._exit(0 if outcome.stored == 1 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert exporter.send(batch(exporter, "parent after")).stored == 1
    assert sorted(messages(path)) == ["child", "parent after", "parent before"]


def test_a_deleted_file_is_made_again(exporter, path):
    """Records go into the file that bears the name, not into one that nobody can open any more."""
    exporter.send(batch(exporter, "lost with the file"))
    for part in path.parent.iterdir():
        part.unlink()
    assert exporter.send(batch(exporter, "new")).stored == 1
    assert messages(path) == ["new"]


def test_a_locked_file_keeps_the_batch(exporter, path):
    """While another process holds the file everything is to be sent again, and then it is stored."""
    exporter.send(batch(exporter, "before"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    lines = batch(exporter, "one", "two")
    outcome = exporter.send(lines)
    other.execute("ROLLBACK")
    other.close()
    assert outcome.again == (0, 1)
    assert "locked" in outcome.problem
    assert exporter.send(lines).stored == 2


def test_a_broken_body_is_refused_even_while_the_file_is_locked(exporter, path):
    """What can never be stored is not sent again with the rest."""
    exporter.send(batch(exporter, "before"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcome = exporter.send([Line(SPANS, "broken", b"{"), *batch(exporter, "good")])
    other.close()
    assert [refusal.place for refusal in outcome.refused] == [0]
    assert outcome.again == (1,)


def test_a_full_disk_keeps_the_batch(tmp_path):
    """A write that finds no room stores nothing of its batch, says so, and what was there stays readable."""
    script = """
        import resource, sys
        from tracelog.local import LocalExporter, LocalSearch
        from tracelog.pipeline.exporter import LINES, Line
        from tracelog.record import LineRecord, Resource

        exporter = LocalExporter(sys.argv[1])

        def send(key, text):
            record = LineRecord(Resource("shop"), 1, "info", "", text, "t", "", "", {})
            return exporter.send([Line(LINES, key, exporter.encode(record))])

        assert send("first", "fits").stored == 1
        outcome = send("second", "x" * 1_000_000)
        assert (outcome.stored, outcome.again) == (0, (0,)), outcome
        assert outcome.problem
        assert (outcome := send("third", "fits too")).stored == 1, outcome
        assert [line["message"] for line in LocalSearch(sys.argv[1]).trace("t").lines] == ["fits", "fits too"]
        # Whoever measures this process writes a file when it ends.
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "traces.sqlite")],
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY)),
    )


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is a letter, and no database at all\n" * 100)


def _of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE addresses (name TEXT)")


def _of_the_future(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {0x74726C67}")
        connection.execute("PRAGMA user_version = 99")


def _a_directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [_no_database, _of_another_program, _of_the_future, _a_directory])
def test_a_file_that_cannot_be_ours_is_left_alone(path, exporter, make):
    """Writing keeps the batch and says why, reading says the same, and the file stays as it was."""
    path.parent.mkdir()
    make(path)
    before = path.read_bytes() if path.is_file() else None
    outcome = exporter.send(batch(exporter, "one"))
    assert outcome.again == (0,)
    with pytest.raises(DestinationError) as caught:
        LocalSearch(path).trace(TRACE)
    assert caught.value.advice
    assert caught.value.advice in outcome.problem
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_directory_that_cannot_be_made_keeps_the_batch(tmp_path):
    """Where a file stands in the way of the directory, the batch is kept and the sentence names the place."""
    (tmp_path / "taken").write_text("a file")
    exporter = LocalExporter(tmp_path / "taken" / "traces.sqlite")
    outcome = exporter.send(batch(exporter, "one"))
    assert outcome.again == (0,)
    assert "taken" in outcome.problem


def test_an_empty_file_holds_nothing(path):
    """A file that a writer has only just made is searched without an error."""
    path.parent.mkdir()
    path.touch()
    assert LocalSearch(path).trace(TRACE).lines == []


def test_a_long_trace_is_cut_and_says_so(exporter, path):
    """Beyond the limit the newest are left out, and the answer is marked as partial."""
    exporter.send(batch(exporter, "a", "b", "c"))
    found = LocalSearch(path, limit=2).trace(TRACE)
    assert [len(found.spans), len(found.lines), found.partial] == [0, 2, True]


def test_spans_and_lines_may_share_a_key(exporter, path):
    """Keys are unique among spans and among lines; one does not hide the other."""
    span = SpanRecord(Resource("shop"), TRACE, "a", "", "a", "GET /", Kind.SERVER, Status.SUCCESS, 1, 1, 0, 0, 1.0, {})
    line = Line(SPANS, "same", exporter.encode(span))
    assert exporter.send([line, *batch(exporter, "same")]).stored == 2


def test_the_default_file_is_the_users_own(monkeypatch, tmp_path):
    """Where nothing is named, the file lies in the user's directory for state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path().is_relative_to(tmp_path)
    assert default_path().suffix == ".sqlite"

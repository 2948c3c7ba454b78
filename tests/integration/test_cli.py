"""The command line, run as a process, on files of the embedded store."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tracelog.local import LocalExporter
from tracelog.pipeline.exporter import LINES, SPANS, Line
from tracelog.record import Kind, LineRecord, Resource, SpanRecord, Status

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOON = 1_763_899_200_000_000_000


def a_span(span_id: str, **told) -> SpanRecord:
    """Make a span of the shop that took ten milliseconds."""
    record = SpanRecord(
        resource=Resource("shop"),
        trace_id=TRACE,
        span_id=span_id,
        parent_id="",
        entry_id="a",
        operation=f"work {span_id}",
        kind=Kind.SERVER,
        status=Status.SUCCESS,
        started_ns=NOON,
        duration_ns=10_000_000,
        children=0,
        calls=0,
        weight=1.0,
        attributes={},
    )
    return record._replace(**told)


def a_line(message: str, **told) -> LineRecord:
    """Make a line of the shop's request."""
    return LineRecord(Resource("shop"), NOON, "info", "shop", message, TRACE, "a", "a", {})._replace(**told)


@pytest.fixture
def store(tmp_path):
    """Store records in a file; gives the URL of it."""

    def keep(*records) -> str:
        path = tmp_path / "traces.sqlite"
        exporter = LocalExporter(path)
        lines = [
            Line(SPANS if isinstance(record, SpanRecord) else LINES, str(place), exporter.encode(record))
            for place, record in enumerate(records)
        ]
        assert exporter.send(lines).stored == len(records)
        exporter.close()
        return f"sqlite://{path}"

    return keep


@pytest.fixture
def tracelog(tmp_path):
    """Run a command in a home of its own, with the output going into pipes."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACELOG_", "COV_"))}
        home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "COLUMNS": "80"}
        return subprocess.run(
            [sys.executable, "-m", "tracelog", *arguments],
            env={**kept, **home, **environment},
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=60,
        )

    return run


def test_show_draws_a_trace(store, tracelog):
    """Spans and lines are drawn without colour into a pipe, and the exit code is 0."""
    url = store(a_span("a", children=1), a_span("b", parent_id="a", kind=Kind.INTERNAL), a_line("hello"))
    done = tracelog("show", TRACE, "--export", url)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    for said in (TRACE, "1 service · 2 spans · 1 line · 10.0 ms · success", "work a", "work b", "INFO     hello"):
        assert said in done.stdout


def test_show_names_what_has_not_arrived(store, tracelog):
    """A child that was forked and is not there is said at the top and at its parent."""
    done = tracelog("show", TRACE, "--export", store(a_span("a", children=1)))
    assert done.returncode == 3
    assert "1 of 2 spans has not arrived" in done.stdout
    assert "1 child not arrived" in done.stdout


def test_show_prints_json_for_programs(store, tracelog):
    """The documents come whole, each span once, with what is owed."""
    url = store(a_span("a", children=2), a_span("b", parent_id="a"), a_span("b", parent_id="a"), a_line("hello"))
    told = json.loads(tracelog("show", TRACE, "--export", url, "--json").stdout)
    assert told["traceId"] == TRACE
    assert [span["span.id"] for span in told["spans"]] == ["a", "b"]
    assert [line["message"] for line in told["lines"]] == ["hello"]
    assert told["missing"] == 1
    assert [(debt["spanId"], debt["children"]) for debt in told["owed"]] == [("a", 1)]


def test_an_unknown_trace_is_an_error_that_says_what_to_try(store, tracelog):
    """The exit code is 1, nothing is printed for a pipe to read, and the sentence names what to do."""
    done = tracelog("show", "f" * 32, "--export", store(a_span("a")))
    assert (done.returncode, done.stdout) == (1, "")
    assert "--export" in done.stderr
    assert "tracelog show" in done.stderr


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    [
        ("sqlite:///nowhere/at/all.sqlite", 4, "no such file"),
        ("console:", 4, "cannot be searched"),
        ("http://127.0.0.1:9", 4, "127.0.0.1:9"),
        ("ftp://x", 2, "--export"),
    ],
)
def test_a_place_that_cannot_be_searched_is_a_sentence(tracelog, url, code, sentence):
    """No traceback reaches the person, whatever is wrong with the destination."""
    done = tracelog("show", TRACE, "--export", url)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_the_place_comes_from_the_option_the_environment_or_the_embedded_file(store, tracelog, tmp_path):
    """The option wins over TRACELOG_EXPORT, and without either the user's own file is read."""
    url = store(a_span("a"))
    assert tracelog("show", TRACE, TRACELOG_EXPORT=url).returncode == 0
    assert tracelog("show", TRACE, "--export", url, TRACELOG_EXPORT="sqlite:///nowhere.sqlite").returncode == 0
    before = tracelog("show", TRACE)
    assert before.returncode == 4
    (tmp_path / "tracelog").mkdir()
    (tmp_path / "traces.sqlite").rename(tmp_path / "tracelog" / "traces.sqlite")
    if sys.platform == "linux":
        assert tracelog("show", TRACE).returncode == 0


def test_show_without_an_id_lists_the_latest_traces(store, tracelog):
    """Each trace is one row, named by the span it began with, newest first."""
    url = store(
        a_span("a", entry_id="a", operation="POST /checkout", status=Status.FAILURE),
        a_span("b", entry_id="b", parent_id="a", started_ns=NOON + 1, operation="POST /charge"),
        a_span("c", entry_id="c", trace_id="e" * 32, started_ns=NOON + 2, operation="GET /later"),
    )
    done = tracelog("show", "--export", url)
    rows = [row.split() for row in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["trace", "e" * 32, TRACE]
    assert rows[2][2:] == ["POST", "/checkout", "✗", "10.0", "ms", "1", "of", "2", "✗", rows[2][-1]]
    told = json.loads(tracelog("show", "--export", url, "--json").stdout)
    assert [(trace["traceId"], trace["spans"]) for trace in told["traces"]] == [("e" * 32, 1), (TRACE, 2)]


def test_the_list_is_narrowed_to_traces_in_which_something_happened(store, tracelog):
    """Failures, slow spans and services are found wherever in a trace they are; nothing that fits is exit code 1."""
    url = store(
        a_span("a", entry_id="a"),
        a_span("b", entry_id="b", parent_id="a", status=Status.FAILURE, resource=Resource("stock")),
        a_span("c", entry_id="c", trace_id="e" * 32, started_ns=NOON + 1, duration_ns=500_000_000),
        a_span("d", entry_id="d", trace_id="d" * 32, started_ns=NOON + 2),
    )

    def ids(*options):
        done = tracelog("show", "--export", url, *options)
        return done.returncode, [row.split()[0] for row in done.stdout.splitlines()[1:]]

    assert ids("--limit", "2") == (0, ["d" * 32, "e" * 32])
    assert ids("--errors") == ids("--service", "stock") == ids("--errors", "--service", "stock") == (0, [TRACE])
    assert ids("--slow", "0.5s") == (0, ["e" * 32])
    assert ids("--slow", "501ms") == ids("--service", "shop", "--errors") == (1, [])


def test_the_beginning_of_an_id_is_enough(store, tracelog):
    """Eight signs name a trace where no other begins with them; where several do, they are told."""
    url = store(a_span("a"), a_span("b", trace_id="12345678" + "a" * 24), a_line("x", trace_id="12345678" + "b" * 24))
    done = tracelog("show", TRACE[:8], "--export", url)
    assert (done.returncode, done.stdout.split()[1]) == (0, TRACE)
    several = tracelog("show", "12345678", "--export", url)
    assert (several.returncode, several.stdout) == (2, "")
    assert [row.strip() for row in several.stderr.splitlines()[1:]] == [f"12345678{letter * 24}" for letter in "ab"]
    short = tracelog("show", TRACE[:7], "--export", url)
    assert (short.returncode, "8 signs" in short.stderr) == (1, True)


def test_an_id_that_another_one_begins_with_is_itself(store, tracelog):
    """A whole id is never taken for the beginning of a longer one."""
    url = store(a_span("a", trace_id="12345678"), a_span("b", trace_id="123456789"))
    assert tracelog("show", "12345678", "--export", url).stdout.split()[1] == "12345678"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((TRACE, "--errors"), "leave TRACE_ID out"),
        ((TRACE, "--limit", "3"), "leave TRACE_ID out"),
        (("--follow",), "--follow needs the id"),
        ((TRACE, "--timeout", "3s"), "nothing without it"),
        (("--slow", "soon"), "'soon' is no length of time: write it as 500ms, 1.5s or 2m"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_options_that_would_do_nothing_are_refused(store, tracelog, options, sentence):
    """What cannot be meant is a mistake of usage, and the sentence says what to do."""
    done = tracelog("show", *options, "--export", store(a_span("a")))
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in " ".join(done.stderr.split())


def test_following_prints_once_into_a_pipe(store, tracelog):
    """What reads the output gets one picture, or one document, when the trace is whole or time is up."""
    whole = store(a_span("a"))
    done = tracelog("show", TRACE, "--follow", "--export", whole)
    assert (done.returncode, done.stdout.count("trace "), "Ctrl-C" in done.stdout) == (0, 1, False)
    told = tracelog("show", "4bf92f35", "--follow", "--json", "--export", whole).stdout
    assert [span["span.id"] for span in json.loads(told)["spans"]] == ["a"]
    assert tracelog("show", "f" * 32, "--follow", "--timeout", "600ms", "--export", whole).returncode == 1


def test_an_empty_store_has_no_list(tracelog, tmp_path):
    """Where nothing was stored yet, the sentence says how to get a trace."""
    (tmp_path / "empty.sqlite").touch()
    done = tracelog("show", "--export", f"sqlite://{tmp_path}/empty.sqlite")
    assert done.returncode == 1
    assert "tracelog demo" in done.stderr


def test_output_of_ascii_alone_is_no_trouble(store, tracelog):
    """A pipe that knows no letters beyond ASCII gets the picture in others."""
    done = tracelog("show", TRACE, "--export", store(a_span("a"), a_line("木")), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "INFO     ?" in done.stdout


def test_help_and_version_load_no_command(tracelog):
    """The list of commands is printed without what the commands load."""
    done = tracelog("--help")
    assert all(command in done.stdout for command in ("demo", "setup", "show"))
    assert tracelog("--version").stdout.startswith("tracelog, version ")
    script = (
        "import sys, click.testing, tracelog.cli as cli;"
        "click.testing.CliRunner().invoke(cli.main, ['--help'], catch_exceptions=False);"
        "print(sorted({'rich', 'flask', 'requests', 'elasticsearch'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["demo", "setup", "show"])
def test_each_command_explains_itself(tracelog, command):
    """Every command that the help lists can be loaded and says what it does."""
    done = tracelog(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: tracelog {command}")


def test_the_help_of_show_names_its_exit_codes(tracelog):
    """A script's author finds each code with its meaning."""
    said = " ".join(tracelog("show", "--help").stdout.partition("Exit codes:")[2].split())
    assert [part.strip()[0] for part in said.split(";")] == ["0", "1", "2", "3", "4"]


def test_an_unknown_command_is_named(tracelog):
    """A command that does not exist is a mistake of usage, and said so."""
    done = tracelog("draw")
    assert done.returncode == 2
    assert "draw" in done.stderr

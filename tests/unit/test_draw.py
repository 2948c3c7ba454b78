"""Pictures of traces, read as text."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tracelog.cli.draw import Picture
from tracelog.cli.show import draw
from tracelog.cli.signs import ASCII, Signs
from tracelog.cli.tree import grow
from tracelog.ecs.found import Found

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def span(span_id, parent_id="", *, ms=0, took=10, entry=False, **told):
    """Make a document of a span that began *ms* milliseconds into the trace."""
    document = {
        "@timestamp": f"2026-11-23T12:00:00.{ms:03}000000Z",
        "span.id": span_id,
        "span.kind": "server" if entry else "internal",
        "processor.event": "transaction" if entry else "span",
        "service.name": "shop",
        "event.action": f"work {span_id}",
        "event.duration": took * 1_000_000,
        "event.outcome": "success",
        "parent.id": parent_id,
    }
    return {**document, **{name.replace("__", "."): value for name, value in told.items()}}


def line(span_id, message, *, ms=0, level="info", **told):
    """Make a document of a line."""
    at = f"2026-11-23T12:00:00.{ms:03}Z"
    document = {"@timestamp": at, "span.id": span_id, "message": message, "log.level": level}
    return {**document, **{name.replace("__", "."): value for name, value in told.items()}}


def picture(spans, lines=(), *, width=80, signs=None) -> list[str]:
    """Draw a trace as the lines of a terminal."""
    return [row.plain for row in Picture(grow(Found(list(spans), list(lines))), width, signs or Signs()).rows()]


def test_a_trace_is_drawn_with_its_branches_bars_and_times():
    """The whole picture of a small trace, sign by sign."""
    spans = [
        span("a", took=100, entry=True, http__response__status_code=200),
        span("b", "a", ms=20, took=40),
        span("c", "b", ms=20, took=20, entry=True, service__name="stock"),
    ]
    assert picture(spans, [line("a", "begun", ms=1), line("c", "found", ms=30)], width=64) == [
        "shop work a 200                      ━━━━━━━━━━━━━━━━     100 ms",
        "├╴ INFO     begun                                        +1.0 ms",
        "└─ work b                               ━━━━━━━          40.0 ms",
        "   └─ stock work c                      ━━━╸             20.0 ms",
        "      └╴ INFO     found                                 +30.0 ms",
    ]


def test_no_row_is_wider_than_the_terminal():
    """Names are cut and messages broken, so that the times stand in one column at any width."""
    spans = [
        span("a", took=100, entry=True, event__action="GET /" + "x" * 200),
        span("b", "a", service__name="木" * 40),
    ]
    lines = [line("a", "word " * 60, labels={"key": "value " * 40})]
    for width in range(60, 201):
        assert max(map(len, picture(spans, lines, width=width))) <= width


def test_what_fits_is_not_cut():
    """A short trace of some depth keeps its branches and names, in a narrow terminal too."""
    rows = picture([span(str(number), str(number - 1) if number else "") for number in range(4)], width=60)
    assert [row.split("  ")[0].strip() for row in rows][:1] == ["shop work 0"]
    assert rows[-1].lstrip().startswith("└─ work 3 ")


def test_notes_and_stack_traces_stay_within_the_terminal():
    """Whatever is told below a span is broken at the terminal's edge, however narrow and deep."""
    told = {"error__type": "E", "error__message": "word " * 30, "error__stack_trace": f'  File "{"x/" * 90}", line 1'}
    spans = [span(str(number), str(number - 1) if number else "") for number in range(9)]
    spans += [span("z", "8", tracelog__children=2, tracelog__calls=3, **told), span("y", "gone", entry=True)]
    for width in range(60, 201, 7):
        assert max(map(len, picture(spans, width=width))) <= width


def test_a_trace_whose_beginning_has_not_arrived_did_not_succeed_yet():
    """The header tells no outcome before it is known."""

    def summed_up(*spans):
        return Picture(grow(Found(list(spans), [])), 80, Signs()).header(TRACE)[1].plain.split(" · ")[-1]

    assert summed_up(span("b", "a")) == "10.0 ms"
    assert summed_up(span("b", "a", entry=True)) == "success"
    assert summed_up(span("b", "a", event__outcome="failure")) == "failure (1 span failed)"


def test_the_header_stays_within_the_terminal():
    """What does not fit beside the other facts stands below them."""
    tree = grow(Found([span("a", entry=True, event__outcome="failure")], []))
    assert [row.plain for row in Picture(tree, 60, Signs()).header(TRACE)][1:] == [
        "1 service · 1 span · 0 lines · 10.0 ms · failure",
        "(1 span failed)",
    ]


def test_a_service_has_one_colour_in_a_picture_and_another_than_its_neighbours():
    """Spans of one service look alike, those of three services do not; a failure's bar is red in any."""
    names = ("shop", "stock", "payment")
    spans = [span(name, entry=True, ms=place, service__name=name) for place, name in enumerate(names)]
    spans += [{**spans[0], "span.id": "again"}, {**spans[1], "span.id": "failed", "event.outcome": "failure"}]
    rows = list(Picture(grow(Found(spans, [])), 80, Signs()).rows())
    styles = {row.plain.split()[0]: str(row.spans[0].style).removeprefix("bold ") for row in rows}
    assert len(set(styles.values())) == len(names)
    assert sum("bold red" in {str(part.style) for part in row.spans} for row in rows) == 1


def test_what_was_logged_is_kept_whole_when_it_is_broken():
    """Every word of a long message is there, in order, under the first."""
    words = [f"word{number}" for number in range(60)]
    rows = picture([span("a", entry=True)], [line("a", " ".join(words))])
    assert " ".join(" ".join(rows[1:]).replace("└╴", "").split()).replace("+0 ms ", "") == f"INFO {' '.join(words)}"


STACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in a\n    b()\n    ~^^\nValueError: too much\n'


def test_a_stack_trace_stands_at_the_innermost_span_that_failed():
    """One failure is told once with its frames; spans above say nothing, a line only what it was."""
    error = {"error__type": "ValueError", "error__message": "too much", "error__stack_trace": STACK}
    failed = {"event__outcome": "failure", **error}
    rows = picture(
        [span("a", entry=True, **failed), span("b", "a", **failed)], [line("a", "oops", level="error", **error)]
    )
    told = "\n".join(rows)
    assert told.count("Traceback") == 1
    assert told.index("work b") < told.index("Traceback")
    assert told.count("ValueError: too much") == 2
    assert "^" not in told


def test_a_stack_trace_that_no_span_tells_stands_at_its_line():
    """An exception that was caught and logged is shown where it was logged."""
    error = {"error__type": "ValueError", "error__message": "too much", "error__stack_trace": STACK}
    assert any("Traceback" in row for row in picture([span("a", entry=True)], [line("a", "oops", **error)]))


def test_of_a_long_stack_trace_the_end_is_shown():
    """Where it happened is at the end; how much is left out is said."""
    frames = "".join(f'  File "f.py", line {number}, in f\n    f()\n' for number in range(30))
    error = {"error__type": "E", "error__message": "m", "error__stack_trace": f"Traceback:\n{frames}E: m\n"}
    rows = picture([span("a", entry=True, **error)])
    assert "lines above, --json has all" in rows[1]
    assert rows[2].strip().startswith("File")
    assert rows[-1].strip() == "E: m"
    assert len(rows) < 15


def test_debts_are_named_where_they_arose():
    """Owed children, unanswered calls and lost parents each have a sentence."""
    rows = picture([span("a", entry=True, tracelog__children=2, tracelog__calls=1), span("c", "gone", ms=1)])
    told = "\n".join(rows)
    assert "⚠ 2 children not arrived" in told
    assert "1 callee not traced, or not arrived" in told
    assert "child of span gone, which has not arrived" in told


def test_the_verdict_counts_what_is_missing_against_all():
    """One sentence says how many of the spans are known to be missing, and none if nothing is."""
    tree = grow(Found([span("a", entry=True, tracelog__children=1)], []))
    assert Picture(tree, 80, Signs()).verdict().plain == "⚠ 1 of 2 spans has not arrived"
    assert Picture(grow(Found([span("a", entry=True)], [])), 80, Signs()).verdict() is None


def test_the_header_sums_a_trace_up():
    """Services, spans, lines, how long it took, and how it ended."""
    tree = grow(
        Found([span("a", took=100, entry=True, event__outcome="failure"), span("b", "a", ms=90)], [line("a", "x")])
    )
    assert [row.plain for row in Picture(tree, 80, Signs()).header(TRACE)] == [
        f"trace {TRACE}",
        "1 service · 2 spans · 1 line · 100 ms · failure (1 span failed)",
    ]


def test_a_trace_that_was_read_in_part_says_so():
    """What a limit cut off is said below the picture."""
    out = Console(file=io.StringIO(), width=80)
    draw(out, TRACE, grow(Found([span("a", entry=True)], [])), partial=True)
    assert "longer than what was read" in out.file.getvalue().splitlines()[-1]


def test_a_trace_of_lines_alone_is_drawn():
    """Lines whose spans have not arrived are shown all the same."""
    rows = picture([], [line("gone", "hello", ms=5)])
    assert rows[0] == "⚠ lines of spans that have not arrived"
    assert "hello" in rows[1]


def test_nothing_in_a_trace_can_steer_the_terminal():
    """Escape sequences, line breaks and signs that turn text around are made visible or harmless."""
    evil = "a\x1b[2Jb\nc\x07\u202ed"
    spans = [span("a", entry=True, event__action=evil, service__name=evil)]
    spans[0] |= {"error.type": evil, "error.message": evil, "error.stack_trace": evil}
    for row in picture(spans, [line("a", evil, level=evil, labels={evil: evil})]):
        assert not {"\x1b", "\n", "\x07", "\u202e"} & set(row)


def test_a_terminal_of_ascii_alone_gets_a_picture_too():
    """Branches and bars have forms in ASCII."""
    rows = picture([span("a", entry=True, event__outcome="failure"), span("b", "a")], [line("a", "x")], signs=ASCII)
    assert all(row.isascii() for row in rows)


def test_a_deep_chain_stays_within_the_terminal():
    """Beyond what fits, rows stay where they are and say how deep they are."""
    rows = picture([span(str(number), str(number - 1) if number else "") for number in range(1000)])
    assert max(map(len, rows)) <= 80
    assert "…999 " in rows[-1]


@pytest.mark.parametrize("width", [1, 20, 40])
def test_a_narrow_terminal_gets_a_wider_picture(width):
    """Below what is needed at least, everything is still drawn."""
    assert len(picture([span("a", entry=True), span("b", "a")], [line("b", "hello")], width=width)) >= 3


_values = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.dictionaries(st.text(), st.text()))
_names = st.sampled_from(
    [
        "@timestamp",
        "span.id",
        "parent.id",
        "service.name",
        "event.action",
        "event.duration",
        "event.outcome",
        "message",
        "log.level",
        "labels",
        "error.type",
        "error.message",
        "error.stack_trace",
        "http.response.status_code",
    ]
)


def test_what_a_span_is_linked_to_stands_below_it():
    """A trace that came in and was not continued is named, and what is no link is passed over."""
    links = [{"trace": {"id": TRACE}, "span": {"id": "00f0"}}, "no link", {"trace": "x"}, {}]
    rows = picture([span("a", entry=True, span__links=links)])
    assert [row.strip() for row in rows[1:]] == [f"linked to span 00f0 of trace {TRACE}"]


@given(st.lists(st.dictionaries(_names, _values), max_size=5), st.lists(st.dictionaries(_names, _values), max_size=5))
def test_any_document_can_be_drawn(spans, lines):
    """Whatever types the fields have, there is a row for each span and line."""
    tree = grow(Found(spans, lines))
    drawn = Picture(tree, 80, Signs())
    assert drawn.header(TRACE)[0].plain
    assert len(list(drawn.rows())) >= len(tree.nodes) + len(lines)

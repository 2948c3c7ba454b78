"""Lists of traces, read as text."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tracelog.cli.listing import as_documents, listed
from tracelog.ecs.found import Glimpse

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOON = 1_795_608_000_000_000_000


def seen(spans=1, failed=0, **told) -> Glimpse:
    """See a trace that began at noon; *told* are fields with ``__`` for dots."""
    first = {
        "@timestamp": "2026-11-25T12:00:00.000000000Z",
        "trace.id": TRACE,
        "service.name": "shop",
        "event.action": "POST /checkout",
        "event.duration": 35_500_000,
        "event.outcome": "success",
    }
    return Glimpse({**first, **{name.replace("__", "."): value for name, value in told.items()}}, spans, failed)


def rows(*traces, width=80, terminal=True, encoding="utf-8") -> list[str]:
    """List traces, two minutes after noon."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    out = Console(file=file, width=width, force_terminal=terminal)
    return [row.plain for row in listed(traces, out, NOON + 120_000_000_000)]


def test_a_row_says_what_a_trace_is_and_how_it_ended():
    """Id, service, operation, how long it took, how many spans, and how long ago; a failure is marked."""
    assert rows(seen(), seen(8, 3, event__outcome="failure", trace__id="a" * 32), width=120) == [
        "trace                             service  operation            took     spans  age",
        f"{TRACE}  shop     POST /checkout    35.5 ms         1   2m",
        f"{'a' * 32}  shop     POST /checkout  ✗ 35.5 ms  3 of 8 ✗   2m",
    ]


def test_a_failure_that_was_caught_is_seen_too():
    """Where the trace itself ended well, its failed spans are counted all the same."""
    (_, row) = rows(seen(4, 1))
    assert "  35.5 ms  1 of 4 ✗" in row


def test_a_narrow_terminal_gets_ids_that_are_enough_for_show():
    """Below a hundred columns the beginning of an id stands for it; a pipe gets whole ids at any width."""
    assert rows(seen())[1].split()[0] == TRACE[:12]
    assert rows(seen(), width=100)[1].split()[0] == TRACE
    assert rows(seen(event__action="x" * 90), width=20, terminal=False)[1].split()[:3] == [TRACE, "shop", "x" * 90]


names = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.lists(st.builds(seen, service__name=names, event__action=names), min_size=1, max_size=4))
def test_no_row_is_wider_than_a_terminal_of_eighty_columns(traces):
    """Whatever services and operations are called, long or wide letters included, rows stay in line."""
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    laid = listed(traces, Console(file=file, width=80, force_terminal=True), NOON)
    assert max(row.cell_len for row in laid) <= 80
    assert len({row.cell_len for row in laid}) == 1


def test_a_list_of_ascii_alone():
    """Signs and letters that the output does not know have stand-ins."""
    told = rows(seen(2, 1, event__outcome="failure", event__duration=4_000, service__name="木"), encoding="ascii")
    assert all(row.isascii() for row in told)
    assert "! 4 us  1 of 2 !" in told[1]


def test_a_list_for_programs_names_everything():
    """Each trace has one flat object of its own names, and whole numbers."""
    assert as_documents([seen(8, 3, event__outcome="failure")]) == [
        {
            "traceId": TRACE,
            "service": "shop",
            "operation": "POST /checkout",
            "outcome": "failure",
            "durationNs": 35_500_000,
            "began": "2026-11-25T12:00:00.000000000Z",
            "spans": 8,
            "failedSpans": 3,
        }
    ]

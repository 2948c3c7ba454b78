"""The latest traces as a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from tracelog.cli.paint import age, colours_of, length, shown
from tracelog.cli.reading import duration, is_failure, moment, operation, text
from tracelog.cli.signs import Signs, signs_of, spelled
from tracelog.ecs.found import Glimpse

#: On a terminal narrower than this, ids are cut to as many signs as are enough to name one.
ROOMY = 100
SHORT = 12

_NAMES = ("trace", "service", "operation", "took", "spans", "age")
_RIGHT = frozenset({"took", "spans", "age"})
_GAP = 2

#: So many columns a service has at most, and an operation at least, where a terminal is narrow.
_SERVICE, _OPERATION = 20, 9


def listed(traces: Sequence[Glimpse], out: Console, now_ns: int) -> list[Text]:
    """Lay *traces* out in their order; a terminal gets rows that fit, a pipe gets everything."""
    signs, narrow = signs_of(out), out.is_terminal and out.width < ROOMY
    heads = tuple(Text(name, "dim") for name in _NAMES)
    rows = [heads, *_rows(traces, signs, cut=narrow, now_ns=now_ns)]
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    if out.is_terminal:
        service, operation = _NAMES.index("service"), _NAMES.index("operation")
        widths[service] = min(widths[service], _SERVICE)
        free = out.width - sum(widths) - _GAP * (len(widths) - 1)
        widths[operation] = max(_OPERATION, widths[operation] + min(0, free))
    return [spelled(_laid_out(row, widths, signs.cut), out) for row in rows]


def as_documents(traces: Sequence[Glimpse]) -> list[dict[str, Any]]:
    """Put *traces* into words for programs."""
    return [
        {
            "traceId": text(trace.first, "trace.id"),
            "service": text(trace.first, "service.name"),
            "operation": operation(trace.first),
            "outcome": text(trace.first, "event.outcome"),
            "durationNs": duration(trace.first),
            "began": text(trace.first, "@timestamp"),
            "spans": trace.spans,
            "failedSpans": trace.failed,
        }
        for trace in traces
    ]


def _rows(traces: Sequence[Glimpse], signs: Signs, *, cut: bool, now_ns: int) -> Iterator[tuple[Text, ...]]:
    """Say of each trace in a row what it is, and how it ended."""
    colours = colours_of({text(trace.first, "service.name") for trace in traces})
    for first, spans, failed in traces:
        service, trace_id, took = text(first, "service.name"), text(first, "trace.id"), length(duration(first))
        of_them = f"{failed} of {spans} {signs.failed}" if failed else str(spans)
        yield (
            Text(shown(trace_id)[:SHORT] if cut else shown(trace_id)),
            Text(shown(service), colours[service]),
            Text(shown(operation(first)), "red" if is_failure(first) else ""),
            Text(f"{signs.failed} {took}", "bold red") if is_failure(first) else Text(took),
            Text(of_them, "red" if failed else "dim"),
            Text(age(now_ns - moment(first)), "dim"),
        )


def _laid_out(row: tuple[Text, ...], widths: list[int], cut: str) -> Text:
    """Put the cells of a row below those of others."""
    laid = Text()
    for name, cell, width in zip(_NAMES, row, widths, strict=True):
        if cell.cell_len > width:
            cell.truncate(width - 1)
            cell.append(cut)
        gap = " " * (width - cell.cell_len)
        laid.append_text(Text.assemble(gap, cell) if name in _RIGHT else Text.assemble(cell, gap))
        laid.append(" " * _GAP)
    laid.rstrip()
    return laid

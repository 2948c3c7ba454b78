"""``tracelog show``: one trace as a tree, or the latest ones as a list."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracelog.cli.draw import ASCII, Picture, Signs
from tracelog.cli.paint import age, colours_of, length, shown
from tracelog.cli.places import export_option, open_search, settings_for
from tracelog.cli.reading import duration, is_failure, moment, operation, text
from tracelog.cli.tree import Tree, grow
from tracelog.ecs.found import Document, Found, Search
from tracelog.errors import TracelogError

LISTED = 20

# Only the operation's name gives way where the terminal is narrow.
_WIDTHS = {"trace": 32, "service": 8, "took": 9, "age": 4}

# Several entry spans of one trace make one row.
_READ = 10 * LISTED


@click.command()
@click.argument("trace_id", required=False)
@export_option
@click.option("--json", "as_json", is_flag=True, help="Print documents for programs in place of a picture.")
def show(trace_id: str | None, export: str, as_json: bool) -> None:
    """
    Show one trace as a tree with its log lines.

    TRACE_ID is what log lines carry as traceId and responses as X-Trace-Id; without it the latest traces are listed.
    """
    try:
        with closing(open_search(settings_for(export))) as search:
            shown_well = (
                show_trace(search, trace_id.strip(), as_json=as_json) if trace_id else _list(search, as_json=as_json)
            )
    except TracelogError as error:
        raise click.ClickException(str(error)) from None
    sys.exit(0 if shown_well else 1)


def show_trace(search: Search, trace_id: str, *, as_json: bool = False) -> bool:
    """Print one trace; False, and a sentence with what to try, if nothing of it is stored."""
    found = search.trace(trace_id)
    if not found.spans and not found.lines:
        click.echo(_unknown(trace_id), err=True)
        return False
    tree = grow(found)
    if as_json:
        _print_json(as_document(trace_id, found, tree))
        return True
    draw(console(), trace_id, tree, partial=found.partial)
    return True


def draw(out: Console, trace_id: str, tree: Tree, *, partial: bool = False) -> None:
    """Draw *tree* as wide as the terminal is."""
    picture = Picture(tree, out.width, ASCII if out.options.ascii_only else Signs())
    parts = [picture.header(trace_id), picture.verdict()]
    for part in [*(part for part in parts if part is not None), Text(), *picture.rows()]:
        _print(out, part)
    if partial:
        _print(out, Text("the trace is longer than what was read: the newest spans or lines are left out", "yellow"))


def as_document(trace_id: str, found: Found, tree: Tree) -> dict[str, Any]:
    """Put a trace into words for programs; spans that are stored twice come once."""
    owed = [
        {
            "spanId": node.id,
            "service": text(node.span, "service.name"),
            "operation": operation(node.span),
            "children": node.owed,
            "callees": node.unanswered,
            "parentId": node.lost_parent or None,
        }
        for node in tree.nodes
        if node.owed or node.unanswered or node.lost_parent
    ]
    return {
        "traceId": trace_id,
        "missing": tree.missing,
        "partial": found.partial,
        "spans": [node.span for node in tree.nodes],
        "lines": found.lines,
        "owed": owed,
    }


def console() -> Console:
    """Open the terminal, or what stands in its place."""
    return Console(highlight=False, emoji=False, markup=False, soft_wrap=True)


def _print(out: Console, row: Text) -> None:
    """Print one row, whatever letters the output knows."""
    if out.options.ascii_only:
        row.plain = row.plain.replace("µ", "u").encode("ascii", "replace").decode("ascii")
    out.print(row)


def _print_json(document: dict[str, Any]) -> None:
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _unknown(trace_id: str) -> str:
    return (
        f"nothing is stored of trace {shown(trace_id)!r}: check the id, and that --export names the place the "
        "application exports to; it may also have arrived only in part a moment later, so try again. "
        "`tracelog show` without an id lists the latest traces."
    )


def _list(search: Search, *, as_json: bool) -> bool:
    """Print the latest traces; False, and a sentence, if there are none."""
    traces = latest(search.recent(limit=_READ))[:LISTED]
    if as_json:
        _print_json({"traces": traces})
        return True
    if not traces:
        click.echo("no trace is stored yet: `tracelog demo` makes some", err=True)
        return False
    out = console()
    out.print(_table(traces, out))
    return True


def latest(entries: list[Document]) -> list[Document]:
    """Keep one entry span of each trace, the one that stands nearest to its beginning."""
    kept: dict[str, Document] = {}
    for entry in entries:
        trace_id = text(entry, "trace.id")
        known = kept.get(trace_id)
        if known is None or (text(known, "parent.id") and moment(entry) <= moment(known)):
            kept[trace_id] = entry
    return list(kept.values())


def _table(traces: list[Document], out: Console) -> Table:
    """Lay the traces out, newest first."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("trace", "service", "operation"):
        table.add_column(name, no_wrap=True, min_width=_WIDTHS.get(name))
    for name in ("took", "age"):
        table.add_column(name, no_wrap=True, justify="right", min_width=_WIDTHS[name])
    colours = colours_of({text(trace, "service.name") for trace in traces})
    failed = ASCII.failed if out.options.ascii_only else Signs().failed
    now = time.time_ns()
    for trace in traces:
        service = text(trace, "service.name")
        took = length(duration(trace))
        table.add_row(
            Text(shown(text(trace, "trace.id"))),
            Text(shown(service), colours[service]),
            Text(shown(operation(trace)), "red" if is_failure(trace) else ""),
            Text(f"{failed} {took}", "bold red") if is_failure(trace) else Text(took),
            Text(age(now - moment(trace)), "dim"),
        )
    return table

"""``tracelog show``: one trace as a tree, or the latest ones as a list."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, nullcontext
from enum import IntEnum
from typing import Any, NamedTuple

import click
import orjson
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tracelog.cli.draw import Picture
from tracelog.cli.following import Look, arriving, fitted, is_whole, until_interrupted, waits_for
from tracelog.cli.lengths import Length
from tracelog.cli.listing import as_documents, listed
from tracelog.cli.paint import shown
from tracelog.cli.places import export_option, open_search, settings_for
from tracelog.cli.reading import operation, text
from tracelog.cli.signs import console, signs_of, spelled
from tracelog.cli.tree import Tree, grow
from tracelog.ecs.found import Found, Search
from tracelog.errors import TracelogError

__all__ = ["console", "draw", "show"]

#: So many signs of an id are enough to look for the whole one.
SHORTEST = 8

#: A whole id has so many signs, and is nobody's beginning.
WHOLE_ID = 32

#: So many ids that begin alike are told.
_CANDIDATES = 10

_LISTED = 20
_TIMEOUT_NS = 60_000_000_000


class Exit(IntEnum):
    """What the exit code says; 2 is click's own."""

    SHOWN = 0
    NOTHING = 1
    USAGE = 2
    INCOMPLETE = 3
    UNREADABLE = 4


class Ambiguous(click.ClickException):
    """What was typed is the beginning of several ids."""

    exit_code = Exit.USAGE


class Unreadable(click.ClickException):
    """The place where spans are cannot be searched."""

    exit_code = Exit.UNREADABLE


class Narrowed(NamedTuple):
    """Which traces are listed."""

    service: str
    errors: bool
    slow_ns: int
    limit: int


@click.command(
    epilog="Exit codes: 0 shown; 1 nothing is stored that fits; 2 wrong usage, or the beginning of several ids; "
    "3 shown, but spans of it have not arrived; 4 the place cannot be searched."
)
@click.argument("trace_id", required=False)
@export_option
@click.option("--follow", "-f", is_flag=True, help="Draw again while the trace is arriving, until it is whole.")
@click.option("--timeout", type=Length(), default=None, help="With --follow: the longest to wait. [default: 60s]")
@click.option("--errors", is_flag=True, help="List traces in which something failed.")
@click.option("--slow", type=Length(), default=None, help="List traces in which something took so long: 500ms, 1.5s.")
@click.option("--service", default=None, metavar="NAME", help="List traces that this service took part in.")
@click.option("--limit", type=click.IntRange(1, 1000), default=None, help="List so many traces. [default: 20]")
@click.option("--json", "as_json", is_flag=True, help="Print documents for programs in place of a picture.")
def show(
    trace_id: str | None,
    *,
    export: str,
    follow: bool,
    timeout: int | None,
    errors: bool,
    slow: int | None,
    service: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """
    Show one trace as a tree with its log lines.

    TRACE_ID is what log lines carry as traceId and responses as X-Trace-Id, or its first 8 signs or more; without it
    the latest traces are listed, narrowed by --errors, --slow and --service to those in which one span meets all.
    """
    _refuse_mixtures(trace_id, follow=follow, timeout=timeout, narrowed=(errors, slow, service, limit))
    with _searched(export) as search:
        if not trace_id:
            narrowed = Narrowed(service or "", errors, slow or 0, limit or _LISTED)
            code = list_traces(search, narrowed, as_json=as_json)
        elif follow:
            longest = (_TIMEOUT_NS if timeout is None else timeout) / 1e9
            code = follow_trace(search, trace_id.strip(), longest, as_json=as_json)
        else:
            code = show_trace(search, trace_id.strip(), as_json=as_json)
    sys.exit(code)


def _refuse_mixtures(trace_id: str | None, *, follow: bool, timeout: int | None, narrowed: tuple[Any, ...]) -> None:
    """Refuse options that would do nothing."""
    if trace_id and any(option is not None and option is not False for option in narrowed):
        raise click.UsageError("--errors, --slow, --service and --limit narrow the list: leave TRACE_ID out")
    if follow and not trace_id:
        raise click.UsageError("--follow needs the id of the trace to follow")
    if timeout is not None and not follow:
        raise click.UsageError("--timeout bounds --follow, and does nothing without it")


@contextmanager
def _searched(export: str) -> Generator[Search, None, None]:
    """Open the place, and say in a sentence what is wrong with it."""
    try:
        with closing(open_search(settings_for(export))) as search:
            yield search
    except TracelogError as error:
        raise Unreadable(str(error)) from None


def show_trace(search: Search, asked: str, *, as_json: bool = False) -> Exit:
    """Print one trace; where nothing of it is stored, a sentence with what to try."""
    trace_id = whole_id(search, asked)
    found = search.trace(trace_id)
    return _told(console(), trace_id, Look(found, grow(found)), as_json=as_json)


def follow_trace(search: Search, asked: str, seconds: float, *, as_json: bool = False) -> Exit:
    """Draw a trace again whenever more of it has come, in place; print it once when it is whole, or time is up."""
    out, trace_id, look = console(), asked, Look(Found([], []), Tree([], [], []))

    def found() -> Found:
        nonlocal trace_id
        trace_id = whole_id(search, asked)
        return search.trace(trace_id)

    # A pipe gets what is there at the end.
    drawn_live = out.is_terminal and not as_json
    stage = Live(console=out, auto_refresh=False, transient=True) if drawn_live else nullcontext()
    with until_interrupted() as pause, stage as live:
        for look in arriving(found, seconds=seconds, pause=pause):
            if live is not None:
                live.update(_frame(out, trace_id, look), refresh=True)
    return _told(out, trace_id, look, as_json=as_json)


def _frame(out: Console, trace_id: str, look: Look) -> Group:
    """Draw as much of a trace as fits the terminal, with what is waited for below."""
    head, rows = picture(out, trace_id, look.tree)
    waiting = spelled(Text(f"{waits_for(look.tree)}{signs_of(out).joins}Ctrl-C ends", "dim"), out)
    kept = fitted(head, rows, out.height - 2, signs_of(out).cut)
    for row in kept:
        row.no_wrap, row.overflow = True, "crop"
    return Group(*kept, Text(), waiting)


def whole_id(search: Search, asked: str) -> str:
    """Find the one id that *asked* is, or begins; an unknown one is returned as it is."""
    if not SHORTEST <= len(asked) < WHOLE_ID:
        return asked
    ids = search.ids(asked, limit=_CANDIDATES + 1)
    if not ids or asked in ids:
        return asked
    if len(ids) > 1:
        told = [*map(shown, ids[:_CANDIDATES]), *["and more"][: len(ids) - _CANDIDATES]]
        raise Ambiguous("\n  ".join([f"{shown(asked)!r} begins the ids of several traces:", *told]))
    return ids[0]


def _told(out: Console, trace_id: str, look: Look, *, as_json: bool) -> Exit:
    """Print what was found, and say whether it is all."""
    found, tree = look
    if not found.spans and not found.lines:
        click.echo(_unknown(trace_id), err=True)
        return Exit.NOTHING
    if as_json:
        _print_json(as_document(trace_id, found, tree))
    else:
        draw(out, trace_id, tree, partial=found.partial)
    return Exit.SHOWN if is_whole(tree) else Exit.INCOMPLETE


def draw(out: Console, trace_id: str, tree: Tree, *, partial: bool = False) -> None:
    """Draw *tree* as wide as the terminal is."""
    head, rows = picture(out, trace_id, tree)
    for row in head + rows:
        out.print(row)
    if partial:
        out.print(Text("the trace is longer than what was read: the newest spans or lines are left out", "yellow"))


def picture(out: Console, trace_id: str, tree: Tree) -> tuple[list[Text], list[Text]]:
    """Draw the head of a trace, and its rows, in the letters that *out* knows."""
    drawn = Picture(tree, out.width, signs_of(out))
    verdict = drawn.verdict()
    head = [*drawn.header(trace_id), *([verdict] if verdict else []), Text()]
    return [spelled(part, out) for part in head], [spelled(row, out) for row in drawn.rows()]


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


def list_traces(search: Search, narrowed: Narrowed, *, as_json: bool = False) -> Exit:
    """Print the latest traces; where there are none, a sentence with what to try."""
    traces = search.traces(
        service=narrowed.service, failed=narrowed.errors, min_duration_ns=narrowed.slow_ns, limit=narrowed.limit
    )
    if as_json:
        _print_json({"traces": as_documents(traces)})
    elif traces:
        out = console()
        for row in listed(traces, out, time.time_ns()):
            out.print(row)
    else:
        narrow = narrowed.service or narrowed.errors or narrowed.slow_ns
        said = "no trace like that is stored" if narrow else "no trace is stored yet: `tracelog demo` makes some"
        click.echo(said, err=True)
    return Exit.SHOWN if traces else Exit.NOTHING


def _print_json(document: dict[str, Any]) -> None:
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _unknown(trace_id: str) -> str:
    """Say that nothing was found, and what to try."""
    short = f" the beginning of an id needs {SHORTEST} signs at least." if len(trace_id) < SHORTEST else ""
    return (
        f"nothing is stored of trace {shown(trace_id)!r}: check the id, and that --export names the place the "
        f"application exports to; it may also arrive a moment later: --follow waits for it.{short} "
        "`tracelog show` without an id lists the latest traces."
    )

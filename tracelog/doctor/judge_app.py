"""What keeps requests from becoming spans, judged by what was seen of the application. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tracelog.doctor.finding import FAULT, NOTE, Finding

#: Two reasons for the same: that requests make no span.
MISSING, REPLACED = "extension-missing", "wsgi-app-replaced"

_NO_SPAN = "its requests make no span, and lines inside of them carry no ids"


class AppSeen(NamedTuple):
    """
    How an application is traced.

    *layers* counts ours in its WSGI stack. *kept* is the share of traces that is kept, by route; *excluded* are the
    routes that make no span. *ships* says whether log lines go where spans go, *keeps* whether that place takes them.
    *threads* are places that begin one without handing the span on.
    """

    name: str
    traced: bool
    layers: int = 1
    app_where: str = ""
    stack_where: str = ""
    trace_where: str = ""
    kept: Mapping[str, float] = {}
    excluded: tuple[str, ...] = ()
    ships: bool = True
    keeps: bool = True
    threads: tuple[str, ...] = ()


def judge_app(seen: AppSeen) -> Iterator[Finding]:
    """Say what is wrong; for an application that is not traced that is all there is to say."""
    if not seen.traced:
        what = f"the application {seen.name} does not have the extension"
        change = "TraceLog(app)  # from tracelog.integrations.flask import TraceLog"
        yield Finding(MISSING, what, _NO_SPAN, change, seen.app_where)
        return
    yield from _stack(seen)
    yield from _excluded(seen)
    yield from _sampled(seen)
    if seen.keeps and not seen.ships:
        what = "SHIP_LOGS is false"
        why = "spans are stored without their lines, unless Filebeat or the like brings those"
        yield Finding("ship-logs-off", what, why, "TRACELOG_SHIP_LOGS=true, or leave it out", kind=NOTE)
    if seen.threads:
        what = f"a thread is begun without the span at {', '.join(seen.threads)}"
        why = "a new thread begins without a span: what it logs carries no ids"
        change = "Thread(target=contextvars.copy_context().run, args=(function,))"
        yield Finding("thread-without-span", what, why, change, seen.threads[0], kind=NOTE)


def _stack(seen: AppSeen) -> Iterator[Finding]:
    if seen.layers == 0:
        what = "app.wsgi_app was replaced after TraceLog was added"
        change = "wrap what is there, app.wsgi_app = Middleware(app.wsgi_app), or add TraceLog after that line"
        yield Finding(REPLACED, what, f"requests pass tracelog by: {_NO_SPAN}", change, seen.stack_where)
    elif seen.layers > 1:
        what = f"app.wsgi_app is traced {seen.layers} times over"
        why = "each request is several spans in several traces, and lines carry the ids of the innermost"
        yield Finding("traced-twice", what, why, "add TraceLog to the application once", seen.trace_where)


def _excluded(seen: AppSeen) -> Iterator[Finding]:
    if not seen.excluded:
        return
    every = set(seen.excluded) == set(seen.kept)
    what = f"EXCLUDE leaves out {'every route' if every else ', '.join(seen.excluded)}"
    why = "these requests make no span; their lines carry ids that belong to no stored trace"
    change = "TRACELOG_EXCLUDE=… without what you look for (patterns match whole paths, * is anything)"
    yield Finding("excluded", what, why, change, seen.trace_where, _kind(every))


def _sampled(seen: AppSeen) -> Iterator[Finding]:
    dropped = [route for route, share in seen.kept.items() if share == 0]
    thinned = [share for share in seen.kept.values() if 0 < share < 1]
    change = "TRACELOG_SAMPLE=1, or a rule for each: /health=0,*=1"
    if dropped:
        every = len(dropped) == len(seen.kept)
        what = f"SAMPLE keeps no trace of {'any route' if every else ', '.join(dropped)}"
        why = "ids stand on their lines, but nothing of these traces is stored"
        yield Finding("sampled-out", what, why, change, seen.trace_where, _kind(every))
    if thinned:
        what = f"SAMPLE keeps about {min(thinned):.0%} of traces"
        why = "the trace of a given line is stored only as often as that"
        yield Finding("sampled-some", what, why, change, kind=NOTE)


def _kind(every: bool) -> str:
    """Take what leaves out everything for a mistake, and what leaves out something for a choice."""
    return FAULT if every else NOTE

"""What became of a request that was sent for trial, judged by what was seen of it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tracelog.doctor.finding import NOTE, Finding

#: What the destination is to blame for is told there.
NOT_ARRIVED = "not-arrived"

#: What is missing from the application may be known already.
NO_SPAN = "no-span"

_FAILED_FROM = 400


class LineSeen(NamedTuple):
    """A log line that was written meanwhile: where, by which thread, and whether a span was active there."""

    where: str
    thread: str
    inside: bool
    here: bool


class ProbeSeen(NamedTuple):
    """
    One request, and its answer.

    *inside* says whether a span was active in the view; *weight* is 0 for one that leaves no record, *excluded* because
    a rule says so. *raised* is what came out of the view, at *raised_at*. *pending*, *refused* and *dropped* count what
    did not arrive.
    """

    path: str
    status: int
    trace_id: str = ""
    inside: bool = False
    weight: float = 1.0
    excluded: bool = False
    raised: str = ""
    raised_at: str = ""
    lines: tuple[LineSeen, ...] = ()
    thread_where: str = ""
    pending: int = 0
    refused: int = 0
    dropped: int = 0


def judge_probe(seen: ProbeSeen) -> Iterator[Finding]:
    """Say what is missing of this request's span and lines."""
    if not seen.inside:
        what = f"no span is active inside of GET {seen.path}"
        yield Finding(
            NO_SPAN, what, "its lines carry no ids", "TraceLog(app), after every other change of app.wsgi_app"
        )
    elif seen.excluded:
        change = f"TRACELOG_EXCLUDE=… without what matches {seen.path}"
        yield Finding("excluded", f"EXCLUDE leaves GET {seen.path} out", "the request makes no span", change)
    elif not seen.weight:
        change = f"TRACELOG_SAMPLE='{seen.path}=1,*=…'"
        yield Finding("sampled-out", f"SAMPLE did not keep GET {seen.path}", "ids, but no stored span", change)
    if seen.inside:
        yield from _threads(seen)
    yield from _answered(seen)
    yield from _arrived(seen)


def _threads(seen: ProbeSeen) -> Iterator[Finding]:
    """Look for lines that other threads wrote for this request."""
    for line in dict.fromkeys(seen.lines):
        if line.inside or line.here:
            continue
        what = f"no span is active in the thread {line.thread}, which logs at {line.where}"
        why = "the request began it, and a new thread begins without a span: its lines carry no ids"
        change = "Thread(target=contextvars.copy_context().run, args=(function,))"
        yield Finding("thread-without-span", what, why, change, seen.thread_where or line.where)


def _answered(seen: ProbeSeen) -> Iterator[Finding]:
    if seen.raised:
        what = f"GET {seen.path} raises {seen.raised}"
        why = "that is the application's own fault, not one of tracing"
        yield Finding(
            "request-raises", what, why, "correct the line, or choose another --probe PATH", seen.raised_at, NOTE
        )
    elif seen.status >= _FAILED_FROM:
        what = f"GET {seen.path} is answered {seen.status}"
        yield Finding("request-fails", what, "another path may show more", "choose another --probe PATH", kind=NOTE)


def _arrived(seen: ProbeSeen) -> Iterator[Finding]:
    told = lost(seen)
    if told:
        what = f"of the records of GET {seen.path}: {told}"
        why = "span and lines of this request are not stored where they should be"
        yield Finding(NOT_ARRIVED, what, why, "see what the logger tracelog says, and tracelog.stats()")


def lost(seen: ProbeSeen) -> str:
    """
    Count what did not arrive, ``""`` where everything did.

    >>> lost(ProbeSeen("/", 200, pending=2, dropped=1))
    '2 waiting to be sent, 1 dropped'
    """
    counts = {"waiting to be sent": seen.pending, "refused": seen.refused, "dropped": seen.dropped}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)

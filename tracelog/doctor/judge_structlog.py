"""What keeps ids off structlog's events, judged by what was seen of its set-up. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tracelog.doctor.finding import Finding

_LOST = "structlog's events carry no traceId and spanId, and are not shipped"
_BEFORE = "processors=[…, bind_ids, {}]"
_IMPORT = "from tracelog.integrations.structlog import bind_ids"


class LoggerSeen(NamedTuple):
    """A logger in a module of the application's that goes another way than the rest; *raw* has no chain at all."""

    name: str
    where: str
    raw: bool = False


class StructlogSeen(NamedTuple):
    """
    How structlog is set up, and how an event fared in its chain.

    *binds* and *renders* are places in *processors*, None where there is no such one; *raised* is the processor that
    raised and what it said. *hands_on* says that the chain ends in a hand-over to standard logging, *standard* that
    loggers are made by it. *bypass* is the class of loggers that runs no chain.
    """

    used: bool
    configured: bool
    processors: tuple[str, ...] = ()
    binds: int | None = None
    renders: int | None = None
    raised: tuple[str, str] | None = None
    hands_on: bool = False
    standard: bool = False
    factory: str = ""
    bypass: str = ""
    bypass_where: str = ""
    loggers: tuple[LoggerSeen, ...] = ()
    where: str = ""


def judge_structlog(seen: StructlogSeen) -> Iterator[Finding]:
    """Say what is wrong with the chain, then which loggers do not use it."""
    if not seen.used:
        return
    if not seen.configured:
        change = f"{_IMPORT}; structlog.configure(processors=[…, bind_ids, JSONRenderer()])"
        what = "structlog is used and was never configured"
        yield Finding("structlog-unconfigured", what, f"its defaults know nothing of tracelog: {_LOST}", change)
    else:
        yield from _order(seen)
        yield from _chain(seen)
    yield from _loggers(seen)


def _order(seen: StructlogSeen) -> Iterator[Finding]:
    last = seen.processors[-1] if seen.processors else "JSONRenderer()"
    renderer = last if seen.renders is None else seen.processors[seen.renders]
    if seen.binds is None:
        what = "bind_ids is not among structlog's processors"
        change = f"{_IMPORT}; {_BEFORE.format(renderer)}"
        yield Finding("bind-ids-missing", what, _LOST, change, seen.where)
    elif seen.renders is not None and seen.binds > seen.renders:
        what = f"bind_ids comes after the renderer, {renderer}"
        why = "the event is a text by then: each log call fails, or its line has no ids"
        yield Finding("bind-ids-after-renderer", what, why, _BEFORE.format(renderer), seen.where)


def _chain(seen: StructlogSeen) -> Iterator[Finding]:
    if seen.raised is not None:
        name, said = seen.raised
        what = f"the processor {name} raises {said}"
        why = f"each log call fails there; loggers are made by {seen.factory}"
        change = f"take {name} out, or use logger_factory=structlog.stdlib.LoggerFactory()"
        yield Finding("structlog-raises", what, why, change, seen.where)
    elif seen.hands_on and not seen.standard:
        what = f"the chain hands events on to standard logging, and {seen.factory} makes loggers that print"
        why = "events bypass every handler and formatter: what comes out is no line, and has no ids of its own"
        change = "structlog.configure(…, logger_factory=structlog.stdlib.LoggerFactory())"
        yield Finding("logger-factory-bypasses", what, why, change, seen.where)
    if seen.bypass:
        what = f"loggers of class {seen.bypass} write without running the processors"
        change = "call self._proxy_to_logger(name, event, **values) in its methods, or use structlog.stdlib.BoundLogger"
        yield Finding("wrapper-bypasses", what, f"bind_ids is never called: {_LOST}", change, seen.bypass_where)


def _loggers(seen: StructlogSeen) -> Iterator[Finding]:
    for logger in seen.loggers:
        if logger.raw:
            what = f"{logger.name} is one of structlog's print loggers, used as it is"
            change = f"{logger.name.rpartition('.')[2]} = structlog.get_logger()"
            yield Finding("print-logger", what, f"it runs no processors: {_LOST}", change, logger.where)
        else:
            what = f"{logger.name} has processors of its own, without bind_ids"
            why = f"it was bound before structlog.configure, or made with a chain of its own: {_LOST}"
            change = f"bind it after structlog.configure: {logger.name.rpartition('.')[2]} = structlog.get_logger()"
            yield Finding("logger-apart", what, why, change, logger.where)

"""What keeps ids off the lines of standard logging, judged by what was seen of its set-up. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tracelog.doctor.finding import NOTE, Finding

_LOST = "lines of standard logging carry no ids, and are not shipped"
_INSTALL = "tracelog.integrations.stdlib.install()"


class HandlerSeen(NamedTuple):
    """A handler, and whether a line that it writes shows ids; *chained* formats by processors of structlog's."""

    name: str
    shows: bool
    chained: bool = False


class LoggingSeen(NamedTuple):
    """
    How standard logging is set up.

    *binds* says that a record made now has ids; *factory* is what makes it, written at *factory_where*, ``plain`` the
    library's own. *classes* are those of loggers that make records by themselves, each with where it is written.
    *disabled* are loggers of the application's that are silenced, by the call at *disabled_where*.
    """

    binds: bool
    plain: bool
    factory: str
    factory_where: str = ""
    classes: tuple[tuple[str, str], ...] = ()
    handlers: tuple[HandlerSeen, ...] = ()
    formatter_where: str = ""
    disabled: tuple[str, ...] = ()
    disabled_where: str = ""


def judge_logging(seen: LoggingSeen, *, traced: bool) -> Iterator[Finding]:
    """Say what is wrong; where the application is not *traced*, adding the extension installs the factory as well."""
    if not seen.binds:
        if traced:
            yield _factory(seen)
    else:
        yield from _classes(seen)
        yield from _handlers(seen)
    if seen.disabled:
        what = f"the loggers {', '.join(seen.disabled)} are disabled"
        why = "setting logging up disables every logger that was there before, unless told otherwise: lines vanish"
        change = '"disable_existing_loggers": False'
        yield Finding("loggers-disabled", what, why, change, seen.disabled_where)


def _factory(seen: LoggingSeen) -> Finding:
    if seen.plain:
        what = "tracelog's record factory is not installed: another call took it away again"
        change = f"remove that call, or call {_INSTALL} after it"
        return Finding("record-factory-missing", what, _LOST, change, seen.factory_where)
    what = f"the record factory was replaced by {seen.factory}, which does not call the one before it"
    change = f"call logging.getLogRecordFactory() first and build on its record, or {_INSTALL} after it"
    return Finding("record-factory-replaced", what, _LOST, change, seen.factory_where)


def _classes(seen: LoggingSeen) -> Iterator[Finding]:
    for name, where in seen.classes:
        what = f"loggers of class {name} make their records without the record factory"
        change = "call super().makeRecord(…) in its makeRecord, and change the record that it returns"
        yield Finding("logger-class-bypasses", what, _LOST, change, where)


def _handlers(seen: LoggingSeen) -> Iterator[Finding]:
    chained = [handler.name for handler in seen.handlers if handler.chained and not handler.shows]
    plain = [handler.name for handler in seen.handlers if not handler.chained and not handler.shows]
    if chained:
        what = f"{', '.join(chained)}: ProcessorFormatter shows lines of standard logging without ids"
        why = "its foreign_pre_chain does not hold bind_ids"
        change = "ProcessorFormatter(…, foreign_pre_chain=[bind_ids, …])"
        yield Finding("foreign-chain", what, why, change, seen.formatter_where)
    if plain:
        what = f"{', '.join(plain)}: the format shows no ids"
        why = "records carry them, and are shipped with them; what this handler writes does not show them"
        change = "%(traceId)s %(spanId)s in its format, or tracelog.integrations.stdlib.ECSFormatter()"
        yield Finding("format-without-ids", what, why, change, kind=NOTE)

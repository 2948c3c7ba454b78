"""The LogRecord factory that puts the active span's ids on every record of the standard library."""

from __future__ import annotations

import inspect
import logging
from typing import Any

from tracelog.active import active
from tracelog.lines import take_log_record

_MARK = "_tracelog_factory"
_IDS = ("traceId", "spanId")


class _Yielding(dict[str, Any]):
    """
    The attributes of a LogRecord, where ``extra`` may bring its own ``traceId``.

    ``Logger.makeRecord`` asks ``key in record.__dict__`` and raises KeyError for a name that is taken; to it, and to
    nobody else, the two names are free, and the caller's value then takes the place of ours.
    """

    __slots__ = ()

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) and not (key in _IDS and _asked_by_make_record())

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _asked_by_make_record() -> bool:
    """Tell whether the one who asks a record's attributes is logging, about to add ``extra``."""
    frame = inspect.currentframe()
    asking = frame and frame.f_back and frame.f_back.f_back
    return asking is not None and asking.f_code.co_name == "makeRecord"


def install() -> None:
    """
    Put ``traceId`` and ``spanId`` on every LogRecord from now on, ``""`` outside of any span.

    Touches no handler, level or format, and keeps a factory that is there already. Calling it twice does nothing.
    """
    before = logging.getLogRecordFactory()
    if hasattr(before, _MARK):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        if type(vars(record)) is _Yielding:
            # Another factory stands between this one and an earlier one of ours, which has done all this.
            return record
        span = active()
        ids = _Yielding(vars(record))
        if span is None:
            ids["traceId"] = ids["spanId"] = ""
        else:
            ids["traceId"], ids["spanId"] = span.trace_id, span.span_id
        try:
            record.__dict__ = ids
            take_log_record(record, span)
        except Exception:  # noqa: BLE001, S110 - a log call never fails because of us, and saying so would log again
            pass
        return record

    setattr(make, _MARK, before)
    logging.setLogRecordFactory(make)


def uninstall() -> None:
    """Put the factory back that was there before, if ours is still the outermost."""
    before = getattr(logging.getLogRecordFactory(), _MARK, None)
    if before is not None:
        logging.setLogRecordFactory(before)


def installed() -> bool:
    """Tell whether our factory is the outermost."""
    return hasattr(logging.getLogRecordFactory(), _MARK)

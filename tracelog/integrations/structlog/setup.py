"""Logging set up in one call: structlog and the standard library go out through one handler."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import BoundLogger, LoggerFactory, PositionalArgumentsFormatter, ProcessorFormatter

from tracelog.cleaning import Cleaner
from tracelog.ecs.encode import encode
from tracelog.errors import InvalidSetting
from tracelog.factory import install
from tracelog.integrations.structlog.console import Console
from tracelog.integrations.structlog.events import bind_ids
from tracelog.lines import line_here
from tracelog.plain import is_dict
from tracelog.reading import LEVEL_NUMBERS
from tracelog.record import LineRecord

Renderer = Literal["auto", "json", "console"]

#: One list for all calls: loggers that were used before a second call, and ``capture_logs``, share it.
_CHAIN: list[Any] = [
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    PositionalArgumentsFormatter(),
    structlog.processors.StackInfoRenderer(),
    bind_ids,
    ProcessorFormatter.wrap_for_formatter,
]

#: werkzeug colours its access lines, wherever they go.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def configure(
    *,
    renderer: Renderer = "auto",
    level: int | str = logging.INFO,
    stream: TextIO | None = None,
    cleaner: Cleaner | None = None,
) -> None:
    """
    Send structlog's lines and those of standard logging, with ids, to *stream* (default: stdout).

    *renderer* is ``"json"`` (a line of ECS each, the same document that is shipped), ``"console"`` (for a person), or
    ``"auto"``: console where *stream* is a terminal. *level* is the root logger's. Handlers that wrote to stdout or
    stderr, werkzeug's, Flask's and gunicorn's included, give way to this one; files and other handlers stay. May be
    called before or after ``TraceLog(app)``, and again: the last call counts. Raises InvalidSetting.
    """
    out = sys.stdout if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter(_renderer(renderer, out), cleaner or Cleaner()))
    number = _level(level)
    root = logging.getLogger()
    for logger in _loggers(root):
        _silence(logger, out)
    root.addHandler(handler)
    root.setLevel(number)
    install()
    structlog.configure(
        processors=_CHAIN, wrapper_class=BoundLogger, logger_factory=LoggerFactory(), cache_logger_on_first_use=True
    )


class _Formatter(logging.Formatter):
    """Writes LogRecords, and the structlog events that some of them carry; the next call knows our handler by it."""

    def __init__(self, render: Callable[[LineRecord], str], cleaner: Cleaner) -> None:
        super().__init__()
        self._render = render
        self._cleaner = cleaner

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; values that JSON cannot hold are made safe, secrets are left out."""
        line = line_here(record, record.msg if is_dict(record.msg) else None)
        if "\x1b[" in line.message:
            line = line._replace(message=_COLOURS.sub("", line.message))
        return self._render(self._cleaner.line(line))


def _json(line: LineRecord) -> str:
    return encode(line).decode()


def _renderer(name: str, out: TextIO) -> Callable[[LineRecord], str]:
    """Find the renderer of that name, or the one that suits where the lines go."""
    terminal = out.isatty()
    if name == "json" or (name == "auto" and not terminal):
        return _json
    if name in ("auto", "console"):
        return Console(colours=terminal and _may_colour()).line
    raise InvalidSetting("renderer", name, "choose auto, json or console")


def _may_colour() -> bool:
    """Tell whether a terminal is to be coloured: https://no-color.org, and Windows, where colours need a library."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and os.name == "posix"


def _level(level: int | str) -> int:
    """Read a level: a number, or a name in either case."""
    number = LEVEL_NUMBERS.get(level.lower()) if isinstance(level, str) else level
    if number is None:
        raise InvalidSetting("level", level, f"choose {', '.join(LEVEL_NUMBERS)} or a number")
    return number


def _loggers(root: logging.Logger) -> Iterator[logging.Logger]:
    """Walk over all loggers there are."""
    yield root
    yield from [known for known in root.manager.loggerDict.values() if isinstance(known, logging.Logger)]


def _silence(logger: logging.Logger, out: TextIO) -> None:
    """Take the handlers that write where we do from *logger*; its lines go to the root's from now on."""
    for handler in list(logger.handlers):
        if isinstance(handler.formatter, _Formatter) or _writes_to_terminal(handler, out):
            logger.removeHandler(handler)
            logger.propagate = True


def _writes_to_terminal(handler: logging.Handler, out: TextIO) -> bool:
    """Tell whether *handler* writes to stdout, stderr or *out*."""
    stream = getattr(handler, "stream", None)
    # Compared, not identified: Flask's stands for stderr and is another object.
    return stream is not None and stream in (out, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)

"""Log lines for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from tracelog.record import Failure, LineRecord

_DIM = "2"
_KEY = "36"
_LEVELS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_FAILED = "31"
_SPACE = "  "

_FRAME = '  File "'
_INSTALLED = "site-packages"

#: Its message says what its fields hold.
_REQUEST = "tracelog.request"


class Console:
    """
    Draws lines: time, level, message, fields, logger, and last the trace id.

    The id is whole, since it has to be found by ``tracelog show``, and dim, since it matters only then; the span's is
    left to the trace. Expects lines that were cleaned: no control character reaches the terminal.
    """

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def line(self, line: LineRecord) -> str:
        """Draw one line, with the stack trace of its failure below."""
        fields = "" if line.logger == _REQUEST else " ".join(self._pairs(line.fields))
        head = f"{self._painted(clock(line.at_ns), _DIM)} {self._level(line.level)} {line.message}"
        ends = [self._painted(part, _DIM) for part in (line.logger, line.trace_id)]
        drawn = _SPACE.join(filter(None, [head, fields, *ends]))
        return drawn if line.failure is None else "\n".join([drawn, *self._failure(line.failure)])

    def _level(self, level: str) -> str:
        return self._painted(f"{level.upper():8}", _LEVELS.get(level, _DIM))

    def _pairs(self, fields: Mapping[str, Any]) -> Iterator[str]:
        for name, value in fields.items():
            yield f"{self._painted(name, _KEY)}={shown(value)}"

    def _failure(self, failure: Failure) -> Iterator[str]:
        """Write the stack trace: what was raised stands out, frames of installed packages stand back."""
        *frames, last = (failure.stack().rstrip() or f"{failure.type}: {failure.message}").split("\n")
        colour = ""
        for part in frames:
            if part.startswith(_FRAME):
                colour = _DIM if _INSTALLED in part else ""
            yield self._painted(part, colour)
        # A stack that was asked for (``stack_info``) ends with a frame like any other.
        yield self._painted(last, _FAILED if failure.type else colour)

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if text and colour and self._colours else text


def clock(at_ns: int) -> str:
    """Write the time of day here, to the millisecond."""
    at = datetime.fromtimestamp(at_ns / 1e9, tz=timezone.utc).astimezone()
    return at.isoformat(timespec="milliseconds")[11:23]


def shown(value: Any) -> str:
    r"""
    Write a value so that one sees where it ends.

    >>> [shown(value) for value in ("A-1", "two words", "a\nb", 12, None, True, {"a": [1]}, "")]
    ['A-1', '"two words"', '"a\\nb"', '12', 'null', 'true', '{"a": [1]}', '""']
    """
    if isinstance(value, str) and value.isprintable() and value and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=False)

"""Lengths of time as people type them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

_MILLI, _SECOND = 1_000_000, 1_000_000_000
_UNITS = {
    "us": 1_000,
    "µs": 1_000,
    "ms": _MILLI,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "d": 86_400 * _SECOND,
}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(us|µs|ms|s|m|h|d)\s*")
_WHOLE = re.compile(f"(?:{_PART.pattern})+")


def nanoseconds(said: str) -> int:
    """
    Read a length of time; raises ValueError for what is none.

    >>> nanoseconds("500ms"), nanoseconds("1.5s"), nanoseconds("1m 15s")
    (500000000, 1500000000, 75000000000)
    """
    if _WHOLE.fullmatch(said.strip()) is None:
        raise ValueError(said)
    return sum(round(float(amount) * _UNITS[unit]) for amount, unit in _PART.findall(said))


if TYPE_CHECKING:
    _ParamType = click.ParamType[int]
else:
    # Before click 8.2 it takes no parameter at run time.
    _ParamType = click.ParamType


class Length(_ParamType):
    """An option that takes a length of time, and gives nanoseconds."""

    name = "length"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what was typed."""
        try:
            return nanoseconds(value)
        except ValueError:
            return self.fail(f"{value!r} is no length of time: write it as 500ms, 1.5s or 2m", param, ctx)

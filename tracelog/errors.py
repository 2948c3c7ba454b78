"""
Everything tracelog raises.

::

    TracelogError
    ├── InvalidCarrier      (also TypeError)   a carrier or format that cannot be read or written
    ├── InvalidSetting      (also ValueError)  a TRACELOG_* setting that cannot be used
    └── DestinationError    (also OSError)     a place for spans that cannot be reached or used

None of them is ever raised into a request or a log call: they come from set-up, from the command line and from the
functions a user calls by hand.
"""

from __future__ import annotations


class TracelogError(Exception):
    """Any failure that tracelog reports on purpose."""


class InvalidCarrier(TracelogError, TypeError):
    """A carrier does not have the shape that its format needs, or the format is unknown."""

    def __init__(self, format: str, carrier: object, known: tuple[str, ...] = ()) -> None:
        super().__init__(format, carrier, known)
        self.format, self.carrier, self.known = format, carrier, known

    def __str__(self) -> str:
        if self.known:
            return f"unknown format {self.format!r}: choose one of {', '.join(self.known)}"
        return f"format {self.format!r} cannot use a {type(self.carrier).__name__} as its carrier"


class InvalidSetting(TracelogError, ValueError):
    """A setting has a value that cannot be used; *key* is its full name, ``TRACELOG_…``."""

    def __init__(self, key: str, value: object, expected: str) -> None:
        super().__init__(key, value, expected)
        self.key, self.value, self.expected = key, value, expected

    def __str__(self) -> str:
        return f"{self.key}={self.value!r} cannot be used: {self.expected}"


class DestinationError(TracelogError, OSError):
    """A destination of spans cannot be reached or used; *advice* says what to do about it."""

    def __init__(self, destination: str, problem: str, advice: str = "") -> None:
        super().__init__(destination, problem, advice)
        self.destination, self.problem, self.advice = destination, problem, advice

    def __str__(self) -> str:
        sentence = f"{self.destination}: {self.problem}"
        return f"{sentence}; {self.advice}" if self.advice else sentence

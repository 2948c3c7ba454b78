"""Keeps what an application prints while it is looked at out of the report."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress


@contextmanager
def quiet() -> Generator[None, None, None]:
    """Send standard output and standard error nowhere inside the block, also those that a logger has kept."""
    _flush()
    kept = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        _flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


@contextmanager
def heard() -> Generator[list[str], None, None]:
    """Collect what tracelog itself warns of inside the block."""
    ear = Ear()
    log = logging.getLogger("tracelog")
    log.addHandler(ear)
    try:
        yield ear.lines
    finally:
        log.removeHandler(ear)


class Ear(logging.Handler):
    """Remembers lines."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take the line down."""
        self.lines.append(record.getMessage())

"""Stack traces read out of the text that Python writes, and what one failure has in common with another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# A top-level exception group stands behind a bar; what lies in the group is indented further, and is not its stack.
_HEAD = re.compile(r"(?:  \+ Exception Group )?Traceback \(most recent call last\):")
_FRAME = re.compile(r'(?:  \| )?  File "(.+)", line (\d{1,9}), in (.+)')
_SOURCE = re.compile(r"(?:  \| )?    (\S.*)")
_PATH = re.compile(r"[/\\]")
_LIBRARY = re.compile(r"[/\\](?:site-packages|dist-packages|lib[/\\]python3\.\d+)[/\\]|^<frozen ")


class Frame(NamedTuple):
    """One call of a stack; *source* is the line as it was written, ``""`` where it is not known."""

    path: str
    line: int
    function: str
    source: str = ""

    @property
    def file(self) -> str:
        """The last two parts of the path, which are the same on every machine."""
        return "/".join(_PATH.split(self.path)[-2:])

    @property
    def library(self) -> bool:
        """Whether the file was installed, and is not the application's own."""
        return _LIBRARY.search(self.path) is not None


def frames_of(stack: str) -> list[Frame]:
    """Read the frames of the exception that was raised last, its innermost call last; none of those behind it."""
    frames: list[Frame] = []
    lines = stack.split("\n")
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if _HEAD.fullmatch(line):
            frames.clear()
        elif found := _FRAME.fullmatch(line):
            source = _SOURCE.fullmatch(below)
            frames.append(Frame(found[1], int(found[2]), found[3], source[1] if source else ""))
    return frames


def culprit_of(frames: Sequence[Frame]) -> str:
    """
    Name the function that raised.

    >>> culprit_of([Frame("/srv/shop/pay.py", 7, "charge")])
    'charge in shop/pay.py'
    """
    return f"{frames[-1].function} in {frames[-1].file}" if frames else ""


def grouping_key(kind: str, message: str, frames: Iterable[Frame]) -> str:
    """
    Tell failures of one cause from others, on any machine and in any version of the source.

    Lines move with each release and messages name orders, so neither counts; a message is all there is of a failure
    in words. How often a function is on the stack does not count either: recursion is as deep as it happens to be.
    """
    told = [kind, *dict.fromkeys(f"{frame.file}:{frame.function}" for frame in frames)]
    return digest(*(told if any(told) else (message,)))


def digest(*parts: str) -> str:
    """Return 32 characters that stand for *parts*."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]

"""Text and colours for a terminal."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from rich.cells import cell_len, chop_cells

#: One colour per service; red, yellow and grey have meanings of their own.
PALETTE = ("cyan", "magenta", "green", "blue", "bright_cyan", "bright_magenta", "bright_green", "bright_blue")

# What moves the cursor, colours the screen or turns the direction of text: a log line may come from anybody.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_BREAK = re.compile("\r\n|[\n\r\u2028\u2029]")

# However deep a tree is, so much room is left for what is said.
_LEAST = 13

_MICRO, _MILLI, _SECOND = 1_000, 1_000_000, 1_000_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND

_LONG = ((_DAY, _HOUR, "dh"), (_HOUR, _MINUTE, "hm"), (_MINUTE, _SECOND, "ms"))

# From so many nanoseconds on, where rounding would reach the next: the unit, and how many digits behind the point are
# enough.
_SHORT = (
    (999_500_000, _SECOND, 2, "s"),
    (99_950_000, _MILLI, 0, "ms"),
    (999_500, _MILLI, 1, "ms"),
    (1, _MICRO, 0, "µs"),
)
_NEARLY_A_MINUTE = 59_995_000_000


def shown(value: str) -> str:
    r"""
    Make *value* one harmless line.

    >>> shown("a\n\x1b[31mb\t\u202ec")
    'a ⏎ �[31mb  �c'
    """
    return _CONTROL.sub("�", _BREAK.sub(" ⏎ ", value).replace("\t", "  "))


def shown_lines(value: str) -> list[str]:
    """Make each line of *value* harmless."""
    return [shown(line) for line in _BREAK.split(value.rstrip())] if value else []


def length(nanoseconds: int) -> str:
    """
    Write a length of time in four or five signs.

    >>> [length(int(seconds * 1e9)) for seconds in (0, 0.000_004, 0.0421, 0.214, 1.254, 75, 7500, 200_000)]
    ['0 ms', '4 µs', '42.1 ms', '214 ms', '1.25 s', '1m 15s', '2h 05m', '2d 07h']
    """
    if _NEARLY_A_MINUTE <= nanoseconds < _MINUTE:
        nanoseconds = _MINUTE
    for unit, part, names in _LONG:
        if nanoseconds >= unit:
            return f"{nanoseconds // unit}{names[0]} {nanoseconds % unit // part:02}{names[1]}"
    for least, unit, digits, name in _SHORT:
        if nanoseconds >= least:
            return f"{nanoseconds / unit:.{digits}f} {name}"
    return "0 ms"


def age(nanoseconds: int) -> str:
    """
    Say how long ago something was, in its largest unit.

    >>> [age(int(seconds * 1e9)) for seconds in (-1, 0.2, 75, 7500, 200_000)]
    ['0s', '0s', '1m', '2h', '2d']
    """
    for unit, _, names in _LONG:
        if nanoseconds >= unit:
            return f"{nanoseconds // unit}{names[0]}"
    return f"{max(0, nanoseconds) // _SECOND}s"


def colours_of(names: Iterable[str], palette: tuple[str, ...] = PALETTE) -> dict[str, str]:
    """
    Give each name a colour: the same one everywhere, another one where two would share it.

    >>> len(set(colours_of(["shop", "stock", "payment"], ("red", "green", "blue")).values()))
    3
    """
    colours: dict[str, str] = {}
    for name in sorted(names):
        start = zlib.crc32(name.encode("utf-8", "replace")) % len(palette)
        order = palette[start:] + palette[:start]
        colours[name] = next((colour for colour in order if colour not in colours.values()), order[0])
    return colours


def wrapped(said: str, room: int) -> list[str]:
    """
    Break *said* into pieces of *room* columns, at blanks where there are some.

    >>> wrapped("the card was declined", 13), wrapped("", 20), wrapped("  the card was declined", 14)
    (['the card was', 'declined'], [], ['  the card was', '  declined'])
    """
    if cell_len(said) <= room:
        return [said] if said else []
    words = said.lstrip()
    indent = (said[: len(said) - len(words)])[: room // 2]
    room = max(_LEAST, room) - len(indent)
    parts: list[str] = []
    for word in words.split(" "):
        if parts and cell_len(parts[-1]) + 1 + cell_len(word) <= room:
            parts[-1] += f" {word}"
        else:
            parts += chop_cells(word, room)
    return [indent + part for part in parts]

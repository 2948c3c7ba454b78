"""The signs pictures are drawn with, and what a terminal without them gets."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console
from rich.text import Text


class Signs(NamedTuple):
    """The signs of one alphabet; a bar has forms for its whole, its right half and its left half."""

    follows: str = "├─ "
    ends: str = "└─ "
    line_follows: str = "├╴ "
    line_ends: str = "└╴ "
    runs: str = "│  "
    bars: tuple[str, str, str] = ("━", "╺", "╸")
    cut: str = "…"
    failed: str = "✗"
    warns: str = "⚠"
    joins: str = " · "


ASCII = Signs("|- ", "`- ", "|. ", "`. ", "|  ", ("=", "=", "="), "~", "!", "!", ", ")


def console() -> Console:
    """Open the terminal, or what stands in its place."""
    return Console(highlight=False, emoji=False, markup=False, soft_wrap=True)


def signs_of(out: Console) -> Signs:
    """Choose the signs that *out* can show."""
    return ASCII if out.options.ascii_only else Signs()


def spelled(row: Text, out: Console) -> Text:
    """Return *row* in the letters that *out* can show."""
    if out.options.ascii_only:
        row.plain = row.plain.replace("µ", "u").encode("ascii", "replace").decode("ascii")
    return row

"""What documents tell, in words: reasons, stack traces, fields."""

from __future__ import annotations

import re
from typing import Any, cast

from rich.cells import cell_len

from tracelog.cli.paint import shown, shown_lines
from tracelog.cli.reading import is_entry, links, text
from tracelog.cli.tree import Node
from tracelog.ecs.found import Document

#: What Python underlines parts of a source line with.
_MARKS = frozenset(" ^~")

_FRAME = re.compile(r'(\s*File ")([^"]+)(", line \d+.*)', re.DOTALL)
_FRAMES = 8
_PATH = 12


def counted(count: int, one: str, many: str = "") -> str:
    """
    Write a number of things.

    >>> counted(1, "span"), counted(1200, "span"), counted(2, "child", "children")
    ('1 span', '1,200 spans', '2 children')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def reason(document: Document) -> str:
    """Say in one line why something failed, ``""`` where only its status tells."""
    kind, message = text(document, "error.type"), text(document, "error.message")
    if not message and not text(document, "error.stack_trace"):
        return ""
    return shown(": ".join(part for part in (kind, message) if part))


def stack(document: Document) -> list[str]:
    """Return the stack trace without the lines that only underline."""
    return [line for line in shown_lines(text(document, "error.stack_trace")) if not _MARKS.issuperset(line)]


def end_of(lines: list[str]) -> list[str]:
    """Keep the last frames of a stack trace, whole ones."""
    if len(lines) <= _FRAMES + 1:
        return lines
    end = lines[-_FRAMES:]
    frames = [place for place, line in enumerate(end) if line.lstrip().startswith("File ")]
    return end[frames[0] :] if frames else end


def frame(said: str, room: int, cut: str = "…") -> str:
    """
    Shorten the path in a line of a stack trace from its beginning, where it is too long: its end says which file it is.

    >>> frame('  File "/srv/shop/lib/python3.12/site-packages/shop/pay.py", line 9, in pay', 54)
    '  File "…/site-packages/shop/pay.py", line 9, in pay'
    """
    match = _FRAME.fullmatch(said)
    if match is None or cell_len(said) <= room:
        return said
    before, path, after = match.groups()
    kept = max(_PATH, room - cell_len(before + cut + after))
    path = path[-kept:]
    while cell_len(path) > kept:
        path = path[1:]
    start = path.find("/")
    return f"{before}{cut}{path[max(0, start) :]}{after}"


def fields(line: Document) -> str:
    """Write what was logged beside the message."""
    labels: Any = line.get("labels")
    members = cast("dict[str, Any]", labels) if hasattr(labels, "items") else {}
    return " ".join(shown(f"{name}={value}") for name, value in members.items())


def about_lost(node: Node) -> str:
    """Say whose child *node* is, whose parent is not here."""
    if is_entry(node.span):
        return f"called by span {shown(node.lost_parent)}, which is not traced, or has not arrived"
    return f"child of span {shown(node.lost_parent)}, which has not arrived"


def about_links(span: Document) -> list[str]:
    """Say of each context that *span* came with, and did not continue, which it is."""
    return [f"linked to span {shown(span_id)} of trace {shown(trace_id)}" for trace_id, span_id in links(span)]

"""A trace as a picture for a terminal: tree, waterfall, durations, log lines in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from rich.cells import cell_len
from rich.text import Text

from tracelog.cli.paint import colours_of, length, shown, shown_lines, wrapped
from tracelog.cli.reading import duration, is_entry, is_failure, moment, number, operation, text
from tracelog.cli.tree import Node, Row, Tree, inside, walk
from tracelog.ecs.found import Document

LEVELS = {
    "debug": "dim",
    "info": "dim",
    "warning": "yellow",
    "error": "red",
    "critical": "bold red",
    "fatal": "bold red",
}

#: What Python underlines parts of a source line with.
_MARKS = frozenset(" ^~")

_TIMES = 10
_STEP = 3
_LOUD = frozenset({"error", "critical", "fatal"})
_ROOM = 26
_FRAMES = 8
_WIDEST_BAR = 40
_NARROWEST = 60


class Signs(NamedTuple):
    """The signs a picture is drawn with."""

    follows: str = "├─ "
    ends: str = "└─ "
    line_follows: str = "├╴ "
    line_ends: str = "└╴ "
    runs: str = "│  "
    bar: str = "━"
    cut: str = "…"
    failed: str = "✗"
    warns: str = "⚠"
    joins: str = " · "


ASCII = Signs("|- ", "`- ", "|. ", "`. ", "|  ", "=", "~", "!", "!", ", ")


class Picture:
    """Draws one tree, *width* columns wide."""

    def __init__(self, tree: Tree, width: int, signs: Signs) -> None:
        self.tree = tree
        self.signs = signs
        bar = min(_WIDEST_BAR, width // 5) if width >= _NARROWEST else 0
        self._bar = bar
        self._label = max(_ROOM, width - bar - _TIMES - (2 if bar else 1))
        self._wide = self._label + bar + (1 if bar else 0)
        self._deepest = max(1, (self._label - _ROOM) // _STEP)
        self._colours = colours_of({text(node.span, "service.name") for node in tree.nodes})
        self._reasons = {reason for node in tree.nodes if (reason := _reason(node.span))}
        self._begin, self._end = _bounds(tree)
        self._scale = max(1, self._end - self._begin)

    def header(self, trace_id: str) -> Text:
        """Say in a line or two what the trace is, and how it ended."""
        tree = self.tree
        failed = sum(1 for node in tree.nodes if is_failure(node.span))
        roots_failed = any(is_failure(root.span) for root in tree.roots)
        services = {text(node.span, "service.name") for node in tree.nodes}
        facts = [
            counted(len(services), "service"),
            counted(len(tree.nodes), "span"),
            counted(tree.lines, "line"),
            length(self._end - self._begin),
        ]
        head = Text.assemble(("trace ", "dim"), (shown(trace_id), "bold"), "\n", self.signs.joins.join(facts))
        if tree.nodes:
            head.append(self.signs.joins)
            head.append("failure" if roots_failed else "success", "bold red" if roots_failed else "bold green")
        if failed:
            head.append(f" ({counted(failed, 'span')} failed)", "red")
        return head

    def rows(self) -> Iterator[Text]:
        """Draw the tree, row by row."""
        for row in walk(self.tree, self._deepest):
            yield from self._span(row) if row.line is None else self._line(row, row.line)
        if self.tree.loose:
            yield Text(f"{self.signs.warns} lines of spans that have not arrived", "yellow")
            for line in self.tree.loose:
                yield from self._line(None, line)

    def verdict(self) -> Text | None:
        """Say how many spans are known to exist and are not here."""
        missing, here = self.tree.missing, len(self.tree.nodes)
        if not missing:
            return None
        verb = "has" if missing == 1 else "have"
        said = f"{self.signs.warns} {missing} of {counted(missing + here, 'span')} {verb} not arrived"
        return Text(said, "bold yellow")

    def _span(self, row: Row) -> Iterator[Text]:
        node = row.node
        if node.lost_parent:
            yield from self._note(row, _about_lost(node), "yellow" if not is_entry(node.span) else "dim")
        service = text(node.span, "service.name")
        colour = self._colours[service]
        label = Text.assemble((self._joined(row), "dim"))
        if row.depth > self._deepest:
            label.append(f"{self.signs.cut}{row.depth} ", "dim")
        if node.parent is None or text(node.parent.span, "service.name") != service:
            label.append(f"{shown(service)} ", f"bold {colour}")
        label.append(shown(operation(node.span)), colour)
        if status := number(node.span, "http.response.status_code"):
            label.append(f" {status}", "red" if is_failure(node.span) else "dim")
        yield self._fitted(label, self._waterfall(node.span, colour), self._took(node.span))
        reason = _reason(node.span)
        if reason and not any(_reason(child.span) == reason for child in node.children):
            yield from self._failure(row, _stack(node.span) or [reason])
        if node.owed:
            yield from self._note(
                row, f"{counted(node.owed, 'child', 'children')} not arrived", "yellow", self.signs.warns
            )
        if node.unanswered:
            yield from self._note(row, f"{counted(node.unanswered, 'callee')} not traced, or not arrived", "dim")

    def _line(self, row: Row | None, line: Document) -> Iterator[Text]:
        level = text(line, "log.level").lower()
        beside = self._inner(row) if row else _STEP * " "
        lead = Text.assemble((self._joined(row) if row else beside, "dim"))
        lead.append(f"{shown(level.upper()) or 'event':<8.8} ", LEVELS.get(level, "dim"))
        offset = Text(f"+{length(max(0, moment(line) - self._begin))}" if moment(line) else "", "dim")
        for part in self._said(line, self._wide - lead.cell_len):
            yield self._aligned(lead + part, offset)
            lead, offset = Text.assemble((beside + " " * 9, "dim")), Text()
        reason = _reason(line)
        if reason:
            # The span that failed shows where; a line that tells of the same says only what.
            yield from self._failure(row, [reason] if reason in self._reasons else _stack(line) or [reason])

    def _said(self, line: Document, room: int) -> list[Text]:
        """Lay a line's message out, and what was said beside it."""
        style = "red" if text(line, "log.level").lower() in _LOUD else ""
        message = wrapped(shown(text(line, "message")) or "(no message)", room)
        parts = [Text.assemble((part, style)) for part in message]
        fields = wrapped(_fields(line), room)
        if len(fields) == 1 and parts[-1].cell_len + 2 + cell_len(fields[0]) <= room:
            parts[-1].append(f"  {fields[0]}", "dim")
            return parts
        return parts + [Text(part, "dim") for part in fields]

    def _failure(self, row: Row | None, told: list[str]) -> Iterator[Text]:
        """Draw the end of a stack trace, which is where it happened, or a reason in words."""
        lead = Text.assemble((f"{self._inner(row) if row else _STEP * ' '}  ", "dim"))
        end = _end_of(told)
        if len(end) < len(told):
            yield lead + Text(f"{self.signs.cut} {len(told) - len(end)} lines above, --json has all", "dim")
        for said in end:
            for part in wrapped(said, self._wide + _TIMES - lead.cell_len):
                yield lead + Text(part, "red")

    def _note(self, row: Row, said: str, style: str, sign: str = "") -> Iterator[Text]:
        yield Text.assemble((self._inner(row), "dim"), (f"{sign} {said}" if sign else said, style))

    def _guides(self, row: Row) -> str:
        """Draw what runs down past *row*."""
        return "".join(self.signs.runs if follows else " " * _STEP for follows in row.guides)

    def _joined(self, row: Row) -> str:
        """Draw what connects *row* with those above it."""
        if not row.guides or row.depth > self._deepest:
            return self._guides(row)
        signs = self.signs
        ends, follows = (signs.ends, signs.follows) if row.line is None else (signs.line_ends, signs.line_follows)
        return self._guides(row)[:-_STEP] + (follows if row.guides[-1] else ends)

    def _inner(self, row: Row) -> str:
        """Draw what runs down beside that which belongs to *row*."""
        if row.line is not None:
            return self._guides(row)
        goes_on = row.depth < self._deepest and bool(inside(row.node))
        return self._guides(row) + (self.signs.runs if goes_on else " " * _STEP)

    def _waterfall(self, span: Document, colour: str) -> Text:
        """Draw when *span* ran within the trace."""
        if not self._bar or not moment(span):
            return Text(" " * self._bar)
        begin = (moment(span) - self._begin) * self._bar // self._scale
        end = -(-(moment(span) + duration(span) - self._begin) * self._bar // self._scale)
        begin = min(begin, self._bar - 1)
        drawn = Text(" " * begin + self.signs.bar * max(1, end - begin), "red" if is_failure(span) else colour)
        drawn.truncate(self._bar, pad=True)
        return drawn

    def _took(self, span: Document) -> Text:
        """Say how long *span* took, and mark it where it failed."""
        if is_failure(span):
            return Text(f"{self.signs.failed} {length(duration(span))}", "bold red")
        return Text(length(duration(span)))

    def _fitted(self, label: Text, bar: Text, took: Text) -> Text:
        """Put the three columns side by side; what is too long is cut."""
        if label.cell_len > self._label:
            label.truncate(self._label - 1)
            label.append(self.signs.cut)
        label.append(" " * (self._label - label.cell_len))
        return self._aligned(Text.assemble(label, " ", bar) if self._bar else label, took)

    def _aligned(self, left: Text, right: Text) -> Text:
        """Put *right* at the right edge."""
        if not right:
            return left
        gap = self._wide + 1 + _TIMES - left.cell_len - right.cell_len
        return Text.assemble(left, " " * max(1, gap), right)


def counted(count: int, one: str, many: str = "") -> str:
    """
    Write a number of things.

    >>> counted(1, "span"), counted(1200, "span"), counted(2, "child", "children")
    ('1 span', '1,200 spans', '2 children')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _bounds(tree: Tree) -> tuple[int, int]:
    """Find when the trace began and ended."""
    spans = [node.span for node in tree.nodes if moment(node.span)]
    if spans:
        return min(map(moment, spans)), max(moment(span) + duration(span) for span in spans)
    times = [moment(line) for line in tree.loose if moment(line)]
    return (min(times), max(times)) if times else (0, 0)


def _reason(document: Document) -> str:
    """Say in one line why something failed, ``""`` where only its status tells."""
    kind, message = text(document, "error.type"), text(document, "error.message")
    if not message and not text(document, "error.stack_trace"):
        return ""
    return shown(": ".join(part for part in (kind, message) if part))


def _stack(document: Document) -> list[str]:
    """Return the stack trace without the lines that only underline."""
    return [line for line in shown_lines(text(document, "error.stack_trace")) if not _MARKS.issuperset(line)]


def _fields(line: Document) -> str:
    """Write what was logged beside the message."""
    labels: Any = line.get("labels")
    fields = cast("dict[str, Any]", labels) if hasattr(labels, "items") else {}
    return " ".join(shown(f"{name}={value}") for name, value in fields.items())


def _about_lost(node: Node) -> str:
    if is_entry(node.span):
        return f"called by span {shown(node.lost_parent)}, which is not traced, or has not arrived"
    return f"child of span {shown(node.lost_parent)}, which has not arrived"


def _end_of(stack: list[str]) -> list[str]:
    """Keep the last frames of a stack trace, whole ones."""
    if len(stack) <= _FRAMES + 1:
        return stack
    end = stack[-_FRAMES:]
    frames = [place for place, line in enumerate(end) if line.lstrip().startswith("File ")]
    return end[frames[0] :] if frames else end

"""A trace as a picture for a terminal: tree, waterfall, durations, log lines in place."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from tracelog.cli.paint import colours_of, length, shown, wrapped
from tracelog.cli.reading import duration, is_entry, is_failure, moment, number, operation, text
from tracelog.cli.scale import ROOM, TIMES, Scale, columns
from tracelog.cli.signs import Signs
from tracelog.cli.told import about_links, about_lost, counted, end_of, fields, frame, reason, stack
from tracelog.cli.tree import Row, Tree, inside, walk
from tracelog.ecs.found import Document

LEVELS = {
    "debug": "dim",
    "info": "dim",
    "warning": "yellow",
    "error": "red",
    "critical": "bold red",
    "fatal": "bold red",
}

_STEP = 3
_LOUD = frozenset({"error", "critical", "fatal"})


class Picture:
    """Draws one tree, *width* columns wide."""

    def __init__(self, tree: Tree, width: int, signs: Signs) -> None:
        self.tree = tree
        self.signs = signs
        self.width = width
        self._colours = colours_of({text(node.span, "service.name") for node in tree.nodes})
        self._reasons = {why for node in tree.nodes if (why := reason(node.span))}
        needed = (row.depth * _STEP + max(ROOM, self._name(row).cell_len) for row in walk(tree))
        self._columns = columns(width, max(needed, default=0))
        self._deepest = max(1, (self._columns.label - ROOM) // _STEP)
        self._scale = Scale(*_bounds(tree), self._columns.bar)

    def header(self, trace_id: str) -> list[Text]:
        """Say in a few lines what the trace is, and how it ended."""
        tree = self.tree
        services = {text(node.span, "service.name") for node in tree.nodes}
        facts = [
            counted(len(services), "service"),
            counted(len(tree.nodes), "span"),
            counted(tree.lines, "line"),
            length(self._scale.end - self._scale.begin),
        ]
        said = Text(self.signs.joins.join(facts))
        failed = any(is_failure(root.span) for root in tree.roots)
        # How a trace ended is known once the span it began with is here, and that it failed even before.
        if failed or any(is_entry(root.span) or not root.lost_parent for root in tree.roots):
            said.append(self.signs.joins)
            said.append("failure" if failed else "success", "bold red" if failed else "bold green")
        head = [Text.assemble(("trace ", "dim"), (shown(trace_id), "bold")), said]
        if failures := sum(1 for node in tree.nodes if is_failure(node.span)):
            also = Text(f"({counted(failures, 'span')} failed)", "red")
            if said.cell_len + 1 + also.cell_len <= self.width:
                said.append(" ").append_text(also)
            else:
                head.append(also)
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
            yield from self._note(row, about_lost(node), "yellow" if not is_entry(node.span) else "dim")
        label = Text.assemble((self._joined(row), "dim"))
        if row.depth > self._deepest:
            label.append(f"{self.signs.cut}{row.depth} ", "dim")
        yield self._fitted(label + self._name(row), self._waterfall(node.span), self._took(node.span))
        for link in about_links(node.span):
            yield from self._note(row, link, "dim")
        why = reason(node.span)
        if why and not any(reason(child.span) == why for child in node.children):
            yield from self._failure(row, stack(node.span) or [why])
        if node.owed:
            owed = f"{self.signs.warns} {counted(node.owed, 'child', 'children')} not arrived"
            yield from self._note(row, owed, "yellow")
        if node.unanswered:
            yield from self._note(row, f"{counted(node.unanswered, 'callee')} not traced, or not arrived", "dim")

    def _name(self, row: Row) -> Text:
        """Name a span, and its service where that is another one than above; a line has no name."""
        if row.line is not None:
            return Text()
        span, parent = row.node.span, row.node.parent
        service = text(span, "service.name")
        colour = self._colours[service]
        name = Text()
        if parent is None or text(parent.span, "service.name") != service:
            name.append(f"{shown(service)} ", f"bold {colour}")
        name.append(shown(operation(span)), colour)
        if status := number(span, "http.response.status_code"):
            name.append(f" {status}", "red" if is_failure(span) else "dim")
        return name

    def _line(self, row: Row | None, line: Document) -> Iterator[Text]:
        level = text(line, "log.level").lower()
        beside = self._inner(row) if row else _STEP * " "
        lead = Text.assemble((self._joined(row) if row else beside, "dim"))
        lead.append(f"{shown(level.upper()) or 'event':<8.8} ", LEVELS.get(level, "dim"))
        offset = Text(f"+{length(max(0, moment(line) - self._scale.begin))}" if moment(line) else "", "dim")
        for part in self._said(line, self._columns.wide - lead.cell_len):
            yield self._aligned(lead + part, offset)
            lead, offset = Text.assemble((beside + " " * 9, "dim")), Text()
        if why := reason(line):
            # The span that failed shows where; a line that tells of the same says only what.
            yield from self._failure(row, [why] if why in self._reasons else stack(line) or [why])

    def _said(self, line: Document, room: int) -> list[Text]:
        """Lay a line's message out, and what was said beside it."""
        style = "red" if text(line, "log.level").lower() in _LOUD else ""
        message = wrapped(shown(text(line, "message")) or "(no message)", room)
        parts = [Text.assemble((part, style)) for part in message]
        beside = wrapped(fields(line), room)
        if len(beside) == 1 and parts[-1].cell_len + 2 + cell_len(beside[0]) <= room:
            parts[-1].append(f"  {beside[0]}", "dim")
            return parts
        return parts + [Text(part, "dim") for part in beside]

    def _failure(self, row: Row | None, told: list[str]) -> Iterator[Text]:
        """Draw the end of a stack trace, which is where it happened, or a reason in words."""
        lead = Text.assemble((f"{self._inner(row) if row else _STEP * ' '}  ", "dim"))
        end = end_of(told)
        if len(end) < len(told):
            yield lead + Text(f"{self.signs.cut} {len(told) - len(end)} lines above, --json has all", "dim")
        room = self._columns.wide + TIMES - lead.cell_len
        for said in end:
            for part in wrapped(frame(said, room, self.signs.cut), room):
                yield lead + Text(part, "red")

    def _note(self, row: Row, said: str, style: str) -> Iterator[Text]:
        lead = Text(self._inner(row), "dim")
        for part in wrapped(said, self._columns.wide + TIMES - lead.cell_len):
            yield Text.assemble(lead, (part, style))

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

    def _waterfall(self, span: Document) -> Text:
        """Draw when *span* ran within the trace."""
        if not moment(span):
            return Text(" " * self._scale.width)
        style = "red" if is_failure(span) else self._colours[text(span, "service.name")]
        return Text(self._scale.bar(moment(span), duration(span), self.signs.bars), style)

    def _took(self, span: Document) -> Text:
        """Say how long *span* took, and mark it where it failed."""
        if is_failure(span):
            return Text(f"{self.signs.failed} {length(duration(span))}", "bold red")
        return Text(length(duration(span)))

    def _fitted(self, label: Text, bar: Text, took: Text) -> Text:
        """Put the three columns side by side; what is too long is cut."""
        room = self._columns.label
        if label.cell_len > room:
            label.truncate(room - 1)
            label.append(self.signs.cut)
        label.append(" " * (room - label.cell_len))
        return self._aligned(Text.assemble(label, " ", bar) if bar else label, took)

    def _aligned(self, left: Text, right: Text) -> Text:
        """Put *right* at the right edge."""
        if not right:
            return left
        gap = self._columns.wide + 1 + TIMES - left.cell_len - right.cell_len
        return Text.assemble(left, " " * max(1, gap), right)


def _bounds(tree: Tree) -> tuple[int, int]:
    """Find when the trace began and ended."""
    spans = [node.span for node in tree.nodes if moment(node.span)]
    if spans:
        return min(map(moment, spans)), max(moment(span) + duration(span) for span in spans)
    times = [moment(line) for line in tree.loose if moment(line)]
    return (min(times), max(times)) if times else (0, 0)

"""
The documents of one trace, put in order: who called whom, which lines belong where, what has not arrived.

Pure, and safe with whatever a store holds: fields that are missing or of the wrong type, spans that are there twice,
parents that never came, circles, chains of any depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tracelog.cli.reading import events, is_entry, moment, number, text
from tracelog.ecs.found import Document, Found

#: What tells one span from another.
_TELLING = ("span.id", "span.kind", "service.name", "@timestamp", "event.action")


@dataclass(eq=False, repr=False)
class Node:
    """
    A span and what belongs to it.

    *owed* children were forked and have not arrived; *unanswered* contexts were handed to somebody of whom no span is
    here. *lost_parent* is the id of a parent that is not here.
    """

    span: Document
    parent: Node | None = None
    children: list[Node] = field(default_factory=list["Node"])
    lines: list[Document] = field(default_factory=list[Document])
    owed: int = 0
    unanswered: int = 0
    lost_parent: str = ""

    @property
    def id(self) -> str:
        """The span's id."""
        return text(self.span, "span.id")


@dataclass(frozen=True)
class Tree:
    """
    One trace.

    *nodes* are all its spans by time, *roots* those without a parent here, *loose* the lines whose span is not here.
    """

    nodes: list[Node]
    roots: list[Node]
    loose: list[Document]

    @property
    def missing(self) -> int:
        """
        How many spans are known to exist and have not arrived.

        The least that explains what is seen: a parent that is missing may be one of the children owed.
        """
        parents = {node.lost_parent for node in self.nodes if node.lost_parent and not is_entry(node.span)}
        return max(sum(node.owed for node in self.nodes), len(parents))

    @property
    def lines(self) -> int:
        """How many log lines there are."""
        return len(self.loose) + sum(len(node.lines) for node in self.nodes)


class Row(NamedTuple):
    """
    One step through a tree: a span, or a line of it.

    *guides* tell for each level above, the outermost first, and for the row's own, whether more of that level follows;
    levels beyond the deepest that is drawn are left out of them, but counted in *depth*.
    """

    node: Node
    line: Document | None
    depth: int
    guides: tuple[bool, ...]


def grow(found: Found) -> Tree:
    """Put the spans and lines of a trace in order."""
    nodes = _unique(found.spans)
    by_id = _by_id(nodes)
    for node in nodes:
        node.parent = _parent(node, by_id)
    _cut_circles(nodes)
    roots: list[Node] = []
    for node in nodes:
        (roots if node.parent is None else node.parent.children).append(node)
        if node.parent is None or _is_apart(node, node.parent):
            node.lost_parent = text(node.span, "parent.id")
    for node in nodes:
        _count_owed(node)
    return Tree(nodes, roots, _hang_lines(found.lines, by_id))


def walk(tree: Tree, deepest: int = 1 << 30) -> Iterator[Row]:
    """Step through *tree* as it is read: each span, then its lines and children by time."""
    stack: list[_Level] = [_Level([(root, None) for root in tree.roots], 0, ())]
    while stack:
        level = stack[-1]
        if level.at == len(level.items):
            stack.pop()
            continue
        node, line = level.items[level.at]
        level.at += 1
        guides = level.guides
        if level.depth and level.depth <= deepest:
            guides = (*guides, level.at < len(level.items))
        yield Row(node, line, level.depth, guides)
        if line is None and (items := inside(node)):
            stack.append(_Level(items, level.depth + 1, guides))


class _Level:
    """The items of one span while they are stepped through."""

    __slots__ = ("at", "depth", "guides", "items")

    def __init__(self, items: list[tuple[Node, Document | None]], depth: int, guides: tuple[bool, ...]) -> None:
        self.items = items
        self.depth = depth
        self.guides = guides
        self.at = 0


def inside(node: Node) -> list[tuple[Node, Document | None]]:
    """Return what is drawn inside *node*, by time: lines, events and children."""
    items: list[tuple[Node, Document | None]] = [(node, line) for line in [*node.lines, *events(node.span)]]
    items += [(child, None) for child in node.children]
    return sorted(items, key=lambda item: moment(item[0].span if item[1] is None else item[1]))


def _unique(spans: list[Document]) -> list[Node]:
    """
    Make a node of each span, by time; of a document that is there twice the first counts.

    Ids and kind alone do not tell: go-zero's services may come to number two spans alike.
    """
    kept: dict[object, Node] = {}
    for span in sorted(spans, key=moment):
        name = tuple(text(span, field) for field in _TELLING)
        # A document without an id can be nobody's duplicate.
        kept.setdefault(name if name[0] else id(span), Node(span))
    return list(kept.values())


def _by_id(nodes: list[Node]) -> dict[str, list[Node]]:
    """Find spans by id; the two sides of a call may share one (go-zero's way)."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        if node.id:
            found.setdefault(node.id, []).append(node)
    return found


def _parent(node: Node, by_id: dict[str, list[Node]]) -> Node | None:
    """Find the parent of *node*: the calling side of the same id, or the span it names."""
    if is_entry(node.span):
        calling = [other for other in by_id.get(node.id, ()) if not is_entry(other.span)]
        if calling:
            return calling[0]
    parent = _nearest(by_id, text(node.span, "parent.id"), node.span)
    return None if parent is node else parent


def _nearest(by_id: dict[str, list[Node]], span_id: str, document: Document) -> Node | None:
    """
    Find the span *span_id* that *document* speaks of.

    Where two sides of a call share it, that is the one in the same request of the same service; failing that, the side
    that was called, which is the one that goes on to do things.
    """
    among = by_id.get(span_id, ())
    if len(among) < 2:  # noqa: PLR2004 - a choice needs two
        return among[0] if among else None

    def nearness(node: Node) -> tuple[bool, bool, bool]:
        same = [text(node.span, field) == text(document, field) for field in ("transaction.id", "service.name")]
        return all(same), is_entry(node.span), any(same)

    return max(among, key=nearness)


def _is_apart(node: Node, parent: Node) -> bool:
    """Tell whether *parent* is only the calling side of the span that *node* names, which itself is not here."""
    request = text(node.span, "transaction.id")
    return (
        not is_entry(node.span)
        and not is_entry(parent.span)
        and request == text(node.span, "parent.id")
        and request != text(parent.span, "transaction.id")
    )


def _cut_circles(nodes: list[Node]) -> None:
    """Make the earliest span of each circle a root."""
    settled: set[int] = set()
    for start in nodes:
        path: dict[int, Node] = {}
        node: Node | None = start
        while node is not None and id(node) not in settled and id(node) not in path:
            path[id(node)] = node
            node = node.parent
        if node is not None and id(node) in path:
            members = list(path.values())
            circle = members[members.index(node) :]
            min(circle, key=lambda member: moment(member.span)).parent = None
        settled.update(path)


def _count_owed(node: Node) -> None:
    """Count what *node* says it began against what is here."""
    answers = sum(1 for child in node.children if is_entry(child.span))
    forked = sum(1 for child in node.children if not is_entry(child.span) and not child.lost_parent)
    calls, children = number(node.span, "tracelog.calls"), number(node.span, "tracelog.children")
    node.owed = max(0, children - forked)
    node.unanswered = max(0, calls - answers)


def _hang_lines(lines: list[Document], by_id: dict[str, list[Node]]) -> list[Document]:
    """Give each line to its span, or to the span the request began with; return those that find neither."""
    loose: list[Document] = []
    for line in sorted(lines, key=moment):
        named = (text(line, "span.id"), text(line, "transaction.id"))
        node = _nearest(by_id, named[0], line) or _nearest(by_id, named[1], line)
        (loose if node is None else node.lines).append(line)
    return loose

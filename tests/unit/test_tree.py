"""Trees out of documents, good ones and bad ones."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tracelog.cli.tree import grow, walk
from tracelog.ecs.found import Found


def span(span_id, parent_id="", *, at=0, entry=False, **told):
    """Make a document of a span; *told* are fields with ``__`` for dots."""
    document = {
        "@timestamp": f"2026-11-23T12:00:{at:02}.000000000Z",
        "span.id": span_id,
        "span.kind": "server" if entry else "internal",
        "processor.event": "transaction" if entry else "span",
        "tracelog.children": 0,
        "tracelog.calls": 0,
    }
    if parent_id:
        document["parent.id"] = parent_id
    return {**document, **{name.replace("__", "."): value for name, value in told.items()}}


def line(span_id, message, *, at=0, **told):
    """Make a document of a line."""
    return {"@timestamp": f"2026-11-23T12:00:{at:02}Z", "span.id": span_id, "message": message, **told}


def drawn(found: Found) -> list[str]:
    """Walk a tree and write each step as its depth and its name."""
    return [f"{row.depth} {row.node.id if row.line is None else row.line['message']}" for row in walk(grow(found))]


def test_children_and_lines_come_by_time_inside_their_span():
    """What happened within a span is read in the order in which it happened, whatever the order it was stored in."""
    spans = [span("b", "a", at=3), span("c", "a", at=1), span("a", entry=True), span("d", "c", at=2)]
    lines = [line("a", "end", at=4), line("a", "begin", at=0), line("c", "within c", at=1)]
    assert drawn(Found(spans, lines)) == ["0 a", "1 begin", "1 c", "2 within c", "2 d", "1 b", "1 end"]


def test_events_of_a_span_are_told_among_its_lines():
    """Events stand where they happened; what is no event is passed over."""
    events = [{"name": "retry", "@timestamp": "2026-11-23T12:00:02Z", "attributes": {"try": 2}}, "no event", None]
    found = Found([span("a", entry=True, tracelog__events=events)], [line("a", "one", at=1), line("a", "three", at=3)])
    assert drawn(found) == ["0 a", "1 one", "1 retry", "1 three"]


def test_guides_tell_which_levels_go_on():
    """Each row knows for every level above whether more of it follows, so that branches can be drawn."""
    tree = grow(Found([span("a", entry=True), span("b", "a", at=1), span("c", "b", at=2), span("d", "a", at=3)], []))
    assert [(row.node.id, row.guides) for row in walk(tree)] == [
        ("a", ()),
        ("b", (True,)),
        ("c", (True, False)),
        ("d", (False,)),
    ]


def test_a_span_that_is_there_twice_counts_once():
    """A document that a store holds twice is one span, whatever the order."""
    spans = [span("a", entry=True), span("b", "a", at=2), span("a", entry=True), span("b", "a", at=2)]
    assert drawn(Found(spans, [])) == ["0 a", "1 b"]


def test_spans_that_are_numbered_alike_are_all_there():
    """Two answers to one call that was sent twice have one number, and neither is taken for the other."""
    spans = [span("0.1", "0", entry=True), span("0.1", "0", at=1, entry=True), span("0.1", "0", span__kind="client")]
    assert drawn(Found(spans, [])) == ["0 0.1", "1 0.1", "1 0.1"]


def test_two_sides_of_a_call_may_share_an_id():
    """Where caller and callee have one id, the callee hangs below the caller, and its work below it."""
    spans = [
        span("0", entry=True, tracelog__children=1),
        span("0.1", "0", at=1, span__kind="client", tracelog__calls=1),
        span("0.1", "0", at=2, entry=True, tracelog__children=1),
        span("0.1.1", "0.1", at=3),
    ]
    tree = grow(Found(spans, []))
    assert [(row.depth, row.node.span["span.kind"]) for row in walk(tree)] == [
        (0, "server"),
        (1, "client"),
        (2, "server"),
        (3, "internal"),
    ]
    assert tree.missing == 0


#: A call of shop's to stock, both sides of which are numbered 0.1, as documents of their requests.
SHOP = {"service__name": "shop", "transaction__id": "0"}
STOCK = {"service__name": "stock", "transaction__id": "0.1"}
CALL = (
    span("0", entry=True, tracelog__children=1, **SHOP),
    span("0.1", "0", at=1, span__kind="client", tracelog__calls=1, **SHOP),
    span("0.1", "0", at=2, entry=True, tracelog__children=1, **STOCK),
    span("0.1.1", "0.1", at=3, **STOCK),
)


def test_lines_find_the_side_of_a_call_that_wrote_them():
    """Where two sides share an id, a line hangs at the one in its own request, be they of one service or of two."""
    for service in ("stock", "shop"):
        spans = [{**document, "service.name": service if at > 1 else "shop"} for at, document in enumerate(CALL)]
        lines = [
            line("0.1", "asked", at=1, **{"transaction.id": "0", "service.name": "shop"}),
            line("0.1", "answered", at=2, **{"transaction.id": "0.1", "service.name": service}),
        ]
        tree = grow(Found(spans, lines))
        assert [[told["message"] for told in node.lines] for node in tree.nodes] == [[], ["asked"], ["answered"], []]


def test_lines_of_a_service_that_stores_no_spans_hang_at_the_call_it_answers():
    """A service of go-zero whose lines alone are shipped has the ids of its caller's half."""
    told = line("0.1", "from order", **{"service.name": "order"})
    tree = grow(Found([CALL[0], CALL[1]], [told]))
    assert [len(node.lines) for node in tree.nodes] == [0, 1]
    assert tree.loose == []


def test_a_call_whose_sides_share_an_id_is_whole():
    """Caller, callee and what that did below hang together, and nobody owes anything."""
    tree = grow(Found(list(CALL), []))
    assert drawn(Found(list(CALL), [])) == ["0 0", "1 0.1", "2 0.1", "3 0.1.1"]
    assert [(node.owed, node.unanswered, node.lost_parent) for node in tree.nodes] == [(0, 0, "")] * 4
    assert tree.missing == 0


def test_the_calling_side_does_not_stand_in_for_a_callee_that_is_missing():
    """What a callee did names a span that is not here, though the caller's half of the same id is."""
    tree = grow(Found([CALL[0], CALL[1], CALL[3]], []))
    assert [node.lost_parent for node in tree.nodes] == ["", "", "0.1"]
    assert [row.depth for row in walk(tree)] == [0, 1, 2]
    assert (tree.missing, tree.nodes[1].unanswered) == (1, 1)


def test_a_callee_without_its_caller_hangs_where_the_caller_would():
    """The calling half that has not arrived is owed by the span that forked it, and the callee hangs there."""
    tree = grow(Found([CALL[0], CALL[2], CALL[3]], []))
    assert drawn(Found([CALL[0], CALL[2], CALL[3]], [])) == ["0 0", "1 0.1", "2 0.1.1"]
    assert tree.missing == 1


def test_children_that_were_forked_and_are_not_there_are_owed():
    """Each span counts its forked children against those that are here."""
    tree = grow(Found([span("a", entry=True, tracelog__children=3), span("b", "a", at=1)], []))
    assert [node.owed for node in tree.nodes] == [2, 0]
    assert tree.missing == 2


def test_a_callee_that_is_not_there_is_no_debt():
    """A context that nobody answered is told softly: whoever got it may not be traced."""
    spans = [span("a", entry=True, tracelog__children=1), span("b", "a", at=1, tracelog__calls=2)]
    spans.append(span("c", "b", at=2, entry=True))
    tree = grow(Found(spans, []))
    assert [node.unanswered for node in tree.nodes] == [0, 1, 0]
    assert tree.missing == 0


def test_a_forked_child_does_not_stand_in_for_a_callee():
    """Forked spans pay what was forked, entry spans what was called, and neither the other's debt."""
    tree = grow(Found([span("a", entry=True, tracelog__children=1, tracelog__calls=1), span("b", "a", at=1)], []))
    assert (tree.nodes[0].owed, tree.nodes[0].unanswered) == (0, 1)
    tree = grow(Found([span("a", entry=True, tracelog__children=1, tracelog__calls=1), span("b", "a", entry=True)], []))
    assert (tree.nodes[0].owed, tree.nodes[0].unanswered) == (1, 0)


def test_an_orphan_is_a_root_that_names_its_parent():
    """Inner spans whose parent is not here prove a missing one; an entry span may have been called from outside."""
    tree = grow(Found([span("b", "a"), span("c", "a", at=1), span("d", "x", at=2, entry=True)], []))
    assert [root.lost_parent for root in tree.roots] == ["a", "a", "x"]
    assert tree.missing == 1


def test_a_missing_parent_that_is_owed_is_counted_once():
    """A lost parent may be the child that another span says it forked: the least that explains both is one."""
    tree = grow(Found([span("a", entry=True, tracelog__children=1), span("c", "b", at=1)], []))
    assert tree.missing == 1


def test_lines_find_the_span_they_name_or_the_request_they_came_in():
    """A line whose span is not here hangs at the entry span; one that finds neither is loose."""
    found = Found(
        [span("a", entry=True)],
        [line("gone", "kept", **{"transaction.id": "a"}), line("gone", "loose", at=1), {"message": "no ids at all"}],
    )
    tree = grow(found)
    assert [document["message"] for document in tree.nodes[0].lines] == ["kept"]
    assert {document["message"] for document in tree.loose} == {"loose", "no ids at all"}
    assert tree.lines == 3


def test_circles_are_cut_where_they_began():
    """Spans that are each other's parents are all drawn, once, from the earliest on."""
    spans = [span("a", "c", at=1), span("b", "a", at=2), span("c", "b", at=3), span("self", "self", at=4)]
    assert drawn(Found(spans, [])) == ["0 a", "1 b", "2 c", "0 self"]


def test_a_chain_of_100_000_spans_is_walked():
    """Depth costs no recursion, and guides stop growing where drawing does."""
    count = 100_000
    spans = [span(str(number), str(number - 1) if number else "") for number in range(count)]
    random.Random(1).shuffle(spans)  # noqa: S311 - order, no secret
    rows = list(walk(grow(Found(spans, [])), deepest=10))
    assert rows[-1].depth == count - 1
    assert max(len(row.guides) for row in rows) == 10


_values = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=3), st.lists(st.text()))
_documents = st.dictionaries(
    st.sampled_from(
        [
            "@timestamp",
            "timestamp.us",
            "span.id",
            "span.kind",
            "parent.id",
            "processor.event",
            "transaction.id",
            "service.name",
            "span.links",
            "tracelog.children",
            "tracelog.calls",
            "tracelog.events",
            "event.duration",
            "message",
            "labels",
        ]
    ),
    _values,
)


@given(st.lists(_documents, max_size=12), st.lists(_documents, max_size=6))
def test_whatever_is_stored_is_walked_whole(spans, lines):
    """No document can break the tree or fall out of it: every span and every line is met exactly once."""
    tree = grow(Found(spans, lines))
    rows = list(walk(tree))
    met = [id(row.node) for row in rows if row.line is None]
    assert sorted(met) == sorted(map(id, tree.nodes))
    told = [id(row.line) for row in rows if row.line is not None] + [id(document) for document in tree.loose]
    assert {id(document) for document in lines} <= set(told)
    assert len(told) == len(set(told))

"""The laws that every search keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tracelog.ecs.found import Found, Search
from tracelog.errors import DestinationError
from tracelog.local import LocalExporter, LocalSearch
from tracelog.pipeline.exporter import Exporter
from tracelog.record import Kind, Link, Status

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
NOON = 1_763_899_200 * SECOND


class Store(NamedTuple):
    """Something that is written to and searched, and one that cannot be reached."""

    exporter: Exporter
    search: Search
    unreachable: Callable[[], Search]


def _local(tmp_path) -> Store:
    path = tmp_path / "traces.sqlite"
    return Store(LocalExporter(path), LocalSearch(path), lambda: LocalSearch(tmp_path / "nowhere" / "x.sqlite"))


@pytest.fixture(params=[_local], ids=lambda make: make.__name__.strip("_"))
def store(request, tmp_path):
    """Open each store in turn, and close it."""
    made = request.param(tmp_path)
    yield made
    made.search.close()
    made.exporter.close()


@pytest.fixture(name="keep")
def _keep(store, encoded):
    """Store records in the order given."""

    def keep(*records: Any) -> None:
        outcome = store.exporter.send(encoded(store.exporter, *records))
        assert outcome.stored == len(records)

    return keep


def test_a_trace_is_found_whole_and_in_order(store, keep, records, new_records):
    """Every span and line of a trace is found, by time, and none of another trace."""
    other = new_records("0af7651916cd43dd8448eb211c80319c")
    spans, lines = [records.span() for _ in range(3)], [records.line() for _ in range(3)]
    keep(*reversed(spans), other.span(), *reversed(lines), other.line())
    found = store.search.trace(records.trace_id)
    assert [document["span.id"] for document in found.spans] == [span.span_id for span in spans]
    assert [document["message"] for document in found.lines] == [line.message for line in lines]
    assert not found.partial


def test_a_document_comes_back_as_it_was_written(store, keep, records):
    """Names stay dotted, values stay what they were, labels stay together, and so do links."""
    told = {"http.request.method": "GET", "note": "木", "deep": {"a": [1, 2.5, None]}}
    span = records.span(attributes=told, links=(Link("b" * 32, "c" * 16),))
    keep(span)
    (document,) = store.search.trace(span.trace_id).spans
    assert document["event.duration"] == span.duration_ns
    assert document["http.request.method"] == "GET"
    assert document["labels"] == {"note": "木", "deep": {"a": [1, 2.5, None]}}
    assert document["span.links"] == [{"trace": {"id": "b" * 32}, "span": {"id": "c" * 16}}]


def test_an_unknown_trace_is_found_empty(store, keep, records):
    """An id that nobody stored gives two empty lists, not an error."""
    keep(records.span())
    assert store.search.trace("ffffffffffffffffffffffffffffffff") == Found([], [])


@pytest.mark.parametrize("trace_id", ['" OR "1"="1', "*", "%", "' OR 1=1 --", ""])
def test_an_id_is_taken_literally(store, keep, records, trace_id):
    """Nothing that stands for more than itself finds another trace."""
    keep(records.span(), records.line())
    assert store.search.trace(trace_id).spans == []


def test_recent_are_the_entry_spans_newest_first(store, keep, records):
    """Inner spans are left out, and the limit cuts the oldest."""
    entries = [records.span() for _ in range(4)]
    inner = records.span(entry_id=entries[0].span_id, parent_id=entries[0].span_id)
    keep(inner, *entries)
    found = store.search.recent(limit=3)
    assert [document["span.id"] for document in found] == [entry.span_id for entry in reversed(entries[1:])]


def test_recent_are_narrowed_by_service_failure_and_duration(store, keep, records):
    """Each condition leaves out what does not meet it, and all hold together."""
    slow = records.span(service="stock", status=Status.FAILURE, duration_ns=500 * MILLISECOND)
    quick = records.span(service="stock", status=Status.FAILURE, duration_ns=499 * MILLISECOND)
    fine = records.span(service="stock", duration_ns=900 * MILLISECOND)
    other = records.span(service="shop", status=Status.FAILURE, duration_ns=900 * MILLISECOND)
    keep(slow, quick, fine, other)

    def ids(**conditions):
        return {document["span.id"] for document in store.search.recent(**conditions)}

    assert ids(service="stock") == {slow.span_id, quick.span_id, fine.span_id}
    assert ids(failed=True) == {slow.span_id, quick.span_id, other.span_id}
    assert ids(min_duration_ns=500 * MILLISECOND) == {slow.span_id, fine.span_id, other.span_id}
    assert ids(service="stock", failed=True, min_duration_ns=500 * MILLISECOND) == {slow.span_id}


def traces(store, **conditions):
    """List traces by the operation they began with, with how many spans there are and how many of them failed."""
    return [(seen.first["event.action"], seen.spans, seen.failed) for seen in store.search.traces(**conditions)]


def a_request(records, at, **told):
    """Make a request to the shop in second *at*, and the one to the stock that it makes; *told* are fields of that."""
    root = records.span(operation=f"at {at}", started_ns=NOON + at * SECOND)
    inner = {"service": "stock", "operation": "reserve", "parent_id": root.span_id}
    return root, records.span(**{**inner, "started_ns": root.started_ns + MILLISECOND, **told})


def test_each_trace_is_listed_once_by_the_span_it_began_with(store, keep, new_records):
    """However many spans a trace has it is one entry, and the trace that began last comes first."""
    keep(*a_request(new_records("a" * 32), 2, status=Status.FAILURE), *a_request(new_records("b" * 32), 1))
    assert traces(store) == [("at 2", 2, 1), ("at 1", 2, 0)]
    assert traces(store, limit=1) == [("at 2", 2, 1)]


def test_both_sides_of_a_call_with_one_id_are_found(store, keep, new_records):
    """Where caller and callee are numbered alike, as go-zero does, each is a document of its own."""
    numbered = new_records("2ef1c3a9d4b57e60")
    shop = {"span_id": "0", "operation": "buy"}
    call = {"span_id": "0.1", "parent_id": "0", "entry_id": "0", "kind": Kind.CLIENT}
    stock = {"span_id": "0.1", "parent_id": "0", "service": "stock", "status": Status.FAILURE}
    keep(*(numbered.span(**told) for told in (shop, call, stock)))
    spans = store.search.trace("2ef1c3a9d4b57e60").spans
    assert [(span["span.id"], span["span.kind"], span["transaction.id"]) for span in spans] == [
        ("0", "server", "0"),
        ("0.1", "client", "0"),
        ("0.1", "server", "0.1"),
    ]
    assert traces(store) == [("buy", 3, 1)]


def test_a_callee_whose_clock_is_behind_does_not_begin_the_trace(store, keep, records):
    """The span without a parent is the first, whatever the clocks of the hosts say."""
    keep(*a_request(records, 5, started_ns=NOON))
    assert traces(store) == [("at 5", 2, 0)]


def test_a_trace_whose_beginning_has_not_arrived_is_listed_by_what_is_there(store, keep, records):
    """Of a request that is still running its callee may be all there is."""
    _, callee = a_request(records, 1)
    keep(callee, callee._replace(span_id="d" * 16, started_ns=callee.started_ns + SECOND, operation="later"))
    assert traces(store) == [("reserve", 2, 0)]


def test_traces_are_narrowed_by_any_one_span_of_them(store, keep, new_records):
    """The whole trace is listed where one span, of an inner service too, meets all conditions at once."""
    long = 500 * MILLISECOND
    slow = a_request(new_records("a" * 32), 1, duration_ns=long)
    failed = a_request(new_records("b" * 32), 2, status=Status.FAILURE, duration_ns=long - 1)
    elsewhere = a_request(new_records("c" * 32), 3, service="payment", status=Status.FAILURE, duration_ns=long)
    inside = new_records("d" * 32).span(operation="at 4", started_ns=NOON + 4 * SECOND)
    caught = inside._replace(span_id="e" * 16, parent_id=inside.span_id, status=Status.FAILURE)
    keep(*slow, *failed, *elsewhere, inside, caught)

    def began(**conditions):
        return [operation for operation, *_ in traces(store, **conditions)]

    assert began(service="stock") == ["at 2", "at 1"]
    assert began(failed=True) == ["at 4", "at 3", "at 2"]
    assert began(min_duration_ns=long) == ["at 3", "at 1"]
    assert began(service="stock", failed=True) == ["at 2"]
    assert began(service="shop", failed=True) == ["at 4"]
    assert began(service="payment", failed=True, min_duration_ns=long) == ["at 3"]
    assert began(service="stock", failed=True, min_duration_ns=long) == []


def test_lines_alone_are_no_trace_to_list(store, keep, records):
    """A trace is listed once a span of it is there."""
    keep(records.line())
    assert store.search.traces() == []


def test_ids_are_found_by_their_beginning(store, keep, new_records):
    """Of spans and of lines, each id once, in order, as many as are asked for."""
    ids = [f"ab{letter * 30}" for letter in "cdef"]
    keep(*(new_records(trace_id).span() for trace_id in ids[:2] * 2), *(new_records(name).line() for name in ids[1:]))
    keep(new_records("b" * 32).span())
    assert store.search.ids("ab") == ids
    assert store.search.ids("ab", limit=3) == ids[:3]
    assert store.search.ids(f"ab{'e' * 30}") == [ids[2]]


@pytest.mark.parametrize("prefix", ["4BF9", "%", "4b_", "4*", "4?f", "[4]", "4bf92f3577b34da6a3ce929d0e0e47360"])
def test_the_beginning_of_an_id_is_taken_literally(store, keep, records, prefix):
    """Nothing stands for more than itself."""
    keep(records.span(), records.line())
    assert store.search.ids(prefix) == []


def test_what_cannot_be_reached_says_so(store):
    """A store that is not there is a DestinationError with advice, not an empty answer."""
    search = store.unreachable()
    asks = (
        lambda: search.trace("0af7651916cd43dd8448eb211c80319c"),
        search.recent,
        search.traces,
        lambda: search.ids("0a"),
    )
    for ask in asks:
        with pytest.raises(DestinationError) as caught:
            ask()
        assert caught.value.advice

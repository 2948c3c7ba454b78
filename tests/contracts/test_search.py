"""The laws that every search keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tracelog.ecs.found import Found, Search
from tracelog.errors import DestinationError
from tracelog.local import LocalExporter, LocalSearch
from tracelog.pipeline.exporter import Exporter
from tracelog.record import Status

MILLISECOND = 1_000_000


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
    """Names stay dotted, values stay what they were, labels stay together."""
    span = records.span(attributes={"http.request.method": "GET", "note": "木", "deep": {"a": [1, 2.5, None]}})
    keep(span)
    (document,) = store.search.trace(span.trace_id).spans
    assert document["event.duration"] == span.duration_ns
    assert document["http.request.method"] == "GET"
    assert document["labels"] == {"note": "木", "deep": {"a": [1, 2.5, None]}}


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


def test_what_cannot_be_reached_says_so(store):
    """A store that is not there is a DestinationError with advice, not an empty answer."""
    search = store.unreachable()
    for ask in (lambda: search.trace("0af7651916cd43dd8448eb211c80319c"), search.recent):
        with pytest.raises(DestinationError) as caught:
            ask()
        assert caught.value.advice

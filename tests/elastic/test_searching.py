"""Reading back from a real Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from elastic_support import TRACE, asked, encoded, line, span

from tracelog.ecs.found import Found
from tracelog.elastic.names import stream
from tracelog.elastic.search import MOST, PAGE, ElasticSearch
from tracelog.errors import DestinationError
from tracelog.pipeline.exporter import LINES, SPANS
from tracelog.record import Link, Resource, Status


@pytest.fixture
def search(elastic_address) -> Iterator[ElasticSearch]:
    """Search the data streams of the test."""
    opened = ElasticSearch(elastic_address)
    yield opened
    opened.close()


@pytest.fixture
def stored(exporter, elastic_address):
    """Store records so that a search sees them."""

    def store(*records) -> None:
        assert exporter.send(encoded(exporter, *records)).stored == len(records)
        for kind in (SPANS, LINES):
            asked(
                elastic_address, "POST", f"/{stream(kind, elastic_address.namespace)}/_refresh?ignore_unavailable=true"
            )

    return store


def test_a_trace_comes_back_whole_and_in_order(search, stored):
    """All spans and lines of a trace, and none of another, in order of time."""
    spans, lines = [span() for _ in range(5)], [line() for _ in range(5)]
    stored(*reversed(spans), *reversed(lines), span(trace_id="f" * 32), line(trace_id="f" * 32))
    found = search.trace(TRACE)
    assert [document["span.id"] for document in found.spans] == [record.span_id for record in spans]
    assert [document["message"] for document in found.lines] == [record.message for record in lines]
    assert not found.partial


def test_a_trace_is_found_by_what_it_is_linked_to(elastic_address, stored):
    """Who holds the ids of a stranger's trace finds the traces that it led to."""
    linked, other = span(links=(Link("b" * 32, "c" * 16),)), span(links=(Link("d" * 32, "c" * 16),))
    stored(linked, other)
    where = f"/{stream(SPANS, elastic_address.namespace)}/_search?q=span.links.trace.id:{'b' * 32}"
    hits = asked(elastic_address, "GET", where)["hits"]["hits"]
    assert [hit["_source"]["span"]["id"] for hit in hits] == [linked.span_id]


def test_more_than_a_page_comes_back_whole(search, stored):
    """A trace of more lines than one page holds has each of them once."""
    lines = [line() for _ in range(2_500)]
    stored(*lines)
    found = search.trace(TRACE)
    assert [document["message"] for document in found.lines] == [record.message for record in lines]


def test_a_trace_beyond_the_bound_says_so(search, stored):
    """What is cut at the bound is marked as partial."""
    for _ in range(4):
        stored(*(line() for _ in range(MOST // 4 + 1)))
    found = search.trace(TRACE)
    assert (len(found.lines), found.partial) == (MOST, True)


def test_an_unknown_trace_is_empty(search, stored):
    """Where nothing is stored of a trace, both lists are empty, whatever its id looks like."""
    stored(span())
    assert search.trace("0" * 31 + "1") == Found([], [])
    assert search.trace('" OR *&preference=/..?') == Found([], [])


def test_streams_that_do_not_exist_are_empty(fresh_address):
    """Before anything was sent there is nothing, and no error."""
    search = ElasticSearch(replace(fresh_address, namespace="never_sent_to"))
    assert search.trace(TRACE) == Found([], [])
    assert search.recent() == []
    assert search.traces() == search.traces(service="shop", failed=True, min_duration_ns=1) == []
    assert search.ids(TRACE[:8]) == []
    search.close()


def test_recent_shows_entry_spans_newest_first(search, stored):
    """Entry spans that meet every condition, newest first, no more than asked for."""
    old, slow, failed = span(), span(duration_ns=9_000_000_000), span(status=Status.FAILURE)
    inner, other = span(entry_id="e" * 16), span(resource=Resource("basket"))
    apart = [
        record._replace(started_ns=record.started_ns + number * 1_000_000)
        for number, record in enumerate((old, slow, failed, inner, other))
    ]
    stored(*apart)
    by_default = [document["span.id"] for document in search.recent()]
    assert by_default == [record.span_id for record in (other, failed, slow, old)]
    assert [document["span.id"] for document in search.recent(limit=1)] == [other.span_id]
    assert [document["span.id"] for document in search.recent(service="basket")] == [other.span_id]
    assert [document["span.id"] for document in search.recent(failed=True)] == [failed.span_id]
    assert [document["span.id"] for document in search.recent(min_duration_ns=1_000_000_000)] == [slow.span_id]


def test_a_trace_of_more_than_a_page_hides_no_other(search, stored):
    """Traces are listed behind one with so many newer spans that a page holds no other."""
    stored(span(trace_id="a" * 32))
    stored(*(span(entry_id="e" * 16) for _ in range(PAGE + 1)), span(operation="GET /all"))
    stored(*(span(trace_id=letter * 32) for letter in "bc"))
    listed = [(seen.first["trace.id"], seen.spans) for seen in search.traces(service="shop")]
    assert sorted(listed) == sorted([("a" * 32, 1), ("b" * 32, 1), ("c" * 32, 1), (TRACE, PAGE + 2)])


def test_a_document_of_somebody_else_is_no_trace(search, stored, elastic_address):
    """What lies in the stream without an id of a trace is passed over."""
    stored(span())
    document = {"@timestamp": "2099-01-01T00:00:00Z", "processor": {"event": "transaction"}}
    asked(elastic_address, "POST", f"/{stream(SPANS, elastic_address.namespace)}/_doc?refresh=true", document)
    assert [seen.first["trace.id"] for seen in search.traces()] == [TRACE]


def test_nobody_there_is_an_error_in_words(elastic_address):
    """A search where no server is raises, and says where."""
    search = ElasticSearch(replace(elastic_address, nodes=("http://127.0.0.1:1",)))
    with pytest.raises(DestinationError, match=r"http://127\.0\.0\.1:1: nothing listens there"):
        search.trace(TRACE)
    search.close()

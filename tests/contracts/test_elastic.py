"""The laws of every exporter, and of every search, kept by those for Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from test_exporters import (
    Case,
    test_a_batch_sent_twice_is_stored_once,
    test_a_key_twice_in_one_batch_is_stored_once,
    test_an_empty_batch_is_no_trouble,
    test_closing_twice_is_harmless,
    test_every_line_of_a_good_batch_is_stored,
    test_every_line_of_a_mixed_batch_is_in_exactly_one_part,
    test_what_is_sent_after_close_is_not_lost,
)
from test_search import (
    Store,
    test_a_callee_whose_clock_is_behind_does_not_begin_the_trace,
    test_a_document_comes_back_as_it_was_written,
    test_a_trace_is_found_whole_and_in_order,
    test_a_trace_whose_beginning_has_not_arrived_is_listed_by_what_is_there,
    test_an_id_is_taken_literally,
    test_an_unknown_trace_is_found_empty,
    test_both_sides_of_a_call_with_one_id_are_found,
    test_each_trace_is_listed_once_by_the_span_it_began_with,
    test_ids_are_found_by_their_beginning,
    test_lines_alone_are_no_trace_to_list,
    test_recent_are_narrowed_by_service_failure_and_duration,
    test_recent_are_the_entry_spans_newest_first,
    test_the_beginning_of_an_id_is_taken_literally,
    test_traces_are_narrowed_by_any_one_span_of_them,
    test_what_cannot_be_reached_says_so,
)

from tracelog.elastic.connection import Connection, target
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.names import stream
from tracelog.elastic.search import ElasticSearch
from tracelog.pipeline.exporter import LINES, SPANS

__all__ = [
    "test_a_batch_sent_twice_is_stored_once",
    "test_a_callee_whose_clock_is_behind_does_not_begin_the_trace",
    "test_a_document_comes_back_as_it_was_written",
    "test_a_key_twice_in_one_batch_is_stored_once",
    "test_a_trace_is_found_whole_and_in_order",
    "test_a_trace_whose_beginning_has_not_arrived_is_listed_by_what_is_there",
    "test_an_empty_batch_is_no_trouble",
    "test_an_id_is_taken_literally",
    "test_an_unknown_trace_is_found_empty",
    "test_both_sides_of_a_call_with_one_id_are_found",
    "test_closing_twice_is_harmless",
    "test_each_trace_is_listed_once_by_the_span_it_began_with",
    "test_every_line_of_a_good_batch_is_stored",
    "test_every_line_of_a_mixed_batch_is_in_exactly_one_part",
    "test_ids_are_found_by_their_beginning",
    "test_lines_alone_are_no_trace_to_list",
    "test_recent_are_narrowed_by_service_failure_and_duration",
    "test_recent_are_the_entry_spans_newest_first",
    "test_the_beginning_of_an_id_is_taken_literally",
    "test_traces_are_narrowed_by_any_one_span_of_them",
    "test_what_cannot_be_reached_says_so",
    "test_what_is_sent_after_close_is_not_lost",
]


class Streams:
    """Makes what was sent visible to searches, and counts it."""

    def __init__(self, address) -> None:
        self._connection = Connection(address)
        self._names = ",".join(stream(kind, address.namespace) for kind in (SPANS, LINES))

    def refresh(self) -> None:
        """Let searches see all that is stored."""
        self._connection.ask("POST", target(self._names, "_refresh", ignore_unavailable="true"))

    def count(self) -> int:
        """Count the documents in both streams."""
        self.refresh()
        answer = self._connection.ask("GET", target(self._names, "_count", ignore_unavailable="true"))
        return int(answer.body.split(b'"count":')[1].split(b",")[0])

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()


@pytest.fixture
def streams(elastic_address) -> Iterator[Streams]:
    """Look at the test's own data streams."""
    opened = Streams(elastic_address)
    yield opened
    opened.close()


@pytest.fixture
def case(elastic_address, streams) -> Iterator[Case]:
    """Open an exporter to data streams of the test's own."""
    exporter = ElasticExporter(elastic_address)
    yield Case(exporter, streams.count)
    exporter.close()


@pytest.fixture
def store(elastic_address) -> Iterator[Store]:
    """Open an exporter and a search on the same data streams."""
    exporter, search = ElasticExporter(elastic_address), ElasticSearch(elastic_address)
    away = ElasticSearch(replace(elastic_address, nodes=("http://127.0.0.1:1",)))
    yield Store(exporter, search, lambda: away)
    for opened in (exporter, search, away):
        opened.close()


@pytest.fixture
def keep(store, streams, encoded):
    """Store records so that a search sees them."""

    def kept(*records) -> None:
        assert store.exporter.send(encoded(store.exporter, *records)).stored == len(records)
        streams.refresh()

    return kept

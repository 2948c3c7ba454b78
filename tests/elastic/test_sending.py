"""Spans and lines in a real Elasticsearch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from elastic_support import STACK, TRACE, asked, encoded, failed_span, found, line, span

from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.names import DATASETS, ERRORS, stream
from tracelog.elastic.setup import install
from tracelog.pipeline.exporter import LINES, SPANS, Line, Outcome


@pytest.mark.parametrize("alias", ["traceId", "trace.id"])
def test_documents_are_found_by_trace_id_in_both_streams(exporter, elastic_address, alias):
    """A query string on the alias, or on the field itself, finds the span and the line of a trace."""
    other = "f" * 32
    batch = encoded(exporter, span(), line(), span(trace_id=other), line(trace_id=other))
    assert exporter.send(batch) == Outcome(stored=4)
    for kind in (SPANS, LINES):
        documents = found(elastic_address, kind, f"{alias}:{TRACE}")
        assert [document["trace.id"] for document in documents] == [TRACE]


def test_other_aliases_find_a_span_and_its_parent(exporter, elastic_address):
    """``spanId`` and ``parentSpanId`` search what ECS calls ``span.id`` and ``parent.id``."""
    exporter.send(encoded(exporter, span(span_id="a" * 16), span(span_id="b" * 16, parent_id="a" * 16)))
    assert [document["span.id"] for document in found(elastic_address, SPANS, "spanId:" + "a" * 16)] == ["a" * 16]
    assert [document["span.id"] for document in found(elastic_address, SPANS, "parentSpanId:" + "a" * 16)] == ["b" * 16]


def test_a_document_says_which_stream_it_is_in(exporter, elastic_address):
    """The three fields of ``data_stream`` name the stream that a document was found in."""
    exporter.send(encoded(exporter, failed_span(), line()))
    for kind in DATASETS:
        (document,) = found(elastic_address, kind, "*")
        parts = [document[f"data_stream.{part}"] for part in ("type", "dataset", "namespace")]
        assert "-".join(parts) == stream(kind, elastic_address.namespace)


def test_ten_thousand_labels_add_no_mapping(exporter, elastic_address):
    """However many attributes a document has, the index's mapping stays as it was, and each of them can be searched."""
    exporter.send(encoded(exporter, span()))
    before = fields(elastic_address)
    crowd = {f"key{number}": number for number in range(10_000)}
    assert exporter.send(encoded(exporter, span(attributes=crowd))) == Outcome(stored=1)
    assert fields(elastic_address) == before
    assert len(found(elastic_address, SPANS, "labels.key9999:9999")) == 1


def fields(address, kind: str = SPANS) -> dict:
    """Read the mapping of a stream."""
    mappings = asked(address, "GET", f"/{stream(kind, address.namespace)}/_mapping")
    (mapping,) = mappings.values()
    return mapping["mappings"]["properties"]


def test_every_field_of_a_document_has_a_type_of_ours(exporter, elastic_address):
    """Documents with everything in them add no field to the mapping that the templates give."""
    exporter.send([Line(SPANS, "bare", b'{"@timestamp":"2026-01-01T00:00:00Z"}')])
    before = fields(elastic_address)
    told = {"http.request.method": "GET", "http.response.status_code": 200, "user": {"name": "Ann", "age": 3}}
    exporter.send(encoded(exporter, span(attributes=told), span(entry_id="c" * 16, parent_id="c" * 16)))
    assert fields(elastic_address) == before


def test_every_field_of_a_failure_has_a_type_of_ours(exporter, elastic_address):
    """The document of a failure, by an exception or in words, adds no field either."""
    exporter.send(encoded(exporter, failed_span()))
    before = fields(elastic_address, ERRORS)
    in_words = failed_span().failure._replace(type="", text="")
    exporter.send(encoded(exporter, failed_span(failure=in_words), failed_span(entry_id="c" * 16, parent_id="c" * 16)))
    assert fields(elastic_address, ERRORS) == before
    assert len(found(elastic_address, ERRORS, "*")) == 3


def test_a_failed_span_is_a_document_of_its_failure_too(exporter, elastic_address):
    """One line of the pipeline becomes two documents and is counted once; both are found by trace id."""
    failed, fine = failed_span(), span()
    assert exporter.send(encoded(exporter, fine, failed, line())) == Outcome(stored=3)
    assert len(found(elastic_address, SPANS, f"traceId:{TRACE}")) == 2
    (error,) = found(elastic_address, ERRORS, f"traceId:{TRACE}")
    (told,) = found(elastic_address, SPANS, f"error.grouping_key:{error['error.grouping_key']}")
    assert (error["processor.event"], error["parent.id"], error["error.id"]) == (
        "error",
        failed.span_id,
        told["error.id"],
    )
    assert error["error.stack_trace"] == STACK


def test_failures_are_grouped_as_kibana_does(exporter, elastic_address):
    """Terms of the grouping key count failures of one cause together, each with what Kibana shows of it."""
    elsewhere = failed_span().failure._replace(text=STACK.replace("pay.py", "cart.py"))
    again = failed_span().failure._replace(message="another", text=STACK.replace("line 9", "line 11"))
    exporter.send(
        encoded(exporter, failed_span(), failed_span(failure=again), failed_span(failure=elsewhere), failed_span())
    )
    name = stream(ERRORS, elastic_address.namespace)
    asked(elastic_address, "POST", f"/{name}/_refresh")
    shown = ["error.culprit", "error.exception.type", "error.exception.message", "error.exception.handled"]
    sample = {"top_hits": {"size": 1, "fields": shown, "sort": {"@timestamp": "desc"}, "_source": False}}
    groups = {"terms": {"field": "error.grouping_key"}, "aggs": {"sample": sample}}
    answer = asked(elastic_address, "POST", f"/{name}/_search", {"size": 0, "aggs": {"groups": groups}})
    first, second = answer["aggregations"]["groups"]["buckets"]
    assert (first["doc_count"], second["doc_count"]) == (3, 1)
    assert second["sample"]["hits"]["hits"][0]["fields"] == {
        "error.culprit": ["charge in shop/cart.py"],
        "error.exception.type": ["DeclinedError"],
        "error.exception.message": ["no funds"],
        "error.exception.handled": [False],
    }


def test_a_failed_span_of_which_half_is_there_is_stored(exporter, elastic_address):
    """A line with one document that is there and one that a new index does not know is stored, and then is there."""
    batch = encoded(exporter, failed_span(), failed_span())
    assert exporter.send(batch) == Outcome(stored=2)
    asked(elastic_address, "POST", f"/{stream(ERRORS, elastic_address.namespace)}/_rollover")
    assert exporter.send(batch) == Outcome(stored=2)
    assert exporter.send(batch) == Outcome(already_there=2)
    assert len(found(elastic_address, SPANS, "*")) == 2


def test_a_batch_sent_twice_is_stored_once(exporter, elastic_address):
    """The second time, all of it is there already."""
    batch = encoded(exporter, span(), line())
    assert exporter.send(batch) == Outcome(stored=2)
    assert exporter.send(batch) == Outcome(already_there=2)
    assert len(found(elastic_address, SPANS, "*")) == 1


def test_a_poisonous_document_is_refused_and_the_others_are_stored(exporter, elastic_address):
    """A document that cannot be stored is refused with Elasticsearch's reason, and keeps no other one back."""
    good = encoded(exporter, span(), span())
    poison = Line(SPANS, "poison", b'{"@timestamp":"2026-01-01T00:00:00Z","trace.id":{"object":1}}')
    outcome = exporter.send([good[0], poison, good[1]])
    assert (outcome.stored, outcome.again, outcome.problem) == (2, (), "")
    assert [refusal.place for refusal in outcome.refused] == [1]
    assert "trace.id" in outcome.refused[0].reason
    assert len(found(elastic_address, SPANS, "*")) == 2


def test_a_key_of_the_alias_is_refused_by_name(exporter):
    """A document that holds ``traceId`` itself is refused, as others who ship into the stream must know."""
    outcome = exporter.send([Line(LINES, "alias", b'{"@timestamp":"2026-01-01T00:00:00Z","traceId":"x"}')])
    assert "alias" in outcome.refused[0].reason


def test_a_line_that_is_no_json_is_refused_alone(exporter):
    """Damaged bytes, a line break in them or nothing at all, cost no other line."""
    good = encoded(exporter, span(), line(), line())
    damaged = [Line(SPANS, "cut", b'{"@timestamp":"20'), Line(LINES, "two", b'{"a":\n1}'), Line(SPANS, "none", b"")]
    outcome = exporter.send([*good[:2], *damaged, good[2]])
    assert (outcome.stored, outcome.again) == (3, ())
    assert sorted(refusal.place for refusal in outcome.refused) == [2, 3, 4]


def test_without_templates_everything_is_kept_until_setup_has_run(fresh_address, without_templates):
    """A missing template loses nothing: the problem names ``tracelog setup``, and after it all are stored."""
    exporter = ElasticExporter(fresh_address)
    batch = encoded(exporter, span(), line(), span())
    outcome = exporter.send(batch)
    assert outcome.again == (0, 1, 2)
    assert "tracelog setup" in outcome.problem
    connection = Connection(fresh_address)
    install(connection)
    assert exporter.send([batch[place] for place in outcome.again]) == Outcome(stored=3)
    for opened in (exporter, connection):
        opened.close()


def test_nobody_there_keeps_everything_and_says_so(elastic_address):
    """A refused connection loses nothing, and the problem says where and why."""
    exporter = ElasticExporter(replace(elastic_address, nodes=("http://127.0.0.1:1",)))
    outcome = exporter.send(encoded(exporter, span(), line()))
    assert outcome.again == (0, 1)
    assert outcome.problem.startswith("http://127.0.0.1:1: nothing listens there")
    exporter.close()


def test_one_node_of_two_is_enough(elastic_address):
    """While one node of two is away, what the first try keeps is stored by a later one."""
    exporter = ElasticExporter(replace(elastic_address, nodes=("http://127.0.0.1:1", *elastic_address.nodes)))
    batch = encoded(exporter, *(span() for _ in range(4)))
    outcomes = [exporter.send([one]) for one in (batch * 2)]
    assert sum(outcome.stored for outcome in outcomes) == 4
    exporter.close()

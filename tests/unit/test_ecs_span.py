"""Spans as documents: golden ones, and the rules behind them."""

from __future__ import annotations

import json
import os
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.ecs.encode import encode
from tracelog.ecs.fields import EXPLICIT
from tracelog.ecs.found import flat
from tracelog.ecs.span import span_document
from tracelog.record import Entry, Event, Failure, Kind, Link, Resource, SpanRecord, Status

TRACE, PARENT, ENTRY, SPAN = (
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00f067aa0ba902b7",
    "b7ad6b7169203331",
    "53995c3f42cd8ad8",
)

SHARED = {
    "@timestamp": "2025-11-23T12:00:00.000001234Z",
    "timestamp.us": 1763899200000001,
    "ecs.version": "8.11.0",
    "agent.name": "tracelog",
    "agent.version": version("tracelog-elastic"),
    "service.name": "shop",
    "service.version": "1.2",
    "service.environment": "prod",
    "service.node.name": "desk",
    "service.language.name": "python",
    "host.name": "desk",
    "host.hostname": "desk",
    "process.pid": os.getpid(),
    "trace.id": TRACE,
}


def record(**told) -> SpanRecord:
    """Make the record of a root span that serves a request; *told* are the fields that matter."""
    root = SpanRecord(
        Resource("shop", "1.2", "prod", "desk"),
        *(TRACE, ENTRY, "", ENTRY, "GET /orders/<id>", Kind.SERVER, Status.SUCCESS),
        started_ns=1_763_899_200_000_001_234,
        duration_ns=12_345_678,
        children=2,
        calls=1,
        weight=4.0,
        attributes={},
    )
    return root._replace(**told)


def child(**told) -> SpanRecord:
    """Make the record of a span inside that request."""
    return record(**{"span_id": SPAN, "parent_id": ENTRY, "kind": Kind.INTERNAL, "operation": "look up", **told})


def test_an_entry_span_is_a_transaction():
    """An entry span has exactly the fields of a transaction, its attributes in their explicit fields or labels."""
    attributes = {"http.request.method": "GET", "http.response.status_code": 200, "tenant": {"name": "blue"}}
    assert span_document(record(attributes=attributes)) == {
        **SHARED,
        "span.id": ENTRY,
        "transaction.id": ENTRY,
        "span.kind": "server",
        "event.action": "GET /orders/<id>",
        "event.outcome": "success",
        "event.duration": 12345678,
        "tracelog.children": 2,
        "tracelog.calls": 1,
        "tracelog.weight": 4.0,
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "labels": {"tenant": {"name": "blue"}},
        "processor.event": "transaction",
        "transaction.name": "GET /orders/<id>",
        "transaction.type": "request",
        "transaction.result": "HTTP 2xx",
        "transaction.sampled": True,
        "transaction.duration.us": 12345,
    }


def test_any_other_span_is_a_span():
    """A span inside has exactly the fields of a span, its parent, its entry span, and why it failed."""
    failed = child(
        kind=Kind.CLIENT,
        status=Status.FAILURE,
        failure=Failure("ConnectionError", "refused", text="Traceback…"),
        attributes={"server.address": "pay", "server.port": 8443, "http.request.method": "POST"},
        events=(
            Event("retry", 1_763_899_200_000_002_000, {"attempt": 2}),
            Event("gave up", 1_763_899_200_000_003_000, {}),
        ),
    )
    assert span_document(failed) == {
        **SHARED,
        "span.id": SPAN,
        "transaction.id": ENTRY,
        "parent.id": ENTRY,
        "span.kind": "client",
        "event.action": "look up",
        "event.outcome": "failure",
        "event.duration": 12345678,
        "tracelog.children": 2,
        "tracelog.calls": 1,
        "tracelog.weight": 4.0,
        "http.request.method": "POST",
        "server.address": "pay",
        "server.port": 8443,
        "processor.event": "span",
        "span.name": "look up",
        "span.type": "external",
        "span.subtype": "http",
        "span.duration.us": 12345,
        "span.destination.service.resource": "pay:8443",
        "error.type": "ConnectionError",
        "error.message": "refused",
        "error.stack_trace": "Traceback…",
        "tracelog.events": [
            {"name": "retry", "@timestamp": "2025-11-23T12:00:00.000002000Z", "attributes": {"attempt": 2}},
            {"name": "gave up", "@timestamp": "2025-11-23T12:00:00.000003000Z"},
        ],
    }


@pytest.mark.parametrize(
    ("kind", "attributes", "kind_of_work"),
    [
        (Kind.SERVER, {}, "request"),
        (Kind.CONSUMER, {}, "messaging"),
        (Kind.INTERNAL, {}, "job"),
        (Kind.SERVER, {"transaction.type": "job"}, "job"),
        (Kind.SERVER, {"transaction.type": 7}, "request"),
    ],
)
def test_the_type_of_a_transaction(kind, attributes, kind_of_work):
    """The kind of an entry span says what work came in, unless an attribute says it in words."""
    assert span_document(record(kind=kind, attributes=attributes))["transaction.type"] == kind_of_work


@pytest.mark.parametrize(
    ("attributes", "result"),
    [
        ({"http.response.status_code": 503}, "HTTP 5xx"),
        ({"rpc.grpc.status_code": 14}, "UNAVAILABLE"),
        ({"rpc.grpc.status_code": 99}, "success"),
        ({"http.response.status_code": "200"}, "success"),
        ({}, "success"),
    ],
)
def test_the_result_of_a_transaction(attributes, result):
    """A result is told in the words of the protocol, and as the outcome where there is none."""
    assert span_document(record(attributes=attributes))["transaction.result"] == result


@pytest.mark.parametrize(
    ("kind", "attributes", "told"),
    [
        (Kind.INTERNAL, {}, ("app", "internal", None)),
        (Kind.CLIENT, {}, ("external", None, "external")),
        (Kind.CLIENT, {"url.full": "http://pay/x"}, ("external", "http", "http")),
        (Kind.CLIENT, {"rpc.system": "grpc", "server.address": "stock"}, ("external", "grpc", "stock")),
        (Kind.CLIENT, {"db.system.name": "postgresql"}, ("db", "postgresql", "postgresql")),
        (Kind.CLIENT, {"db.system.name": "sqlite", "db.namespace": "shop.db"}, ("db", "sqlite", "sqlite")),
        (
            Kind.CLIENT,
            {"db.system": "redis", "server.address": "::1", "server.port": 6379},
            ("db", "redis", "[::1]:6379"),
        ),
        (Kind.CLIENT, {"db.system": 5}, ("external", None, "external")),
        (Kind.PRODUCER, {}, ("messaging", None, "messaging")),
        (Kind.PRODUCER, {"messaging.system": "kafka", "server.address": 5}, ("messaging", "kafka", "kafka")),
    ],
)
def test_the_type_of_a_span_and_the_other_end(kind, attributes, told):
    """Type and subtype say what a span's time goes into; calls that leave the process name where they go."""
    document = span_document(child(kind=kind, attributes=attributes))
    names = ("span.type", "span.subtype", "span.destination.service.resource")
    assert tuple(document.get(name) for name in names) == told


def test_a_value_that_its_field_cannot_hold_stays_in_labels():
    """A status that is text, or a path that is a list, would get the document refused; labels take anything."""
    odd = {"http.response.status_code": "teapot", "url.path": ["a"], "server.port": True}
    document = span_document(record(attributes=odd))
    assert document["labels"] == odd
    assert not document.keys() & odd.keys()


def test_attributes_of_opentelemetry_go_to_the_fields_of_ecs():
    """Where both name the same thing differently, the document has the name of ECS."""
    document = span_document(record(attributes={"http.request.body.size": 9, "network.protocol.name": "http"}))
    assert (document["http.request.body.bytes"], document["network.protocol"]) == (9, "http")
    assert "labels" not in document


def test_links_are_told_as_kibana_reads_them():
    """What came in and was not continued is listed by trace and span; where there is nothing there is no field."""
    document = span_document(record(links=(Link(TRACE, "53995c3f42cd8ad8"),)))
    assert document["span.links"] == [{"trace": {"id": TRACE}, "span": {"id": "53995c3f42cd8ad8"}}]
    assert "span.links" not in span_document(child())


def test_empty_facts_are_left_out():
    """What is not known of a process has no field, and never an empty one."""
    document = span_document(record(resource=Resource("bare")))
    assert "" not in document.values()
    assert not document.keys() & {"service.version", "service.environment", "host.name", "parent.id"}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_tells_its_own_process_id():
    """The process id is that of the process that encodes, whatever its parent encoded before."""
    span_document(record())
    reading, writing = os.pipe()
    child_pid = os.fork()
    if not child_pid:
        os.write(writing, str(span_document(record())["process.pid"]).encode())
        os._exit(0)
    os.waitpid(child_pid, 0)
    told = int(os.read(reading, 20))
    os.close(reading)
    os.close(writing)
    assert told == child_pid != os.getpid()


def test_a_span_encodes_to_one_line_of_json():
    """JSON of a span is its document, in one line."""
    told = record(operation="two\nlines", attributes={"x": "木"})
    assert b"\n" not in encode(told)
    assert flat(json.loads(encode(told))) == span_document(told)


def test_what_is_stored_is_nested():
    """Kibana's APM pages read objects in objects, so that is what an encoded span is, every field in one place."""
    told = child(
        kind=Kind.CLIENT, attributes={"http.request.method": "GET", "http.request.body.size": 3, "a.b": {"c.d": 1}}
    )
    stored = json.loads(encode(told))
    assert stored["trace"] == {"id": TRACE}
    assert stored["parent"] == {"id": ENTRY}
    assert stored["processor"] == {"event": "span"}
    assert stored["transaction"] == {"id": ENTRY}
    assert stored["span"] == {
        "id": SPAN,
        "kind": "client",
        "name": "look up",
        "type": "external",
        "subtype": "http",
        "duration": {"us": 12345},
        "destination": {"service": {"resource": "http"}},
    }
    assert stored["event"] == {"action": "look up", "outcome": "success", "duration": 12345678}
    assert stored["http"] == {"request": {"method": "GET", "body": {"bytes": 3}}}
    assert stored["labels"] == {"a.b": {"c.d": 1}}
    assert stored["service"] == {
        "name": "shop",
        "version": "1.2",
        "environment": "prod",
        "node": {"name": "desk"},
        "language": {"name": "python"},
    }


values = (
    st.text(max_size=9) | st.integers(-9, 9) | st.booleans() | st.dictionaries(st.text(max_size=3), st.integers(-9, 9))
)
attributes = st.dictionaries(st.sampled_from(sorted(EXPLICIT)) | st.text(max_size=9), values, max_size=12)
words = st.text(max_size=5)
failures = st.builds(
    Failure,
    words,
    words,
    trace=st.none(),
    text=words,
    entry=st.none() | st.builds(Entry, words, st.sampled_from(Kind), words),
)


@given(attributes, st.sampled_from(Kind), st.none() | failures, st.booleans())
def test_any_span_is_nested_and_reads_as_its_document(attributes, kind, failure, entry):
    """Whatever its attributes are called, nothing but labels has a dotted name, and read flat it is the document."""
    told = (record if entry else child)(attributes=attributes, kind=kind, failure=failure)
    stored = json.loads(encode(told))
    assert flat(stored) == json.loads(json.dumps(span_document(told)))
    assert dotted({name: value for name, value in stored.items() if name != "labels"}) == []
    said = [*stored.get("labels", {}), *(name for name in attributes if EXPLICIT.get(name, [""])[0] in flat(stored))]
    assert attributes.keys() <= set(said)


def dotted(value) -> list[str]:
    """List the names with a dot in *value*, however deep they lie."""
    if not isinstance(value, dict):
        return []
    return [name for name in value if "." in name] + [name for member in value.values() for name in dotted(member)]


def test_two_attributes_of_one_field_are_both_kept():
    """The first gets the field, the second stays under labels."""
    told = {"http.request.body.size": 9, "http.request.body.bytes": 8, "event.duration": 7}
    document = span_document(record(attributes=told))
    assert document["http.request.body.bytes"] == 9
    assert document["labels"] == {"http.request.body.bytes": 8, "event.duration": 7}

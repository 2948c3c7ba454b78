"""The templates, as the values that they are."""

from __future__ import annotations

import json

import pytest

from tracelog.ecs.encode import encode, error_of
from tracelog.ecs.fields import EXPLICIT
from tracelog.ecs.found import flat
from tracelog.ecs.line import line_document
from tracelog.ecs.span import span_document
from tracelog.elastic.names import ERRORS, data_stream
from tracelog.elastic.setup import Request
from tracelog.elastic.templates import COMPONENTS, INDEX_TEMPLATES, RETENTION, VERSION, templates
from tracelog.pipeline.exporter import LINES, SPANS
from tracelog.record import Entry, Event, Failure, Kind, LineRecord, Link, Origin, Resource, SpanRecord, Status

RESOURCE = Resource("shop", "1", "prod", "desk")
ATTRIBUTES = {name: "x" if kind is str else 1 for name, (_, kind) in EXPLICIT.items()} | {"mine": 1}
STACK = 'Traceback (most recent call last):\n  File "shop/pay.py", line 3, in pay\n    raise T("m")\nT: m\n'
ENTRY = SpanRecord(
    *(RESOURCE, "a" * 32, "b" * 16, "c" * 16, "b" * 16, "op", Kind.SERVER, Status.FAILURE, 1, 1, 1, 1, 1.0),
    *(ATTRIBUTES, (Event("e", 1, {}),), Failure("a.T", "m", text=STACK, entry=Entry("op", Kind.SERVER))),
)
LINKED = ENTRY._replace(links=(Link("a" * 32, "b" * 16),))
INNER = ENTRY._replace(entry_id="d" * 16, kind=Kind.CLIENT)
LINE = LineRecord(
    *(RESOURCE, 1, "info", "l", "m", "a" * 32, "b" * 16, "b" * 16, ATTRIBUTES),
    *(Origin("f", 1, "g"), Failure("T", "m", text="s"), "thread"),
)


KINDS = [("traces-apm.tracelog", SPANS), ("logs-tracelog", LINES), ("logs-apm.tracelog", ERRORS)]


def error(record: SpanRecord) -> dict:
    """Return the document of the failure of a span, its one exception flat as well."""
    document = flat(json.loads(error_of(encode(record))))
    (exception,) = document.pop("error.exception", [{}])
    return {**document, **{f"error.exception.{name}": value for name, value in exception.items()}}


def linked(record: SpanRecord) -> dict:
    """Return the document of a span with the members of its one link flat as well."""
    document = span_document(record)
    (link,) = document.pop("span.links")
    return {**document, **flat({"span": {"links": link}})}


IN_WORDS = ENTRY._replace(failure=Failure("", "m", entry=Entry("op", Kind.SERVER)), attributes={})


def body(name: str) -> dict:
    """Return the body of the template of that name."""
    return next(template.body for template in templates(RETENTION) if template.name == name)


def typed(name: str) -> set[str]:
    """Name the fields that the components behind an index template give a type to."""
    parts = [part for part in body(name)["composed_of"] if "@" not in part]
    return {field for part in parts for field in body(part)["template"]["mappings"]["properties"]}


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("traces-apm.tracelog", span_document(ENTRY)),
        ("traces-apm.tracelog", span_document(INNER)),
        ("traces-apm.tracelog", linked(LINKED)),
        ("logs-tracelog", line_document(LINE)),
        ("logs-apm.tracelog", error(ENTRY)),
        ("logs-apm.tracelog", error(INNER)),
        ("logs-apm.tracelog", error(IN_WORDS)),
    ],
)
def test_every_field_of_a_document_has_a_type(name, document):
    """No field of ours is left to dynamic mapping."""
    assert document.keys() - typed(name) == set()


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_an_index_template_makes_the_streams_that_are_sent_to(name, kind):
    """Pattern and priority take the streams of each namespace, and the head of a document names fields with types."""
    template = body(name)
    assert template["index_patterns"] == [f"{name}-*"]
    assert (template["priority"], template["data_stream"]) == (250, {})
    assert template["template"] == {"lifecycle": {"data_retention": RETENTION}}
    assert flat(json.loads(data_stream(kind, "x")[:-1] + b"}")).keys() <= typed(name)


@pytest.mark.parametrize("name", [name for name, _ in KINDS])
def test_foreign_components_are_optional_and_bring_no_settings(name):
    """Parts that are not ours may be missing, ours may not; ``@settings`` would bring a foreign retention."""
    template = body(name)
    foreign = [part for part in template["composed_of"] if not part.startswith("tracelog-")]
    assert template["ignore_missing_component_templates"] == foreign
    assert not [part for part in foreign if part.endswith("@settings")]
    assert template["composed_of"][-1].endswith("@custom")


def test_names_that_people_search_by_are_aliases():
    """``traceId``, ``spanId`` and ``parentSpanId`` stand for the fields of ECS."""
    properties = body("tracelog-common")["template"]["mappings"]["properties"]
    aliases = {name: field["path"] for name, field in properties.items() if field["type"] == "alias"}
    assert aliases == {"traceId": "trace.id", "spanId": "span.id", "parentSpanId": "parent.id"}


def test_a_state_is_known_by_its_mark():
    """Two builds of the same templates have one mark, another retention has another in the index templates alone."""
    marks = [[template.mark for template in templates(time)] for time in ("30d", "30d", "7d")]
    assert marks[0] == marks[1]
    assert [a == b for a, b in zip(marks[0], marks[2], strict=True)] == [True] * 4 + [False] * 3
    assert {template.body["version"] for template in templates("30d")} == {VERSION}


def test_components_are_written_before_what_is_composed_of_them():
    """The order is that in which Elasticsearch accepts them."""
    places = [template.place for template in templates(RETENTION)]
    assert places == [COMPONENTS] * 4 + [INDEX_TEMPLATES] * 3


def test_a_request_is_shown_as_kibanas_console_takes_it():
    """Method and target in one line, the body as JSON below it."""
    assert str(Request("DELETE", "/x")) == "DELETE /x"
    assert str(Request("PUT", "/x", {"a": 1})) == 'PUT /x\n{\n  "a": 1\n}'

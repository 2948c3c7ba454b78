"""The templates that give our data streams their fields: plain values, built by pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from tracelog.elastic.names import ERRORS, stream
from tracelog.pipeline.exporter import LINES, SPANS

#: Grows with each release that changes a template; an older tracelog leaves the templates of a newer one alone.
VERSION = 1

#: Above Elasticsearch's own templates (100 to 200), so that none of them can take our streams.
PRIORITY = 250

#: How long documents are kept unless somebody said otherwise.
RETENTION = "30d"

COMPONENTS = "_component_template"
INDEX_TEMPLATES = "_index_template"

_KEYWORD: Mapping[str, Any] = {"type": "keyword", "ignore_above": 1024}
_TEXT: Mapping[str, Any] = {"type": "text", "norms": False}
_LONG: Mapping[str, Any] = {"type": "long"}
#: Numbers that are added up, sorted by or shown, but hardly ever searched for: searching them still works, slower.
_SHOWN: Mapping[str, Any] = {"type": "long", "index": False}


class Template(NamedTuple):
    """One template: what kind of object it is, its name, and its body with our mark in ``_meta``."""

    place: str
    name: str
    body: dict[str, Any]

    @property
    def called(self) -> str:
        """Kind and name, for people."""
        return f"{'index' if self.place == INDEX_TEMPLATES else 'component'} template {self.name}"

    @property
    def mark(self) -> Mapping[str, Any]:
        """Return what says that the template is ours, and which version of it."""
        mark: Mapping[str, Any] = self.body["_meta"]["tracelog"]
        return mark


def templates(retention: str) -> list[Template]:
    """Build all templates in the order in which they must be written; *retention* is a time like ``30d``."""
    return [
        _component("tracelog-common", _COMMON, _settings()),
        _component("tracelog-spans", _OF_SPANS),
        _component("tracelog-lines", _OF_LINES),
        _component("tracelog-errors", _OF_ERRORS),
        _index_template(SPANS, ("traces@mappings", "tracelog-common", "tracelog-spans", "traces@custom"), retention),
        _index_template(
            LINES, ("logs@mappings", "ecs@mappings", "tracelog-common", "tracelog-lines", "logs@custom"), retention
        ),
        _index_template(
            ERRORS, ("logs@mappings", "ecs@mappings", "tracelog-common", "tracelog-errors", "logs@custom"), retention
        ),
    ]


def _fields(kind: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return dict.fromkeys(names, kind)


#: Fields that spans and lines have in common, those that an attribute can fill, and the names that people search by.
_COMMON: Mapping[str, Any] = {
    **_fields(
        _KEYWORD,
        (
            *("agent.name", "agent.version", "client.address", "ecs.version", "error.type", "event.action"),
            *("data_stream.dataset", "data_stream.namespace", "data_stream.type", "event.dataset", "event.outcome"),
            *("host.hostname", "host.name", "http.request.method", "http.route", "network.protocol"),
            *("process.thread.name", "server.address", "service.environment", "service.language.name", "service.name"),
            *("service.node.name", "service.version", "span.id", "trace.id", "transaction.id", "url.domain"),
            *("url.full", "url.original", "url.path", "url.query", "url.scheme", "user_agent.original"),
        ),
    ),
    # Searched for, and never counted: half of what it takes is saved.
    "parent.id": {**_KEYWORD, "doc_values": False},
    **_fields(_LONG, ("event.duration", "http.response.status_code")),
    **_fields(
        _SHOWN,
        ("client.port", "http.request.body.bytes", "http.response.body.bytes", "process.pid", "server.port"),
    ),
    **_fields(_TEXT, ("error.message", "error.stack_trace")),
    "labels": {"type": "flattened", "ignore_above": 1024},
    "traceId": {"type": "alias", "path": "trace.id"},
    "spanId": {"type": "alias", "path": "span.id"},
    "parentSpanId": {"type": "alias", "path": "parent.id"},
}

_OF_SPANS: Mapping[str, Any] = {
    "@timestamp": {"type": "date"},
    **_fields(
        _KEYWORD,
        (
            *("error.culprit", "error.grouping_key", "processor.event"),
            *("span.destination.service.resource", "span.kind", "span.links.span.id", "span.links.trace.id"),
            *("span.name", "span.subtype", "span.type"),
            *("tracelog.entry.name", "tracelog.entry.type"),
            *("transaction.name", "transaction.result", "transaction.type"),
        ),
    ),
    "transaction.duration.us": _LONG,
    **_fields(_SHOWN, ("span.duration.us", "timestamp.us", "tracelog.calls", "tracelog.children")),
    "tracelog.weight": {"type": "double", "index": False},
    # The error document with this id is elsewhere, and is searched for there.
    "error.id": {**_KEYWORD, "index": False, "doc_values": False},
    "transaction.sampled": {"type": "boolean"},
    "tracelog.events": {"type": "object", "enabled": False},
}

_OF_LINES: Mapping[str, Any] = {
    # Many lines share a millisecond, and only their order tells the story.
    "@timestamp": {"type": "date_nanos"},
    "message": _TEXT,
    **_fields(_KEYWORD, ("log.level", "log.logger", "log.origin.file.name", "log.origin.function")),
    "log.origin.file.line": _SHOWN,
}

_OF_ERRORS: Mapping[str, Any] = {
    "@timestamp": {"type": "date"},
    **_fields(
        _KEYWORD,
        (
            *("error.culprit", "error.exception.module", "error.exception.type", "error.grouping_key"),
            *("error.grouping_name", "error.id", "processor.event", "transaction.name", "transaction.type"),
        ),
    ),
    **_fields(_TEXT, ("error.exception.message", "error.log.message", "message")),
    **_fields({"type": "boolean"}, ("error.exception.handled", "transaction.sampled")),
    "error.exception.stacktrace": {"type": "object", "enabled": False},
    "timestamp.us": _SHOWN,
}


def _settings() -> dict[str, Any]:
    """Return the index settings; none of them is about shards or phases, which serverless projects refuse."""
    fields = {"limit": 500, "ignore_dynamic_beyond_limit": True}
    return {"index": {"codec": "best_compression", "mapping": {"ignore_malformed": True, "total_fields": fields}}}


def _component(name: str, properties: Mapping[str, Any], settings: dict[str, Any] | None = None) -> Template:
    """Build a component template."""
    template: dict[str, Any] = {"mappings": {"date_detection": False, "properties": dict(properties)}}
    if settings is not None:
        template["settings"] = settings
    return _marked(Template(COMPONENTS, name, {"template": template}))


def _index_template(kind: str, parts: tuple[str, ...], retention: str) -> Template:
    """Build the template of a data stream out of ours and, where they exist, Elasticsearch's and the user's own."""
    pattern = stream(kind, "*")
    body: dict[str, Any] = {
        "index_patterns": [pattern],
        "priority": PRIORITY,
        "data_stream": {},
        "composed_of": list(parts),
        "ignore_missing_component_templates": [part for part in parts if "@" in part],
        "template": {"lifecycle": {"data_retention": retention}},
    }
    return _marked(Template(INDEX_TEMPLATES, pattern.removesuffix("-*"), body), retention=retention)


def _marked(template: Template, **told: str) -> Template:
    """Write into *template* whose it is, and what tells one state of it from another."""
    state = hashlib.sha256(orjson.dumps(template.body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    mark = {"tracelog": {"version": VERSION, "state": state, **told}}
    return template._replace(body={**template.body, "version": VERSION, "_meta": mark})

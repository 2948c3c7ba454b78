"""A finished span as a document of the Elastic Common Schema, readable by Kibana's APM pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracelog.ecs.failure import add_error, add_failure, transaction_type
from tracelog.ecs.fields import add_attributes, constants, process, timestamp
from tracelog.ecs.found import Document, flat
from tracelog.record import Event, Kind, SpanRecord

_TRANSACTION, _SPAN = {"event": "transaction"}, {"event": "span"}

_EXITS = frozenset({Kind.CLIENT, Kind.PRODUCER})

#: Attribute that names a system → ``span.type``; the first that a span has decides, its value is ``span.subtype``.
_SYSTEMS: tuple[tuple[str, str], ...] = (
    ("db.system.name", "db"),
    ("db.system", "db"),
    ("messaging.system", "messaging"),
    ("rpc.system.name", "external"),
    ("rpc.system", "external"),
)
_SYSTEM_NAMES = frozenset(name for name, _ in _SYSTEMS)

#: Attributes that only a call over HTTP has.
_OF_HTTP = frozenset({"http.request.method", "url.full", "http.response.status_code"})

#: Names of the status codes of gRPC, in their order.
_GRPC = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)


def span_document(record: SpanRecord) -> Document:
    """Turn *record* into its document as a search reads it."""
    return flat({**span_fields(record), **constants(record.resource)})


def span_fields(record: SpanRecord) -> dict[str, Any]:
    """Turn *record* into its document, but for what all documents of its resource share."""
    span_id, entry_id, started = record.span_id, record.entry_id, record.started_ns
    is_entry = entry_id == span_id
    document: dict[str, Any] = {
        "@timestamp": timestamp(started),
        "timestamp": {"us": started // 1000},
        "process": process(),
        "processor": _TRANSACTION if is_entry else _SPAN,
        "trace": {"id": record.trace_id},
        "transaction": _transaction(record) if is_entry else {"id": entry_id},
        "span": {"id": span_id, "kind": record.kind} if is_entry else _span(record),
        "event": {"action": record.operation, "outcome": record.status, "duration": record.duration_ns},
        "tracelog": {"children": record.children, "calls": record.calls, "weight": record.weight},
    }
    if record.parent_id:
        document["parent"] = {"id": record.parent_id}
    if record.attributes:
        add_attributes(document, record.attributes)
    if record.failure is not None:
        add_failure(document, record.failure)
        add_error(document, record)
    if record.links:
        document["span"]["links"] = [{"trace": {"id": trace}, "span": {"id": span}} for trace, span in record.links]
    if record.events:
        document["tracelog"]["events"] = [_event(event) for event in record.events]
    return document


def _transaction(record: SpanRecord) -> dict[str, Any]:
    """Tell what an entry span has of its own."""
    return {
        "id": record.entry_id,
        "name": record.operation,
        "type": transaction_type(record.kind, record.attributes.get("transaction.type")),
        "result": _result(record),
        "sampled": True,
        "duration": {"us": record.duration_ns // 1000},
    }


def _span(record: SpanRecord) -> dict[str, Any]:
    """Tell what any other span has of its own."""
    kind, subtype = _span_type(record)
    span: dict[str, Any] = {
        "id": record.span_id,
        "kind": record.kind,
        "name": record.operation,
        "type": kind,
        "duration": {"us": record.duration_ns // 1000},
    }
    if subtype:
        span["subtype"] = subtype
    if record.kind in _EXITS:
        resource = _resource(record.attributes) or subtype or kind
        span["destination"] = {"service": {"resource": resource}}
    return span


def _result(record: SpanRecord) -> str:
    """Say how the work ended, in the words of its protocol."""
    code = record.attributes.get("http.response.status_code")
    if type(code) is int:
        return f"HTTP {code // 100}xx"
    code = record.attributes.get("rpc.grpc.status_code")
    if type(code) is int and 0 <= code < len(_GRPC):
        return _GRPC[code]
    return record.status.value


def _span_type(record: SpanRecord) -> tuple[str, str]:
    """Say what a span spends its time on: ``span.type`` and ``span.subtype``."""
    attributes = record.attributes
    if not _SYSTEM_NAMES.isdisjoint(attributes):
        for name, kind in _SYSTEMS:
            system = attributes.get(name)
            if isinstance(system, str):
                return kind, system
    if record.kind is Kind.PRODUCER:
        return "messaging", ""
    if record.kind is Kind.CLIENT:
        return "external", "" if _OF_HTTP.isdisjoint(attributes) else "http"
    return "app", "internal"


def _resource(attributes: Mapping[str, Any]) -> str:
    """Name the other end of a call as ``host:port``, as Kibana's dependencies do."""
    address, port = attributes.get("server.address"), attributes.get("server.port")
    if not isinstance(address, str) or not address:
        return ""
    host = f"[{address}]" if ":" in address and not address.startswith("[") else address
    return f"{host}:{port}" if type(port) is int else host


def _event(event: Event) -> dict[str, Any]:
    """Turn one event of a span into an object of its own."""
    told: dict[str, Any] = {"name": event.name, "@timestamp": timestamp(event.at_ns)}
    if event.attributes:
        told["attributes"] = dict(event.attributes)
    return told

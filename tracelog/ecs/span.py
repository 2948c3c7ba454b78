"""A finished span as a document of the Elastic Common Schema, readable by Kibana's APM pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracelog.ecs.fields import add_attributes, add_failure, constants, started, timestamp
from tracelog.record import Event, Kind, SpanRecord

_EXITS = frozenset({Kind.CLIENT, Kind.PRODUCER})

_TRANSACTION_TYPES: Mapping[Kind, str] = {Kind.SERVER: "request", Kind.CONSUMER: "messaging"}

#: Attribute that names a system → ``span.type``; the first that a span has decides, its value is ``span.subtype``.
_SYSTEMS: tuple[tuple[str, str], ...] = (
    ("db.system.name", "db"),
    ("db.system", "db"),
    ("messaging.system", "messaging"),
    ("rpc.system.name", "external"),
    ("rpc.system", "external"),
)

#: Attributes that only a call over HTTP has.
_OF_HTTP = ("http.request.method", "url.full", "http.response.status_code")

#: Names of the status codes of gRPC, in their order.
_GRPC = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)


def span_document(record: SpanRecord) -> dict[str, Any]:
    """Turn *record* into a flat document: dotted names to plain values, nested only under ``labels`` and events."""
    return {**span_fields(record), **constants(record.resource)}


def span_fields(record: SpanRecord) -> dict[str, Any]:
    """Turn *record* into its document, but for what all documents of its resource share."""
    document = started(record.started_ns)
    document["timestamp.us"] = record.started_ns // 1000
    document["trace.id"] = record.trace_id
    document["span.id"] = record.span_id
    document["transaction.id"] = record.entry_id
    document["span.kind"] = record.kind.value
    document["event.action"] = record.operation
    document["event.outcome"] = record.status.value
    document["event.duration"] = record.duration_ns
    document["tracelog.children"] = record.children
    document["tracelog.calls"] = record.calls
    document["tracelog.weight"] = record.weight
    if record.parent_id:
        document["parent.id"] = record.parent_id
    if record.attributes:
        add_attributes(document, record.attributes)
    (_add_transaction if record.entry_id == record.span_id else _add_span)(document, record)
    if record.failure is not None:
        add_failure(document, record.failure)
    if record.events:
        document["tracelog.events"] = [_event(event) for event in record.events]
    return document


def _add_transaction(document: dict[str, Any], record: SpanRecord) -> None:
    """Add what an entry span has of its own."""
    document["processor.event"] = "transaction"
    document["transaction.name"] = record.operation
    document["transaction.type"] = _transaction_type(record)
    document["transaction.result"] = _result(record)
    document["transaction.sampled"] = True
    document["transaction.duration.us"] = record.duration_ns // 1000


def _add_span(document: dict[str, Any], record: SpanRecord) -> None:
    """Add what any other span has of its own."""
    document["processor.event"] = "span"
    document["span.name"] = record.operation
    document["span.duration.us"] = record.duration_ns // 1000
    kind, subtype = _span_type(record)
    document["span.type"] = kind
    if subtype:
        document["span.subtype"] = subtype
    if record.kind in _EXITS:
        document["span.destination.service.resource"] = _resource(record.attributes) or subtype or kind


def _transaction_type(record: SpanRecord) -> str:
    """Say what kind of work came in: an attribute ``transaction.type`` decides, then the span's kind."""
    told = record.attributes.get("transaction.type")
    return told if isinstance(told, str) and told else _TRANSACTION_TYPES.get(record.kind, "job")


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
    if attributes:
        for name, kind in _SYSTEMS:
            system = attributes.get(name)
            if isinstance(system, str):
                return kind, system
    if record.kind is Kind.PRODUCER:
        return "messaging", ""
    if record.kind is Kind.CLIENT:
        return "external", "http" if any(name in attributes for name in _OF_HTTP) else ""
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

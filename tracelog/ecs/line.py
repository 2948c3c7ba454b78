"""A log line as a document of the Elastic Common Schema."""

from __future__ import annotations

from typing import Any

from tracelog.ecs.fields import add_attributes, add_failure, constants, started
from tracelog.record import LineRecord, Origin


def line_document(record: LineRecord) -> dict[str, Any]:
    """Turn *record* into a flat document: dotted names to plain values, nested only under ``labels``."""
    return {**line_fields(record), **constants(record.resource)}


def line_fields(record: LineRecord) -> dict[str, Any]:
    """Turn *record* into its document, but for what all documents of its resource share."""
    document = started(record.at_ns)
    document["message"] = record.message
    document["log.level"] = record.level
    document["event.dataset"] = f"{record.resource.service}.log"
    for name, value in (
        ("log.logger", record.logger),
        ("trace.id", record.trace_id),
        ("span.id", record.span_id),
        ("transaction.id", record.entry_id),
        ("process.thread.name", record.thread),
    ):
        if value:
            document[name] = value
    if record.origin is not None:
        _add_origin(document, record.origin)
    if record.fields:
        add_attributes(document, record.fields)
    if record.failure is not None:
        add_failure(document, record.failure)
    return document


def _add_origin(document: dict[str, Any], origin: Origin) -> None:
    """Add where in the source the line was written."""
    document["log.origin.file.name"] = origin.file
    document["log.origin.file.line"] = origin.line
    document["log.origin.function"] = origin.function

"""A log line as a document of the Elastic Common Schema."""

from __future__ import annotations

from typing import Any

from tracelog.ecs.failure import add_failure
from tracelog.ecs.fields import add_attributes, constants, process, timestamp
from tracelog.ecs.found import Document, flat
from tracelog.record import LineRecord


def line_document(record: LineRecord) -> Document:
    """Turn *record* into its document as a search reads it."""
    return flat({**line_fields(record), **constants(record.resource)})


def line_fields(record: LineRecord) -> dict[str, Any]:
    """Turn *record* into its document, but for what all documents of its resource share."""
    document: dict[str, Any] = {
        "@timestamp": timestamp(record.at_ns),
        "process": process(),
        "message": record.message,
        "log": _log(record),
        "event": {"dataset": f"{record.resource.service}.log"},
    }
    if record.trace_id:
        document["trace"] = {"id": record.trace_id}
    if record.span_id:
        document["span"] = {"id": record.span_id}
    if record.entry_id:
        document["transaction"] = {"id": record.entry_id}
    if record.thread:
        document["process"]["thread"] = {"name": record.thread}
    if record.fields:
        add_attributes(document, record.fields)
    if record.failure is not None:
        add_failure(document, record.failure)
    return document


def _log(record: LineRecord) -> dict[str, Any]:
    """Tell how loud the line was, who wrote it, and where in the source."""
    log: dict[str, Any] = {"level": record.level}
    if record.logger:
        log["logger"] = record.logger
    if record.origin is not None:
        file, line, function = record.origin
        log["origin"] = {"file": {"name": file, "line": line}, "function": function}
    return log

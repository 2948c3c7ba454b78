"""Records as JSON, the same for every place that keeps documents."""

from __future__ import annotations

from typing import Any

import orjson

from tracelog.ecs.line import line_document
from tracelog.ecs.span import span_document
from tracelog.record import Record, SpanRecord


def document(record: Record) -> dict[str, Any]:
    """Turn a finished span or a log line into its document."""
    return span_document(record) if isinstance(record, SpanRecord) else line_document(record)


def encode(record: Record) -> bytes:
    """Turn a finished span or a log line into one line of JSON."""
    return orjson.dumps(document(record))

"""Records as JSON, the same for every place that keeps documents."""

from __future__ import annotations

from functools import lru_cache

import orjson

from tracelog.ecs.failure import error_document
from tracelog.ecs.fields import constants
from tracelog.ecs.line import line_fields
from tracelog.ecs.span import span_fields
from tracelog.record import Record, Resource, SpanRecord

#: Nearly no span has it, and looking for it costs next to nothing.
_MARK = b'"grouping_key"'


def encode(record: Record, beginning: bytes = b"{") -> bytes:
    """Turn a finished span or a log line into one line of JSON, behind whatever members *beginning* has already."""
    fields = span_fields(record) if isinstance(record, SpanRecord) else line_fields(record)
    # Put together once: documents are a kilobyte each, and moving one about costs as much as a third of writing it.
    return b"".join((beginning, orjson.dumps(fields)[1:-1], _ending(record.resource)))


def error_of(body: bytes) -> bytes | None:
    """Make the document of the failure that an encoded span tells of; None for all others, and for what is no span."""
    if _MARK not in body:
        return None
    try:
        document = error_document(orjson.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if document is None else orjson.dumps(document)


@lru_cache(maxsize=64)
def _ending(resource: Resource) -> bytes:
    """Write the end of every document of *resource*; written once, it is a fifth of the cost less for each."""
    return b"," + orjson.dumps(constants(resource))[1:]

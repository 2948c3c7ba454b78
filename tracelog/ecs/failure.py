"""Why a span or a line failed, and the document of its own that a failure gets in Kibana's APM pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracelog.ecs.fields import timestamp
from tracelog.ecs.stack import Frame, culprit_of, digest, frames_of, grouping_key
from tracelog.record import Failure, Kind, SpanRecord

_TRANSACTION_TYPES: Mapping[Kind, str] = {Kind.SERVER: "request", Kind.CONSUMER: "messaging"}

#: What a span tells of itself alone: all else is true of its failure too.
_OF_SPANS = frozenset(
    {"@timestamp", "data_stream", "error", "event", "parent", "processor", "span", "timestamp", "tracelog"}
)


def transaction_type(kind: Kind, told: Any) -> str:
    """Say what kind of work came in: an attribute ``transaction.type`` decides, then the entry span's kind."""
    return told if isinstance(told, str) and told else _TRANSACTION_TYPES.get(kind, "job")


def add_failure(document: dict[str, Any], failure: Failure) -> None:
    """Put *failure* into the ``error.*`` fields, those that have something to say."""
    told = {"type": failure.type, "message": failure.message, "stack_trace": failure.stack()}
    told = {name: value for name, value in told.items() if value}
    if told:
        document["error"] = {**document.get("error", {}), **told}


def add_error(document: dict[str, Any], record: SpanRecord) -> None:
    """Say in the document of a span that its failure is new, and what :func:`error_document` cannot know else."""
    entry = None if record.failure is None else record.failure.entry
    error = document.get("error", {})
    kind, message = error.get("type", ""), error.get("message", "")
    if entry is None or not (kind or message):
        return
    frames = frames_of(error.get("stack_trace", ""))
    error["id"] = digest("error", record.trace_id, record.entry_id, record.span_id)
    error["grouping_key"] = grouping_key(kind, message, frames)
    if frames:
        error["culprit"] = culprit_of(frames)
    if record.entry_id != record.span_id:
        operation, kind, told = entry
        document["tracelog"]["entry"] = {"name": operation, "type": transaction_type(kind, told)}


def error_document(span: Mapping[str, Any]) -> dict[str, Any] | None:
    """Make the document of the failure of a stored *span*; None where it has none, or another span tells of it."""
    error = span.get("error", {})
    if "grouping_key" not in error:
        return None
    event, transaction = span["event"], span["transaction"]
    ended_us = span["timestamp"]["us"] + event["duration"] // 1000
    entry = span["tracelog"].get("entry", transaction)
    return {
        "@timestamp": timestamp(ended_us * 1000),
        "timestamp": {"us": ended_us},
        "processor": {"event": "error"},
        **{name: value for name, value in span.items() if name not in _OF_SPANS},
        "parent": {"id": span["span"]["id"]},
        "span": {"id": span["span"]["id"]},
        "transaction": {"id": transaction["id"], "name": entry["name"], "type": entry["type"], "sampled": True},
        "event": {"outcome": event["outcome"]},
        "message": ": ".join(filter(None, (error.get("type"), error.get("message")))),
        "error": {**error, **_told(error, unhandled=entry is transaction)},
    }


def _told(error: Mapping[str, Any], *, unhandled: bool) -> dict[str, Any]:
    """Tell of a failure in the words of Kibana: an exception where there was one, else what was said."""
    module, _, short = error.get("type", "").rpartition(".")
    name = error.get("message", "") or short
    if not short:
        return {"grouping_name": name, "log": {"message": name}}
    exception: dict[str, Any] = {"type": short, "message": name}
    if module:
        exception["module"] = module
    if unhandled:
        # What left an entry span nobody caught in this process; of any other it is not known what became of it.
        exception["handled"] = False
    frames = frames_of(error.get("stack_trace", ""))
    if frames:
        exception["stacktrace"] = [_frame(frame) for frame in reversed(frames)]
    return {"grouping_name": name, "exception": [exception]}


def _frame(frame: Frame) -> dict[str, Any]:
    """Tell of one call as Kibana shows it; all frames have all flags, since it puts those that are alike together."""
    line: dict[str, Any] = {"number": frame.line}
    if frame.source:
        line["context"] = frame.source
    return {
        "filename": frame.file,
        "abs_path": frame.path,
        "function": frame.function,
        "line": line,
        "library_frame": frame.library,
        "exclude_from_grouping": False,
    }

"""Log lines as documents."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from importlib.metadata import version

from hypothesis import given
from hypothesis import strategies as st

from tracelog.ecs.encode import encode
from tracelog.ecs.fields import timestamp
from tracelog.ecs.found import flat
from tracelog.ecs.line import line_document
from tracelog.record import Failure, LineRecord, Origin, Resource

LINE = LineRecord(
    Resource("shop", host="desk"),
    *(1_763_899_200_000_000_007, "error", "shop.cart", "payment failed"),
    *("4bf92f3577b34da6a3ce929d0e0e4736", "53995c3f42cd8ad8", "b7ad6b7169203331"),
    fields={"order": 7, "url.path": "/pay", "customer": {"name": "Ann"}},
    origin=Origin("cart.py", 31, "pay"),
    failure=Failure("Refused", "no funds", text="Traceback…"),
    thread="MainThread",
)


def test_a_line_with_everything():
    """A line has exactly its fields of ECS, and under labels whatever else the caller said."""
    assert line_document(LINE) == {
        "@timestamp": "2025-11-23T12:00:00.000000007Z",
        "ecs.version": "8.11.0",
        "agent.name": "tracelog",
        "agent.version": version("tracelog-elastic"),
        "service.name": "shop",
        "service.node.name": "desk",
        "service.language.name": "python",
        "host.name": "desk",
        "host.hostname": "desk",
        "process.pid": os.getpid(),
        "process.thread.name": "MainThread",
        "message": "payment failed",
        "log.level": "error",
        "log.logger": "shop.cart",
        "log.origin.file.name": "cart.py",
        "log.origin.file.line": 31,
        "log.origin.function": "pay",
        "event.dataset": "shop.log",
        "trace.id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span.id": "53995c3f42cd8ad8",
        "transaction.id": "b7ad6b7169203331",
        "url.path": "/pay",
        "labels": {"order": 7, "customer": {"name": "Ann"}},
        "error.type": "Refused",
        "error.message": "no funds",
        "error.stack_trace": "Traceback…",
    }


def test_a_line_outside_of_any_span_has_no_ids():
    """Ids that there are not are left out, and with them everything else that is empty."""
    bare = LINE._replace(
        trace_id="", span_id="", entry_id="", logger="", thread="", fields={}, origin=None, failure=None
    )
    document = line_document(bare)
    assert not document.keys() & {
        "trace.id",
        "span.id",
        "transaction.id",
        "log.logger",
        "process.thread.name",
        "labels",
    }
    assert not [name for name in document if name.startswith(("error.", "log.origin."))]


def test_a_line_encodes_to_its_document():
    """JSON of a line is its document, in one line."""
    assert flat(json.loads(encode(LINE))) == line_document(LINE)
    assert b"\n" not in encode(LINE._replace(message="two\nlines"))


def test_a_stored_line_is_nested():
    """Every field lies in the object that ECS puts it in; labels stay as they were given."""
    stored = json.loads(encode(LINE))
    assert stored["log"] == {
        "level": "error",
        "logger": "shop.cart",
        "origin": {"file": {"name": "cart.py", "line": 31}, "function": "pay"},
    }
    assert stored["process"] == {"pid": os.getpid(), "thread": {"name": "MainThread"}}
    assert stored["event"] == {"dataset": "shop.log"}
    assert stored["error"] == {"type": "Refused", "message": "no funds", "stack_trace": "Traceback…"}
    assert (stored["url"], stored["labels"]) == ({"path": "/pay"}, {"order": 7, "customer": {"name": "Ann"}})
    assert not [name for name in stored if "." in name]


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_a_timestamp_is_the_moment_it_was_made_from(at_ns):
    """No nanosecond is lost, and all have one width, so that their order as text is that of time."""
    written = timestamp(at_ns)
    moment = datetime.strptime(written[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    assert int(moment.timestamp()) * 10**9 + int(written[20:29]) == at_ns
    assert (len(written), written[-1]) == (30, "Z")

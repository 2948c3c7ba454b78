"""Failures in the documents of spans, and as documents of their own."""

from __future__ import annotations

import json

import pytest

from tracelog.ecs.encode import encode, error_of
from tracelog.ecs.found import flat
from tracelog.ecs.span import span_document
from tracelog.ecs.stack import frames_of, grouping_key
from tracelog.record import Entry, Failure, Kind, LineRecord, Resource, SpanRecord, Status

STACK = """Traceback (most recent call last):
  File "/srv/.venv/lib/python3.12/site-packages/flask/app.py", line 880, in full_dispatch_request
    rv = self.dispatch_request()
  File "/srv/shop/pay.py", line 9, in charge
    raise DeclinedError("no funds")
shop.pay.DeclinedError: no funds
"""
ENTRY = Entry("POST /charges", Kind.SERVER)
DECLINED = Failure("shop.pay.DeclinedError", "no funds", None, STACK, ENTRY)
SPAN = SpanRecord(
    Resource("shop", "1.2", "prod", "desk"),
    *("4bf92f3577b34da6a3ce929d0e0e4736", "53995c3f42cd8ad8", "b7ad6b7169203331", "b7ad6b7169203331"),
    *("ask the bank", Kind.INTERNAL, Status.FAILURE),
    started_ns=1_763_899_200_000_001_234,
    duration_ns=12_345_678,
    children=0,
    calls=0,
    weight=4.0,
    attributes={"http.request.method": "POST", "order": 7},
    failure=DECLINED,
)
OF_ENTRY = SPAN._replace(span_id=SPAN.entry_id, parent_id="", kind=Kind.SERVER, operation="POST /charges")


def told(record: SpanRecord | LineRecord) -> dict:
    """Make the document of the failure of *record*, as it is stored."""
    return json.loads(error_of(encode(record)))


def test_a_new_failure_is_told_in_the_document_of_its_span():
    """It has an id, the key of its group, who raised it, and in which transaction."""
    document = span_document(SPAN)
    assert document["error.grouping_key"] == grouping_key("shop.pay.DeclinedError", "", frames_of(STACK))
    assert document["error.culprit"] == "charge in shop/pay.py"
    assert len(document["error.id"]) == 32
    assert (document["tracelog.entry.name"], document["tracelog.entry.type"]) == ("POST /charges", "request")
    assert "tracelog.entry.name" not in span_document(OF_ENTRY)


@pytest.mark.parametrize(
    "failure", [None, DECLINED._replace(entry=None), Failure("", "", entry=ENTRY)], ids=["none", "seen before", "mute"]
)
def test_other_spans_tell_of_no_error(failure):
    """A failure that an inner span tells of, and one that nothing is known of, has no document of its own."""
    record = SPAN._replace(failure=failure)
    names = span_document(record).keys()
    assert not names & {"error.id", "error.grouping_key", "error.culprit", "tracelog.entry.name"}
    assert error_of(encode(record)) is None


def test_the_document_of_a_failure():
    """It has exactly what Kibana's errors list, its detail page and the timeline of a trace read."""
    document = told(SPAN)
    error = document.pop("error")
    (exception,) = error.pop("exception")
    whole = flat(json.loads(encode(SPAN)))
    shared = ("agent.", "ecs.", "host.", "http.", "labels", "process.", "service.", "trace.")
    assert flat(document) == {
        **{name: value for name, value in whole.items() if name.startswith(shared)},
        "@timestamp": "2025-11-23T12:00:00.012346000Z",
        "timestamp.us": 1763899200012346,
        "processor.event": "error",
        "parent.id": SPAN.span_id,
        "span.id": SPAN.span_id,
        "transaction.id": SPAN.entry_id,
        "transaction.name": "POST /charges",
        "transaction.type": "request",
        "transaction.sampled": True,
        "event.outcome": "failure",
        "message": "shop.pay.DeclinedError: no funds",
    }
    assert error == {
        "type": "shop.pay.DeclinedError",
        "message": "no funds",
        "stack_trace": STACK,
        "id": whole["error.id"],
        "grouping_key": whole["error.grouping_key"],
        "grouping_name": "no funds",
        "culprit": "charge in shop/pay.py",
    }
    assert exception.pop("stacktrace")[0] == {
        "filename": "shop/pay.py",
        "abs_path": "/srv/shop/pay.py",
        "function": "charge",
        "line": {"number": 9, "context": 'raise DeclinedError("no funds")'},
        "library_frame": False,
        "exclude_from_grouping": False,
    }
    assert exception == {"type": "DeclinedError", "module": "shop.pay", "message": "no funds"}


def test_frames_are_told_innermost_first():
    """Kibana shows the first frame open, and folds those of libraries."""
    (exception,) = told(SPAN)["error"]["exception"]
    assert [frame["filename"] for frame in exception["stacktrace"]] == ["shop/pay.py", "flask/app.py"]
    assert [frame["library_frame"] for frame in exception["stacktrace"]] == [False, True]


def test_a_frame_whose_source_is_not_known_has_no_context():
    """A file that cannot be read leaves the number of its line."""
    bare = SPAN._replace(failure=DECLINED._replace(text='  File "<string>", line 2, in f\nDeclinedError: no funds'))
    (exception,) = told(bare)["error"]["exception"]
    assert [frame["line"] for frame in exception["stacktrace"]] == [{"number": 2}]


def test_what_leaves_an_entry_span_was_not_handled():
    """Nobody in this process caught it; what became of other failures is not known, and not told."""
    (exception,) = told(OF_ENTRY)["error"]["exception"]
    assert exception["handled"] is False
    transaction = told(OF_ENTRY)["transaction"]
    assert transaction == {"id": SPAN.entry_id, "name": "POST /charges", "type": "request", "sampled": True}


@pytest.mark.parametrize(
    ("kind", "word", "told_type"),
    [
        (Kind.SERVER, None, "request"),
        (Kind.CONSUMER, None, "messaging"),
        (Kind.INTERNAL, None, "job"),
        (Kind.SERVER, "page-load", "page-load"),
        (Kind.SERVER, 7, "request"),
    ],
)
def test_a_failure_names_the_type_of_its_transaction(kind, word, told_type):
    """It is the one that the entry span itself will have."""
    failure = DECLINED._replace(entry=Entry("work", kind, word))
    assert told(SPAN._replace(failure=failure))["transaction"]["type"] == told_type


def test_a_failure_in_words_is_a_log():
    """Without an exception Kibana is told what was said, in the field that it reads then."""
    document = told(SPAN._replace(failure=Failure("", "no stock", entry=ENTRY)))
    assert document["error"]["log"] == {"message": "no stock"}
    assert document["message"] == document["error"]["grouping_name"] == "no stock"
    assert not document["error"].keys() & {"exception", "type", "culprit", "stack_trace"}


def test_an_exception_without_text_goes_by_its_type():
    """A name is better than nothing where a list shows messages."""
    error = told(SPAN._replace(failure=Failure("a.b.TimeoutError", "", entry=ENTRY)))["error"]
    assert (error["grouping_name"], error["exception"]) == (
        "TimeoutError",
        [{"type": "TimeoutError", "module": "a.b", "message": "TimeoutError"}],
    )


def test_an_attribute_can_name_the_type():
    """``error.type`` set by hand counts where the failure itself has none."""
    failed = SPAN._replace(attributes={"error.type": "503"}, failure=Failure("", "busy", entry=ENTRY))
    assert told(failed)["error"]["exception"] == [{"type": "503", "message": "busy"}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"grouping_key"',
        b'["grouping_key"]',
        b'{"error":{"grouping_key":"x"}}',
        b'{"error":"grouping_key"}',
        b'{"labels":{"grouping_key":1}}',
        b'{"error":7,"grouping_key":1}',
    ],
)
def test_what_is_no_span_has_no_error(body):
    """Bytes that only look like a failed span raise nothing."""
    assert error_of(body) is None


def test_ids_of_errors_differ():
    """Each failure is a document that Kibana can ask for; the id is not that of the span, whose child it is."""
    ids = {told(SPAN._replace(span_id=f"{number:016x}"))["error"]["id"] for number in range(3)}
    assert len(ids) == 3


def test_errors_of_two_sides_of_a_call_differ():
    """Where caller and callee share a span id, what failed on either side is an error of its own."""
    caller, callee = (told(SPAN._replace(span_id="0.1", entry_id=entry))["error"]["id"] for entry in ("0", "0.1"))
    assert caller != callee

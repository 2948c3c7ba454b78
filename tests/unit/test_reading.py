"""Readers of structlog events and LogRecords."""

from __future__ import annotations

import json
import logging
from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.plain import plain
from tracelog.reading import level_of, line_of_event, line_of_log_record
from tracelog.record import Failure, Origin

STACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no stock\n'


def logged(message, args=(), *, level=logging.INFO, **extra):
    """Make a LogRecord as a logger does."""
    return logging.getLogger("shop").makeRecord("shop", level, "/src/a.py", 7, message, args, None, "f", extra)


def said(message):
    """Tell what a LogRecord of *message* says, and with which fields."""
    line = line_of_log_record(logged(message))
    return line.message, dict(line.fields)


class Untouchable:
    """An object of the application's own, which no other thread may call into."""

    def __repr__(self):
        raise AssertionError

    __str__ = __repr__


def test_an_event_is_read_into_its_places():
    """Each of structlog's keys goes where the record has a place for it, and all others are fields."""
    line = line_of_event(
        {
            "event": "sold out",
            "level": "warning",
            "logger": "shop",
            "traceId": "t",
            "spanId": "s",
            "pathname": "/src/a.py",
            "lineno": 7,
            "func_name": "sell",
            "thread_name": "worker",
            "timestamp": "2026-01-01",
            "exception": STACK,
            "sku": "A-1",
            "_record": "for structlog's own use",
        },
        "info",
    )
    assert (line.message, line.level, line.logger, line.thread) == ("sold out", "warning", "shop", "worker")
    assert (line.trace_id, line.span_id, line.entry_id) == ("t", "s", "")
    assert line.origin == Origin("/src/a.py", 7, "sell")
    assert line.failure == Failure("ValueError", "no stock", None, STACK)
    assert line.fields == {"sku": "A-1"}


def test_an_empty_event_is_a_line():
    """Nothing said is nothing made up."""
    line = line_of_event({}, "info")
    assert (line.message, line.level, line.logger, line.trace_id, line.thread) == ("", "info", "", "", "")
    assert (line.origin, line.failure, line.fields) == (None, None, {})


@pytest.mark.parametrize(
    ("event", "message", "fields"),
    [
        ({"message": "hello"}, "hello", {}),
        ({"event": "hello", "message": "a field"}, "hello", {"message": "a field"}),
        ({"event": 17}, "17", {}),
        ({"event": None}, "", {}),
        ({"event": ["a", 1]}, "['a', 1]", {}),
    ],
)
def test_what_an_event_says(event, message, fields):
    """``event`` comes first, ``message`` stands in for it, and both may be of any type."""
    line = line_of_event(event, "info")
    assert (line.message, line.fields) == (message, fields)


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("debug", "debug"),
        ("exception", "error"),
        ("warn", "warning"),
        ("fatal", "critical"),
        ("msg", "info"),
        ("log", "info"),
        ("notice", "notice"),
    ],
)
def test_methods_name_levels(method, level):
    """Where the event itself names no level, the method called does."""
    assert level_of(method) == line_of_event({"event": "x"}, method).level == level
    assert line_of_event({"event": "x", "level": "error"}, method).level == "error"


@pytest.mark.parametrize(
    ("event", "origin"),
    [
        ({"filename": "a.py"}, Origin("a.py", 0, "")),
        ({"filename": "a.py", "pathname": "/src/a.py", "lineno": "7"}, Origin("/src/a.py", 0, "")),
        ({"lineno": 7}, None),
        ({"filename": 3}, None),
    ],
)
def test_call_sites_may_be_told_in_part(event, origin):
    """Without a file there is no origin; what else is missing or of a wrong type is left empty."""
    assert line_of_event(event, "info").origin == origin


@pytest.mark.parametrize(
    ("exception", "failure"),
    [
        ("", None),
        (None, None),
        (17, None),
        ([], None),
        (["no dictionary"], None),
        ("KeyboardInterrupt", Failure("KeyboardInterrupt", "KeyboardInterrupt", None, "KeyboardInterrupt")),
        ("it broke!", Failure("", "it broke!", None, "it broke!")),
        ("a.b.Error: x: y\n", Failure("a.b.Error", "x: y", None, "a.b.Error: x: y\n")),
    ],
)
def test_rendered_exceptions(exception, failure):
    """The last line of a traceback names type and message; what is no exception is none."""
    assert line_of_event({"exception": exception}, "error").failure == failure


def test_structured_exceptions():
    """The list that dict_tracebacks makes becomes a traceback of Python's own form."""
    frames = [{"filename": "a.py", "lineno": 1, "name": "f"}, "no frame"]
    failure = line_of_event(
        {"exception": [{"exc_type": "ValueError", "exc_value": "no stock", "frames": frames}]}, "error"
    ).failure
    assert failure == Failure("ValueError", "no stock", None, STACK)


def test_structured_exceptions_without_frames():
    """An exception of which only type and text are known is told all the same."""
    failure = line_of_event({"exception": [{"exc_type": "E", "exc_value": None}]}, "error").failure
    assert failure == Failure("E", "", None, "Traceback (most recent call last):\nE: None\n")


@pytest.mark.parametrize(("stack", "failure"), [("Stack:\n", Failure("", "", None, "Stack:\n")), ("", None), (1, None)])
def test_a_stack_without_an_exception(stack, failure):
    """A stack that was asked for is kept, whichever library was asked."""
    assert line_of_event({"stack": stack}, "info").failure == failure
    record = logged("x")
    record.stack_info = stack
    assert line_of_log_record(record).failure == failure


def test_a_log_record_is_read_into_its_places():
    """Time, level, logger, thread and call site are those of the record; ``extra`` becomes fields."""
    record = logged("sold %s", ("out",), level=logging.WARNING, sku="A-1", _own="left out")
    record.traceId, record.spanId = "t", "s"
    line = line_of_log_record(record)
    assert (line.message, line.level, line.logger, line.thread) == ("sold out", "warning", "shop", "MainThread")
    assert line.at_ns == int(record.created * 1e9)
    assert (line.trace_id, line.span_id) == ("t", "s")
    assert line.origin == Origin("/src/a.py", 7, "f")
    assert line.fields == {"sku": "A-1"}


def test_a_record_without_a_thread_or_a_function(monkeypatch):
    """What logging was told not to note is empty."""
    monkeypatch.setattr(logging, "logThreads", False)
    line = line_of_log_record(logging.LogRecord("shop", 20, "a.py", 1, "x", (), None))
    assert (line.thread, line.origin) == ("", Origin("a.py", 1, ""))


def test_an_event_handed_to_logging_stays_one():
    """What structlog passed on as a dictionary is read as an event; level and time are the record's."""
    event = MappingProxyType({"event": "sold out", "logger": "orders", "sku": "A-1", "level": "info"})
    line = line_of_log_record(logged("ignored", level=logging.ERROR), event)
    assert (line.message, line.level, line.logger, line.fields) == ("sold out", "error", "orders", {"sku": "A-1"})


def test_a_message_read_before_is_taken_as_it_is():
    """The record's own arguments are not asked again."""
    assert line_of_log_record(logged("%s", (Untouchable(),)), "as text").message == "as text"


def test_arguments_that_do_not_fit():
    """Message and arguments are shown as they stand."""
    assert said("%d items") == ("%d items", {})
    assert line_of_log_record(logged("%d items", ("many",))).message == "%d items ('many',)"


def test_an_event_rendered_as_json_stays_one():
    """Keys of the event are fields again, and its level, origin and ids are known."""
    rendered = json.dumps({"event": "sold out", "sku": "A-1", "traceId": "t", "spanId": "s", "lineno": 3})
    line = line_of_log_record(logged(rendered))
    assert (line.message, line.fields, line.trace_id, line.span_id) == ("sold out", {"sku": "A-1"}, "t", "s")


def test_an_event_rendered_in_ecs_stays_one():
    """Names of ECS are translated back, and labels are fields."""
    rendered = {
        "ecs.version": "8.11",
        "message": "sold out",
        "log.level": "warning",
        "log.logger": "orders",
        "trace.id": "t",
        "span.id": "s",
        "log.origin.file.name": "b.py",
        "log.origin.file.line": 9,
        "log.origin.function": "sell",
        "error.stack_trace": STACK,
        "labels": {"sku": "A-1"},
    }
    line = line_of_log_record(logged(json.dumps(rendered)))
    assert (line.message, line.logger, line.trace_id, line.span_id) == ("sold out", "orders", "t", "s")
    assert (line.origin, line.fields) == (Origin("b.py", 9, "sell"), {"sku": "A-1"})
    assert line.failure == Failure("ValueError", "no stock", None, STACK)


def test_a_nested_line_of_ecs_stays_an_event():
    """Objects in objects, as our renderers write them, or dotted names among them, as others do, read the same."""
    nested = {
        "ecs": {"version": "8.11"},
        "message": "sold out",
        "log.level": "warning",
        "log": {"logger": "orders", "origin": {"file": {"name": "b.py", "line": 9}, "function": "sell"}},
        "event": {"dataset": "shop.log"},
        "trace": {"id": "t"},
        "span": {"id": "s"},
        "error": {"stack_trace": STACK},
        "labels": {"sku": "A-1"},
    }
    line = line_of_log_record(logged(json.dumps(nested)))
    assert (line.message, line.logger, line.trace_id, line.span_id) == ("sold out", "orders", "t", "s")
    assert (line.origin, line.fields) == (Origin("b.py", 9, "sell"), {"sku": "A-1"})
    assert line.failure == Failure("ValueError", "no stock", None, STACK)


def test_an_event_with_a_field_of_its_own_called_ecs_is_an_event():
    """What structlog calls the event is text, and stays the message."""
    assert said(json.dumps({"event": "hello", "ecs": {"version": 1}})) == ("hello", {"ecs": {"version": 1}})


@pytest.mark.parametrize("labels", ["text", 5, None, ["a"], {}])
def test_labels_of_another_shape_cost_no_line(labels):
    """JSON that only looks like ECS is still a line."""
    assert said(json.dumps({"ecs.version": "1", "message": "hello", "labels": labels})) == ("hello", {})


@pytest.mark.parametrize(
    "message",
    ["{", "{}", "[1]", "{not json}", '{"a": 1}', '{"a":' * 100_000, '{"event": ' + "[" * 100_000, "", "17", "plain"],
    ids=lambda message: message[:12],
)
def test_text_that_is_no_event_stays_text(message):
    """A message of any shape, JSON nested beyond measure included, is read as it stands."""
    assert said(message) == (message, {})


def test_objects_given_as_extra_are_named_only():
    """The worker never calls into an object of the application."""
    line = line_of_log_record(logged("x", order=Untouchable(), many=[Untouchable()]))
    name = f"<{__name__}.Untouchable>"
    assert line.fields == {"order": name, "many": [name]}


def test_the_name_of_the_task_is_no_field():
    """What logging notes from Python 3.12 on is not taken for ``extra``."""
    record = logged("x")
    record.taskName = "Task-1"
    assert line_of_log_record(record).fields == {}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
known = st.sampled_from(
    ["event", "message", "level", "logger", "exception", "stack", "pathname", "lineno", "labels", "ecs.version", "ecs"]
)


@given(st.dictionaries(known | st.text(max_size=8), anything, max_size=8), st.booleans())
def test_every_event_is_a_line(event, rendered):
    """Whatever an event holds, handed over or rendered as JSON: a line comes of it that can be written."""
    record = logged(json.dumps(event)) if rendered else logged("x")
    line = line_of_log_record(record, None if rendered else event)
    words = (line.message, line.level, line.logger, line.trace_id, line.span_id, line.thread)
    assert all(isinstance(word, str) for word in words)
    orjson.dumps(plain({"fields": dict(line.fields), "origin": line.origin, "failure": line.failure}))

"""Log lines as they are taken: what is read on the caller's thread, what is shipped, and what never raises."""

from __future__ import annotations

import _thread
import contextvars
import inspect
import logging
import sys
import threading
from types import ModuleType

import pytest

from tracelog import factory
from tracelog.active import enter, leave
from tracelog.lines import EventLine, bind, caller, event_here, failure_in, line_here, mute, take_event, take_log_record
from tracelog.record import Resource
from tracelog.testing import EPOCH_NS, CountingIds, Recorder, TickingClock
from tracelog.tracer import Tracer, default_tracer, set_default


@pytest.fixture
def shipping():
    """Ship lines of the default tracer, and remember them."""
    recorder = Recorder()
    set_default(
        Tracer(resource=Resource("shop"), sink=recorder, ids=CountingIds(), clock=TickingClock(), ship_lines=True)
    )
    return recorder


@pytest.fixture
def request_span(shipping):
    """Start a span of the tracer that ships lines, with its ids on what is taken inside."""
    opened = default_tracer().start_server_span(None, "GET /")
    token = enter(opened)
    yield opened
    leave(token)


def record(message="m", args=(), *, level=logging.INFO, exc_info=None):
    """Make a LogRecord without any logger."""
    return logging.LogRecord("shop", level, "/src/a.py", 7, message, args, exc_info, "f")


def caught():
    """Return an exception with a traceback."""
    try:
        raise ValueError("no stock")
    except ValueError as error:
        return error


class Shy:
    """An object that may be read by the thread that owns it, and by no other."""

    def __init__(self, text="shy"):
        self.text, self.owner = text, threading.get_ident()

    def __repr__(self):
        assert threading.get_ident() == self.owner
        return self.text


class Rude:
    """An object that cannot be shown."""

    def __repr__(self):
        raise ZeroDivisionError


def read_elsewhere(recorder):
    """Turn what was taken into records on another thread, as the worker does."""
    found = []
    thread = threading.Thread(target=lambda: found.extend(recorder.lines))
    thread.start()
    thread.join(20)
    return found


def test_an_event_takes_along_where_it_was_written(shipping, request_span):
    """Ids, time, resource, thread and the line of the application are those of the call."""
    take_event("warning", {"event": "sold out", "sku": "A-1"})
    here = inspect.currentframe().f_lineno - 1
    (line,) = read_elsewhere(shipping)
    assert (line.message, line.level, line.fields) == ("sold out", "warning", {"sku": "A-1"})
    assert (line.trace_id, line.span_id) == (request_span.trace_id, request_span.span_id)
    assert (line.entry_id, line.resource.service, line.thread) == (request_span.entry_id, "shop", "MainThread")
    assert line.at_ns == EPOCH_NS + default_tracer().workshop.clock.now
    assert (line.origin.file, line.origin.line) == (__file__, here)


def test_a_log_record_takes_along_where_it_was_written(shipping, request_span):
    """So does a record of the standard library."""
    take_log_record(record("sold %s", ("out",)), request_span)
    (line,) = read_elsewhere(shipping)
    assert (line.message, line.entry_id, line.resource.service) == ("sold out", request_span.entry_id, "shop")


def test_lines_outside_of_any_span_go_the_default_tracers_way(shipping):
    """They have no ids."""
    take_event("info", {"event": "started"})
    take_log_record(record("started"), None)
    assert [(line.message, line.trace_id, line.entry_id) for line in shipping.lines] == [("started", "", "")] * 2


def test_a_span_of_another_trace_named_by_the_caller_is_no_part_of_this_one(shipping, request_span):
    """Ids that the caller set win, and the entry of the active span is not claimed for them."""
    take_event("info", {"event": "x", "traceId": "theirs", "spanId": "s"})
    (line,) = shipping.lines
    assert (line.trace_id, line.span_id, line.entry_id) == ("theirs", "s", "")


def test_without_a_tracer_that_ships_nothing_is_taken(recorder, tracer, span):
    """Neither where no tracer is, nor where it keeps lines to itself."""
    take_event("error", {"event": "x"})
    take_log_record(record(), span)
    set_default(None)
    take_log_record(record(), None)
    contextvars.Context().run(take_event, "error", {"event": "x"})
    assert recorder.lines == []


def test_the_pipelines_own_lines_are_not_shipped(shipping):
    """What a muted thread logs stays here; others are not affected."""

    def work():
        mute()
        take_event("error", {"event": "from inside"})
        take_log_record(record("from inside"), None)

    contextvars.copy_context().run(work)
    take_event("info", {"event": "from outside"})
    assert [line.message for line in shipping.lines] == ["from outside"]


@pytest.mark.parametrize(
    ("method", "level", "ships"),
    [
        ("debug", logging.DEBUG, False),
        ("info", logging.INFO, False),
        ("warning", logging.WARNING, True),
        ("exception", logging.ERROR, True),
        ("notice", 25, None),
    ],
)
def test_the_level_shipped_is_the_same_for_both_libraries(recorder, method, level, ships):
    """Lines below it stay here; a method whose level nobody knows is not held back."""
    set_default(Tracer(sink=recorder, ship_lines=True, ship_level=logging.WARNING))
    take_event(method, {"event": "event"})
    take_log_record(record("record", level=level), None)
    shipped = [line.message for line in recorder.lines]
    assert shipped == (["event"] if ships is None else ["event", "record"] * ships)


@pytest.mark.parametrize("missing", ["name", "levelno"])
def test_a_record_without_name_or_level_is_a_copy(shipping, missing):
    """Logging makes copies of records in two steps; the first is no line."""
    copy = record()
    setattr(copy, missing, None)
    take_log_record(copy, None)
    assert shipping.lines == []


def test_objects_are_read_by_the_thread_that_logs(shipping):
    """Whatever an object shows is taken down in the call."""
    take_event("info", {"event": Shy("said"), "order": Shy("order 7"), "many": [Shy()]})
    take_log_record(record("%s and %d", (Shy("text"), 3)), None)
    take_log_record(record("%(who)s", ({"who": Shy("named")},)), None)
    take_log_record(record(Shy("alone")), None)
    take_log_record(record({"event": "dict", "order": Shy("order 8")}), None)
    found = read_elsewhere(shipping)
    assert [line.message for line in found] == ["said", "text and 3", "named", "alone", "dict"]
    assert (found[0].fields, found[4].fields) == ({"order": "order 7", "many": ["shy"]}, {"order": "order 8"})


def test_plain_arguments_are_formatted_by_the_worker(shipping, monkeypatch):
    """Where no object of the application is involved, the caller's thread does not format."""
    made = record("%s %d %(x)s", ({"x": 1},))
    made.args = ("a", 2, None)
    made.msg = "%s %d %s"
    monkeypatch.setattr(made, "getMessage", lambda: threading.current_thread().name)
    take_log_record(made, None)
    assert shipping.lines[0].message == "MainThread"
    (line,) = read_elsewhere(shipping)
    assert line.message.startswith("Thread-")


@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        ("%d", (Shy(),), "%d"),
        (Rude(), (), f"<{__name__}.Rude>"),
        ("%s", (Rude(),), "%s"),
        (None, (), "None"),
        (17, (), "17"),
    ],
    ids=["bad format", "rude message", "rude argument", "none", "number"],
)
def test_no_message_costs_a_line(shipping, message, args, shown):
    """What cannot be formatted is shown as far as it can be."""
    take_log_record(record(message, args), None)
    assert [line.message for line in shipping.lines] == [shown]


def test_an_exception_is_taken_down_where_it_happened(shipping):
    """It may be told as an exception, as a tuple, or as true, to either library, or in an event handed on."""
    error = caught()
    told = [error, (type(error), error, error.__traceback__)]
    for exc_info in told:
        take_event("error", {"event": "x", "exc_info": exc_info})
        take_log_record(record(exc_info=exc_info), None)
        take_log_record(record({"event": "x", "exc_info": exc_info}), None)
    try:
        raise error
    except ValueError:
        take_event("error", {"event": "x", "exc_info": True})
        take_log_record(record({"event": "x", "exc_info": True}), None)
    found = read_elsewhere(shipping)
    assert [(line.failure.type, line.failure.message) for line in found] == [("ValueError", "no stock")] * 8
    assert all(line.fields == {} for line in found)


@pytest.mark.parametrize("exc_info", [None, False, True, (), (None, None, None), 1], ids=repr)
def test_no_exception_is_no_failure(exc_info):
    """Outside of an ``except`` block there is nothing to tell."""
    assert sys.exc_info() == (None, None, None)
    assert failure_in(exc_info) is None


class Hostile(dict):
    """An event that cannot be copied."""

    def __iter__(self):
        """Fail."""
        raise ZeroDivisionError

    keys = __iter__


def test_a_line_that_cannot_be_taken_is_counted_not_raised(shipping):
    """The call returns; the worker meets the error instead, once for each line."""
    take_event("info", Hostile(event="x"))
    take_log_record(record(Hostile(event="x")), None)
    assert shipping.stats().finished == 2
    for taken in shipping._items:
        with pytest.raises(ZeroDivisionError):
            taken.record()


def test_a_formatter_sees_the_ids_the_record_was_made_with(shipping, request_span):
    """The thread that writes a line out may have a span of its own, or none."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    factory.install()
    try:
        inside = logging.getLogger("shop").makeRecord("shop", 20, "a.py", 1, "inside", (), None)
        outside = contextvars.Context().run(
            logging.getLogger("shop").makeRecord, "shop", 20, "a.py", 1, "outside", (), None
        )
    finally:
        logging.setLogRecordFactory(before)
    ids = request_span.trace_id, request_span.span_id
    assert line_here(inside)[5:8] == (*ids, request_span.entry_id)
    assert contextvars.Context().run(line_here, inside)[5:8] == (*ids, "")
    assert line_here(outside)[5:8] == ("", "", "")


def test_a_formatter_without_the_factory_takes_the_active_span(request_span):
    """A record that brings no ids gets those of the span that is active where it is written out."""
    assert line_here(record())[5:8] == (request_span.trace_id, request_span.span_id, request_span.entry_id)


def test_a_formatter_takes_the_event_for_the_record(request_span):
    """What structlog made of the record counts, its exception included."""
    line = line_here(record("raw"), {"event": "made", "sku": "A-1", "exc_info": caught()})
    assert (line.message, line.fields, line.failure.message) == ("made", {"sku": "A-1"}, "no stock")


def test_rendering_needs_no_set_up():
    """Without any tracer a line has no ids, and an unknown service."""
    line = event_here("warn", {"event": "x"})
    assert (line.message, line.level, line.trace_id, line.resource.service) == ("x", "warning", "", "unknown")
    assert line_here(record()).resource.service == "unknown"


def test_rendering_inside_of_a_span(request_span):
    """Its ids and its service are on the line."""
    line = event_here("info", {"event": "x"})
    assert (line.trace_id, line.resource.service) == (request_span.trace_id, "shop")


def test_the_callers_own_place_wins():
    """Where structlog was told to note file and thread, those are kept."""
    line = event_here("info", {"event": "x", "pathname": "b.py", "lineno": 3, "thread_name": "mine"})
    assert (line.origin.file, line.origin.line, line.thread) == ("b.py", 3, "mine")


def test_a_line_written_by_nobody_has_no_origin():
    """Where all frames are those of logging libraries, no line of the application is named."""
    module = ModuleType("structlog.core")
    vars(module).update(caller=caller, found=[], done=threading.Event(), measure=threading.gettrace)
    exec("import sys\ndef work():\n sys.settrace(measure())\n found.append(caller())\n done.set()", vars(module))  # noqa: S102 - our own text
    # A thread of the bare kind: the frames of `threading` would stand for the application. Coverage has to be told.
    _thread.start_new_thread(module.work, ())
    assert module.done.wait(20)
    assert module.found == [None]


def test_an_event_line_keeps_what_it_was_given():
    """What is done to the event after the call does not show."""
    event = {"event": "x", "items": [1]}
    line = EventLine(Tracer().workshop, None, "info", event)
    event["items"].append(2)
    event["late"] = True
    assert line.record().fields == {"items": [1]}


def test_binding_yields_to_the_caller(request_span):
    """Each id is put on an event unless the caller set it."""
    event = {"spanId": "mine"}
    bind(event, request_span)
    assert event == {"spanId": "mine", "traceId": request_span.trace_id}

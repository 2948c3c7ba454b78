"""Spans: from their start to the record they leave behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.context import RANDOM, SAMPLED, TraceContext, pairs_of
from tracelog.ids import RandomIds
from tracelog.plain import MAX_KEYS
from tracelog.record import Entry, Event, Failure, Kind, Resource, SpanRecord, Status
from tracelog.sampling import LEFT_OUT
from tracelog.span import MAX_EVENTS
from tracelog.testing import EPOCH_NS, Recorder
from tracelog.tracer import Tracer

MS = 1_000_000


class Own:
    """A context of the application's own."""

    trace_id, span_id = "order-17", "step-3"

    def visit(self, see, /):
        """Show ids, and pairs that are none."""
        for key, value in {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "tenant": "blue",
            "parentSpanId": "x",
        }.items():
            if see(key, value) is False:
                return


class Stepping:
    """A wall clock that is set back by an hour each time it is read, and a steady one that ticks."""

    def __init__(self):
        self.hours, self.ticks = 100, 0

    def wall(self):
        """Go back by an hour."""
        self.hours -= 1
        return self.hours * 3_600_000 * MS

    def steady(self):
        """Go on by a millisecond."""
        self.ticks += MS
        return self.ticks


def never(trace_id, operation, parent):
    """Leave every trace out."""
    return LEFT_OUT


def at_once(times, function):
    """Call *function* that often, each in a thread of its own, all at the same moment."""
    barrier = threading.Barrier(times, timeout=20)

    def wait_and_call(number):
        barrier.wait()
        return function(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(wait_and_call, range(times), timeout=60))


def test_the_record_of_a_span(tracer, recorder):
    """What was known at the end is what the record holds."""
    span = tracer.start_server_span(None, "GET /orders", amount=12)
    span.set(customer="Jo").event("charged", by="card").fork().finish()
    span.called()
    span.finish()
    assert recorder.spans[1] == SpanRecord(
        Resource("shop"),
        trace_id=f"{1:032x}",
        span_id=f"{1:016x}",
        parent_id="",
        entry_id=f"{1:016x}",
        operation="GET /orders",
        kind=Kind.SERVER,
        status=Status.SUCCESS,
        started_ns=EPOCH_NS + MS,
        duration_ns=4 * MS,
        children=1,
        calls=1,
        weight=1.0,
        attributes={"amount": 12, "customer": "Jo"},
        events=(Event("charged", EPOCH_NS + 2 * MS, {"by": "card"}),),
    )


def test_a_child_belongs_to_its_parent(span, tracer, recorder):
    """A fork shares the trace, the entry and the service, and names its parent; the parent counts it."""
    child = span.fork("query", Kind.CLIENT, rows=3)
    assert (child.trace_id, child.parent_id, child.entry_id) == (span.trace_id, span.span_id, span.span_id)
    assert (child.operation, child.kind, child.service) == ("query", Kind.CLIENT, "shop")
    assert (child.attributes, span.children, child.children) == ({"rows": 3}, 1, 0)
    assert (span.fork().operation, span.fork().kind) == (span.operation, Kind.INTERNAL)


def test_a_span_of_a_caller(tracer):
    """The first span of a process hangs below the caller's, and is the entry here."""
    span = tracer.start_server_span(TraceContext("a" * 32, "b" * 16), "GET /")
    assert (span.trace_id, span.parent_id, span.entry_id) == ("a" * 32, "b" * 16, span.span_id)


def test_follow_is_a_sibling(span, recorder):
    """A successor of a child is a child of the same parent, and counted there."""
    child = span.fork("first", Kind.CLIENT)
    after = child.follow(n=1)
    named = after.follow("third")
    assert [one.parent_id for one in (child, after, named)] == [span.span_id] * 3
    assert [one.operation for one in (child, after, named)] == ["first", "first", "third"]
    assert (after.kind, after.attributes, span.children, child.children) == (Kind.CLIENT, {"n": 1}, 3, 0)


def test_follow_of_an_entry_is_a_second_entry(tracer):
    """Without a parent in this process the successor hangs where its predecessor does."""
    arrived = TraceContext("a" * 32, "b" * 16, flags=SAMPLED | RANDOM, extra={"tenant": "blue"})
    first = tracer.start_server_span(arrived, "GET /")
    second = first.follow("GET /again")
    assert (second.trace_id, second.parent_id, second.entry_id) == ("a" * 32, "b" * 16, second.span_id)
    assert (second.flags, pairs_of(second)["tenant"], first.children) == (3, "blue", 0)


def test_finishing_twice_is_harmless(tracer, recorder):
    """A second finish neither raises nor reports again, nor changes the duration."""
    span = tracer.start_server_span(None, "GET /")
    assert (span.finished, span.duration_ns) == (False, 0)
    span.finish()
    lasted = span.duration_ns
    span.finish()
    assert (span.finished, span.duration_ns, len(recorder.spans)) == (True, lasted, 1)
    assert lasted > 0


@pytest.mark.parametrize("turn", range(20))
def test_finishing_from_many_threads_reports_once(turn):
    """Of sixteen threads that finish a span at the same moment one hands the record over."""
    recorder = Recorder()
    span = Tracer(sink=recorder).start_server_span(None, "GET /")
    at_once(16, lambda number: span.finish())
    assert len(recorder.spans) == 1


def test_forking_from_many_threads_loses_no_child():
    """Children and calls are counted exactly, and no id is given out twice."""
    recorder = Recorder()
    span = Tracer(sink=recorder, ids=RandomIds()).start_server_span(None, "GET /")

    def work(number):
        for _ in range(200):
            span.called()
            span.fork().finish()

    at_once(32, work)
    span.finish()
    *children, parent = recorder.spans
    assert (parent.children, parent.calls, len(children)) == (6400, 6400, 6400)
    assert len({record.span_id for record in recorder.spans}) == 6401


def test_setting_from_many_threads_keeps_all():
    """Attributes and events of all threads arrive."""
    recorder = Recorder()
    span = Tracer(sink=recorder).start_server_span(None, "GET /")

    def work(number):
        span.set(**{f"thread{number}": number}).event(f"thread{number}")

    at_once(32, work)
    span.finish()
    assert len(recorder.spans[0].attributes) == len(recorder.spans[0].events) == 32


def test_durations_do_not_follow_the_wall_clock():
    """Although the wall clock is set back with each reading, durations and the order within the trace hold."""
    recorder = Recorder()
    parent = Tracer(sink=recorder, clock=Stepping()).start_server_span(None, "GET /")
    child = parent.fork()
    child.event("now")
    child.finish()
    parent.finish()
    inner, outer = recorder.spans
    assert (inner.duration_ns, outer.duration_ns) == (2 * MS, 4 * MS)
    assert inner.started_ns - outer.started_ns == MS
    assert inner.events[0].at_ns - outer.started_ns == 2 * MS


def test_what_comes_after_the_end_is_ignored(tracer, recorder):
    """Attributes, events and failures of a finished span change nothing, its record least of all."""
    span = tracer.start_server_span(None, "GET /", a=1)
    span.finish()
    before = recorder.spans[0]
    assert span.set(a=2, b=3).event("late").fail(ValueError()) is span
    assert (span.attributes, span.events, span.status, span.failure) == ({"a": 1}, None, Status.SUCCESS, None)
    assert recorder.spans == [before]


def test_a_finished_span_can_still_be_forked(tracer, recorder):
    """Work that goes on in the background belongs to the trace; the record of the parent does not know of it."""
    span = tracer.start_server_span(None, "GET /")
    span.finish()
    assert span.fork().parent_id == span.span_id
    assert recorder.spans[0].children == 0


def test_unsampled_spans_leave_ids_and_no_record():
    """They have ids for the log lines, count and pass on as any, and report nothing."""
    recorder = Recorder()
    span = Tracer(sink=recorder, sampler=never).start_server_span(None, "GET /")
    child = span.fork().set(a=1).event("x").fail("y")
    child.finish()
    span.finish()
    assert len(span.trace_id) == 32
    assert (child.trace_id, child.parent_id, span.children, span.flags) == (span.trace_id, span.span_id, 1, 0)
    assert recorder.spans == []


def test_a_span_can_be_left_out_later(span, recorder):
    """From then on neither it nor what it forks leaves a record; what was forked before does."""
    before = span.fork()
    span.leave_out()
    for one in (before, span.fork(), span):
        one.finish()
    assert [record.span_id for record in recorder.spans] == [before.span_id]


def test_a_context_of_the_applications_own_survives(tracer, recorder):
    """Its ids are taken as they are, and its pairs are shown by every fork, under that span's own id."""
    span = tracer.start_server_span(Own(), "GET /").fork().fork()
    assert pairs_of(span) == {"traceId": "order-17", "spanId": span.span_id, "tenant": "blue", "parentSpanId": "x"}
    assert (span.trace_id, span.sampled, span.flags) == ("order-17", True, SAMPLED)
    assert isinstance(span.arrived, Own)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_visitor_that_answers_false_is_shown_no_more(tracer, stop):
    """The visit of a span ends with the first False."""
    seen = []

    def see(key, value):
        seen.append(key)
        return len(seen) < stop

    tracer.start_server_span(Own(), "GET /").visit(see)
    assert len(seen) == stop


@pytest.mark.parametrize("flags", range(4))
def test_flags_are_passed_on(tracer, flags):
    """The bits that came in go out again."""
    assert tracer.start_server_span(TraceContext("a" * 32, "b" * 16, flags), "GET /").fork().flags == flags


def test_failures(tracer, recorder):
    """An exception, a reason in words, and no reason at all each make the outcome a failure."""
    for reason in (ValueError("no stock"), "no stock", None):
        tracer.start_server_span(None, "GET /").fail(reason).finish()
    exception, words, nothing = (record.failure for record in recorder.spans)
    assert (exception.type, exception.message) == ("ValueError", "no stock")
    assert (words, nothing) == (Failure("", "no stock", entry=Entry("GET /", Kind.SERVER)), None)
    assert {record.status for record in recorder.spans} == {Status.FAILURE}


def test_attributes_are_bounded(span):
    """128 names are kept; a known name can still be changed."""
    span.set(**{f"k{n}": n for n in range(100)})
    span.set(**{f"m{n}": n for n in range(100)})
    span.set(k0="changed", late=1)
    assert len(span.attributes) == MAX_KEYS
    assert span.attributes["k0"] == "changed"
    assert "late" not in span.attributes


def test_events_are_bounded(span):
    """128 events are kept."""
    for n in range(200):
        span.event("tick", n=n)
    assert [event.attributes["n"] for event in span.events] == list(range(MAX_EVENTS))


@given(st.dictionaries(st.text(), st.integers()))
def test_any_name_can_be_an_attribute(names):
    """No name of an attribute clashes with one of our own, ``self`` and ``operation`` included."""
    recorder = Recorder()
    names = {"self": 1, "operation": 2, "name": 3, "kind": 4, "failure": 5, **names}
    span = Tracer(sink=recorder).start_server_span(None, "GET /", **names)
    span.set(**names).event("x", **names).fork("y", **names).finish()
    span.follow("z", **names).finish()
    span.finish()
    assert [record.attributes for record in recorder.spans] == [names] * 3


def test_objects_are_read_on_the_callers_thread(span):
    """What an attribute looked like when it was set is what is kept."""
    items = [1]
    span.set(items=items)
    items.append(2)
    assert span.attributes == {"items": [1]}


def test_a_span_tells_the_time_of_day(span):
    """A reading of the steady clock has its place in the trace's own time."""
    assert span.wall(5 * MS) == EPOCH_NS + 5 * MS


def test_repr(span):
    """A span shows its ids, and none of its attributes."""
    span.set(password="x")  # noqa: S106 - nobody's
    assert repr(span) == f"<Span 'GET /orders' traceId={span.trace_id} spanId={span.span_id}>"


def test_what_follows_an_entry_that_was_left_out_is_left_out(span, recorder):
    """A request that is excluded leaves no record by way of a successor either."""
    span.leave_out()
    after = span.follow("again")
    after.finish()
    assert (after.sampled, after.flags, recorder.spans) == (False, 0, [])


def test_a_record_does_not_change_with_its_span(tracer, recorder):
    """What another thread is still setting when the span finishes does not reach the record."""
    span = tracer.start_server_span(None, "work", a=1)
    span.finish()
    span.attributes["late"] = True
    assert recorder.spans[0].attributes == {"a": 1}

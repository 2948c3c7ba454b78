"""The tracer: which span it starts where, and the default one."""

from __future__ import annotations

import gc

import pytest

from tracelog.active import activate
from tracelog.clock import SystemClock
from tracelog.context import TraceContext
from tracelog.noop import NOOP
from tracelog.record import Kind, Resource
from tracelog.stats import Stats
from tracelog.tracer import (
    Nowhere,
    Tracer,
    default_tracer,
    default_workshop,
    flush,
    has_default,
    set_default,
    stats,
)


class Slow(Nowhere):
    """A sink with three records that never get anywhere, and a note of how long it was given."""

    def __init__(self):
        self.given: list[float] = []

    def flush(self, timeout, /):
        """Say that three are pending."""
        self.given.append(timeout)
        return 3

    def stats(self):
        """Count three."""
        return Stats(finished=3, pending=3)


def test_a_tracer_needs_no_set_up():
    """Without any option there are ids, and records are forgotten."""
    tracer = Tracer()
    span = tracer.start_server_span(None, "GET /")
    span.finish()
    assert (len(span.trace_id), len(span.span_id), span.service) == (32, 16, "unknown")
    assert (tracer.sink.flush(0), tracer.sink.close(0), tracer.sink.stats()) == (0, 0, Stats())


@pytest.mark.parametrize(("context", "parent_id"), [(None, ""), (TraceContext("a" * 32, "b" * 16), "b" * 16)])
def test_server_spans(tracer, context, parent_id):
    """They continue the caller's trace, or begin one, whatever else is active."""
    with activate(tracer.start_server_span(None, "outer")):
        span = tracer.start_server_span(context, "GET /", a=1)
    assert (span.kind, span.parent_id, span.attributes) == (Kind.SERVER, parent_id, {"a": 1})
    assert context is None or span.trace_id == context.trace_id


def test_client_spans(span, tracer):
    """They are children of the active span."""
    client = tracer.start_client_span("GET h", a=1)
    assert (client.kind, client.parent_id, client.attributes) == (Kind.CLIENT, span.span_id, {"a": 1})


def test_client_spans_without_a_trace(tracer):
    """A call made outside of any trace begins none, nor does one after its span's end."""
    assert tracer.start_client_span("GET h") is NOOP
    with activate(tracer.start_server_span(None, "GET /")) as ended:
        ended.finish()
        assert tracer.start_client_span("GET h") is NOOP


def test_spans_of_any_kind(tracer):
    """They are children of the active span, or begin a trace."""
    first = tracer.start_span("job")
    with activate(first):
        second = tracer.start_span("step", n=1)
    assert (first.parent_id, first.kind) == ("", Kind.INTERNAL)
    assert (second.parent_id, second.attributes) == (first.span_id, {"n": 1})


def test_the_sampler_is_asked_once_for_each_entry(recorder):
    """It sees the trace id, the operation and the caller; forks do not ask again."""
    asked = []

    def sampler(*about):
        asked.append(about)
        return 4.0

    arrived = TraceContext("a" * 32, "b" * 16)
    span = Tracer(sink=recorder, sampler=sampler).start_server_span(arrived, "GET /")
    span.fork().fork().finish()
    assert asked == [("a" * 32, "GET /", arrived)]
    assert recorder.spans[0].weight == 4.0


@pytest.mark.parametrize("ship", [True, False])
def test_lines_go_the_way_of_spans_where_that_is_wanted(recorder, ship):
    """The workshop tells whether and from which level on lines are shipped."""
    workshop = Tracer(sink=recorder, ship_lines=ship, ship_level=20).workshop
    assert (workshop.ship is not None, workshop.ship_level) == (ship, 20)


def test_there_is_always_a_default():
    """Where none was set one is made that exports nothing, and stays."""
    assert not has_default()
    assert default_workshop() is None
    made = default_tracer()
    assert has_default()
    assert default_tracer() is made
    assert default_workshop() is made.workshop


def test_setting_the_default_answers_the_one_before():
    """So a test can put things back as they were."""
    one, other = Tracer(), Tracer(resource=Resource("other"))
    assert set_default(one) is None
    assert set_default(other) is one
    assert default_tracer() is other
    assert set_default(None) is other
    assert not has_default()


def test_flush_and_stats_speak_for_all_tracers():
    """All tracers of the process share one deadline, and their counts are added up."""
    gc.collect()
    before, pending = stats(), flush(0)
    sinks = [Slow(), Slow()]
    tracers = [Tracer(sink=sink) for sink in sinks]
    assert flush(30) == pending + 6
    assert all(0 < given <= 30 for sink in sinks for given in sink.given)
    assert stats().finished == before.finished + 6
    assert flush(-1) == pending + 6
    assert [sink.given[-1] for sink in sinks] == [0.0, 0.0]
    del tracers


def test_the_systems_clocks():
    """The wall clock tells the time since 1970, the steady one never goes back."""
    clock = SystemClock()
    assert clock.wall() > 1_767_225_600 * 10**9
    readings = [clock.steady() for _ in range(1000)]
    assert readings == sorted(readings)


def test_a_way_out_that_is_shared_is_counted_once(recorder):
    """Two tracers that send through one pipeline do not count its records twice."""
    gc.collect()
    before = stats()
    tracers = [Tracer(sink=recorder), Tracer(sink=recorder)]
    tracers[0].start_span("job").finish()
    assert stats().finished == before.finished + 1


def test_a_way_out_that_is_empty_is_still_one():
    """A sink that tells its length is used although it holds nothing yet."""

    class Sized(Nowhere):
        """A sink with a length."""

        def __len__(self):
            return 0

    sink = Sized()
    assert Tracer(sink=sink).sink is sink

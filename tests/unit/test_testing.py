"""What tracelog offers to tests of applications."""

from __future__ import annotations

import logging

import pytest

from tracelog import factory
from tracelog.active import active
from tracelog.block import span as block
from tracelog.record import Resource
from tracelog.stats import Stats
from tracelog.testing import EPOCH_NS, CountingIds, Recorder, TickingClock, recording
from tracelog.tracer import Tracer, default_tracer, default_workshop, has_default, set_default

pytest_plugins = ["pytester"]

LOGGER = logging.getLogger("shop.orders")

APPLICATION = '''
import logging

import tracelog

def test_traced(tracelog_recorder):
    """Use the fixture without importing anything for it."""
    with tracelog.span("charge", amount=12):
        logging.getLogger("shop").warning("sold out")
    (span,), (line,) = tracelog_recorder.spans, tracelog_recorder.lines
    assert (span.operation, span.attributes, span.span_id) == ("charge", {"amount": 12}, f"{1:016x}")
    assert (line.message, line.trace_id, line.span_id) == ("sold out", span.trace_id, span.span_id)

def test_fresh(tracelog_recorder):
    """Begin with nothing, and with the first ids again."""
    assert (tracelog_recorder.spans, tracelog_recorder.lines) == ([], [])
    with tracelog.span("again") as span:
        assert span.span_id == f"{1:016x}"

def test_without():
    """Find nothing left behind."""
    from tracelog.tracer import has_default

    assert not has_default()
    assert logging.getLogRecordFactory() is logging.LogRecord
'''


@pytest.fixture(autouse=True)
def _own_factory():
    """Begin without our factory, and put back what was there."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    yield
    logging.setLogRecordFactory(before)


def test_ids_count():
    """Ids of traces and of spans begin with one, in the length of real ones."""
    ids = CountingIds()
    assert [ids.trace_id(), ids.trace_id()] == [f"{1:032x}", f"{2:032x}"]
    assert [ids.span_id(), ids.span_id()] == [f"{1:016x}", f"{2:016x}"]


def test_the_clock_ticks():
    """Each reading of the steady clock goes on by one tick, and the wall clock goes along."""
    clock = TickingClock(tick=5)
    assert (clock.wall(), clock.steady(), clock.steady(), clock.wall()) == (EPOCH_NS, 5, 10, EPOCH_NS + 10)


def test_spans_and_lines_are_recorded_in_order():
    """Both are there at once, without waiting for anything."""
    with recording() as recorder, block("outer"), block("inner"):
        LOGGER.warning("first")
        LOGGER.warning("second")
    assert [span.operation for span in recorder.spans] == ["inner", "outer"]
    assert [line.message for line in recorder.lines] == ["first", "second"]
    assert {line.span_id for line in recorder.lines} == {recorder.spans[0].span_id}
    assert {span.resource for span in recorder.spans} == {Resource("test")}


def test_two_runs_record_the_same():
    """With counting ids and a ticking clock a test can compare whole records."""

    def run():
        with recording() as recorder, block("job", n=1) as span:
            span.event("step")
        return recorder.spans

    assert run() == run() != []


def test_a_recorder_can_be_cleared():
    """Afterwards it knows only what comes later, and its counts say so."""
    with recording() as recorder:
        with block("before"):
            pass
        assert recorder.stats() == Stats(finished=1, stored=1)
        recorder.clear()
        assert (recorder.spans, recorder.stats()) == ([], Stats())
        with block("after"):
            pass
    assert [span.operation for span in recorder.spans] == ["after"]
    assert (recorder.flush(0), recorder.close(0)) == (0, 0)


def test_options_are_those_of_a_tracer():
    """Each default can be replaced."""
    with recording(resource=Resource("shop"), clock=TickingClock(7), ship_lines=False) as recorder, block("job"):
        LOGGER.warning("not shipped")
    (span,) = recorder.spans
    assert (span.resource.service, span.duration_ns, recorder.lines) == ("shop", 7, [])


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_all_is_as_before(fails):
    """The default tracer and the LogRecord factory come back, whether the block failed or not."""
    mine = Tracer()
    set_default(mine)
    try:
        with recording() as recorder:
            assert default_tracer() is not mine
            assert default_workshop().sink == recorder.offer
            assert factory.installed()
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert default_tracer() is mine
    assert logging.getLogRecordFactory() is logging.LogRecord
    assert active() is None


def test_afterwards_there_is_no_default_where_there_was_none():
    """Nothing set once leaks into the next test."""
    with recording():
        assert has_default()
    assert not has_default()


def test_a_factory_that_was_installed_stays():
    """An application that installed it itself keeps it."""
    factory.install()
    ours = logging.getLogRecordFactory()
    with recording():
        assert logging.getLogRecordFactory() is ours
    assert logging.getLogRecordFactory() is ours


def test_recordings_nest():
    """The innermost one gets what is traced, and the outer one goes on where it was."""
    with recording() as outer:
        with recording() as inner, block("inside"):
            LOGGER.warning("inside")
        with block("outside"):
            LOGGER.warning("outside")
    assert [span.operation for span in inner.spans] == [line.message for line in inner.lines] == ["inside"]
    assert [span.operation for span in outer.spans] == [line.message for line in outer.lines] == ["outside"]


def test_a_recorder_is_a_way_out_of_any_tracer():
    """It can be given to a tracer by hand, without becoming anybody's default."""
    recorder = Recorder()
    Tracer(sink=recorder).start_server_span(None, "GET /").finish()
    assert [span.operation for span in recorder.spans] == ["GET /"]
    assert not has_default()


def test_the_fixture_is_there_without_an_import(pytester):
    """In a test run of an application's own the plugin is found, starts anew for each test and leaves nothing."""
    pytester.makepyfile(APPLICATION)
    pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", timeout=60).assert_outcomes(passed=3)


def test_the_plugin_costs_other_tests_no_third_party_module(pytester):
    """Test runs that do not use it load the core alone."""
    pytester.makepyfile("""
        import sys

        def test_loaded():
            assert "tracelog.testing" in sys.modules
            assert not {"flask", "structlog", "elasticsearch", "orjson", "requests"} & sys.modules.keys()
    """)
    pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=60).assert_outcomes(passed=1)

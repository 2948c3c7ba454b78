"""The LogRecord factory: ids on every record, and nothing else changed."""

from __future__ import annotations

import copy
import logging
import pickle
from contextlib import contextmanager

import pytest

from tracelog import factory
from tracelog.active import activate
from tracelog.record import Resource
from tracelog.testing import CountingIds, Recorder
from tracelog.tracer import Tracer, set_default

LOGGER = logging.getLogger("shop.orders")


@pytest.fixture(autouse=True)
def _installed():
    """Install our factory in place of the one that was there, and put that back."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    factory.install()
    yield
    logging.setLogRecordFactory(before)


def made(message="m", args=(), **extra):
    """Make a record as a logger does."""
    return LOGGER.makeRecord(LOGGER.name, logging.INFO, __file__, 1, message, args, None, extra=extra or None)


@contextmanager
def another_factory():
    """Put a factory of somebody else's around the one that is there."""
    before = logging.getLogRecordFactory()

    def mark(*args, **kwargs):
        record = before(*args, **kwargs)
        record.tenant = "blue"
        return record

    logging.setLogRecordFactory(mark)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


def test_inside_of_a_span_a_record_has_its_ids(span):
    """Ids are attributes, so that a format string can name them."""
    record = made("order %d", (7,))
    assert (record.traceId, record.spanId) == (span.trace_id, span.span_id)
    assert logging.Formatter("%(traceId)s %(message)s").format(record) == f"{span.trace_id} order 7"


def test_outside_of_any_span_ids_are_empty():
    """A format string that names them must not fail where there is no trace."""
    assert (made().traceId, made().spanId) == ("", "")


def test_a_finished_span_still_names_its_last_lines(span):
    """What a server says after the end of a request belongs to it."""
    span.finish()
    assert made().traceId == span.trace_id


def test_the_callers_own_ids_win(span):
    """``extra`` may bring either id; logging's own names stay taken."""
    record = made(traceId="mine", spanId="own")
    assert (record.traceId, record.spanId) == ("mine", "own")
    with pytest.raises(KeyError, match="levelname"):
        made(levelname="no")


def test_a_record_shows_its_ids_to_everybody_else(span):
    """Formatters and filters that ask what attributes a record has see both."""
    names = vars(made(sku="A-1"))
    assert {"traceId", "spanId", "sku", "levelname"} <= set(names)
    assert "traceId" in names
    assert "nothing" not in names


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])  # noqa: S301 - our own bytes
def test_a_copy_is_an_ordinary_record(span, copied):
    """Copies, in this process and the next, have the ids and a plain dictionary of attributes."""
    record = made(sku="A-1")
    twin = copied(record)
    assert (twin.traceId, twin.spanId, twin.sku) == (span.trace_id, span.span_id, "A-1")
    assert dict(vars(twin)) == dict(vars(record))


def test_a_pickled_record_needs_none_of_us(span):
    """A process without tracelog can read it."""
    assert b"tracelog.factory" not in pickle.dumps(made())


def test_installing_twice_changes_nothing():
    """The second time our factory is there already."""
    ours = logging.getLogRecordFactory()
    factory.install()
    assert logging.getLogRecordFactory() is ours
    assert factory.installed()


def test_uninstalling_puts_back_what_was_there():
    """So it does once, and then nothing more."""
    assert logging.getLogRecordFactory() is not logging.LogRecord
    for _ in range(2):
        factory.uninstall()
        assert logging.getLogRecordFactory() is logging.LogRecord
        assert not factory.installed()


def test_a_factory_around_ours_stays_where_it_is():
    """What somebody else put around ours is not taken away by us."""
    with another_factory():
        theirs = logging.getLogRecordFactory()
        factory.uninstall()
        assert logging.getLogRecordFactory() is theirs
        assert (made().tenant, made().traceId) == ("blue", "")


def test_a_line_ships_once_with_another_factory_in_between():
    """Installed again around a factory that stands around ours, a record still is one line."""
    recorder = Recorder()
    with another_factory():
        factory.install()
        set_default(Tracer(sink=recorder, ship_lines=True))
        with activate(Tracer(sink=recorder, ship_lines=True).start_span("job")) as span:
            record = made("hello")
        factory.uninstall()
    assert (record.tenant, record.traceId) == ("blue", span.trace_id)
    assert [line.message for line in recorder.lines] == ["hello"]


def test_a_fault_of_ours_leaves_the_record_as_it_was(span):
    """A class of records that keeps no attributes of others is logged without ids."""

    class Closed(logging.LogRecord):
        """A record whose attributes cannot be replaced."""

        @property
        def __dict__(self):
            return {"msg": "closed"}

    logging.setLogRecordFactory(Closed)
    factory.install()
    record = made()
    assert isinstance(record, Closed)
    assert not hasattr(record, "traceId")


@pytest.mark.parametrize("keys", [{1: 2}, {("a", "b"): 1}, {"event": "x", None: 1}, {b"raw": 1}], ids=repr)
def test_a_dictionary_with_names_of_any_type_is_a_line(keys):
    """What is logged need not be an event; its names become text, and the line is not lost."""
    recorder = Recorder()
    set_default(Tracer(resource=Resource("shop"), sink=recorder, ids=CountingIds(), ship_lines=True))
    made(keys)
    (line,) = recorder.lines
    assert line.message == keys.get("event", "")
    assert len(line.fields) == 1
    assert all(type(name) is str for name in line.fields)

"""Ids on every line: structlog, standard logging, both through one chain; and what is shipped of them."""

import io
import json
import logging
import logging.handlers
import queue
import sys

import pytest
import structlog

import tracelog
from tracelog import factory
from tracelog.cleaning import Cleaner
from tracelog.ecs.encode import encode
from tracelog.ecs.found import flat
from tracelog.integrations.stdlib import ECSFormatter, install
from tracelog.integrations.structlog import ECSRenderer, bind_ids
from tracelog.testing import recording


@pytest.fixture
def rec():
    """Record into memory; leave logging and structlog as they were."""
    with recording() as recorder:
        yield recorder
    structlog.reset_defaults()


@pytest.fixture
def root():
    """Give the root logger one handler that writes into memory."""
    logger, out = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(out)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler, out
    logger.removeHandler(handler)
    logger.setLevel(before)


def printed(processors, **options):
    """Configure structlog to print into memory, and return logger and output."""
    out = io.StringIO()
    structlog.configure(processors=processors, logger_factory=structlog.PrintLoggerFactory(out), **options)
    return structlog.get_logger(), out


def lines_of(out):
    """Parse what was written, a line each."""
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_inside_a_span_carries_its_ids(rec):
    """bind_ids adds traceId and spanId of the active span."""
    log, out = printed([bind_ids, structlog.processors.JSONRenderer()])
    with tracelog.span("work") as span:
        log.info("inside")
    (line,) = lines_of(out)
    assert line == {"event": "inside", "traceId": span.trace_id, "spanId": span.span_id}


def test_an_event_outside_of_any_span_has_no_id_keys(rec):
    """Without a span bind_ids adds nothing."""
    log, out = printed([bind_ids, structlog.processors.JSONRenderer()])
    log.info("outside")
    assert lines_of(out) == [{"event": "outside"}]


def test_the_callers_own_keys_win(rec):
    """An event that has a traceId keeps it, on the screen and in what is shipped."""
    log, out = printed([bind_ids, structlog.processors.JSONRenderer()])
    with tracelog.span("work"):
        log.info("mine", traceId="abc")
    assert lines_of(out)[0]["traceId"] == "abc"
    assert rec.lines[0].trace_id == "abc"


def test_log_records_carry_ids_and_formats_can_name_them(rec, root):
    """``%(traceId)s`` works on every LogRecord, with an empty text outside of spans."""
    handler, out = root
    handler.setFormatter(logging.Formatter("[%(traceId)s %(spanId)s] %(message)s"))
    logging.getLogger("x").info("outside")
    with tracelog.span("work") as span:
        logging.getLogger("x").info("inside")
    assert out.getvalue().splitlines() == ["[ ] outside", f"[{span.trace_id} {span.span_id}] inside"]


def test_extra_may_bring_its_own_trace_id(rec, root):
    """A traceId given as extra raises nothing and wins, as with applications that did this by hand."""
    handler, out = root
    handler.setFormatter(logging.Formatter("%(traceId)s"))
    with tracelog.span("work"):
        logging.getLogger("x").info("mine", extra={"traceId": "abc"})
    assert out.getvalue() == "abc\n"
    record = logging.getLogger("x").makeRecord("x", 20, "f", 1, "m", (), None)
    assert "traceId" in vars(record)
    with pytest.raises(KeyError):
        logging.getLogger("x").info("a name of logging's own", extra={"message": "no"})


def test_records_survive_copying_and_pickling(rec, root):
    """QueueHandler, which copies records, and a listener in another thread keep the ids."""
    handler, out = root
    handler.setFormatter(ECSFormatter())
    logging.getLogger().removeHandler(handler)
    records = queue.Queue()
    through = logging.handlers.QueueHandler(records)
    logging.getLogger().addHandler(through)
    listener = logging.handlers.QueueListener(records, handler)
    try:
        listener.start()
        with tracelog.span("work") as span:
            logging.getLogger("x").info("queued %s", "line")
        listener.stop()
    finally:
        logging.getLogger().removeHandler(through)
    line = flat(*lines_of(out))
    assert (line["message"], line["trace.id"], line["span.id"]) == ("queued line", span.trace_id, span.span_id)
    assert [line.message for line in rec.lines] == ["queued line"]


def test_install_twice_is_install_once_and_keeps_another_factory(rec):
    """Installing again changes nothing, and a factory that was there before still runs."""
    factory.uninstall()
    own = logging.getLogRecordFactory()

    def mine(*args, **kwargs):
        record = own(*args, **kwargs)
        record.mine = "yes"
        return record

    logging.setLogRecordFactory(mine)
    try:
        install()
        install()
        record = logging.getLogger("x").makeRecord("x", 20, "f", 1, "m", (), None)
        assert (record.mine, record.traceId) == ("yes", "")
        factory.uninstall()
        assert logging.getLogRecordFactory() is mine
    finally:
        logging.setLogRecordFactory(own)


def test_structlog_over_standard_logging_ships_once(rec, root):
    """An event that structlog hands to standard logging is one line, with its fields and its level."""
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, bind_ids, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler, out = root
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer()))
    with tracelog.span("work") as span:
        structlog.get_logger("shop").warning("sold out", sku="A-1")
    (line,) = rec.lines
    assert (line.message, line.level, line.logger, line.fields) == ("sold out", "warning", "shop", {"sku": "A-1"})
    assert (line.trace_id, line.span_id) == (span.trace_id, span.span_id)
    assert lines_of(out)[0]["traceId"] == span.trace_id


@pytest.mark.parametrize("renderer", [structlog.processors.JSONRenderer(), ECSRenderer()], ids=["json", "ecs"])
def test_a_rendered_event_handed_to_standard_logging_is_still_an_event(rec, root, renderer):
    """An event that was rendered as JSON before logging got it ships once, taken apart again."""
    structlog.configure(
        processors=[bind_ids, renderer],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    with tracelog.span("work") as span:
        structlog.get_logger("shop").info("sold out", sku="A-1")
    (line,) = rec.lines
    assert (line.message, line.fields, line.trace_id) == ("sold out", {"sku": "A-1"}, span.trace_id)


def test_one_chain_gives_both_libraries_the_same_ids(rec, root):
    """Through ProcessorFormatter, structlog's and standard lines come out with the same ids, and each ships once."""
    shared = [structlog.stdlib.add_log_level, bind_ids]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler, out = root
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    with tracelog.span("work") as span:
        structlog.get_logger("a").info("ours")
        logging.getLogger("b").info("theirs")
    assert [(line["event"], line["traceId"]) for line in lines_of(out)] == [
        ("ours", span.trace_id),
        ("theirs", span.trace_id),
    ]
    assert [line.message for line in rec.lines] == ["ours", "theirs"]


def test_ecs_lines_are_the_same_from_both_libraries(rec, root):
    """The ECS line of structlog and that of standard logging have the same fields, exception included."""
    log, out = printed([bind_ids, ECSRenderer()])
    handler, standard = root
    handler.setFormatter(ECSFormatter())
    with tracelog.span("work") as span:
        try:
            raise ValueError("broken")
        except ValueError:
            log.exception("failed", order=7)
            logging.getLogger().exception("failed", extra={"order": 7})
    ours, theirs = flat(*lines_of(out)), flat(*lines_of(standard))
    assert ours.keys() ^ theirs.keys() <= {"log.logger"}
    for name in (
        "message",
        "log.level",
        "trace.id",
        "span.id",
        "transaction.id",
        "error.type",
        "error.message",
        "labels",
    ):
        assert ours[name] == theirs[name], name
    assert ours["trace.id"] == span.trace_id
    assert "ValueError: broken" in ours["error.stack_trace"]
    assert ours["log.origin.file.name"] == theirs["log.origin.file.name"] == __file__
    assert ours["log.origin.function"] == theirs["log.origin.function"]
    assert theirs["log.origin.file.line"] == ours["log.origin.file.line"] + 1


class Hostile:
    """An object that cannot be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


CYCLE = {}
CYCLE["again"] = CYCLE
HOSTILE = {
    "repr": Hostile(),
    "cycle": CYCLE,
    "nan": float("nan"),
    "huge": 10**6000,
    "bytes": b"\xff\x00",
    "surrogate": "\ud800",
    "keys": {1: 2, None: 3},
    "set": {1, 2},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_value_makes_a_log_call_raise(rec, root, name):
    """Whatever a caller logs, nothing is raised, and what is shipped and rendered is plain JSON."""
    log, out = printed([bind_ids, ECSRenderer()])
    handler, standard = root
    handler.setFormatter(ECSFormatter())
    with tracelog.span("work", value=HOSTILE[name]) as span:
        span.event("seen", value=HOSTILE[name])
        log.info("value", value=HOSTILE[name])
        logging.getLogger("x").info("value", extra={"value": HOSTILE[name]})
    assert len(lines_of(out)) == len(lines_of(standard)) == 1
    cleaner = Cleaner()
    for record in [cleaner.span(rec.spans[0]), *map(cleaner.line, rec.lines)]:
        assert json.loads(encode(record))["labels"]


def test_a_message_that_cannot_be_formatted_is_shipped_as_it_stands(rec, capsys):
    """Arguments that do not fit are reported by logging as ever; the line is shipped unformatted."""
    log = logging.getLogger("unformatted")
    log.propagate = False
    handler = logging.StreamHandler(io.StringIO())
    log.addHandler(handler)
    try:
        log.warning("%d pieces", "no number")
        log.warning("%s", Hostile())
    finally:
        log.removeHandler(handler)
        log.propagate = True
    assert capsys.readouterr().err.count("--- Logging error ---") == 2
    assert [line.message for line in rec.lines] == ["%d pieces ('no number',)", "%s"]


def test_objects_given_as_extra_are_not_called_by_the_worker(rec):
    """The worker names the type of an object it does not know; its repr runs on no thread but the caller's."""
    called = []

    class Row:
        def __repr__(self):
            called.append(1)
            return "row"

    with tracelog.span("work", row=Row()):
        assert called == [1]
        logging.getLogger("x").warning("row", extra={"row": Row()})
        assert called == [1]
    assert rec.lines[0].fields["row"].endswith("Row>")
    assert called == [1]
    assert rec.spans[0].attributes["row"] == "row"


def test_lines_below_the_shipped_level_stay_here(root):
    """Lines below SHIP_LEVEL carry ids and are not shipped, from either library."""
    with recording(ship_level=logging.WARNING) as rec:
        log, out = printed([bind_ids, structlog.processors.JSONRenderer()])
        with tracelog.span("work"):
            log.info("quiet")
            logging.getLogger("x").info("quiet")
            log.error("loud")
        assert [line.message for line in rec.lines] == ["loud"]
        assert "traceId" in lines_of(out)[0]
    structlog.reset_defaults()


def test_nothing_is_shipped_where_lines_stay(root):
    """Without SHIP_LOGS lines carry ids and the pipeline sees spans alone."""
    with recording(ship_lines=False) as rec:
        with tracelog.span("work"):
            logging.getLogger("x").info("here")
        assert rec.lines == []
        assert len(rec.spans) == 1


def test_exceptions_of_every_form_become_error_fields(rec):
    """exc_info as True, exception or tuple, format_exc_info's text and dict_tracebacks' list: all are understood."""
    try:
        raise KeyError("missing")
    except KeyError as error:
        for value in (True, error, sys.exc_info()):
            log, _ = printed([bind_ids, ECSRenderer()])
            log.error("failed", exc_info=value)
        for processor in (structlog.processors.format_exc_info, structlog.processors.dict_tracebacks):
            log, _ = printed([processor, bind_ids, structlog.processors.JSONRenderer()])
            log.error("failed", exc_info=True)
    assert [(line.failure.type, line.failure.message) for line in rec.lines] == [("KeyError", "'missing'")] * 5
    assert all("Traceback" in line.failure.stack() for line in rec.lines)


def test_a_stack_that_was_asked_for_is_kept(rec):
    """stack_info goes along as a stack trace without an exception."""
    logging.getLogger("x").warning("here", stack_info=True)
    assert "Stack (most recent call last)" in rec.lines[0].failure.stack()


def test_makelogrecord_ships_nothing(rec):
    """A record made from the attributes of another is a copy, not a line."""
    logging.makeLogRecord({"msg": "copy", "name": "x"})
    assert rec.lines == []

"""The one call that sets logging up: what goes out where, with which ids, once, whatever was there before."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
import structlog
from flask import Flask

import tracelog
from tracelog.cleaning import Cleaner
from tracelog.ecs.found import flat
from tracelog.errors import InvalidSetting
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.structlog import configure
from tracelog.testing import recording


@pytest.fixture
def out(monkeypatch):
    """Give a place to write to; leave the root logger and structlog as they were."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def rec():
    """Record into memory what is shipped."""
    with recording() as recorder:
        yield recorder


@pytest.fixture
def logger():
    """Lend a logger of a name of its own, and take away what was hung on it."""
    lent = logging.getLogger("lent")
    yield lent
    lent.handlers.clear()
    lent.propagate = True


def lines_of(out):
    """Parse what was written, a line each, flat."""
    return [flat(json.loads(line)) for line in out.getvalue().splitlines()]


def traced_app(**options):
    """Make an application that logs with both libraries."""
    app = Flask("shop")
    log = structlog.get_logger("shop.cart")

    @app.get("/orders/<int:number>")
    def order(number):
        log.info("charged", order=number)
        logging.getLogger("shop.stock").warning("only %d left", 2, extra={"sku": "A-1"})
        if number == 0:
            raise ValueError("no such order")
        return "ok"

    TraceLog(app, **options)
    return app


@pytest.mark.parametrize("first", ["configure", "extension"])
def test_each_line_of_a_request_is_written_once_with_its_ids(out, rec, first):
    """Called before or after the extension: both libraries' lines, the framework's and ours, in order, once each."""
    if first == "configure":
        configure(stream=out)
    app = traced_app()
    if first == "extension":
        configure(stream=out)
    answer = app.test_client().get("/orders/0")
    lines = lines_of(out)
    assert [(line["log.logger"], line["message"]) for line in lines[:3]] == [
        ("shop.cart", "charged"),
        ("shop.stock", "only 2 left"),
        ("shop", "Exception on /orders/0 [GET]"),
    ]
    assert [line["log.logger"] for line in lines[3:]] == ["tracelog.request"]
    assert {line["trace.id"] for line in lines} == {answer.headers["X-Trace-Id"]}
    assert {line["span.id"] for line in lines} == {rec.spans[0].span_id}
    assert lines[2]["error.message"] == "no such order"


def test_each_line_is_shipped_once_and_is_what_was_written(out, rec):
    """The pipeline gets each line one time, with message, level, fields and place of the one on the screen."""
    configure(stream=out)
    traced_app().test_client().get("/orders/1")
    written = lines_of(out)
    assert [(line.message, line.level, line.logger) for line in rec.lines] == [
        (line["message"], line["log.level"], line["log.logger"]) for line in written
    ]
    assert [line.fields for line in rec.lines[:2]] == [{"order": 1}, {"sku": "A-1"}]
    assert [line["labels"] for line in written[:2]] == [{"order": 1}, {"sku": "A-1"}]
    assert {(line.origin.file, line.origin.function) for line in rec.lines[:2]} == {(__file__, "order")}
    assert {line["log.origin.file.name"] for line in written[:2]} == {__file__}


def test_the_last_call_counts(out):
    """Called again, loggers that were used before go on to the new place alone, at the new level."""
    first = io.StringIO()
    configure(stream=first)
    log = structlog.get_logger("shop")
    log.info("one")
    configure(stream=out, level="warning")
    log.info("two")
    log.warning("three")
    logging.getLogger("x").info("four")
    assert [line["message"] for line in lines_of(first)] == ["one"]
    assert [line["message"] for line in lines_of(out)] == ["three"]


def test_handlers_of_the_terminal_give_way(out, logger, tmp_path):
    """What wrote to stdout or stderr, and went no further, now writes here; a file and its lines stay as they were."""
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.addHandler(kept := logging.FileHandler(tmp_path / "lent.log"))
    logger.propagate = False
    before = logging.StreamHandler(sys.stdout)
    logging.getLogger().addHandler(before)
    configure(stream=out)
    logger.warning("once")
    kept.close()
    assert logger.handlers == [kept]
    assert before not in logging.getLogger().handlers
    assert [line["message"] for line in lines_of(out)] == ["once"]
    assert (tmp_path / "lent.log").read_text() == "once\n"


def test_a_logger_with_a_file_alone_is_left_alone(out, logger, tmp_path):
    """Lines that were kept from the root logger on purpose stay apart."""
    logger.addHandler(kept := logging.FileHandler(tmp_path / "lent.log"))
    logger.propagate = False
    configure(stream=out)
    logger.warning("apart")
    kept.close()
    assert (out.getvalue(), logger.handlers, logger.propagate) == ("", [kept], False)


def test_flasks_own_handler_gives_way(out, rec):
    """An application that has logged already has Flask's handler on its logger: the line would come twice."""
    app = Flask("early")
    root = logging.getLogger()
    hung = list(root.handlers)
    root.handlers.clear()
    try:
        assert app.logger.handlers
    finally:
        root.handlers.extend(hung)
    configure(stream=out)
    app.logger.warning("late")
    assert app.logger.handlers == []
    assert [line["message"] for line in lines_of(out)] == ["late"]


def test_fields_bound_to_the_context_and_positional_arguments_are_kept(out):
    """What structlog's users expect of a chain works: contextvars, ``%s``, ``stack_info``, bound loggers."""
    configure(stream=out)
    with structlog.contextvars.bound_contextvars(user="mia"):
        structlog.get_logger("shop").bind(basket=3).info("%s of %s", "one", "two", stack_info=True)
    (line,) = lines_of(out)
    assert (line["message"], line["labels"]) == ("one of two", {"user": "mia", "basket": 3})
    assert line["error.stack_trace"].startswith("Stack (most recent call last)")


def test_secrets_are_left_out_on_either_renderer(out):
    """What is printed is cleaned as what is shipped is, and by the names that were given."""
    for renderer in ("json", "console"):
        configure(stream=out, renderer=renderer, cleaner=Cleaner(["iban", "password"]))
        structlog.get_logger().info("paid with password=hunter2", iban="DE02", password="hunter3")  # noqa: S106 - a secret that is looked for
    assert "DE02" not in out.getvalue()
    assert "hunter" not in out.getvalue()
    assert out.getvalue().count("[redacted]") == 6


def test_a_line_that_cannot_be_steers_no_terminal(out):
    """Control characters, line breaks and colours in what is logged are written out, or left away."""
    configure(stream=out, renderer="console")
    logging.getLogger("werkzeug").warning('\x1b[31m"GET / HTTP/1.1" 500\x1b[0m')
    structlog.get_logger().warning("one\ntwo\x1b]0;title\x07", value="a\nb\x1b[2J")
    first, second = out.getvalue().splitlines()
    assert first.endswith('WARNING  "GET / HTTP/1.1" 500  werkzeug')
    assert r"one\ntwo\x1b]0;title\x07" in second
    assert "\x1b" not in out.getvalue()


def test_the_console_shows_the_whole_trace_id_last(out, rec):
    """Without a terminal there are no colours; the id, whole, ends the line, and the trace follows an exception."""
    configure(stream=out, renderer="console")
    with tracelog.span("work") as span:
        try:
            raise KeyError("sku")
        except KeyError:
            structlog.get_logger("shop").exception("failed", sku="A 1")
    head, *trace = out.getvalue().splitlines()
    assert head[13:] == f'ERROR    failed  sku="A 1"  shop  {span.trace_id}'
    assert (trace[0], trace[-1]) == ("Traceback (most recent call last):", "KeyError: 'sku'")


def test_only_what_was_raised_stands_out(out):
    """On a terminal the last line of an exception is red; a stack that was merely asked for has no such line."""
    out.isatty = lambda: True
    configure(stream=out)
    logging.getLogger("x").warning("asked for", stack_info=True)
    assert "\x1b[31m" not in out.getvalue()
    logging.getLogger("x").warning("raised", exc_info=ValueError("no such order"))
    assert out.getvalue().endswith("\x1b[31mValueError: no such order\x1b[0m\n")


@pytest.mark.parametrize("told", [{"renderer": "yaml"}, {"level": "loud"}])
def test_a_value_that_cannot_be_used_changes_nothing(out, told):
    """It is named, and what was set up before stays."""
    configure(stream=out)
    before = list(logging.getLogger().handlers)
    with pytest.raises(InvalidSetting, match=next(iter(told))):
        configure(**told)
    assert logging.getLogger().handlers == before


def test_events_can_be_captured(out):
    """The helper that structlog has for tests sees the events of loggers that were used before."""
    configure(stream=out)
    log = structlog.get_logger("shop")
    log.info("before")
    with structlog.testing.capture_logs() as captured:
        log.info("inside", order=1)
    log.info("after")
    assert [(event["event"], event["order"]) for event in captured] == [("inside", 1)]
    assert [line["message"] for line in lines_of(out)] == ["before", "after"]

"""Small applications, each with one fault in it; the line that the doctor has to name ends in ``# here``."""

from __future__ import annotations

from typing import NamedTuple

HEALTHY = """
import contextvars
import logging
import threading

import structlog
from flask import Flask

import tracelog
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.stdlib import ECSFormatter
from tracelog.integrations.structlog import bind_ids

handler = logging.StreamHandler()
handler.setFormatter(ECSFormatter())
logging.basicConfig(handlers=[handler], level="INFO")

app = Flask("shop")
TraceLog(app)

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        bind_ids,
        structlog.processors.JSONRenderer(),
    ],
)
log = structlog.get_logger()


def count() -> None:
    log.info("counted")


@app.get("/orders/<int:number>")
def order(number):
    with tracelog.span("charge card"):
        log.info("charged", order=number)
        logging.getLogger(__name__).info("charged %d", number)
    counting = threading.Thread(target=contextvars.copy_context().run, args=(count,))
    counting.start()
    counting.join()
    return {"order": number}


@app.get("/health")
def health():
    return "well"
"""


class Planted(NamedTuple):
    """
    A fault in the healthy application: *old* text that is replaced by *new*.

    The doctor, called with *options* and in an *environment*, has to call it *name* and *kind*, and to give a cure that
    holds the text *cure*.
    """

    name: str
    old: str
    new: str
    cure: str
    options: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    kind: str = "fault"

    @property
    def source(self) -> str:
        """Write the application."""
        assert self.old in HEALTHY
        return HEALTHY.replace(self.old, self.new, 1)

    @property
    def where(self) -> str:
        """Name the line that has to be found, ``""`` where there is no such line."""
        lines = self.source.splitlines()
        return next((f"shop.py:{at}" for at, line in enumerate(lines, 1) if line.endswith("# here")), "")


PROBE = ("--probe", "/orders/17")
TRACE = "TraceLog(app)\n"
CHAIN = """        bind_ids,
        structlog.processors.JSONRenderer(),
"""
CONFIGURE = "structlog.configure(\n"
LOGGER = "log = structlog.get_logger()\n"
HANDLER = "handler.setFormatter(ECSFormatter())\n"
THREAD = "threading.Thread(target=contextvars.copy_context().run, args=(count,))\n"

FACTORY = """TraceLog(app)


def make(*args, **kwargs):
    return logging.LogRecord(*args, **kwargs)


logging.setLogRecordFactory(make)  # here
"""
LOGGER_CLASS = """TraceLog(app)


class Own(logging.Logger):
    def makeRecord(self, name, level, fn, lno, msg, args, exc_info, *rest, **more):  # here
        return logging.LogRecord(name, level, fn, lno, msg, args, exc_info)


logging.setLoggerClass(Own)
"""
WRAPPER = """class Plain(structlog.BoundLoggerBase):  # here
    def critical(self, event, **values):
        self._logger.critical(event)

    info = critical


structlog.configure(
    wrapper_class=Plain,
"""
FORMATTER = """handler.setFormatter(
    structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer())  # here
)
"""
MIDDLEWARE = """TraceLog(app)
app.wsgi_app = lambda environ, start_response: Flask.wsgi_app(app, environ, start_response)  # here
"""
TWICE = """TraceLog(app)  # here
del app.extensions["tracelog"]
TraceLog(app)
"""
LATE = """TraceLog(app)
traced = app.wsgi_app
app.wsgi_app = lambda environ, start_response: [Flask.wsgi_app, traced][0](app, environ, start_response)
"""
DISABLED = """logging.getLogger("shop").debug("made")
import logging.config
logging.config.dictConfig({"version": 1})  # here

app = Flask("shop")
"""

#: Why ids are missing.
IDS = (
    Planted(
        "extension-missing", 'app = Flask("shop")\nTraceLog(app)\n', 'app = Flask("shop")  # here\n', "TraceLog(app)"
    ),
    Planted("traced-twice", TRACE, "TraceLog(app)\nTraceLog(app)  # here\n", "remove this call"),
    Planted("traced-twice", TRACE, TWICE, "add TraceLog to the application once"),
    Planted("wsgi-app-replaced", TRACE, MIDDLEWARE, "app.wsgi_app = Middleware(app.wsgi_app)", PROBE),
    Planted("no-span", TRACE, LATE, "TraceLog(app)", PROBE),
    Planted("wsgi-app-replaced", TRACE, MIDDLEWARE, "app.wsgi_app = Middleware(app.wsgi_app)"),
    Planted(
        "bind-ids-missing",
        CONFIGURE + "    processors=[\n        structlog.processors.add_log_level,\n        bind_ids,\n",
        "structlog.configure(  # here\n    processors=[\n        structlog.processors.add_log_level,\n",
        "processors=[…, bind_ids, JSONRenderer()]",
    ),
    Planted(
        "bind-ids-after-renderer",
        CONFIGURE + "    processors=[\n        structlog.processors.add_log_level,\n" + CHAIN,
        "structlog.configure(  # here\n    processors=[structlog.processors.JSONRenderer(), bind_ids\n",
        "processors=[…, bind_ids, JSONRenderer()]",
    ),
    Planted("structlog-unconfigured", CONFIGURE, "dict(\n", "structlog.configure(processors=[…, bind_ids"),
    Planted(
        "structlog-raises",
        CONFIGURE + "    processors=[\n",
        "structlog.configure(  # here\n    processors=[\n        structlog.stdlib.add_logger_name,\n",
        "logger_factory=structlog.stdlib.LoggerFactory()",
    ),
    Planted(
        "logger-factory-bypasses",
        CONFIGURE + "    processors=[\n        structlog.processors.add_log_level,\n" + CHAIN,
        "structlog.configure(  # here\n    logger_factory=structlog.PrintLoggerFactory(),\n"
        "    processors=[bind_ids, structlog.stdlib.ProcessorFormatter.wrap_for_formatter\n",
        "logger_factory=structlog.stdlib.LoggerFactory()",
    ),
    Planted("wrapper-bypasses", CONFIGURE, WRAPPER, "_proxy_to_logger"),
    Planted("print-logger", LOGGER, "log = structlog.PrintLogger()  # here\n", "log = structlog.get_logger()"),
    Planted(
        "logger-apart",
        CONFIGURE,
        'early = structlog.get_logger().bind(part="till")  # here\nstructlog.configure(\n',
        "get_logger()",
    ),
    Planted(
        "record-factory-missing",
        TRACE,
        "TraceLog(app)\nlogging.setLogRecordFactory(logging.LogRecord)  # here\n",
        "install()",
    ),
    Planted("record-factory-replaced", TRACE, FACTORY, "logging.getLogRecordFactory()"),
    Planted("logger-class-bypasses", TRACE, LOGGER_CLASS, "super().makeRecord"),
    Planted("foreign-chain", HANDLER, FORMATTER, "foreign_pre_chain=[bind_ids"),
    Planted("format-without-ids", HANDLER, "", "%(traceId)s", kind="note"),
    Planted("loggers-disabled", 'app = Flask("shop")\n', DISABLED, '"disable_existing_loggers": False'),
    Planted("thread-without-span", THREAD, "threading.Thread(target=count)  # here\n", "copy_context().run", PROBE),
    Planted("thread-without-span", "import contextvars\n", "", "copy_context().run", PROBE)._replace(
        old=THREAD, new="threading.Thread(None, count)  # here\n"
    ),
)

#: Why nothing arrives, as far as the application is to blame.
ARRIVING = (
    Planted("excluded", TRACE, 'TraceLog(app, exclude="/*")  # here\n', "TRACELOG_EXCLUDE"),
    Planted("excluded", "", "", "TRACELOG_EXCLUDE", PROBE, (("TRACELOG_EXCLUDE", "/orders/*"),)),
    Planted("sampled-out", TRACE, "TraceLog(app, sample=0)  # here\n", "TRACELOG_SAMPLE=1"),
    Planted("sampled-out", "", "", "/orders/17=1", PROBE, (("TRACELOG_SAMPLE", "/orders/*=0"),)),
    Planted("sampled-some", TRACE, "TraceLog(app, sample=0.25)\n", "TRACELOG_SAMPLE=1", kind="note"),
    Planted("ship-logs-off", TRACE, "TraceLog(app, ship_logs=False)\n", "TRACELOG_SHIP_LOGS=true", kind="note"),
    Planted("export-missing", "", "", "TRACELOG_EXPORT=https://host:9200", (), (("TRACELOG_EXPORT", ""),)),
    Planted("export-none", "", "", "TRACELOG_EXPORT=https://host:9200", (), (("TRACELOG_EXPORT", "none:"),), "note"),
    Planted(
        "export-lines", "", "", "TRACELOG_EXPORT=https://host:9200", (), (("TRACELOG_EXPORT", "console:"),), "note"
    ),
    Planted("setting-invalid", TRACE, 'TraceLog(app, sample="often")  # here\n', "a ratio from 0 to 1"),
    Planted("setting-misspelt", "", "", "correct the name", (), (("TRACELOG_EXPROT", "console:"),)),
    Planted("app-raises", 'app = Flask("shop")\n', 'app = Flask({}["shop"])  # here\n', "correct the line"),
    Planted(
        "app-missing", 'app = Flask("shop")\n', 'app = web = Flask("shop")\n', "module:name", ("--app", "shop:wep")
    ),
    Planted("app-missing", "", "", "the application's folder", ("--app", "shopp:app")),
    Planted("app-not-flask", 'return "well"\n', 'return "well"\n\n\napp = log\n', "module:app"),
    Planted(
        "request-raises", 'return "well"', "return 1 / 0  # here", "--probe PATH", ("--probe", "/health"), kind="note"
    ),
    Planted("request-fails", "", "", "--probe PATH", ("--probe", "/nowhere"), kind="note"),
)

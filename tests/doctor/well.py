"""Other ways of being healthy: text of the healthy application, and what stands in its place."""

from __future__ import annotations

from planted import CHAIN, CONFIGURE, TRACE

STANDARD = """        bind_ids,
        structlog.stdlib.render_to_log_kwargs,
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
"""
CLOSURE = """TraceLog(app)


def counted(inner):
    def wsgi_app(environ, start_response):
        return inner(environ, start_response)

    return wsgi_app


app.wsgi_app = counted(app.wsgi_app)
"""
MAKERS = """TraceLog(app)


class Kept(logging.Logger):
    def makeRecord(self, *args, **kwargs):
        return super().makeRecord(*args, **kwargs)


class Wanting(Kept):
    def __init__(self, name, wanted):
        super().__init__(name)


logging.getLogger("queued").addHandler(logging.NullHandler())
logging.getLogger("broken").addHandler(logging.StreamHandler())
logging.getLogger("broken").handlers[0].setFormatter(logging.Formatter("%(nothing)s"))
logging.setLoggerClass(Kept)
logging.getLogger("kept")
logging.setLoggerClass(Wanting)
"""
SHARED = """tracelog.configure(service="shared", export=f"sqlite:{__file__}.sqlite")
TraceLog(app)
"""
OWN = """        lambda logger, method, event: bind_ids(logger, method, event),
        structlog.processors.JSONRenderer(),
"""
FUSSY = """class Fussy(structlog.BoundLoggerBase):
    def info(self, event, **values):
        return self._proxy_to_logger("info", event, **values)


structlog.configure(
    logger_factory=lambda name: structlog.PrintLogger(),
    wrapper_class=Fussy,
"""
DROPPED = """def drop(logger, method, event):
    raise structlog.DropEvent


structlog.configure(
    processors=[drop, bind_ids, structlog.processors.JSONRenderer()]
)
dict(
"""

#: Other ways to be healthy.
WELL = {
    "by way of standard logging": (CHAIN + "    ],\n", STANDARD),
    "under middleware": (TRACE, CLOSURE),
    "loggers and handlers of its own": (TRACE, MAKERS),
    "the process's own tracer": (TRACE, SHARED),
    "an exporter of its own": (
        TRACE,
        "import tracelog.exporters\nTraceLog(app, exporter=tracelog.exporters.MemoryExporter())\n",
    ),
    "nothing exported on purpose": (TRACE, 'TraceLog(app, export="none:")\n'),
    "a processor of its own": (CHAIN, OWN),
    "asynchronous loggers": (CONFIGURE, "structlog.configure(\n    wrapper_class=structlog.stdlib.AsyncBoundLogger,\n"),
    "loggers that ask for more": (CONFIGURE, FUSSY),
    "events that are dropped": (CONFIGURE, DROPPED),
    "a route that takes more than a number": (
        '@app.get("/health")',
        '@app.post("/save")\n@app.get("/<any(a, b):part>")',
    ),
}

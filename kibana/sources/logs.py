"""Logs and errors: what goes wrong, who says so, and the trace behind it."""

from __future__ import annotations

from kibana.columns import count, distinct, last_seen, over_time, top
from kibana.lens import bars, number, table
from kibana.objects import LINKS, search
from kibana.panels import Control, Dashboard, Found, Links, Row
from kibana.sources.views import LINES

WRONG = 'log.level : ("error" or "critical")'
WITHOUT_TRACE = "not trace.id : *"

_LEVELS = {
    "debug": "#98A2B3",
    "info": "#6092C0",
    "warning": "#D6BF57",
    "error": "#E7664C",
    "critical": "#9170B8",
}

LATEST_ERRORS = search(
    "tracelog-latest-errors",
    "tracelog: latest errors",
    "Lines at level error or critical, newest first; the trace id leads to the trace.",
    LINES,
    columns=("service.name", "log.level", "message", "error.type", "trace.id"),
    sort="-@timestamp",
    query=WRONG,
    widths={"@timestamp": 262, "service.name": 130, "log.level": 110, "error.type": 210, "trace.id": 270},
)

_LEVELS_OVER_TIME = bars(
    "What is logged, at which level?",
    "Log lines by level.",
    LINES,
    {"time": over_time(), **{level: count(level, only=f'log.level : "{level}"') for level in _LEVELS}},
    unit="lines",
    colours=_LEVELS,
    legend="bottom",
)
_HOW_MANY = number("How many lines?", "All log lines.", LINES, {"lines": count("Lines")})
_HOW_WRONG = number(
    "How many of them are errors?",
    "Lines at level error or critical.",
    LINES,
    {"errors": count("Errors", only=WRONG)},
    worry=(1, 100),
)
_TRACES = number(
    "In how many traces?",
    "Traces with a line at level error or critical.",
    LINES,
    {"traces": distinct("trace.id", "Traces")},
    query=WRONG,
)
_LOOSE = number(
    "How many lines without a trace?",
    "Lines that were written outside of any request.",
    LINES,
    {"loose": count("Lines without a trace", only=WITHOUT_TRACE)},
)
_EXCEPTIONS = table(
    "Which exceptions occur most, and where?",
    "Lines that carry an exception, by its type and service.",
    LINES,
    {
        "type": top("error.type", "Exception", by="times"),
        "service": top("service.name", "Service", by="times"),
        "times": count("Times"),
        "traces": distinct("trace.id", "Traces"),
        "seen": last_seen(),
    },
    query="error.type : *",
    sort="times",
    widths={"service": 85, "times": 90, "traces": 85, "seen": 215},
)
_WRITERS = table(
    "Who writes lines without a trace?",
    "Lines outside of any request: what starts, what runs by the clock, and what is not traced yet.",
    LINES,
    {
        "service": top("service.name", "Service", by="times"),
        "logger": top("log.logger", "Logger", by="times", missing=True),
        "times": count("Lines"),
        "seen": last_seen(),
    },
    query=WITHOUT_TRACE,
    sort="times",
    widths={"service": 90, "times": 85, "seen": 215},
)

SEARCHES = [LATEST_ERRORS]

LOGS = Dashboard(
    id="tracelog-errors",
    title="tracelog: Logs and errors",
    about="What goes wrong, who says so, and which trace is behind it?",
    controls=(
        Control("Service", "service.name", LINES),
        Control("Environment", "service.environment", LINES),
        Control("Level", "log.level", LINES),
        Control("Logger", "log.logger", LINES),
    ),
    rows=(
        Row(2, [(48, Links(LINKS))]),
        Row(4, [(12, _HOW_MANY), (12, _HOW_WRONG), (12, _TRACES), (12, _LOOSE)]),
        Row(9, [(48, _LEVELS_OVER_TIME)]),
        Row(12, [(48, Found("What went wrong last?", LATEST_ERRORS["id"]))]),
        Row(11, [(27, _EXCEPTIONS), (21, _WRITERS)]),
    ),
)

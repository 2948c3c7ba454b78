"""Trace: one request across all services, and which requests there are to look at."""

from __future__ import annotations

import json
from pathlib import Path

from kibana.columns import FAILED, WHOLE, count, distinct, formula, most, total
from kibana.lens import number
from kibana.objects import LINKS, search
from kibana.panels import Dashboard, Found, Links, Note, Row, Vega
from kibana.sources.views import LINES, SPANS

INSIDE = 'processor.event : "span"'

_DURATION = "event.duration"

TRACE_SPANS = search(
    "tracelog-trace-spans",
    "tracelog: spans in order",
    "Spans by time; the transaction id leads to Kibana's own APM pages.",
    SPANS,
    columns=(
        *("service.name", "event.action", "span.kind", "event.outcome", "event.duration"),
        *("error.type", "span.id", "parent.id", "transaction.id"),
    ),
    sort="@timestamp",
    widths={
        "@timestamp": 240,
        "service.name": 140,
        "span.kind": 110,
        "event.outcome": 130,
        "event.duration": 130,
        "span.id": 150,
        "parent.id": 150,
        "transaction.id": 150,
    },
)
TRACE_LINES = search(
    "tracelog-trace-lines",
    "tracelog: log lines in order",
    "Log lines by time.",
    LINES,
    columns=("service.name", "log.level", "log.logger", "message", "span.id"),
    sort="@timestamp",
    widths={"@timestamp": 280, "service.name": 140, "log.level": 110, "log.logger": 160, "span.id": 160},
)

_HOW_MANY = number("How many spans?", "Spans that are here.", SPANS, {"spans": count("Spans")})
_SERVICES = number(
    "Over how many services?", "Services with a span.", SPANS, {"of": distinct("service.name", "Services")}
)
_DURATION_OF = number("How long did it take?", "The longest span.", SPANS, {"took": most(_DURATION, "Longest span")})
_FAILED = number(
    "How many spans failed?",
    "Spans with outcome failure.",
    SPANS,
    {"failed": count("Failed spans", only=FAILED)},
    worry=(0.5, 0.5),
)
_OWED = number(
    "How many are still owed?",
    "Spans that others say they began, and that are not here: not arrived yet, or lost.",
    SPANS,
    formula("owed", "Spans not arrived", "-", total("tracelog.children", ""), count("", only=INSIDE), format=WHOLE),
    worry=(0.5, 0.5),
)
_SAID = number("How many log lines?", "Lines of the trace.", LINES, {"lines": count("Log lines")})

_HINT = Note('Paste `traceId : "…"` into the search bar above, or click a trace.')
_WATERFALL = Vega(
    "Where did the time go?",
    "The spans of one trace, each below the one that began it.",
    json.loads(Path(__file__).with_name("waterfall.json").read_text(encoding="utf-8")),
)

SEARCHES = [TRACE_SPANS, TRACE_LINES]

TRACE = Dashboard(
    id="tracelog-trace",
    title="tracelog: Trace",
    about="What did one request do, in which service, and what went wrong in it?",
    controls=(),
    rows=(
        Row(2, [(24, Links(LINKS)), (24, _HINT)]),
        Row(4, [(8, panel) for panel in (_HOW_MANY, _SERVICES, _DURATION_OF, _FAILED, _OWED, _SAID)]),
        Row(16, [(48, _WATERFALL)]),
        Row(12, [(48, Found("What was logged, in order?", TRACE_LINES["id"]))]),
        Row(12, [(48, Found("Which spans are there, in order?", TRACE_SPANS["id"]))]),
    ),
)

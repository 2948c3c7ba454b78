"""The data views, and how their fields are shown."""

from __future__ import annotations

from typing import Any

from kibana.objects import data_view

SPANS, LINES, ALL = "tracelog-spans", "tracelog-logs", "tracelog-all"

TRACES_PATTERN, LOGS_PATTERN = "traces-apm.tracelog-*", "logs-tracelog-*"

#: How far back a link looks for its trace: a line may be older than what its page shows.
REACH = "now-30d"

_TIME = f"time:(from:{REACH},to:now)"

#: The Trace dashboard with a trace id in its search bar. It begins with ``../``, so that spaces and base paths stay.
TRACE_LINK = (
    f"../app/dashboards#/view/tracelog-trace?_g=({_TIME})"
    "&_a=(query:(language:kuery,query:'traceId%20:%20%22{{value}}%22'))"
)
APM_LINK = f"../app/apm/link-to/transaction/{{{{value}}}}?rangeFrom={REACH}&rangeTo=now"


def _duration(unit: str) -> dict[str, Any]:
    return {
        "id": "duration",
        "params": {
            "inputFormat": unit,
            "outputFormat": "humanizePrecise",
            "outputPrecision": 1,
            "includeSpaceWithSuffix": True,
            "useShortSuffix": True,
        },
    }


def _link(template: str) -> dict[str, Any]:
    params = {"type": "a", "urlTemplate": template, "labelTemplate": "{{value}}", "openLinkInCurrentTab": True}
    return {"id": "url", "params": params}


_PLAIN = {"id": "number", "params": {"pattern": "0"}}

FORMATS = {
    "trace.id": _link(TRACE_LINK),
    "traceId": _link(TRACE_LINK),
    "transaction.id": _link(APM_LINK),
    "event.duration": _duration("nanoseconds"),
    "transaction.duration.us": _duration("microseconds"),
    "span.duration.us": _duration("microseconds"),
    "http.request.body.bytes": {"id": "bytes"},
    "http.response.body.bytes": {"id": "bytes"},
    # Not quantities: no separators.
    "http.response.status_code": _PLAIN,
    "process.pid": _PLAIN,
    "server.port": _PLAIN,
    "client.port": _PLAIN,
    "log.origin.file.line": _PLAIN,
    "timestamp.us": _PLAIN,
}

VIEWS = [
    data_view(SPANS, "tracelog: spans", TRACES_PATTERN, FORMATS),
    data_view(LINES, "tracelog: log lines", LOGS_PATTERN, FORMATS),
    data_view(ALL, "tracelog: spans and log lines", f"{TRACES_PATTERN},{LOGS_PATTERN}", FORMATS),
]

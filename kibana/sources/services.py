"""Services: which of them is busy, failing or slow, and where in it."""

from __future__ import annotations

from kibana.columns import SHORT, WEIGHT, WHOLE, failing, last_seen, most, over_time, percentile, steps, top, total
from kibana.lens import Lens, bars, heatmap, lines, number, table
from kibana.objects import LINKS
from kibana.panels import Control, Dashboard, Links, Row
from kibana.sources.views import SPANS

REQUESTS = 'processor.event : "transaction"'
CALLS = "span.destination.service.resource : *"

_DURATION = "event.duration"
_MS = 1_000_000
_STEPS = (
    (0, 1, "under 1 ms"),
    (1, 3, "1 to 3 ms"),
    (3, 10, "3 to 10 ms"),
    (10, 30, "10 to 30 ms"),
    (30, 100, "30 to 100 ms"),
    (100, 300, "100 to 300 ms"),
    (300, 1_000, "0.3 to 1 s"),
    (1_000, 3_000, "1 to 3 s"),
    (3_000, None, "over 3 s"),
)


def _slowness(percent: int, title: str) -> Lens:
    columns = {
        "time": over_time(),
        "by": top("service.name", "Service"),
        "slow": percentile(_DURATION, f"p{percent}", percent),
    }
    about = f"The time that {percent} of 100 requests do not exceed. Sampled requests count once each."
    return lines(title, about, SPANS, columns, query=REQUESTS)


_HOW_MANY = number(
    "How many requests?",
    "Requests, messages and jobs that services took in, weighted by what sampling left out.",
    SPANS,
    {"requests": total(WEIGHT, "Requests", format=WHOLE)},
    query=REQUESTS,
)
_HOW_WRONG = number(
    "What share of them failed?",
    "Requests with outcome failure, by all requests.",
    SPANS,
    failing(),
    query=REQUESTS,
    worry=(0.01, 0.05),
)
_HOW_SLOW = number(
    "How slow is one in twenty?",
    "The time that 95 of 100 requests do not exceed.",
    SPANS,
    {"slow": percentile(_DURATION, "p95", 95)},
    query=REQUESTS,
)
_SLOWEST = number(
    "How slow was the slowest?",
    "The longest request of all.",
    SPANS,
    {"slow": most(_DURATION, "Longest request")},
    query=REQUESTS,
)

_BUSY = bars(
    "How many requests does each service get?",
    "Requests per minute, weighted by what sampling left out.",
    SPANS,
    {
        "time": over_time(),
        "by": top("service.name", "Service"),
        "requests": total(WEIGHT, "Requests per minute", per="m", format=SHORT),
    },
    query=REQUESTS,
)
_WRONG = lines(
    "What share of them fails?",
    "Requests with outcome failure, by all requests of the service.",
    SPANS,
    {"time": over_time(), "by": top("service.name", "Service"), **failing()},
    query=REQUESTS,
)

_ROUTES = table(
    "Which routes are called, fail, or are slow?",
    "One row for each service and route, or whatever a service does without one; most requests first.",
    SPANS,
    {
        "service": top("service.name", "Service"),
        "route": top("transaction.name", "Route", size=50, by="requests"),
        "requests": total(WEIGHT, "Requests", format=WHOLE),
        **failing(),
        "p50": percentile(_DURATION, "p50", 50),
        "p95": percentile(_DURATION, "p95", 95),
        "p99": percentile(_DURATION, "p99", 99),
        "seen": last_seen(),
    },
    query=REQUESTS,
    sort="requests",
    widths={"service": 130, "route": 280, "seen": 190},
)
_WHERE = heatmap(
    "How long do requests take?",
    "How many requests took how long, weighted by what sampling left out.",
    SPANS,
    {
        "step": steps(_DURATION, "Duration", [(low * _MS, high and high * _MS, name) for low, high, name in _STEPS]),
        "time": over_time(),
        "amount": total(WEIGHT, "Requests", or_none=True),
    },
    query=REQUESTS,
)
_CALLED = table(
    "What do services wait for?",
    "Calls from a service to something else: another service, a database, a queue.",
    SPANS,
    {
        "service": top("service.name", "Service"),
        "called": top("span.destination.service.resource", "Calls to", size=20, by="calls"),
        "calls": total(WEIGHT, "Times", format=WHOLE),
        **failing(),
        "p50": percentile(_DURATION, "p50", 50),
        "p95": percentile(_DURATION, "p95", 95),
    },
    query=CALLS,
    sort="calls",
    widths={"service": 80, "calls": 90, "failing": 85, "p50": 85, "p95": 90},
)

SERVICES = Dashboard(
    id="tracelog-services",
    title="tracelog: Services",
    about="Which service is busy, failing or slow, and where in it?",
    controls=(
        Control("Service", "service.name", SPANS),
        Control("Environment", "service.environment", SPANS),
        Control("Route", "transaction.name", SPANS),
    ),
    rows=(
        Row(2, [(48, Links(LINKS))]),
        Row(4, [(12, _HOW_MANY), (12, _HOW_WRONG), (12, _HOW_SLOW), (12, _SLOWEST)]),
        Row(10, [(24, _BUSY), (24, _WRONG)]),
        Row(
            10,
            [
                (16, _slowness(50, "How slow is the median? (p50)")),
                (16, _slowness(95, "How slow is one in twenty? (p95)")),
                (16, _slowness(99, "How slow is one in a hundred? (p99)")),
            ],
        ),
        Row(12, [(48, _ROUTES)]),
        Row(12, [(26, _WHERE), (22, _CALLED)]),
    ),
)

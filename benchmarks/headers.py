"""
What 8 kB of headers cost on their way in and out: ``python benchmarks/headers.py``.

Each row is the median of many rounds, in microseconds of processor time of this thread; the aim is 50. A figure over it
is marked. The work between reading and writing is left out: both are the formats' own part.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from tracelog.context import Carrier, TraceContext
from tracelog.propagation import PROPAGATORS, Composite, wrap

AIM_US = 50.0
ROUNDS, REPEATED = 101, 40

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"

#: As long as a browser or a proxy sends them, 8 kB together.
OTHERS = {f"x-other-{number:02}": "v" * 190 for number in range(40)}
FULL_STATE = ",".join(f"vendor{number:02}={'s' * 246}" for number in range(32))
FULL_BAGGAGE = ",".join(f"member{number:02}={'b' * 118}" for number in range(64))
CODED_BAGGAGE = ",".join(f"member{number:02}={'%C3%A9' * 19}" for number in range(64))

HEADERS = {
    "no ids, 40 headers": OTHERS,
    "traceparent, 40 headers": {**OTHERS, "traceparent": PARENT},
    "tracestate, 32 members": {"traceparent": PARENT, "tracestate": FULL_STATE},
    "baggage, 64 members": {"traceparent": PARENT, "baggage": FULL_BAGGAGE},
    "baggage, 64 coded members": {"traceparent": PARENT, "baggage": CODED_BAGGAGE},
    "baggage, one member": {"traceparent": PARENT, "baggage": f"member={'b' * 8000}"},
    "baggage, commas": {"traceparent": PARENT, "baggage": "," * 8192},
    "tracestate, commas": {"traceparent": PARENT, "tracestate": "," * 8192},
    "tracestate, 10,000 members": {"traceparent": PARENT, "tracestate": "a=1," * 10_000},
    "baggage, 1 MB": {"traceparent": PARENT, "baggage": "a=1," * 250_000},
    "b3": {**OTHERS, "b3": f"{TRACE}-{SPAN}-1"},
    "b3, 8 kB": {"b3": f"{TRACE}-{SPAN}-1".ljust(8192, "-")},
}


def main() -> None:
    """Measure reading, of a WSGI environ and of headers, and writing."""
    every = Composite(PROPAGATORS.values())
    both = Composite([PROPAGATORS["w3c"], PROPAGATORS["baggage"]])
    say("", "wsgi", "http", "all formats", "written")
    for name, headers in HEADERS.items():
        environ = {f"HTTP_{key.upper().replace('-', '_')}": value for key, value in headers.items()}
        context = every.extract(wrap(headers, "http"), None) or TraceContext(TRACE, SPAN)
        say(
            name,
            cost(reading(both, environ, "wsgi")),
            cost(reading(both, headers, "http")),
            cost(reading(every, headers, "http")),
            cost(lambda context=context: both.inject(context, wrap({}, "mapping", writing=True))),
        )


def reading(propagator: Composite, carrier: Any, form: str) -> Callable[[], object]:
    """Return what reads *carrier* once, from its wrapping on."""

    def read() -> object:
        wrapped: Carrier = wrap(carrier, form)
        return propagator.extract(wrapped, None)

    return read


def cost(work: Callable[[], object]) -> str:
    """Measure *work*, and mark what misses the aim."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for _ in range(REPEATED):
            work()
        taken.append((time.thread_time_ns() - began) / REPEATED / 1000)
    micros = median(taken)
    return f"{micros:.1f}{' !' if micros > AIM_US else ''}"


def say(name: str, *figures: str) -> None:
    """Write one row."""
    print(f"{name:28}", *(f"{figure:>12}" for figure in figures))  # noqa: T201 - its result


if __name__ == "__main__":
    main()

"""Hold one log line, see the whole chain: ids on every line, spans and lines straight into Elasticsearch."""

from importlib import import_module

from tracelog.active import activate, current
from tracelog.assembly import configure
from tracelog.block import span
from tracelog.context import SpanContext
from tracelog.errors import InvalidCarrier, TracelogError
from tracelog.propagation import extract, inject
from tracelog.tracer import flush, stats

__all__ = [
    "InvalidCarrier",
    "SpanContext",
    "TracelogError",
    "activate",
    "configure",
    "current",
    "extract",
    "flush",
    "inject",
    "span",
    "stats",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        # Loaded when asked for: it costs as much as all the rest of this import.
        return str(import_module("importlib.metadata").version("tracelog-elastic"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

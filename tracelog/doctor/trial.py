"""A span to try things out with: it is active as a request's would be, and nothing of it is stored."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from tracelog.active import activate
from tracelog.span import Span
from tracelog.tracer import Tracer

SAID = "tracelog doctor"

#: A console shows the beginning of an id alone.
_SHORT = 6


@contextmanager
def trial() -> Generator[Span, None, None]:
    """Make a span active that belongs to no tracer of the application's."""
    with activate(Tracer().start_server_span(None, SAID)) as span:
        yield span


def shows(text: str, span: Span) -> bool:
    """Tell whether a line holds the trace id of *span*, or as much of it as a console shows."""
    return span.trace_id[:_SHORT] in text or span.trace_id[-_SHORT:] in text

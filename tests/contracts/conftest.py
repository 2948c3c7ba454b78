"""What the contract suites share: records as a tracer makes them, and lines as the pipeline does."""

from __future__ import annotations

from itertools import count

import pytest

from tracelog.pipeline.exporter import LINES, SPANS, Exporter, Line
from tracelog.record import Kind, LineRecord, Record, Resource, SpanRecord, Status

SECOND = 1_000_000_000
NOON = 1_763_899_200 * SECOND


class Records:
    """Makes spans and lines that differ in nothing but what a test asks for."""

    def __init__(self, trace_id: str = "4bf92f3577b34da6a3ce929d0e0e4736") -> None:
        self.trace_id = trace_id
        self._count = count(1)

    def span(self, **told) -> SpanRecord:
        """Make an entry span; *told* are fields of the record that matter."""
        number = next(self._count)
        span_id = told.pop("span_id", f"{number:016x}")
        record = SpanRecord(
            resource=Resource(told.pop("service", "shop"), host="desk"),
            trace_id=self.trace_id,
            span_id=span_id,
            parent_id="",
            entry_id=span_id,
            operation=f"GET /{number}",
            kind=Kind.SERVER,
            status=Status.SUCCESS,
            started_ns=NOON + number * SECOND,
            duration_ns=SECOND // 100,
            children=0,
            calls=0,
            weight=1.0,
            attributes={"http.request.method": "GET", "basket": number},
        )
        return record._replace(**told)

    def line(self, **told) -> LineRecord:
        """Make a line; *told* are fields of the record that matter."""
        number = next(self._count)
        record = LineRecord(
            resource=Resource(told.pop("service", "shop"), host="desk"),
            at_ns=NOON + number * SECOND,
            level="info",
            logger="shop",
            message=f"line {number}",
            trace_id=self.trace_id,
            span_id="00f067aa0ba902b7",
            entry_id="00f067aa0ba902b7",
            fields={"basket": number},
        )
        return record._replace(**told)


_keys = count()


def encoded(exporter: Exporter, *records: Record) -> list[Line]:
    """Encode *records* with keys that were never used before, as the writer does."""
    return [
        Line(SPANS if isinstance(record, SpanRecord) else LINES, f"key{next(_keys):x}", exporter.encode(record))
        for record in records
    ]


@pytest.fixture
def records() -> Records:
    """Make records of one trace."""
    return Records()


@pytest.fixture(name="encoded")
def _encoded():
    """Encode records."""
    return encoded


@pytest.fixture(name="new_records")
def _new_records():
    """Make records of a trace of the test's choice."""
    return Records

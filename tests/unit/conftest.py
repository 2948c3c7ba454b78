"""Fakes at the seams: ids that count, a clock that ticks, a sink that remembers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wsgi_support import Served

from tracelog.active import active, enter, leave
from tracelog.record import Resource
from tracelog.testing import CountingIds, Recorder, TickingClock
from tracelog.tracer import Tracer, set_default


@pytest.fixture(autouse=True)
def nothing_active() -> Iterator[None]:
    """Begin each test without an active span and without a default tracer, and leave none behind."""
    before = set_default(None)
    yield
    left = active()
    set_default(before)
    assert left is None, f"{left} was left active"


@pytest.fixture
def recorder() -> Recorder:
    """Remember what finished."""
    return Recorder()


@pytest.fixture
def ticking() -> TickingClock:
    """Go on by a millisecond with each reading."""
    return TickingClock()


@pytest.fixture
def tracer(recorder, ticking) -> Tracer:
    """Make a tracer whose ids count and whose clock ticks, and make it the default."""
    made = Tracer(resource=Resource("shop"), sink=recorder, ids=CountingIds(), clock=ticking)
    set_default(made)
    return made


@pytest.fixture
def span(tracer):
    """Start the first span of a trace and make it active."""
    opened = tracer.start_server_span(None, "GET /orders")
    token = enter(opened)
    yield opened
    leave(token)


@pytest.fixture
def served(tracer):
    """Trace WSGI applications with the test's tracer."""
    return lambda app, **options: Served(app, tracer, **options)

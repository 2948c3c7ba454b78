"""The active span: who is active, where, and what comes back after."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from tracelog.active import Stage, activate, active, apart, current, discard_finished, enter, leave
from tracelog.noop import NOOP


@pytest.fixture
def other(tracer):
    """Start a second trace."""
    return tracer.start_server_span(None, "other")


def test_without_a_span_there_is_noop():
    """Nothing is active at first."""
    assert current() is NOOP
    assert active() is None


def test_spans_nest(span, other):
    """The span entered last is active until it is left; then the one before is."""
    token = enter(other)
    assert current() is other
    leave(token)
    assert current() is span


def test_a_finished_span_is_not_current(span):
    """It is no parent for anything new, but log lines may still take its ids."""
    span.finish()
    assert current() is NOOP
    assert active() is span


def test_activate_restores_after_an_error(span, other):
    """Whatever happens inside, the span before is active again, and the other has not been finished."""

    def work():
        with activate(other) as inside:
            assert current() is inside is other
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        work()
    assert current() is span
    assert not other.finished


def test_activating_noop_changes_nothing(span):
    """The span that does nothing does not hide the one that is active."""
    with activate(NOOP) as inside:
        assert inside is NOOP
        assert current() is span


def test_leaving_in_another_context_keeps_an_open_span(span, other):
    """Where the token is of no use, a span that still runs stays."""
    token = contextvars.copy_context().run(enter, other)
    leave(token)
    assert current() is span


def test_leaving_in_another_context_lets_go_of_a_finished_span(tracer, other):
    """Where the token is of no use, a span that has ended goes."""
    mine = enter(other)
    other.finish()
    leave(contextvars.copy_context().run(enter, other))
    assert active() is None
    leave(mine)


@pytest.mark.parametrize("between", [0, 1, 3])
def test_leaving_in_another_context_goes_up_to_what_is_open(span, between):
    """Where the token is of no use, the nearest span above that still runs takes the place of one that has ended."""
    ended = span
    for _ in range(between + 1):
        ended = ended.fork()
        ended.finish()
    deeper = enter(ended)
    leave(contextvars.copy_context().run(enter, ended))
    assert active() is span
    leave(deeper)


def test_above_an_entry_nothing_is_open(span):
    """The first span of a process has nothing to go up to, and a child has as long as that runs."""
    child = span.fork()
    assert (span.open_parent(), child.open_parent()) == (None, span)
    span.finish()
    assert child.open_parent() is None


@pytest.mark.parametrize("finished", [True, False])
def test_discarding(tracer, other, finished):
    """A span that was never left goes once it has finished, and not before."""
    token = enter(other)
    if finished:
        other.finish()
    discard_finished()
    assert active() is (None if finished else other)
    leave(token)


def test_threads_begin_without_a_span(span):
    """A new thread has no active span unless it is given one."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(current()))
    thread.start()
    thread.join(20)
    assert seen == [NOOP]


def test_tasks_keep_apart(tracer):
    """Tasks that run in turns see their own spans, and inherit that of their maker."""

    async def work(number):
        inherited = current()
        with activate(inherited.fork(f"task {number}")) as mine:
            for _ in range(3):
                await asyncio.sleep(0)
                assert current() is mine
        return inherited

    async def main():
        with activate(tracer.start_server_span(None, "GET /")) as parent:
            assert await asyncio.gather(*map(work, range(10))) == [parent] * 10
            assert parent.children == 10

    asyncio.run(main())


def test_a_stage_remembers_what_was_active(span, other):
    """What a step leaves active is active again in the next, and nowhere between."""
    stage = Stage(other)
    with stage:
        assert current() is other
        deeper = other.fork()
        enter(deeper)
    assert current() is span
    with stage:
        assert current() is deeper
    assert current() is span


def test_apart_nothing_is_active(span):
    """What is done apart belongs to no span; whatever comes of it, the same one is active afterwards."""
    seen = []

    def ask():
        with apart():
            seen.append(current())
            raise LookupError

    with pytest.raises(LookupError):
        ask()
    assert seen == [NOOP]
    assert current() is span

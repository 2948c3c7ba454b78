"""Which span tells of a failure: the innermost that failed with it, and none further out."""

from __future__ import annotations

import asyncio
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import tracelog
from tracelog.record import Entry, Kind
from tracelog.span import MAX_FAILURES
from tracelog.testing import Recorder
from tracelog.tracer import Tracer


class Weak(Exception):  # noqa: N818 - it is weak
    """An exception that can be watched."""


def fail(error: BaseException) -> None:
    """Raise *error* from a function, so that it has a stack."""
    raise error


def new(recorder) -> list[str]:
    """Name the operations of the spans whose failure was first seen there, in the order in which they finished."""
    return [span.operation for span in recorder.spans if span.failure is not None and span.failure.entry is not None]


def failed(recorder) -> list[str]:
    """Name the operations of all spans that failed."""
    return [span.operation for span in recorder.spans if span.status.value == "failure"]


def test_a_failure_knows_the_entry_span_around_it(tracer, recorder):
    """Operation, kind and the attribute that names a type are those of the entry span, as they were then."""
    entry = tracer.start_server_span(None, "POST /pay", **{"transaction.type": "page"})
    entry.fork("a").fork("b").fail(ValueError("x")).finish()
    entry.fail("declined").finish()
    expected = Entry("POST /pay", Kind.SERVER, "page")
    assert [record.failure.entry for record in recorder.spans] == [expected, expected]


def test_an_exception_is_new_where_it_was_raised_only(tracer, recorder):
    """On its way through the spans around it is an old acquaintance; all of them fail."""
    with pytest.raises(ValueError, match="x"), tracelog.span("a"), tracelog.span("b"), tracelog.span("c"):
        fail(ValueError("x"))
    assert (failed(recorder), new(recorder)) == (["c", "b", "a"], ["c"])


def test_an_exception_may_skip_spans(tracer, recorder):
    """A span between that did not fail changes nothing for the one around it."""
    outer = tracer.start_server_span(None, "outer")
    between = outer.fork("between")
    try:
        try:
            fail(ValueError("x"))
        except ValueError as error:
            between.fork("inner").fail(error).finish()
            raise
    except ValueError as error:
        between.finish()
        outer.fail(error).finish()
    assert (failed(recorder), new(recorder)) == (["inner", "outer"], ["inner"])


def test_an_exception_that_another_replaces_leaves_both_new(tracer, recorder):
    """What is raised because of it is another failure."""

    def translated() -> None:
        try:
            with tracelog.span("inner"):
                fail(ValueError("x"))
        except ValueError as error:
            raise KeyError("y") from error

    with pytest.raises(KeyError), tracelog.span("outer"):
        translated()
    assert new(recorder) == ["inner", "outer"]


@pytest.mark.parametrize("turn", range(5))
def test_tries_that_fail_one_after_another_are_all_new(tracer, recorder, turn):
    """However alike they are, and although the identity of one may be given to the next, none is taken for another."""
    with tracelog.span("work"):
        for _ in range(2 * MAX_FAILURES):
            try:
                with tracelog.span("try"):
                    fail(ValueError("busy"))
            except ValueError:
                pass
    assert new(recorder) == ["try"] * 2 * MAX_FAILURES


def test_failing_twice_with_one_exception_is_failing_once(tracer, recorder):
    """A framework that reports it and then lets it go through the same span costs no document."""
    error = ValueError("x")
    span = tracer.start_server_span(None, "GET /")
    span.fail(error).fail(error).finish()
    assert new(recorder) == ["GET /"]


def test_reasons_in_words_are_always_new(span, recorder):
    """The same words of two spans are two failures: nothing says that one is the other's."""
    span.fork("inner").fail("no stock").finish()
    span.fail("no stock").finish()
    assert new(recorder) == ["inner", "GET /orders"]


def test_failing_without_a_reason_takes_none_away(span, recorder):
    """A status that says failure comes after the exception that says why."""
    span.fail(ValueError("x")).fail().finish()
    assert new(recorder) == ["GET /orders"]


def test_a_span_without_a_record_tells_nothing(tracer, recorder):
    """What was left out keeps no failure of its own from those around it."""
    entry = tracer.start_server_span(None, "GET /")
    inner = entry.fork("inner")
    inner.leave_out()
    error = ValueError("x")
    inner.fail(error).finish()
    entry.fail(error).finish()
    assert new(recorder) == ["GET /"]


def test_an_exception_crosses_tasks(tracer, recorder):
    """Awaited from another task it is the same exception."""

    async def inner() -> None:
        with tracelog.span("inner"):
            fail(ValueError("x"))

    async def outer() -> None:
        with tracelog.span("outer"):
            await asyncio.create_task(inner())

    with pytest.raises(ValueError, match="x"):
        asyncio.run(outer())
    assert new(recorder) == ["inner"]


def test_an_exception_crosses_threads():
    """A future raises what its thread raised."""
    recorder = Recorder()
    outer = Tracer(sink=recorder).start_server_span(None, "outer")

    def work() -> None:
        inner = outer.fork("inner")
        try:
            fail(ValueError("x"))
        except ValueError as error:
            inner.fail(error).finish()
            raise

    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(work).result()
        except ValueError as error:
            outer.fail(error).finish()
    assert new(recorder) == ["inner"]


def test_what_is_remembered_is_bounded_and_holds_no_exception(span):
    """A span that goes on for ever remembers the last failures inside of it, and keeps none of them alive."""
    watched = []
    for _ in range(3 * MAX_FAILURES):
        try:
            fail(Weak())
        except Weak as error:
            span.fork().fail(error).finish()
            watched.append(weakref.ref(error))
    gc.collect()
    assert len(span._inside) == MAX_FAILURES
    assert [ref() for ref in watched] == [None] * len(watched)


def test_a_span_that_did_not_fail_remembers_nothing(span):
    """Success costs nothing, not even an empty list."""
    span.fork().finish()
    span.finish()
    assert not hasattr(span, "_inside")

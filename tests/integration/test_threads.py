"""Threads, pools and tasks: what runs elsewhere keeps the span of whoever handed it over, while it runs."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial, partialmethod
from multiprocessing import get_context

import pytest

import tracelog
from tracelog.active import active
from tracelog.integrations.threads import bound, install, uninstall
from tracelog.noop import NOOP
from tracelog.outgoing import to_be_traced

SECONDS = 30

log = logging.getLogger("application")


@pytest.fixture
def carrying():
    """Let threads keep spans until the test ends."""
    install()
    yield
    uninstall()


def run(thread):
    """Run a thread to its end."""
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()


def nap():
    """Be a task of a process."""
    return tracelog.current() is NOOP


def test_nothing_is_carried_unless_asked(tracelog_recorder):
    """Without install a thread and a task of a pool begin with no span, as Python has it."""
    seen = []
    with tracelog.span("request"), ThreadPoolExecutor(1) as pool:
        run(threading.Thread(target=lambda: seen.append(tracelog.current())))
        seen.append(pool.submit(tracelog.current).result(SECONDS))
    assert seen == [NOOP, NOOP]


def test_asyncio_carries_the_span_by_itself(tracelog_recorder):
    """Tasks and asyncio.to_thread keep the active span without install."""

    async def main():
        return await asyncio.create_task(asyncio.sleep(0, tracelog.current())), await asyncio.to_thread(
            tracelog.current
        )

    with tracelog.span("request") as span:
        assert asyncio.run(main()) == (span, span)


def test_asyncio_s_executor_carries_the_span_once_asked(tracelog_recorder, carrying):
    """loop.run_in_executor, which copies no context, keeps the span too."""

    async def main():
        return await asyncio.get_running_loop().run_in_executor(None, tracelog.current)

    with tracelog.span("request") as span:
        assert asyncio.run(main()) is span


class Overriding(threading.Thread):
    """Has a ``run`` of its own."""

    def run(self):
        """Keep what is active."""
        self.seen = tracelog.current()


def test_a_thread_runs_under_the_span_it_was_started_in(tracelog_recorder, carrying):
    """It is the place of start() that counts, not of the constructor."""
    seen = []
    with tracelog.span("earlier"):
        thread = threading.Thread(target=lambda: seen.append(tracelog.current()))
    with tracelog.span("request") as span:
        run(thread)
    assert seen == [span]
    assert "run" not in vars(thread)


def test_a_subclass_with_a_run_of_its_own_is_followed(tracelog_recorder, carrying):
    """A run that knows nothing of the class above it finds the span."""
    thread = Overriding()
    with tracelog.span("request") as span:
        run(thread)
    assert thread.seen is span


def test_a_run_that_was_put_on_the_thread_itself_is_followed(tracelog_recorder, carrying):
    """A run of the object's own finds the span, and is there afterwards."""
    seen = []
    thread = threading.Thread()
    thread.run = mine = lambda: seen.append(tracelog.current())
    with tracelog.span("request") as span:
        run(thread)
    assert seen == [span]
    assert thread.run is mine


def test_a_timer_is_followed(tracelog_recorder, carrying):
    """What a Timer runs later runs under the span in which it was started."""
    seen = []
    with tracelog.span("request") as span:
        run(threading.Timer(0.01, lambda: seen.append(tracelog.current())))
    assert seen == [span]


def test_lines_and_spans_of_a_thread_belong_to_the_request(tracelog_recorder, carrying):
    """A line carries the ids of the span, and a span begun in the thread is its child."""

    def work():
        log.warning("working")
        with tracelog.span("work"):
            pass

    with tracelog.span("request") as span:
        run(threading.Thread(target=work))
    (line,) = tracelog_recorder.lines
    assert (line.trace_id, line.span_id) == (span.trace_id, span.span_id)
    assert [record.parent_id for record in tracelog_recorder.spans] == [span.span_id, ""]
    assert span.children == 1


def test_a_thread_that_outlives_its_request_stays_in_the_trace(tracelog_recorder, carrying):
    """Lines, spans and calls that begin after the request has ended belong to it all the same."""
    ended, seen = threading.Event(), {}

    def work():
        assert ended.wait(SECONDS)
        log.warning("late")
        with tracelog.span("late"):
            pass
        seen["call"], seen["headers"] = to_be_traced(), {}
        tracelog.inject(seen["headers"])

    with tracelog.span("request") as span:
        thread = threading.Thread(target=work)
        thread.start()
    ended.set()
    thread.join(SECONDS)
    assert [line.span_id for line in tracelog_recorder.lines] == [span.span_id]
    assert [record.parent_id for record in tracelog_recorder.spans if record.operation == "late"] == [span.span_id]
    assert seen["call"] is span
    assert span.span_id in seen["headers"]["traceparent"]


def test_a_span_that_ended_inside_a_thread_is_no_parent(tracelog_recorder, carrying):
    """Only the span that was handed over outlives its end: one that the thread itself began does not."""
    seen = []

    def work():
        with tracelog.span("own") as own, tracelog.activate(own):
            own.finish()
            seen.append(tracelog.current())

    with tracelog.span("request"):
        run(threading.Thread(target=work))
    assert seen == [NOOP]


def test_an_exception_is_told_inside_of_the_span(tracelog_recorder, carrying, monkeypatch):
    """What threading.excepthook logs of a thread that fails carries the ids."""
    told = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append((args.exc_type, active())))
    with tracelog.span("request") as span:
        run(threading.Thread(target=lambda: 1 / 0))
    assert told == [(ZeroDivisionError, span if sys.version_info < (3, 14) else None)]


def test_a_thread_that_cannot_start_is_left_as_it_was(tracelog_recorder, carrying):
    """The error of a second start() reaches the caller, and nothing stays on the thread."""
    thread = threading.Thread(target=int)
    with tracelog.span("request"):
        run(thread)
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
    assert "run" not in vars(thread)


def test_a_pool_runs_each_task_under_its_own_span(tracelog_recorder, carrying):
    """Submitted or mapped, a task captures the span where it is called, and a thread of the pool keeps none."""
    with ThreadPoolExecutor(1) as pool:
        with tracelog.span("first") as first:
            once = pool.submit(active).result(SECONDS)
            many = list(pool.map(lambda _: active(), range(3)))
        with tracelog.span("second") as second:
            again = pool.submit(active).result(SECONDS)
        assert pool.submit(active).result(SECONDS) is None
    assert (once, many, again) == (first, [first] * 3, second)


def test_a_pool_s_threads_are_of_no_request(tracelog_recorder, carrying):
    """A thread that a pool begins while a request waits runs its initializer without the request's span."""
    seen = []
    with tracelog.span("request"), ThreadPoolExecutor(1, initializer=lambda: seen.append(active())) as pool:
        pool.submit(int).result(SECONDS)
    assert seen == [None]


def test_a_task_s_own_errors_and_values_pass_through(tracelog_recorder, carrying):
    """Arguments by name, results, exceptions, and the pool's own refusals are what they are without us."""
    with tracelog.span("request"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(int, "11", base=2).result(SECONDS) == 3
        assert pool.submit(partial(int, base=2), "11").result(SECONDS) == 3
        with pytest.raises(ZeroDivisionError):
            pool.submit(lambda: 1 / 0).result(SECONDS)
        with pytest.raises(TypeError, match="not callable"):
            pool.submit(None).result(SECONDS)
        with pytest.raises(TypeError):
            pool.submit()
        pool.shutdown()
        with pytest.raises(RuntimeError, match="shutdown"):
            pool.submit(int)


def test_only_the_span_is_carried(tracelog_recorder, carrying):
    """Context variables of the application's own stay where they are."""
    mine: ContextVar[str] = ContextVar("mine", default="unset")
    mine.set("set")
    with tracelog.span("request"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(mine.get).result(SECONDS) == "unset"


def test_a_bound_function_needs_no_install(tracelog_recorder):
    """What was bound runs under the span of where it was bound, whoever calls it, and leaves nothing behind."""
    seen = []
    with tracelog.span("request") as span:
        work = bound(lambda word: seen.append((word, tracelog.current())))
    with tracelog.span("other") as other:
        work("inside")
        assert tracelog.current() is other
    run(threading.Thread(target=work, args=("thread",)))
    assert seen == [("inside", span), ("thread", span)]


def test_outside_of_a_span_nothing_is_wrapped():
    """A function that is bound where nothing is active is the function itself."""
    assert bound(nap) is nap


def test_a_pool_of_processes_is_not_followed(tracelog_recorder, carrying):
    """Its tasks run as before, with no span."""
    with tracelog.span("request"), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(nap).result(SECONDS)


def test_install_twice_is_undone_at_once():
    """Uninstalling puts back the very functions that were there, however often install was called."""
    before = vars(threading.Thread)["start"], vars(ThreadPoolExecutor)["submit"]
    install()
    install()
    assert vars(threading.Thread)["start"] is not before[0]
    uninstall()
    uninstall()
    assert (vars(threading.Thread)["start"], vars(ThreadPoolExecutor)["submit"]) == before


def test_a_wrapper_of_somebody_else_stays(tracelog_recorder, monkeypatch):
    """Uninstalling touches no wrapper that was put on after ours."""
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)
    install()
    ours = threading.Thread.start
    theirs = partialmethod(ours)
    threading.Thread.start = theirs
    uninstall()
    assert vars(threading.Thread)["start"] is theirs


def test_the_pipeline_s_own_threads_are_of_no_request(tmp_path):
    """Threads that tracelog begins inside of a request do not carry its span."""
    printed = script(
        """
        import sys, threading, tracelog
        from tracelog.active import active
        from tracelog.integrations.threads import install
        from tracelog.pipeline import native
        install()
        tracelog.configure(service="shop", export=f"sqlite:{sys.argv[1]}")
        seen, done = [], threading.Event()
        with tracelog.span("request"):
            native.start(lambda: (seen.append(active()), done.set()), "worker")
            done.wait(20)
        print(seen)
        """,
        tmp_path / "spans.sqlite",
    )
    assert printed == "[None]\n"


def test_threads_of_gevent_are_followed(tmp_path):
    """With gevent's monkey patches threads and pools, which are greenlets then, keep the span all the same."""
    printed = script(
        """
        from gevent import monkey
        monkey.patch_all()
        import threading, tracelog
        from concurrent.futures import ThreadPoolExecutor
        from tracelog.active import active
        from tracelog.integrations.threads import install
        install()
        tracelog.configure(service="green", export="none:")
        seen = []
        with ThreadPoolExecutor(1) as pool:
            with tracelog.span("request") as span:
                thread = threading.Thread(target=lambda: seen.append(active()))
                thread.start()
                thread.join(20)
                seen.append(pool.submit(active).result(20))
            after = pool.submit(active).result(20)
        print(seen == [span, span], after)
        """
    )
    assert printed == "True None\n"


def script(text, *arguments):
    """Run a script in a process of its own; return what it printed."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(text), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout

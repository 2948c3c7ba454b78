"""Whatever is done with calls, and in whatever order: every span that began ends once, and nothing stays active."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from grpc_support import ABORT, ARITIES, FINE, RAISE, SECONDS, SLOW, aio_served, call, called, method, served
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tracelog
from tracelog.active import active
from tracelog.integrations import grpc_aio
from tracelog.record import Kind
from tracelog.testing import Recorder, recording

#: What a client does with a call.
ENDS = ("read", "cancel", "cancel after one", "drop", "drop after one", "keep")

calls = st.lists(
    st.tuples(
        st.sampled_from(ARITIES),
        st.sampled_from([FINE, ABORT, RAISE, SLOW]),
        st.sampled_from(ENDS),
        st.sampled_from([0.02, 0.1, 0.3]),
    ),
    min_size=1,
    max_size=6,
)

bounded = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Begun:
    """A sampler that keeps all traces, and counts the servers' spans that have begun."""

    def __init__(self) -> None:
        self.servers = 0

    def __call__(self, trace_id: str, operation: str, parent: object) -> float:
        """Count one that is asked about."""
        self.servers += operation != "root"
        return 1.0


def check(recorder: Recorder, made: int, begun: Begun) -> None:
    """Wait until all is over, and hold it against what was begun."""

    def ended(kind: Kind) -> int:
        return sum(span.kind is kind for span in recorder.spans)

    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        gc.collect()
        if ended(Kind.CLIENT) >= made and ended(Kind.SERVER) >= begun.servers:
            break
        time.sleep(0.01)
    spans = recorder.spans
    assert len({span.span_id for span in spans}) == len(spans)
    assert (ended(Kind.CLIENT), ended(Kind.SERVER)) == (made, begun.servers)
    # Some calls end before a server hears of them; none is heard of twice.
    callers = [span.parent_id for span in spans if span.kind is Kind.SERVER and span.parent_id]
    assert len(set(callers)) == len(callers)
    assert active() is None


@pytest.fixture(scope="module")
def threads():
    """Serve with threads for all examples."""
    with served(workers=8) as (shop, address):
        yield shop, address


def use(answer: Any, arity: str, end: str, kept: list[Any]) -> None:
    """Do with a call what *end* says."""
    streams = arity.endswith("stream")
    with suppress(grpc.RpcError, grpc.FutureCancelledError, StopIteration):
        if "after one" in end and streams:
            next(answer)
        if end.startswith("cancel"):
            answer.cancel()
        elif end == "read":
            list(answer) if streams else answer.result(SECONDS)
        elif end == "keep":
            kept.append(answer)


@bounded
@given(calls)
def test_threads(threads, made):
    """Cancelled, out of time, aborted, dropped unread or kept, one beside the other."""
    shop, address = threads
    shop.release.clear()
    begun = Begun()
    with recording(ids=None, clock=None, sampler=begun) as recorder:
        kept: list[Any] = []
        with called(address) as channel:
            with tracelog.span("root"):
                for arity, word, end, seconds in made:
                    asked = iter([word, word]) if arity.startswith("stream") else word
                    kind = getattr(channel, arity)(method(arity))
                    answer = (
                        kind(asked, timeout=seconds)
                        if arity.endswith("stream")
                        else kind.future(asked, timeout=seconds)
                    )
                    use(answer, arity, end, kept)
                    del answer, kind, asked
            shop.release.set()
            # What is still kept ends with its channel, or by its deadline.
            kept.clear()
        check(recorder, len(made), begun)


@bounded
@given(calls)
def test_asyncio(made):
    """The same on an event loop."""
    begun = Begun()
    loop = asyncio.new_event_loop()

    async def run(address: str) -> None:
        interceptors = grpc_aio.client_interceptors()
        async with grpc.aio.insecure_channel(address, interceptors=interceptors) as channel:
            kept: list[Any] = []
            with tracelog.span("root"):
                for arity, word, end, seconds in made:
                    asked = _twice(word) if arity.startswith("stream") else word
                    answer = getattr(channel, arity)(method(arity))(asked, timeout=seconds)
                    await use_awaited(answer, arity, end, kept)
            for answer in kept:
                answer.cancel()

    try:
        with recording(ids=None, clock=None, sampler=begun) as recorder, aio_served(loop) as (_, address):
            loop.run_until_complete(run(address))
            loop.run_until_complete(asyncio.sleep(0.05))
            loop.run_until_complete(loop.shutdown_asyncgens())
            check(recorder, len(made), begun)
    finally:
        loop.close()


async def _twice(word: bytes) -> AsyncIterator[bytes]:
    yield word
    yield word


async def use_awaited(answer: Any, arity: str, end: str, kept: list[Any]) -> None:
    """Do with a call what *end* says."""
    streams = arity.endswith("stream")
    with suppress(grpc.RpcError, asyncio.CancelledError, StopAsyncIteration):
        # Begun for sure: a call that is cancelled before its first step was never made.
        await asyncio.sleep(0.01)
        if "after one" in end and streams:
            await anext(aiter(answer))
        if end == "read" and streams:
            async for _ in answer:
                pass
        elif end == "read":
            await answer
        elif end.startswith("cancel"):
            answer.cancel()
        elif end == "keep":
            kept.append(answer)


def test_nothing_of_one_call_is_active_in_the_next(threads):
    """Whatever the thread of the pool did before."""
    shop, address = threads
    begun = Begun()
    shop.release.set()
    shop.seen.clear()
    with recording(ids=None, clock=None, sampler=begun) as recorder, called(address) as channel:
        for word in (RAISE, ABORT, FINE) * 5:
            for arity in ARITIES:
                with suppress(grpc.RpcError):
                    answer = call(channel, arity, word)
                    if arity.endswith("stream"):
                        list(answer)
        check(recorder, 0, begun)
        servers = [span for span in recorder.spans if span.kind is Kind.SERVER]
        assert len(servers) == 15 * 4
        # Without a client's span each begins a trace of its own.
        assert {span.parent_id for span in servers} == {""}

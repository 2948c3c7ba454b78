"""``tracelog.span(...)`` around blocks and functions of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracelog.active import active, current
from tracelog.block import span as block
from tracelog.noop import NOOP
from tracelog.record import Status


class Boom(Exception):  # noqa: N818 - it is what it says
    """An error of the application's own."""


def outcomes(recorder):
    """Tell what finished, and how."""
    return [(record.operation, record.status.value) for record in recorder.spans]


def run(coroutine):
    """Run *coroutine* to its end in a loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, 20))


@pytest.fixture(autouse=True)
def _traced(tracer):
    """Let each test have a default tracer that counts and ticks."""


def test_a_block_begins_a_trace(recorder):
    """Without a parent it is the first span of a trace; afterwards nothing is active."""
    with block("charge", amount=12) as span:
        assert current() is span
    assert current() is NOOP
    assert outcomes(recorder) == [("charge", "success")]
    assert (recorder.spans[0].attributes, recorder.spans[0].parent_id) == ({"amount": 12}, "")


def test_a_block_is_a_child_of_the_active_span(span):
    """Blocks nest, and each comes back to the one around it."""
    with block("outer") as outer:
        with block("inner") as inner:
            assert inner.parent_id == outer.span_id
        assert current() is outer
    assert (outer.parent_id, span.children) == (span.span_id, 1)


def test_below_a_finished_span_a_trace_begins(span, recorder):
    """A span that has ended is no parent for what comes later."""
    span.finish()
    with block("later") as later:
        assert later.trace_id != span.trace_id


def test_an_exception_goes_on_its_way(recorder):
    """It marks the span as failed, with its type, its message and its stack trace, and leaves the block as it was."""
    error = Boom("no stock")

    def work():
        with block("charge"):
            raise error

    with pytest.raises(Boom) as raised:
        work()
    assert raised.value is error
    failure = recorder.spans[0].failure
    assert (failure.type, failure.message) == (f"{__name__}.Boom", "no stock")
    assert "raise error" in failure.stack()
    assert active() is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(), Status.SUCCESS),
        (SystemExit(0), Status.SUCCESS),
        (GeneratorExit(), Status.SUCCESS),
        (SystemExit(1), Status.FAILURE),
        (SystemExit("bad"), Status.FAILURE),
        (KeyboardInterrupt(), Status.FAILURE),
        (asyncio.CancelledError(), Status.FAILURE),
    ],
)
def test_ends_that_are_no_failure(recorder, error, status):
    """A program that ends well, or a generator that is closed, has not failed."""
    with contextlib.suppress(type(error)), block("job"):
        raise error
    assert recorder.spans[0].status is status


def test_a_function(recorder):
    """Each call is a span of its own; arguments, answer, name and signature are those of the function."""

    @block("add", kind="sum")
    def add(one: int, *, other: int = 1) -> int:
        """Add."""
        current().set(seen=True)
        return one + other

    assert [add(1), add(1, other=5)] == [2, 6]
    assert (add.__name__, add.__doc__, str(inspect.signature(add))) == (
        "add",
        "Add.",
        "(one: 'int', *, other: 'int' = 1) -> 'int'",
    )
    assert [record.attributes for record in recorder.spans] == [{"kind": "sum", "seen": True}] * 2
    assert len({record.trace_id for record in recorder.spans}) == 2


def test_attributes_set_in_one_call_do_not_show_in_the_next(recorder):
    """Calls share what the decorator was given, and nothing else."""

    @block("job", a=1)
    def job(**more):
        current().set(**more)

    job(b=2)
    job()
    assert [record.attributes for record in recorder.spans] == [{"a": 1, "b": 2}, {"a": 1}]


def test_recursion(recorder):
    """A function that calls itself makes a chain of spans."""

    @block("down")
    def down(levels):
        return 0 if levels == 0 else 1 + down(levels - 1)

    assert down(5) == 5
    ids = [record.span_id for record in recorder.spans]
    assert [record.parent_id for record in recorder.spans] == [*ids[1:], ""]
    assert [record.children for record in recorder.spans] == [0, 1, 1, 1, 1, 1]


def test_one_decorator_in_many_threads(recorder):
    """Calls that run at the same time do not mix their spans up."""

    @block("work")
    def work(number):
        mine = current()
        with block("part"):
            pass
        assert current() is mine
        return mine.span_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(work, range(200), timeout=60))
    assert len(ids) == 200
    assert {record.parent_id for record in recorder.spans if record.operation == "part"} == ids


def test_a_function_that_fails(recorder):
    """Its error reaches the caller, and the span tells of it."""

    @block("boom")
    def boom():
        raise Boom

    with pytest.raises(Boom):
        boom()
    assert outcomes(recorder) == [("boom", "failure")]


def test_a_coroutine(recorder):
    """The span lasts until the coroutine's end, is active in it alone, and tells of its error."""

    @block("fetch")
    async def fetch(number):
        mine = current()
        await asyncio.sleep(0)
        assert current() is mine
        if number == 2:
            raise Boom
        return number

    async def main():
        return await asyncio.gather(*map(fetch, range(3)), return_exceptions=True)

    assert inspect.iscoroutinefunction(fetch)
    assert run(main())[:2] == [0, 1]
    assert sorted(outcomes(recorder)) == [("fetch", "failure"), ("fetch", "success"), ("fetch", "success")]


def echo():
    """Yield what was sent, until it is told to stop or an error comes."""
    received, said = [], None
    while said != "stop":
        try:
            said = yield current()
        except Boom:
            said = "boom"
        received.append(said)
    return received


def test_a_generator(recorder):
    """What is sent and thrown in arrives, the answer comes out, and the span lasts from the first step to the last."""
    steps = block("echo")(echo)()
    assert recorder.spans == []
    span = next(steps)
    assert steps.send("a") is span
    assert steps.throw(Boom()) is span
    assert current() is NOOP
    with pytest.raises(StopIteration) as ended:
        steps.send("stop")
    assert ended.value.value == ["a", "boom", "stop"]
    assert outcomes(recorder) == [("echo", "success")]
    assert inspect.isgeneratorfunction(block("echo")(echo))


def test_a_generators_span_is_not_active_between_steps(span):
    """Where the generator waits, the caller's span is active, and each step has the generator's own."""

    @block("numbers")
    def numbers():
        first = current()
        with block("inside"):
            yield 1
            assert current().operation == "inside"
            yield 2
        assert current() is first

    for _ in numbers():
        assert current() is span
    assert current() is span


def test_a_generator_that_is_not_begun_is_no_span(recorder):
    """The span begins with the first step."""
    block("echo")(echo)().close()
    assert recorder.spans == []


def test_a_generator_that_is_closed(recorder):
    """Closing runs its end inside the span, and is no failure."""
    seen = []

    @block("open")
    def opened():
        try:
            yield 1
        finally:
            seen.append(current().operation)

    steps = opened()
    next(steps)
    steps.close()
    assert (seen, outcomes(recorder), active()) == (["open"], [("open", "success")], None)


def test_a_generator_that_will_not_close(recorder):
    """Python's complaint reaches the caller, and the span ends."""

    @block("stubborn")
    def stubborn():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    steps = stubborn()
    next(steps)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        steps.close()
    assert outcomes(recorder) == [("stubborn", "failure")]


def test_a_generator_that_fails(recorder):
    """An error inside, or one thrown in that it does not catch, ends the span as failed."""

    @block("fragile")
    def fragile():
        yield 1
        raise Boom

    with pytest.raises(Boom):
        list(fragile())
    steps = fragile()
    next(steps)
    with pytest.raises(KeyError):
        steps.throw(KeyError("x"))
    assert outcomes(recorder) == [("fragile", "failure")] * 2


def test_a_generator_behind_a_context_manager(recorder):
    """A decorated generator function can still be made a context manager."""

    @contextlib.contextmanager
    @block("held")
    def held():
        yield current()

    with held() as span:
        assert not span.finished
    assert span.finished
    assert outcomes(recorder) == [("held", "success")]


async def aecho():
    """Yield what was sent, until it is told to stop or an error comes."""
    said = None
    while said != "stop":
        await asyncio.sleep(0)
        try:
            said = yield (current(), said)
        except Boom:
            said = "boom"


def test_an_async_generator(recorder):
    """What is sent and thrown in arrives, and the span lasts from the first step to the last."""

    async def main():
        steps = block("aecho")(aecho)()
        span, _ = await steps.__anext__()
        assert await steps.asend("a") == (span, "a")
        assert await steps.athrow(Boom()) == (span, "boom")
        assert current() is NOOP
        with pytest.raises(StopAsyncIteration):
            await steps.asend("stop")
        assert span.finished

    run(main())
    assert outcomes(recorder) == [("aecho", "success")]


def test_an_async_generator_stays_one(recorder):
    """Those who ask see an asynchronous generator function, and so a second decorator works like the first."""
    twice = block("outer")(block("inner")(aecho))
    assert inspect.isasyncgenfunction(twice)

    async def main():
        return [span.operation async for span, _ in _some(twice(), 3)]

    assert run(main()) == ["inner"] * 3
    assert outcomes(recorder) == [("inner", "success"), ("outer", "success")]
    assert recorder.spans[0].parent_id == recorder.spans[1].span_id


async def _some(steps, count):
    """Hand on some of *steps*, then close them."""
    async with contextlib.aclosing(steps):
        async for step in steps:
            if count == 0:
                break
            count -= 1
            yield step


def test_an_async_generator_that_is_closed(recorder):
    """Closing runs its end inside the span, and is no failure."""
    seen = []

    @block("open")
    async def opened():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            seen.append(current().operation)

    async def main():
        steps = opened()
        await steps.__anext__()
        await steps.aclose()

    run(main())
    assert (seen, outcomes(recorder)) == (["open"], [("open", "success")])


def test_an_async_generator_that_will_not_close(recorder):
    """Python's complaint reaches the caller, and the span ends."""

    @block("stubborn")
    async def stubborn():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    async def main():
        steps = stubborn()
        await steps.__anext__()
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            await steps.aclose()

    run(main())
    assert outcomes(recorder) == [("stubborn", "failure")]


def test_an_async_generator_that_fails(recorder):
    """An error inside, or one thrown in that it does not catch, ends the span as failed."""

    @block("fragile")
    async def fragile():
        yield 1
        raise Boom

    async def main():
        with pytest.raises(Boom):
            [step async for step in fragile()]
        steps = fragile()
        await steps.__anext__()
        with pytest.raises(KeyError):
            await steps.athrow(KeyError("x"))

    run(main())
    assert outcomes(recorder) == [("fragile", "failure")] * 2


def test_a_task_that_is_cancelled(recorder):
    """The span of a coroutine ends with it, as failed."""

    @block("wait")
    async def wait():
        await asyncio.sleep(60)

    async def main():
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert outcomes(recorder) == [("wait", "failure")]


def test_methods_and_static_methods(recorder):
    """Decorated methods are methods still."""

    class Shop:
        @block("sell")
        def sell(self, item):
            return (self, item)

        @staticmethod
        @block("count")
        def count(number):
            return number

    shop = Shop()
    assert shop.sell("tea") == (shop, "tea")
    assert Shop.count(3) == 3
    assert outcomes(recorder) == [("sell", "success"), ("count", "success")]


def test_the_traceback_leads_to_the_application(recorder):
    """The innermost frame that the failure shows is the application's own."""

    @block("boom")
    def boom():
        raise Boom

    with pytest.raises(Boom) as raised:
        boom()
    assert raised.traceback[-1].path.name == "test_block.py"


def test_a_generator_whose_steps_run_in_contexts_of_their_own(recorder):
    """Where each step is made by another thread, as in a pool, the right span is active in every one."""

    @block("outer")
    def numbers():
        yield current().operation
        with block("inner"):
            yield current().operation
            yield current().operation
        yield current().operation
        yield current().operation

    steps = numbers()
    contexts = [contextvars.copy_context() for _ in range(6)]
    seen = [context.run(next, steps, "end") for context in contexts]
    assert seen == ["outer", "inner", "inner", "outer", "outer", "end"]
    assert outcomes(recorder) == [("inner", "success"), ("outer", "success")]
    assert [context.run(active) for context in contexts] == [None] * 6

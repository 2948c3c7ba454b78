"""``tracelog.span(...)``: a block of code, or a function, as a span."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Token
from types import TracebackType
from typing import Any, TypeVar, cast

from tracelog.active import Stage, active, enter, leave
from tracelog.record import Kind
from tracelog.span import Span
from tracelog.tracer import default_tracer

_INTERNAL = Kind.INTERNAL

F = TypeVar("F", bound=Callable[..., Any])


class span:  # noqa: N801 - read as a word of the language: `with tracelog.span("charge card"):`
    """
    Make a block, or with ``@`` a function, a span: a child of the active span, or the first of a new trace.

    Works on functions, coroutine functions, generators and asynchronous generators; a generator's span is active
    while the generator runs, not while it waits to be asked, and ends with it. An exception that leaves the block
    marks the span as failed and goes on its way. Good for one ``with``, or for any number of calls as a decorator.
    """

    __slots__ = ("_attributes", "_operation", "_span", "_token")

    _span: Span
    _token: Token[Span | None]

    def __init__(self, operation: str, /, **attributes: Any) -> None:
        self._operation = operation
        self._attributes = attributes

    def __enter__(self) -> Span:
        self._span = opened = self.start()
        self._token = enter(opened)
        return opened

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            note_failure(self._span, error)
        self._span.finish()
        leave(self._token)

    def start(self) -> Span:
        """Start the span without making it active."""
        parent = active()
        if parent is None or parent.finished:
            return default_tracer().start_span(self._operation, **self._attributes)
        return parent.child(self._operation, _INTERNAL, self._attributes)

    def __call__(self, function: F) -> F:
        """Make each call of *function* a span."""
        if inspect.isasyncgenfunction(function):
            return cast("F", self._around_async_generator(function))
        if inspect.iscoroutinefunction(function):
            return cast("F", self._around_coroutine(function))
        if inspect.isgeneratorfunction(function):
            return cast("F", self._around_generator(function))
        return cast("F", self._around_function(function))

    def _fresh(self) -> span:
        return span(self._operation, **self._attributes)

    def _around_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return traced

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def traced(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return await function(*args, **kwargs)

        return traced

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            return (yield from _steps(function(*args, **kwargs), self._fresh().start()))

        return traced

    def _around_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # An asynchronous generator function itself, so that those who ask (this decorator among them) see one.
        @functools.wraps(function)
        async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            steps = _AsyncSteps(function(*args, **kwargs), self._fresh().start())
            resume: Callable[[Any], Awaitable[Any]] = steps.send
            value: Any = None
            try:
                while True:
                    try:
                        got = await resume(value)
                    except StopAsyncIteration:
                        return
                    try:
                        resume, value = steps.send, (yield got)
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # noqa: BLE001 - thrown in from outside, meant for the generator
                        resume, value = steps.throw, error
            finally:
                await steps.close()

        return traced


def _steps(generator: Generator[Any, Any, Any], opened: Span) -> Generator[Any, Any, Any]:
    """Run each step of *generator* with *opened* active."""
    stage = Stage(opened)
    resume: Callable[[Any], Any] = generator.send
    value: Any = None
    try:
        while True:
            with stage:
                got = resume(value)
            try:
                resume, value = generator.send, (yield got)
            except GeneratorExit:
                with stage:
                    generator.close()
                raise
            except BaseException as error:  # noqa: BLE001 - thrown in from outside, meant for the generator
                resume, value = generator.throw, error
    except StopIteration as done:
        return done.value
    except BaseException as error:
        note_failure(opened, error)
        raise
    finally:
        opened.finish()


class _AsyncSteps:
    """Runs each step of an asynchronous generator with a span active."""

    __slots__ = ("_generator", "_opened", "_stage")

    def __init__(self, generator: AsyncGenerator[Any, Any], opened: Span) -> None:
        self._generator = generator
        self._opened = opened
        self._stage = Stage(opened)

    async def send(self, value: Any) -> Any:
        """Go on to the next value."""
        return await self._step(self._generator.asend(value))

    async def throw(self, error: BaseException) -> Any:
        """Raise *error* where the generator stands."""
        return await self._step(self._generator.athrow(error))

    async def close(self) -> None:
        """End the generator, and the span with it."""
        try:
            await self._step(self._generator.aclose())
        finally:
            self._opened.finish()

    async def _step(self, step: Awaitable[Any]) -> Any:
        try:
            with self._stage:
                return await step
        except StopAsyncIteration:
            raise
        except BaseException as error:
            note_failure(self._opened, error)
            raise


def note_failure(opened: Span, error: BaseException) -> None:
    """Mark *opened* as failed unless *error* is a generator being closed or a program that ends well."""
    ended_well = isinstance(error, SystemExit) and error.code in (None, 0)
    if not ended_well and not isinstance(error, GeneratorExit):
        opened.fail(error)

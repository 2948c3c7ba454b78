"""Servers of ``grpc.aio``: the same spans as in :mod:`.server`, around handlers that are awaited."""

# pyright: basic
# The stubs of gRPC know half of its types, and of grpc.aio none.

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from grpc import StatusCode, aio  # pyright: ignore[reportAttributeAccessIssue]  # the stubs do not name it

from tracelog.active import Stage, activate
from tracelog.integrations.grpc.calls import SERVER_FAILURES, broken_off, code_of, finish
from tracelog.integrations.grpc.server import Behavior, ServerInterceptor, begun, rebuilt
from tracelog.span import Span
from tracelog.tracer import Tracer
from tracelog.wsgi import report_fault


class AioServerInterceptor(aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """
    Traces every call that a server handles: ``grpc.aio.server(interceptors=[ServerInterceptor()])``.

    *tracer* is the process's default unless one is given.
    """

    def __init__(self, *, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._of_threads = ServerInterceptor(tracer=tracer)

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Return the handler, with a span around what it does."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        inner: Behavior = getattr(handler, _NAMES[handler.request_streaming, handler.response_streaming])
        begin = partial(begun, self._tracer, handler_call_details)
        if inspect.isasyncgenfunction(inner):
            return rebuilt(handler, _generator(begin, inner))
        if inspect.iscoroutinefunction(inner):
            return rebuilt(handler, _coroutine(begin, inner))
        # One that is not awaited runs in a thread, as under a server that is not asynchronous.
        return self._of_threads.intercept_service(lambda _: handler, handler_call_details)


_NAMES = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def _coroutine(begin: Callable[[Any], Span | None], inner: Behavior) -> Behavior:
    """Trace a handler that returns its answer, or writes its answers by itself."""

    async def handled(request: Any, context: Any) -> Any:
        span = begin(context)
        if span is None:
            return await inner(request, context)
        try:
            with activate(span):
                answer = await inner(request, context)
        except BaseException as error:
            _end(span, context, error)
            raise
        _end(span, context, None)
        return answer

    return handled


def _generator(begin: Callable[[Any], Span | None], inner: Behavior) -> Behavior:
    """Trace a handler that yields its answers: each is made inside of the span, which ends with the last."""

    async def handled(request: Any, context: Any) -> AsyncIterator[Any]:
        span = begin(context)
        answers: Any = inner(request, context)
        if span is None:
            async for answer in answers:
                yield answer
            return
        context.add_done_callback(partial(_terminated, span))
        stage = Stage(span)
        try:
            while True:
                with stage:
                    try:
                        answer = await anext(answers)
                    except StopAsyncIteration:
                        break
                yield answer
        except BaseException as error:
            _end(span, context, error)
            raise
        finally:
            with stage:
                await answers.aclose()
            _end(span, context, None)

    return handled


def _terminated(span: Span, context: Any) -> None:
    """Finish where the call is over while nobody asks for a further answer."""
    if context.cancelled():
        _end(span, context, asyncio.CancelledError())


def _end(span: Span, context: Any, error: BaseException | None) -> None:
    """Note how a call ended, and finish its span, unless that was done."""
    if span.finished:
        return
    try:
        code = _ending(context, error)
        if code is StatusCode.UNKNOWN and error is not None and not isinstance(error, aio.AbortError):
            span.fail(error)
        finish(span, code, SERVER_FAILURES)
    except Exception as fault:  # noqa: BLE001 - no fault of ours may reach the call
        report_fault("ending a call", fault)
        span.finish()


def _ending(context: Any, error: BaseException | None) -> StatusCode:
    """Say how a call ended."""
    told = code_of(context.code())
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return broken_off(context.time_remaining())
    if error is not None and not isinstance(error, aio.AbortError):
        return StatusCode.UNKNOWN
    return told or (StatusCode.OK if error is None else StatusCode.UNKNOWN)

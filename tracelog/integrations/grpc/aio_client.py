"""Clients of ``grpc.aio``: the same spans as in :mod:`.client`, around calls that are awaited."""

# pyright: basic
# The stubs of gRPC know half of its types, and of grpc.aio none.

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from grpc import StatusCode, aio  # pyright: ignore[reportAttributeAccessIssue]  # the stubs do not name it

from tracelog.active import Stage, activate
from tracelog.integrations.grpc.calls import CLIENT_FAILURES, code_of, finish
from tracelog.integrations.grpc.client import Caller, Requests, marked
from tracelog.span import Span
from tracelog.tracer import Tracer
from tracelog.wsgi import report_fault


def client_interceptors(target: str = "", *, tracer: Tracer | None = None, start_traces: bool = False) -> list[Any]:
    """
    Make what traces the calls of a channel: ``grpc.aio.insecure_channel(target, interceptors=client_interceptors())``.

    One for each kind of method, since a channel looks for one kind in each object. *target* and *start_traces* are
    those of :class:`tracelog.integrations.grpc.ClientInterceptor`.
    """
    caller = Caller(target, tracer=tracer, start_traces=start_traces)
    return [UnaryUnary(caller), UnaryStream(caller), StreamUnary(caller), StreamStream(caller)]


class _Of:
    """What the four have in common."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def _called(self, continuation: Any, details: Any, request: Any, *, streams: bool = False) -> Any:
        span = self._caller.begun(details.method)
        if span is None:
            return await continuation(details, request)
        told = aio.ClientCallDetails(
            details.method,
            details.timeout,
            aio.Metadata(*marked(details.metadata, span)),
            details.credentials,
            details.wait_for_ready,
        )
        try:
            with activate(span):
                call = await continuation(told, _requests(request, span) if streams else request)
        except BaseException as error:
            span.fail(error).finish()
            raise
        _watch(call, span)
        return call


class UnaryUnary(_Of, aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Traces calls with one request and one answer."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Trace a call."""
        return await self._called(continuation, client_call_details, request)


class UnaryStream(_Of, aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Traces calls that are answered by a stream."""

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Trace a call."""
        return await self._called(continuation, client_call_details, request)


class StreamUnary(_Of, aio.StreamUnaryClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Traces calls that send a stream."""

    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Trace a call."""
        return await self._called(continuation, client_call_details, request_iterator, streams=True)


class StreamStream(_Of, aio.StreamStreamClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Traces calls that send a stream and are answered by one."""

    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Trace a call."""
        return await self._called(continuation, client_call_details, request_iterator, streams=True)


def _requests(requests: Any, span: Span) -> Any:
    """Make each request of a stream inside of the span; None says that they are written one by one."""
    if requests is None:
        return None
    return _stepped(requests, span) if hasattr(requests, "__aiter__") else Requests(requests, span)


async def _stepped(requests: Any, span: Span) -> AsyncIterator[Any]:
    stage = Stage(span)
    given = aiter(requests)
    while True:
        with stage:
            try:
                request = await anext(given)
            except StopAsyncIteration:
                return
        yield request


def _watch(call: Any, span: Span) -> None:
    """Finish *span* when *call* is over."""

    def over(done: Any) -> None:
        try:
            finish(span, _code(done), CLIENT_FAILURES)
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the call
            report_fault("ending a call", error)
            span.finish()

    try:
        call.add_done_callback(over)
    except Exception as error:  # noqa: BLE001 - another interceptor may return anything
        report_fault("watching a call", error)
        span.finish()


def _code(call: Any) -> StatusCode:
    """Read the code of a call that is over: it is awaited, and there is nothing left to wait for."""
    asked = call.code()
    try:
        asked.send(None)
    except StopIteration as done:
        return code_of(done.value) or StatusCode.UNKNOWN
    finally:
        asked.close()
    return StatusCode.UNKNOWN

"""Servers of gRPC: every call becomes a server span, active in the handler and in each step of its answer."""

# pyright: basic
# The stubs of gRPC know half of its types, and of grpc.aio none.

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import Token
from functools import partial
from typing import Any

import grpc
from grpc import StatusCode

from tracelog.active import Stage, enter, leave
from tracelog.integrations.grpc.calls import SERVER_FAILURES, attributes, broken_off, code_of, finish, operation, peer
from tracelog.propagation import default_propagator
from tracelog.propagation.carrier import wrap
from tracelog.record import Kind
from tracelog.span import Span
from tracelog.tracer import Tracer, default_tracer
from tracelog.wsgi import report_fault

Behavior = Callable[[Any, Any], Any]


class ServerInterceptor(grpc.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """
    Traces every call that a server handles: ``grpc.server(…, interceptors=[ServerInterceptor()])``.

    *tracer* is the process's default unless one is given.
    """

    def __init__(self, *, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Return the handler, with a span around what it does."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        begin = partial(begun, self._tracer, handler_call_details)
        inner, behave = _streaming(handler) if handler.response_streaming else _answering(handler)
        return rebuilt(handler, partial(behave, begin, inner))


def begun(tracer: Tracer | None, details: Any, context: Any) -> Span | None:
    """Start the span of a call; None where tracing itself fails."""
    try:
        chosen = tracer or default_tracer()
        name = operation(details.method)
        propagator = chosen.workshop.propagator or default_propagator()
        arrived = propagator.extract(wrap(details.invocation_metadata, "metadata"), None)
        told = {**attributes(name), **peer(context.peer())}
        return chosen.entry(arrived, name, Kind.SERVER, told, request=details)
    except Exception as error:  # noqa: BLE001 - no fault of ours may reach the call
        report_fault("beginning a call", error)
        return None


def rebuilt(handler: Any, behavior: Behavior) -> Any:
    """Make a handler like *handler* that behaves as *behavior* does."""
    make: Any = _FACTORIES[handler.request_streaming, handler.response_streaming]
    return make(behavior, handler.request_deserializer, handler.response_serializer)


_FACTORIES = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _answering(handler: Any) -> tuple[Behavior, Callable[..., Any]]:
    return (handler.stream_unary if handler.request_streaming else handler.unary_unary), _answer


def _streaming(handler: Any) -> tuple[Behavior, Callable[..., Any]]:
    return (handler.stream_stream if handler.request_streaming else handler.unary_stream), _stream


def _answer(begin: Callable[[Any], Span | None], inner: Behavior, request: Any, context: Any) -> Any:
    """Handle a call with one answer."""
    span = begin(context)
    if span is None:
        return inner(request, context)
    with Handling(span, context):
        return inner(request, context)


def _stream(begin: Callable[[Any], Span | None], inner: Behavior, request: Any, context: Any) -> Iterator[Any]:
    """Handle a call with a stream of answers."""
    span = begin(context)
    if span is None:
        answers: Iterator[Any] = inner(request, context)
        return answers
    return Answers(span, context, partial(inner, request, context))


class Handling:
    """The time in which a handler runs: its span is active, and ends with it."""

    __slots__ = ("_context", "_span", "_token")

    _token: Token[Span | None]

    def __init__(self, span: Span, context: Any) -> None:
        self._span = span
        self._context = context

    def __enter__(self) -> None:
        self._token = enter(self._span)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        end(self._span, self._context, error)
        leave(self._token)


class Answers:
    """A stream of answers, each of which is made inside of the span; it ends with the stream, however that ends."""

    def __init__(self, span: Span, context: Any, begin: Callable[[], Any]) -> None:
        self._span = span
        self._context = context
        self._begin = begin
        self._stage = Stage(span)
        self._answers: Iterator[Any] | None = None
        self._stepping = self._over = False
        if not context.add_callback(self._terminated):
            self._over = True

    def __iter__(self) -> Answers:
        return self

    def __next__(self) -> Any:
        """Make the next answer."""
        self._stepping = True
        try:
            with self._stage:
                if self._answers is None:
                    self._answers = iter(self._begin())
                return next(self._answers)
        except StopIteration:
            end(self._span, self._context, None)
            raise
        except BaseException as error:
            end(self._span, self._context, error)
            raise
        finally:
            self._stepping = False
            # Told before it is looked at: whoever ends the call meanwhile either sees the step, or is seen here.
            if self._over:
                end(self._span, self._context, None)

    def __del__(self) -> None:
        """Finish a stream that nobody asks any more."""
        end(self._span, self._context, None)

    def _terminated(self) -> None:
        """Finish where the call is over: cancelled, out of time, or well."""
        self._over = True
        if not self._stepping:
            end(self._span, self._context, None)


def end(span: Span, context: Any, error: BaseException | None) -> None:
    """Note how a call ended, and finish its span, unless that was done."""
    if span.finished:
        return
    try:
        code = _ending(context, error)
        if error is not None and not is_abort(error):
            span.fail(error)
        finish(span, code, SERVER_FAILURES)
    except Exception as fault:  # noqa: BLE001 - no fault of ours may reach the call
        report_fault("ending a call", fault)
        span.finish()


def is_abort(error: BaseException) -> bool:
    """Tell what ``context.abort`` raises from an exception that means something."""
    return type(error) is Exception and not error.args


def _ending(context: Any, error: BaseException | None) -> StatusCode:
    """Say how a call ended."""
    told = code_of(context.code())
    if error is not None:
        return (told or StatusCode.UNKNOWN) if is_abort(error) else StatusCode.UNKNOWN
    if context.is_active() or told is not None:
        return told or StatusCode.OK
    return broken_off(context.time_remaining())

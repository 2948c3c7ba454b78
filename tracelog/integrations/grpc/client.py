"""Clients of gRPC: a call inside of a trace becomes a client span, and the service that is called learns its ids."""

# pyright: basic
# The stubs of gRPC know half of its types, and of grpc.aio none.

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
from grpc import StatusCode

from tracelog.active import Stage, current, enter, leave
from tracelog.integrations.grpc.calls import CLIENT_FAILURES, attributes, code_of, finish, operation
from tracelog.propagation import inject
from tracelog.record import Kind
from tracelog.span import Span
from tracelog.tracer import Tracer, default_tracer
from tracelog.wsgi import report_fault

_PORTS = 1 << 16


class Caller:
    """What clients of both kinds share: whether a call is traced, and by what span."""

    def __init__(self, target: str = "", *, tracer: Tracer | None = None, start_traces: bool = False) -> None:
        self._told = _target(target)
        self._tracer = tracer
        self._start_traces = start_traces

    def begun(self, method: str | bytes) -> Span | None:
        """Start the span of a call; None where it belongs to no trace, and where tracing itself fails."""
        parent = current()
        if not isinstance(parent, Span) and not self._start_traces:
            return None
        try:
            name = operation(method)
            told = {**attributes(name), **self._told}
            if isinstance(parent, Span):
                return parent.child(name, Kind.CLIENT, told)
            return (self._tracer or default_tracer()).entry(None, name, Kind.CLIENT, told)
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the call
            report_fault("beginning a call", error)
            return None


def _target(target: str) -> dict[str, Any]:
    """
    Read the target of a channel.

    >>> _target("stock:50051"), _target("dns:///stock:50051"), _target("unix:/run/stock"), _target("")
    ({'server.address': 'stock', 'server.port': 50051}, {'server.address': 'stock', 'server.port': 50051}, {}, {})
    """
    host, _, port = target.rpartition("/")[2].rpartition(":")
    if not host or not port.isdigit() or int(port) >= _PORTS or target.startswith("unix"):
        return {}
    return {"server.address": host.strip("[]"), "server.port": int(port)}


def marked(metadata: Any, span: Span) -> list[Any]:
    """Put the ids of *span* on a copy of *metadata*, which is the caller's own."""
    copied = list(metadata or ())
    try:
        inject(copied, "metadata", span)
    except Exception as error:  # noqa: BLE001 - no fault of ours may reach the call
        report_fault("handing ids on", error)
    return copied


class _Details(NamedTuple):
    method: Any
    timeout: Any
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class ClientCallDetails(_Details, grpc.ClientCallDetails):
    """What is known of a call before it is made."""


class ClientInterceptor(
    Caller,
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[type-arg]  # generic in the stubs alone
    grpc.UnaryStreamClientInterceptor,  # type: ignore[type-arg]  # generic in the stubs alone
    grpc.StreamUnaryClientInterceptor,  # type: ignore[type-arg]  # generic in the stubs alone
    grpc.StreamStreamClientInterceptor,  # type: ignore[type-arg]  # generic in the stubs alone
):
    """
    Traces the calls of a channel: ``grpc.intercept_channel(channel, ClientInterceptor())``.

    *target*, as the channel was given it, is told on the spans. Outside of any trace a call goes on as it is, and
    carries no ids, unless *start_traces* says that it begins one.
    """

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Trace a call with one request and one answer."""
        return self._called(continuation, client_call_details, request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Trace a call that is answered by a stream."""
        return self._called(continuation, client_call_details, request)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Trace a call that sends a stream."""
        return self._called(continuation, client_call_details, request_iterator, streams=True)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Trace a call that sends a stream and is answered by one."""
        return self._called(continuation, client_call_details, request_iterator, streams=True)

    def _called(
        self, continuation: Callable[[Any, Any], Any], details: Any, request: Any, *, streams: bool = False
    ) -> Any:
        span = self.begun(details.method)
        if span is None:
            return continuation(details, request)
        told = ClientCallDetails(
            details.method,
            details.timeout,
            marked(details.metadata, span),
            getattr(details, "credentials", None),
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )
        token = enter(span)
        try:
            call = continuation(told, Requests(request, span) if streams else request)
        except BaseException as error:
            span.fail(error).finish()
            raise
        finally:
            leave(token)
        _watch(call, span)
        return call


class Requests:
    """A stream of requests, each of which is made inside of the span; gRPC asks for them on a thread of its own."""

    def __init__(self, requests: Any, span: Span) -> None:
        self._requests: Iterator[Any] = iter(requests)
        self._stage = Stage(span)

    def __iter__(self) -> Requests:
        return self

    def __next__(self) -> Any:
        """Make the next request."""
        with self._stage:
            return next(self._requests)


def _watch(call: Any, span: Span) -> None:
    """Finish *span* when *call* is over, and keep neither alive for that: one that nobody reads is cancelled then."""
    known = weakref.ref(call)

    def over() -> None:
        try:
            found = known()
            code = StatusCode.CANCELLED if found is None else code_of(found.code()) or StatusCode.UNKNOWN
            finish(span, code, CLIENT_FAILURES)
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the call
            report_fault("ending a call", error)
            span.finish()

    try:
        waits = call.add_callback(over)
    except (NotImplementedError, AttributeError):
        # A call that failed before it was made, or whatever another interceptor returned in its place.
        waits = False
    if not waits:
        over()

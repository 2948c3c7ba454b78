"""gRPC over loopback: a span on each side of every kind of call, however it ends, and the chain between the two."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc_support import (
    ABORT,
    ARITIES,
    FINE,
    RAISE,
    SECONDS,
    SLOW,
    aio_read,
    aio_served,
    call,
    called,
    method,
    read,
    served,
    settled,
)

import tracelog
from tracelog.active import active, current
from tracelog.integrations.grpc import ClientInterceptor, ServerInterceptor
from tracelog.noop import NOOP
from tracelog.record import Kind, Status
from tracelog.testing import Recorder, recording

BOTH = 2

NUMBERS = {code: code.value[0] for code in StatusCode}


@pytest.fixture
def recorder():
    """Record what is traced, with ids that never come twice."""
    with recording(ids=None, clock=None) as recorded:
        yield recorded


@pytest.fixture
def loop():
    """Give an event loop of the test's own."""
    made = asyncio.new_event_loop()
    yield made
    made.run_until_complete(made.shutdown_asyncgens())
    made.close()


@pytest.fixture(params=["threads", "asyncio"])
def shop(request, loop, recorder):
    """Serve with threads, and with asyncio; gives what makes one call and reads it, and the shop."""
    if request.param == "threads":
        with served() as (handling, address), called(address) as channel:
            yield lambda *told, **options: read(channel, *told, **options), handling
        return
    with aio_served(loop) as (handling, address):

        def ask(*told: Any, **options: Any) -> StatusCode:
            code = loop.run_until_complete(aio_read(address, *told, **options))
            # The server hears of the end a moment later, as long as its loop runs.
            deadline = loop.time() + SECONDS
            while len(recorder.spans) < BOTH and loop.time() < deadline:
                loop.run_until_complete(asyncio.sleep(0.005))
            return code

        yield ask, handling


def sides(recorder: Recorder, spans: int = 3) -> tuple[Any, Any]:
    """Return the client's and the server's span of the one call."""
    found = {span.kind: span for span in settled(recorder, spans)}
    return found[Kind.CLIENT], found[Kind.SERVER]


@pytest.mark.parametrize("arity", ARITIES)
def test_a_call_is_a_span_on_each_side(recorder, shop, arity):
    """Named as the service declares it; the server's is the child of the client's, in one trace."""
    ask, _ = shop
    with tracelog.span("root") as root:
        assert ask(arity) is StatusCode.OK
    client, server = sides(recorder)
    assert client.operation == server.operation == f"test.Shop/{arity}"
    assert (client.trace_id, server.trace_id) == (root.trace_id, root.trace_id)
    assert (client.parent_id, server.parent_id) == (root.span_id, client.span_id)
    assert (client.calls, len(recorder.spans)) == (1, 3)
    told = {"rpc.system": "grpc", "rpc.service": "test.Shop", "rpc.method": arity, "rpc.grpc.status_code": 0}
    assert told.items() <= client.attributes.items()
    assert told.items() <= server.attributes.items()
    assert client.attributes["server.address"] == server.attributes["client.address"] == "127.0.0.1"
    assert (client.status, server.status) == (Status.SUCCESS, Status.SUCCESS)


@pytest.mark.parametrize("arity", ARITIES)
def test_lines_of_a_handler_carry_the_ids_of_its_span(recorder, shop, arity):
    """In a handler that returns as in one that yields; the span is let go of afterwards."""
    ask, handling = shop
    with tracelog.span("root"):
        ask(arity)
    _, server = sides(recorder)
    (line,) = [line for line in recorder.lines if line.logger == "tests.grpc"]
    assert (line.trace_id, line.span_id) == (server.trace_id, server.span_id)
    assert handling.seen == [f"test.Shop/{arity}"]
    assert active() is None


@pytest.mark.parametrize("arity", ARITIES)
def test_an_abort_is_told_by_its_code(recorder, shop, arity):
    """The client failed; the server did what it was there for, and reports no exception."""
    ask, _ = shop
    with tracelog.span("root"):
        assert ask(arity, ABORT) is StatusCode.NOT_FOUND
    client, server = sides(recorder)
    for span in (client, server):
        assert span.attributes["rpc.grpc.status_code"] == NUMBERS[StatusCode.NOT_FOUND]
    assert (client.status, server.status) == (Status.FAILURE, Status.SUCCESS)
    assert client.attributes["error.type"] == "NOT_FOUND"
    assert server.failure is None


@pytest.mark.parametrize("arity", ARITIES)
def test_an_exception_of_a_handler_is_a_failure_of_both(recorder, shop, arity):
    """The server's span has the exception, the client's the code that gRPC makes of it."""
    ask, _ = shop
    with tracelog.span("root"):
        assert ask(arity, RAISE) is StatusCode.UNKNOWN
    client, server = sides(recorder)
    assert (client.status, server.status) == (Status.FAILURE, Status.FAILURE)
    assert (server.failure.type, server.failure.message) == ("ZeroDivisionError", "divided")
    assert server.attributes["rpc.grpc.status_code"] == NUMBERS[StatusCode.UNKNOWN]


@pytest.mark.parametrize("arity", ARITIES)
def test_a_deadline_ends_both_spans(recorder, shop, arity):
    """The client's when its time is over, the server's when it has noticed; once each."""
    ask, _ = shop
    with tracelog.span("root"):
        assert ask(arity, SLOW, timeout=0.3) is StatusCode.DEADLINE_EXCEEDED
    client, server = sides(recorder)
    for span in (client, server):
        assert span.attributes["rpc.grpc.status_code"] == NUMBERS[StatusCode.DEADLINE_EXCEEDED]
        assert span.status is Status.FAILURE
    assert len(recorder.spans) == 3


def test_a_call_of_a_method_that_is_not_there_fails(recorder):
    """The client's span says so; no handler ran, and no span stands for it."""
    with served() as (_, address), called(address) as channel, tracelog.span("root"), pytest.raises(grpc.RpcError):
        channel.unary_unary("/test.Shop/Missing")(b"", timeout=SECONDS)
    client = next(span for span in settled(recorder, 2) if span.kind is Kind.CLIENT)
    assert client.attributes["error.type"] == "UNIMPLEMENTED"


def test_a_server_that_is_not_there_is_a_failure(recorder):
    """UNAVAILABLE, as gRPC says it."""
    with called("127.0.0.1:9") as channel, tracelog.span("root"):
        assert read(channel, "unary_unary") is StatusCode.UNAVAILABLE
    client = next(span for span in settled(recorder, 2) if span.kind is Kind.CLIENT)
    assert client.attributes["error.type"] == "UNAVAILABLE"


# --- streams


def test_a_stream_that_is_cancelled_ends_both_spans(recorder):
    """After one answer; the server's span does not wait for anybody who asks for the next."""
    with served() as (handling, address), called(address) as channel, tracelog.span("root"):
        answers = call(channel, "unary_stream", SLOW)
        assert next(answers) == b"first"
        answers.cancel()
        handling.release.set()
        client, server = sides(recorder, 2)
        for span in (client, server):
            assert span.attributes["rpc.grpc.status_code"] == NUMBERS[StatusCode.CANCELLED]


def test_a_stream_that_nobody_reads_ends_with_its_last_reference(recorder):
    """GRPC cancels a call that is dropped, and our watching does not keep it alive."""
    with served() as (handling, address), called(address) as channel, tracelog.span("root"):
        answers = call(channel, "unary_stream", SLOW)
        assert next(answers) == b"first"
        del answers
        gc.collect()
        handling.release.set()
        client, _ = sides(recorder, 2)
        assert client.attributes["rpc.grpc.status_code"] == NUMBERS[StatusCode.CANCELLED]


def test_a_span_lasts_as_long_as_its_stream(recorder):
    """Between the answers it has not finished, and afterwards it has, once."""
    with served() as (_, address), called(address) as channel, tracelog.span("root"):
        answers = call(channel, "stream_stream")
        assert next(answers) == b"first"
        assert recorder.spans == []
        assert list(answers) == [b"answer"]
        assert len(settled(recorder, 2)) == 2


def test_requests_of_a_stream_are_made_inside_of_the_clients_span(recorder):
    """GRPC asks for them on a thread of its own."""
    seen: list[str] = []

    def words():
        seen.append(current().operation)
        yield FINE

    with served() as (_, address), called(address) as channel, tracelog.span("root"):
        channel.stream_unary(method("stream_unary"))(words(), timeout=SECONDS)
    assert seen == ["test.Shop/stream_unary"]


def test_a_future_ends_its_span_when_it_is_done(recorder):
    """A call that is waited for later is traced as long as it lasts."""
    with served() as (handling, address), called(address) as channel, tracelog.span("root"):
        future = channel.unary_unary(method("unary_unary")).future(SLOW, timeout=SECONDS)
        handling.release.set()
        assert future.result(SECONDS) == b"answer"
        assert len(settled(recorder, 2)) == 2


# --- what surrounds a call


def test_outside_of_a_trace_nothing_is_begun_and_nothing_sent(recorder):
    """The noop rule: a client without an active span hands no ids on; the server begins a trace then."""
    with served() as (handling, address), called(address) as channel:
        read(channel, "unary_unary")
    (server,) = settled(recorder, 1)
    assert (server.kind, server.parent_id) == (Kind.SERVER, "")
    assert not [key for key, _ in handling.metadata[0] if key in ("traceparent", "baggage")]


def test_a_client_can_be_told_to_begin_traces(recorder):
    """For programs that have nothing around their calls."""
    with served() as (_, address), called(address, ClientInterceptor(start_traces=True)) as channel:
        read(channel, "unary_unary")
    client, server = sides(recorder, 2)
    assert (client.parent_id, server.parent_id) == ("", client.span_id)


@pytest.mark.parametrize("metadata", [None, (), (("who", "ann"), ("key-bin", b"\x00\xff")), [("who", "ann")]], ids=repr)
def test_metadata_of_the_caller_is_kept_and_not_changed(recorder, metadata):
    """Ours stands beside it, binary values included, and the caller's own object is as it was."""
    before = None if metadata is None else type(metadata)(metadata)
    with served() as (handling, address), called(address) as channel, tracelog.span("root"):
        read(channel, "unary_unary", metadata=metadata)
    assert metadata == before
    arrived = dict(handling.metadata[0])
    assert dict(metadata or ()).items() <= arrived.items()
    assert "traceparent" in arrived


class Marking(grpc.ServerInterceptor):
    """Somebody else's interceptor on the server."""

    def __init__(self) -> None:
        self.times = 0

    def intercept_service(self, continuation, handler_call_details):
        """Count the calls."""
        self.times += 1
        return continuation(handler_call_details)


class Adding(grpc.UnaryUnaryClientInterceptor):
    """Somebody else's interceptor on the client."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    def intercept_unary_unary(self, continuation, client_call_details, request):
        """Note what is active."""
        self.operations.append(current().operation)
        return continuation(client_call_details, request)


@pytest.mark.parametrize("first", [True, False])
def test_other_interceptors_may_stand_on_either_side(recorder, first):
    """Each does its work once, whichever comes first; one behind ours is inside of the span."""
    marking, adding, ours = Marking(), Adding(), ClientInterceptor()
    order = (adding, ours) if first else (ours, adding)
    before, after = ((marking,), ()) if first else ((), (marking,))
    with served(*before, after=after) as (_, address), called(address, *order) as channel, tracelog.span("root"):
        assert read(channel, "unary_unary") is StatusCode.OK
    assert len(settled(recorder, 3)) == 3
    assert (marking.times, adding.operations) == (1, ["root" if first else "test.Shop/unary_unary"])


def test_a_retry_of_grpc_is_no_further_span(recorder):
    """GRPC tries again below us: one call is one span."""
    policy = (
        '{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":3,"initialBackoff":"0.01s","maxBackoff":"0.01s",'
        '"backoffMultiplier":1,"retryableStatusCodes":["UNAVAILABLE"]}}]}'
    )
    with grpc.insecure_channel("127.0.0.1:9", options=[("grpc.service_config", policy)]) as plain:
        channel = grpc.intercept_channel(plain, ClientInterceptor())
        with tracelog.span("root"):
            assert read(channel, "unary_unary") is StatusCode.UNAVAILABLE
    assert len(settled(recorder, 2)) == 2


def test_who_waits_for_a_server_has_one_span(recorder):
    """``wait_for_ready`` waits below us, and its time is the call's."""
    with called("127.0.0.1:9") as channel, tracelog.span("root"):
        assert read(channel, "unary_unary", wait_for_ready=True, timeout=0.2) is StatusCode.DEADLINE_EXCEEDED
    assert len(settled(recorder, 2)) == 2


def test_half_a_context_begins_a_new_trace(recorder):
    """Whatever stands in the metadata, the call is handled."""
    told = (
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736"),
        ("traceparent-bin", b"\x00\x01"),
        ("b3", "x" * 3000),
    )
    with served() as (_, address), grpc.insecure_channel(address) as channel:
        assert read(channel, "unary_unary", metadata=told) is StatusCode.OK
    (server,) = settled(recorder, 1)
    assert server.parent_id == ""


def test_a_fault_of_ours_does_not_reach_the_call(recorder, monkeypatch, caplog):
    """A call without a span is a call."""
    with served() as (_, address), called(address) as channel, tracelog.span("root"):
        monkeypatch.setattr("tracelog.integrations.grpc.server.operation", lambda method: 1 / 0)
        monkeypatch.setattr("tracelog.integrations.grpc.client.operation", lambda method: 1 / 0)
        for arity in ARITIES:
            assert read(channel, arity) is StatusCode.OK
    assert len(recorder.spans) == 1
    assert {record.getMessage().split(";")[0] for record in caplog.records if record.name == "tracelog"} == {
        "tracing failed while beginning a call"
    }


def test_many_calls_at_once_keep_to_their_own_traces(recorder):
    """Sixteen threads, each with a trace of its own: every server's span is the child of its own client's."""

    def work(channel: Any) -> None:
        with tracelog.span("root"):
            for arity in ARITIES:
                read(channel, arity)

    with served(workers=8) as (_, address), called(address) as channel:
        threads = [threading.Thread(target=work, args=(channel,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        spans = settled(recorder, 16 * 9)
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == 16 * 9
    for span in spans:
        if span.kind is Kind.SERVER:
            caller = by_id[span.parent_id]
            assert (caller.trace_id, caller.operation) == (span.trace_id, span.operation)
    assert current() is NOOP


def test_a_tracer_of_ones_own_takes_the_calls(recorder):
    """Rather than the default one."""
    mine = Recorder()
    tracer = tracelog.Tracer(sink=mine) if hasattr(tracelog, "Tracer") else None
    if tracer is None:
        from tracelog.tracer import Tracer  # noqa: PLC0415 - not among the root's names

        tracer = Tracer(sink=mine)
    interceptor = ServerInterceptor(tracer=tracer)
    continuation = grpc.unary_unary_rpc_method_handler(lambda asked, context: b"")
    handler = interceptor.intercept_service(lambda details: continuation, Details())
    handler.unary_unary(b"", Context())
    assert [span.operation for span in mine.spans] == ["a.B/C"]
    assert recorder.spans == []


class Details:
    """What gRPC tells of a call."""

    method = "/a.B/C"
    invocation_metadata = ()


class Context:
    """As much of a servicer's context as an answered call needs."""

    def code(self) -> None:
        """Have no code."""

    def peer(self) -> str:
        """Name nobody."""
        return "unix:"

    def is_active(self) -> bool:
        """Go on."""
        return True

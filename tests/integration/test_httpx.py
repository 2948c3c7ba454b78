"""Calls by httpx, synchronous, asynchronous and streaming, against a real server on loopback."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import httpx
import pytest
from http_support import broken_trace, debugging, sent_ids, serving, told_of

import tracelog
from tracelog.integrations.httpx import install, uninstall
from tracelog.record import Kind, Status


def plain(client, url, **options):
    """Make a call with a client."""
    return client.get(url, **options)


def streamed(client, url, **options):
    """Make a call whose body is read bit by bit."""
    with client.stream("GET", url, **options) as answer:
        answer.read()
    return answer


async def awaited(client, url, **options):
    """Make a call with an asynchronous client."""
    return await client.get(url, **options)


async def awaited_stream(client, url, **options):
    """Make a call whose body is awaited bit by bit."""
    async with client.stream("GET", url, **options) as answer:
        await answer.aread()
    return answer


WAYS = [plain, streamed, awaited, awaited_stream]


def called(way, url, *, traced=True, **options):
    """Make a call in one of the ways, with a client of its own."""
    settings = {"trust_env": False, "timeout": 10, **options}
    if not asyncio.iscoroutinefunction(way):
        with httpx.Client(**settings) as client:
            if traced:
                install(client)
            return way(client, url)

    async def run():
        async with httpx.AsyncClient(**settings) as client:
            if traced:
                install(client)
            return await way(client, url)

    return asyncio.run(run())


@pytest.fixture
def server():
    """Serve on a port of loopback until the test ends."""
    with serving() as made:
        yield made


@contextmanager
def everywhere():
    """Trace every client of the process inside the block."""
    install()
    try:
        yield
    finally:
        uninstall()


@pytest.mark.parametrize("way", WAYS)
def test_a_call_is_a_client_span_whose_ids_arrive(way, server, tracelog_recorder):
    """The span says what was asked and answered, and the callee is given the span's own ids, once."""
    with tracelog.span("work") as work:
        answer = called(way, f"{server.url}/basket?token=secret&7")
    call, parent = tracelog_recorder.spans
    assert answer.text == "ok"
    assert (call.operation, call.kind, call.parent_id) == ("GET 127.0.0.1", Kind.CLIENT, work.span_id)
    assert call.attributes == told_of(server, "/basket?token=REDACTED&REDACTED")
    assert sent_ids(server) == [(call.trace_id, call.span_id)]
    assert (parent.children, call.calls) == (1, 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_is_a_failure(way, status, server, tracelog_recorder):
    """Answers of 400 and above fail the client span, and change nothing for the caller."""
    with tracelog.span("work"):
        assert called(way, f"{server.url}/{status}").status_code == status
    call, work = tracelog_recorder.spans
    assert (call.status, call.attributes["error.type"], work.status) == (Status.FAILURE, str(status), Status.SUCCESS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("path", "error"), [("/hang-up", httpx.RemoteProtocolError), ("/slow", httpx.ReadTimeout)])
def test_an_exception_passes_on_and_is_noted(way, path, error, server, tracelog_recorder):
    """A call that breaks, or waits too long, fails its span with the exception, which the caller gets."""
    with tracelog.span("work"), pytest.raises(error):
        called(way, server.url + path, timeout=0.2 if path == "/slow" else 10)
    call = tracelog_recorder.spans[0]
    assert (call.status, call.failure.type) == (Status.FAILURE, f"httpx.{error.__name__}")


@pytest.mark.parametrize("way", WAYS)
def test_each_hop_of_a_redirect_is_a_span_of_its_own(way, server, tracelog_recorder):
    """Two exchanges are two siblings, and each callee is given the ids of its own."""
    with tracelog.span("work") as work:
        called(way, f"{server.url}/redirect", follow_redirects=True)
    first, second, _ = tracelog_recorder.spans
    assert [first.attributes["http.response.status_code"], second.attributes["http.response.status_code"]] == [302, 200]
    assert {first.parent_id, second.parent_id} == {work.span_id}
    assert [span_id for _, span_id in sent_ids(server)] == [first.span_id, second.span_id]


@pytest.mark.parametrize("way", WAYS)
def test_without_an_active_span_nothing_is_touched(way, server, tracelog_recorder):
    """No trace, no header and no span."""
    assert called(way, server.url).text == "ok"
    assert sent_ids(server) == [None]
    assert tracelog_recorder.spans == []


def test_the_span_of_a_stream_ends_with_its_headers(server, tracelog_recorder):
    """Who reads a body, and how long that takes, is the caller's own affair."""
    with httpx.Client(trust_env=False) as client, tracelog.span("work"):
        install(client)
        with client.stream("GET", server.url) as answer:
            assert [span.kind for span in tracelog_recorder.spans] == [Kind.CLIENT]
            assert answer.read() == b"ok"


def test_a_call_that_is_cancelled_fails_its_span(server, tracelog_recorder):
    """A task that is given up leaves a span that ended with it."""

    async def given_up():
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            install(client)
            call = asyncio.create_task(client.get(f"{server.url}/slow"))
            await asyncio.to_thread(server.reached.wait, 10)
            call.cancel()
            await call

    with tracelog.span("work"), pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(given_up(), 10))
    call = tracelog_recorder.spans[0]
    assert (call.kind, call.status, call.failure.type) == (
        Kind.CLIENT,
        Status.FAILURE,
        "asyncio.exceptions.CancelledError",
    )


def test_calls_at_the_same_time_are_siblings(server, tracelog_recorder):
    """Tasks that share a client have a span each, and none is the parent of another."""

    async def many():
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            install(client)
            await asyncio.gather(*(client.get(f"{server.url}/basket/{number}") for number in range(8)))
            assert tracelog.current().operation == "work"

    with tracelog.span("work") as work:
        asyncio.run(many())
    calls = tracelog_recorder.spans[:-1]
    assert [call.parent_id for call in calls] == [work.span_id] * 8
    assert {span_id for _, span_id in sent_ids(server)} == {call.span_id for call in calls}


def test_a_request_sent_again_outside_of_the_trace_carries_no_old_ids(server, tracelog_recorder):
    """Ids go on a copy: what the caller built stays as it was, body, timeouts and doubled headers included."""
    with httpx.Client(trust_env=False, headers=[("X-Twice", "1"), ("X-Twice", "2")]) as client:
        install(client)
        request = client.build_request("POST", server.url, content=b"order", timeout=9)
        with tracelog.span("work"):
            assert client.send(request).text == "order"
        assert client.send(request).text == "order"
    assert [ids is None for ids in sent_ids(server)] == [False, True]
    assert "traceparent" not in request.headers
    assert request.extensions["timeout"]["read"] == 9


def test_ids_that_were_there_are_replaced(server, tracelog_recorder):
    """A header that the application passes on by hand does not reach the callee beside the span's own."""
    with tracelog.span("work"):
        called(plain, server.url, headers={"Traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert sent_ids(server) == [(tracelog_recorder.spans[0].trace_id, tracelog_recorder.spans[0].span_id)]
    assert [name.lower() for name in server.seen[0][1]].count("traceparent") == 1


def test_name_and_password_of_a_url_are_not_kept(server, tracelog_recorder):
    """Credentials in a URL reach the server and no span."""
    with tracelog.span("work"):
        called(plain, server.url.replace("//", "//ann:hunter2@"))
    assert server.seen[0][1]["Authorization"].startswith("Basic ")
    assert "hunter2" not in repr(tracelog_recorder.spans)


def test_lines_of_the_connection_carry_the_calls_ids(server, tracelog_recorder):
    """What httpcore logs during the exchange belongs to the client span."""
    logger = "httpcore.http11"
    with debugging(logger), tracelog.span("work"):
        called(plain, server.url)
    during = {line.span_id for line in tracelog_recorder.lines if "send_request_headers" in line.message}
    assert during == {tracelog_recorder.spans[0].span_id}


@pytest.mark.parametrize("way", WAYS)
def test_installed_everywhere_traces_each_call_once(way, server, tracelog_recorder):
    """Clients of both kinds are traced, once, however often it is installed and whatever was installed beside it."""
    with everywhere():
        install()
        with tracelog.span("work"):
            called(way, server.url)
            called(way, server.url, traced=False)
    assert [span.kind for span in tracelog_recorder.spans] == [Kind.CLIENT, Kind.CLIENT, Kind.INTERNAL]


def test_uninstall_puts_back_what_was_there():
    """Afterwards the classes and the client are what they were, and a second time does no harm."""
    before = [vars(kind)["_transport_for_url"] for kind in (httpx.Client, httpx.AsyncClient)]
    with httpx.Client() as client:
        for undo in (None, client):
            install(undo)
            uninstall(undo)
            uninstall(undo)
        assert "_transport_for_url" not in vars(client)
    assert [vars(kind)["_transport_for_url"] for kind in (httpx.Client, httpx.AsyncClient)] == before


def test_transports_of_the_applications_own_are_traced(tracelog_recorder):
    """What answers within the process is an exchange like any other, and is given the ids."""
    seen = []

    def application(environ, start_response):
        seen.append(environ["HTTP_TRACEPARENT"])
        start_response("200 OK", [])
        return [b"ok"]

    with tracelog.span("work"):
        called(plain, "http://shop.test/basket", transport=httpx.WSGITransport(app=application))
    call = tracelog_recorder.spans[0]
    assert (call.attributes["server.address"], call.attributes["server.port"]) == ("shop.test", 80)
    assert [parent.split("-")[2] for parent in seen] == [call.span_id]


@pytest.mark.parametrize("way", WAYS)
def test_a_transport_for_clients_of_both_kinds_is_asked_as_the_client_does(way, tracelog_recorder):
    """What can be awaited and called as well is awaited by one kind of client and called by the other."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["traceparent"]))
    with tracelog.span("work"):
        answer = called(way, "http://shop.test/", transport=transport)
    assert answer.text.split("-")[2] == tracelog_recorder.spans[0].span_id


def test_a_fault_of_ours_never_stops_the_call(server, tracelog_recorder, caplog):
    """A context whose injection raises is reported, and the request is sent all the same."""
    with broken_trace():
        assert called(plain, server.url).text == "ok"
        assert asyncio.run(_awaited_everywhere(server.url)) == "ok"
    assert caplog.text.count("tracing failed while handing ids on") == 2
    assert len(tracelog_recorder.spans) == 3


async def _awaited_everywhere(url):
    async with httpx.AsyncClient(trust_env=False) as client:
        install(client)
        return (await client.get(url)).text

"""Calls by urllib3, against a real server on loopback."""

from __future__ import annotations

import pytest
import urllib3
from http_support import broken_trace, debugging, sent_ids, serving, told_of
from urllib3.util import Retry

import tracelog
from tracelog.integrations.urllib3 import install, uninstall
from tracelog.record import Kind, Status


@pytest.fixture
def server():
    """Serve on a port of loopback until the test ends."""
    with serving() as made:
        yield made


@pytest.fixture
def manager():
    """Open a pool manager that is traced, and the only one."""
    with urllib3.PoolManager(retries=False, timeout=10) as made:
        install(made)
        yield made


@pytest.fixture
def everywhere():
    """Trace every pool of the process."""
    install()
    yield
    uninstall()


def test_a_call_is_a_client_span_whose_ids_arrive(server, manager, tracelog_recorder):
    """The span says what was asked and answered, and the callee is given the span's own ids."""
    with tracelog.span("work") as work:
        answer = manager.request("GET", f"{server.url}/basket?token=secret&7#top")
    call, parent = tracelog_recorder.spans
    assert answer.data == b"ok"
    assert (call.operation, call.kind, call.parent_id) == ("GET 127.0.0.1", Kind.CLIENT, work.span_id)
    assert call.attributes == told_of(server, "/basket?token=REDACTED&REDACTED")
    assert sent_ids(server) == [(call.trace_id, call.span_id)]
    assert (parent.children, call.calls) == (1, 1)


@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_is_a_failure(server, manager, tracelog_recorder, status):
    """Answers of 400 and above fail the client span, and change nothing for the caller."""
    with tracelog.span("work"):
        assert manager.request("GET", f"{server.url}/{status}").status == status
    call, work = tracelog_recorder.spans
    assert (call.status, call.attributes["error.type"], work.status) == (Status.FAILURE, str(status), Status.SUCCESS)


@pytest.mark.parametrize(
    ("path", "error"),
    [("/hang-up", urllib3.exceptions.ProtocolError), ("/slow", urllib3.exceptions.ReadTimeoutError)],
)
def test_an_exception_passes_on_and_is_noted(path, error, server, manager, tracelog_recorder):
    """A call that breaks, or waits too long, fails its span and raises what it always raised."""
    with tracelog.span("work"), pytest.raises(error):
        manager.request("GET", server.url + path, timeout=0.2 if path == "/slow" else 10)
    call = tracelog_recorder.spans[0]
    expected = {"/hang-up": "http.client.RemoteDisconnected", "/slow": "urllib3.exceptions.ReadTimeoutError"}
    assert (call.status, call.failure.type) == (Status.FAILURE, expected[path])


def test_a_server_that_is_not_there_is_noted(server, manager, tracelog_recorder):
    """Where nobody listens the span says so."""
    url = server.url
    server.shutdown()
    server.server_close()
    with tracelog.span("work"), pytest.raises(urllib3.exceptions.NewConnectionError):
        manager.request("GET", url)
    assert tracelog_recorder.spans[0].failure.type == "urllib3.exceptions.NewConnectionError"


@pytest.mark.parametrize("path", ["/once", "/redirect"])
def test_each_attempt_is_a_span_of_its_own(path, server, manager, tracelog_recorder):
    """An attempt that is repeated, or led elsewhere, is a sibling of the next; each callee has the ids of its own."""
    retries = Retry(total=2, status_forcelist=[503], backoff_factor=0)
    with tracelog.span("work") as work:
        assert manager.request("GET", server.url + path, retries=retries).status == 200
    first, second, _ = tracelog_recorder.spans
    assert {first.parent_id, second.parent_id} == {work.span_id}
    assert [span_id for _, span_id in sent_ids(server)] == [first.span_id, second.span_id]
    assert "http.request.resend_count" not in first.attributes
    if urllib3.__version__ >= "2":
        assert second.attributes["http.request.resend_count"] == 1


def test_without_an_active_span_nothing_is_touched(server, manager, tracelog_recorder):
    """No trace, no header and no span."""
    assert manager.request("GET", server.url).data == b"ok"
    assert sent_ids(server) == [None]
    assert tracelog_recorder.spans == []


def test_headers_of_the_caller_stay_theirs(server, manager, tracelog_recorder):
    """Ids go on a copy, in place of any that were there under another spelling; doubled headers stay doubled."""
    headers = urllib3._collections.HTTPHeaderDict({"TraceParent": "old"})
    headers.add("X-Twice", "1")
    headers.add("X-Twice", "2")
    with tracelog.span("work"):
        manager.request("GET", server.url, headers=headers)
    assert sent_ids(server)[0][1] == tracelog_recorder.spans[0].span_id
    assert [name.lower() for name in server.seen[0][1]].count("traceparent") == 1
    assert headers["traceparent"] == "old"
    assert headers.getlist("X-Twice") == ["1", "2"]


def test_headers_that_urllib3_does_not_copy_stay_the_callers(server, tracelog_recorder):
    """On its way through a tunnel a call has the very headers of the caller; ids go on a copy there too."""
    headers = {"X-Mine": "1"}
    with urllib3.HTTPConnectionPool("127.0.0.1", server.server_port, timeout=10) as pool, tracelog.span("work"):
        install(pool)
        connection = pool._get_conn()
        assert pool._make_request(connection, "GET", "/", headers=headers).status == 200
        connection.close()
    assert sent_ids(server)[0][1] == tracelog_recorder.spans[0].span_id
    assert headers == {"X-Mine": "1"}


def test_a_connection_of_somebody_elses_finds_the_headers_as_they_were(server, manager, tracelog_recorder):
    """What asks the headers for a value before they are sent (as botocore's does) gets it, bytes or not."""
    asked = []

    class Asking(urllib3.connection.HTTPConnection):
        def request(self, method, url, body=None, headers=None, **options):
            asked.append((headers.get("X-Bytes"), "traceparent" in headers))
            super().request(method, url, body=body, headers=headers, **options)

    manager.connection_from_url(server.url).ConnectionCls = Asking
    with tracelog.span("work"):
        manager.request("GET", server.url, headers={"X-Bytes": b"1"})
    assert asked == [(b"1", True)]
    assert server.seen[0][1]["X-Bytes"] == "1"


def test_a_body_is_sent_and_read_as_ever(server, manager, tracelog_recorder):
    """Uploads and streamed answers pass through unchanged."""
    with tracelog.span("work"):
        answer = manager.request("POST", server.url, body=b"order", preload_content=False)
        assert b"".join(answer.stream(2)) == b"order"
        answer.release_conn()
    assert [span.operation for span in tracelog_recorder.spans] == ["POST 127.0.0.1", "work"]


def test_a_proxy_is_not_the_server_that_is_called(server, tracelog_recorder):
    """Through a proxy the span names the host of the URL."""
    with urllib3.ProxyManager(server.url, retries=False, timeout=10) as manager:
        install(manager)
        with tracelog.span("work"):
            manager.request("GET", "http://shop.test:8080/basket?q=1")
    call = tracelog_recorder.spans[0]
    assert call.attributes["url.full"] == "http://shop.test:8080/basket?q=REDACTED"
    assert (call.attributes["server.address"], call.attributes["server.port"]) == ("shop.test", 8080)
    assert sent_ids(server) == [(call.trace_id, call.span_id)]


def test_lines_of_the_connection_pool_carry_the_calls_ids(server, manager, tracelog_recorder):
    """What urllib3 logs of an exchange belongs to the client span."""
    logger = "urllib3.connectionpool"
    with debugging(logger), tracelog.span("work"):
        manager.request("GET", server.url)
    lines = [line for line in tracelog_recorder.lines if line.logger == logger and "HTTP/1.1" in line.message]
    assert [line.span_id for line in lines] == [tracelog_recorder.spans[0].span_id]


def test_one_pool_can_be_traced_alone(server, tracelog_recorder):
    """A pool that is installed is traced, its neighbour is not."""
    with (
        urllib3.HTTPConnectionPool("127.0.0.1", server.server_port) as traced,
        urllib3.HTTPConnectionPool("127.0.0.1", server.server_port) as other,
        tracelog.span("work"),
    ):
        install(traced)
        install(traced)
        traced.request("GET", "/one")
        other.request("GET", "/two")
        uninstall(traced)
        traced.request("GET", "/three")
    assert [span.kind for span in tracelog_recorder.spans] == [Kind.CLIENT, Kind.INTERNAL]
    assert [ids is None for ids in sent_ids(server)] == [False, True, True]


def test_installed_everywhere_traces_each_call_once(server, everywhere, manager, tracelog_recorder):
    """Managers of any age are traced, once, however often it is installed and whatever was installed beside it."""
    install()
    with urllib3.PoolManager() as other, tracelog.span("work"):
        manager.request("GET", server.url)
        other.request("GET", server.url)
    assert [span.kind for span in tracelog_recorder.spans] == [Kind.CLIENT, Kind.CLIENT, Kind.INTERNAL]


def test_uninstall_puts_back_what_was_there(server, manager, tracelog_recorder):
    """Afterwards the class, the manager and its pools are what they were, and a second time does no harm."""
    before = vars(urllib3.HTTPConnectionPool)["_make_request"]
    pool = manager.connection_from_url(server.url)
    assert "_make_request" in vars(pool)
    install()
    for undo in (None, None, manager, manager):
        uninstall(undo)
    assert vars(urllib3.HTTPConnectionPool)["_make_request"] is before
    assert "connection_from_pool_key" not in vars(manager)
    assert "_make_request" not in vars(pool)


def test_a_fault_of_ours_never_stops_the_call(server, manager, tracelog_recorder, caplog):
    """A context whose injection raises is reported, and the request is sent all the same."""
    with broken_trace():
        assert manager.request("GET", server.url).data == b"ok"
    assert "tracing failed while handing ids on" in caplog.text
    assert len(tracelog_recorder.spans) == 2

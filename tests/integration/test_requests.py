"""Calls by requests, against a real server on loopback."""

from __future__ import annotations

import pytest
import requests
from http_support import broken_trace, debugging, serving, told_of
from requests.adapters import HTTPAdapter

import tracelog
from tracelog.integrations.requests import install, uninstall
from tracelog.record import Kind, Status


@pytest.fixture
def server():
    """Serve on a port of loopback until the test ends."""
    with serving() as made:
        yield made


@pytest.fixture
def session():
    """Open a session that is traced, and the only one."""
    with requests.Session() as made:
        made.trust_env = False
        install(made)
        yield made


@pytest.fixture
def everywhere():
    """Trace every session of the process."""
    install()
    yield
    uninstall()


def test_a_call_is_a_client_span_whose_ids_arrive(server, session, tracelog_recorder):
    """The span says what was asked and answered, and the callee is given the span's own ids."""
    with tracelog.span("work") as work:
        answer = session.get(f"{server.url}/basket?token=secret&7", timeout=10)
    call, parent = tracelog_recorder.spans
    assert answer.text == "ok"
    assert (call.operation, call.kind, call.parent_id) == ("GET 127.0.0.1", Kind.CLIENT, work.span_id)
    assert call.attributes == told_of(server, "/basket?token=REDACTED&REDACTED")
    assert server.seen[0][1]["traceparent"].split("-")[1:3] == [call.trace_id, call.span_id]
    assert (parent.children, call.calls) == (1, 1)


def test_name_and_password_of_a_url_are_not_kept(server, session, tracelog_recorder):
    """Credentials in a URL reach the server and no span."""
    with tracelog.span("work"):
        session.get(server.url.replace("//", "//ann:hunter2@"), timeout=10)
    assert server.seen[0][1]["Authorization"].startswith("Basic ")
    assert "hunter2" not in repr(tracelog_recorder.spans)


@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_is_a_failure(server, session, tracelog_recorder, status):
    """Answers of 400 and above fail the client span, and change nothing for the caller."""
    with tracelog.span("work"):
        assert session.get(f"{server.url}/{status}", timeout=10).status_code == status
    call, work = tracelog_recorder.spans
    assert (call.status, call.attributes["error.type"], work.status) == (Status.FAILURE, str(status), Status.SUCCESS)


def test_an_exception_passes_on_and_is_noted(server, session, tracelog_recorder):
    """A call that breaks fails its span with the exception, which the caller gets."""
    with tracelog.span("work"), pytest.raises(requests.ConnectionError):
        session.get(f"{server.url}/hang-up", timeout=10)
    call = tracelog_recorder.spans[0]
    assert call.status is Status.FAILURE
    assert call.failure.type == "requests.exceptions.ConnectionError"


def test_each_hop_of_a_redirect_is_a_span_of_its_own(server, session, tracelog_recorder):
    """Two exchanges are two siblings, and each callee is given the ids of its own."""
    with tracelog.span("work") as work:
        session.get(f"{server.url}/redirect", timeout=10)
    first, second, _ = tracelog_recorder.spans
    assert [first.attributes["http.response.status_code"], second.attributes["http.response.status_code"]] == [302, 200]
    assert {first.parent_id, second.parent_id} == {work.span_id}
    sent = [headers["traceparent"].split("-")[2] for _, headers in server.seen]
    assert sent == [first.span_id, second.span_id]


def test_a_timeout_is_noted_by_its_type(server, session, tracelog_recorder):
    """A call that waits too long fails its span with what the caller gets."""
    with tracelog.span("work"), pytest.raises(requests.Timeout):
        session.get(f"{server.url}/slow", timeout=0.1)
    call = tracelog_recorder.spans[0]
    assert (call.status, call.failure.type) == (Status.FAILURE, "requests.exceptions.ReadTimeout")


def test_without_an_active_span_nothing_is_touched(server, session, tracelog_recorder):
    """No trace, no header and no span; the adapter is the session's own."""
    session.get(server.url, timeout=10)
    assert "traceparent" not in {name.lower() for name in server.seen[0][1]}
    assert tracelog_recorder.spans == []
    assert type(session.get_adapter(server.url)) is HTTPAdapter


def test_a_request_sent_again_outside_of_the_trace_carries_no_old_ids(server, session, tracelog_recorder):
    """Ids go on a copy: what the caller prepared stays as it was."""
    prepared = session.prepare_request(requests.Request("GET", server.url))
    with tracelog.span("work"):
        session.send(prepared, timeout=10)
    session.send(prepared, timeout=10)
    assert ["traceparent" in headers for _, headers in server.seen] == [True, False]


def test_lines_of_the_connection_pool_carry_the_calls_ids(server, session, tracelog_recorder):
    """What urllib3 logs during the exchange belongs to the client span."""
    logger = "urllib3.connectionpool"
    with debugging(logger), tracelog.span("work"):
        session.get(server.url, timeout=10)
    call = tracelog_recorder.spans[0]
    lines = [line for line in tracelog_recorder.lines if line.logger == logger]
    assert lines
    assert {line.span_id for line in lines} == {call.span_id}


def test_the_caller_is_active_again_after_the_call(server, session, tracelog_recorder):
    """A call leaves the active span as it found it, whether it went well or not."""
    with tracelog.span("work") as work:
        session.get(server.url, timeout=10)
        assert tracelog.current() is work
        with pytest.raises(requests.ConnectionError):
            session.get(f"{server.url}/hang-up", timeout=10)
        assert tracelog.current() is work


def test_a_mounted_adapter_can_still_be_asked(server, session, tracelog_recorder):
    """What an application set on its own adapter is found through the traced one."""
    session.mount("http://", HTTPAdapter(max_retries=3))
    with tracelog.span("work"):
        assert session.get_adapter(server.url).max_retries.total == 3
        session.get(server.url, timeout=10)
    assert len(tracelog_recorder.spans) == 2


def test_installed_everywhere_traces_sessions_of_any_age(server, everywhere, tracelog_recorder):
    """The functions of the module and new sessions are traced, once, however often it is installed."""
    install()
    with requests.Session() as own:
        own.trust_env = False
        install(own)
        with tracelog.span("work"):
            own.get(server.url, timeout=10)
            requests.get(server.url, timeout=10, proxies={"http": ""})
    assert [span.kind for span in tracelog_recorder.spans] == [Kind.CLIENT, Kind.CLIENT, Kind.INTERNAL]


def test_uninstall_puts_back_what_was_there(session):
    """Afterwards the class and the session are what they were, and a second time does no harm."""
    original = requests.Session.get_adapter
    install()
    uninstall()
    uninstall()
    uninstall(session)
    uninstall(session)
    assert requests.Session.get_adapter is original
    assert "get_adapter" not in vars(session)


def test_uninstall_leaves_the_wrapper_of_another_alone(session):
    """Who wrapped the method after us keeps their wrapper."""
    original = requests.Session.get_adapter
    install()
    ours = requests.Session.get_adapter

    def theirs(self, url):
        return ours(self, url)

    requests.Session.get_adapter = theirs
    uninstall()
    found, requests.Session.get_adapter = requests.Session.get_adapter, original
    assert found is theirs


def test_a_fault_of_ours_never_stops_the_call(server, session, tracelog_recorder, caplog):
    """A context whose injection raises is reported, and the request is sent all the same."""
    with broken_trace():
        assert session.get(server.url, timeout=10).text == "ok"
    assert "tracing failed" in caplog.text
    assert len(tracelog_recorder.spans) == 2

"""Whose ids are taken over, over HTTP: what a stranger sends reaches neither the trace nor the next service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, request
from pair_support import Pair, pair

import tracelog
from tracelog.integrations.flask import TraceLog
from tracelog.testing import recording

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STRANGER = {"traceparent": f"00-{TRACE}-{PARENT}-00", "tracestate": "congo=t61rcWkgMzE", "baggage": "tenant=blue"}


@pytest.fixture(scope="module", params=["never", "pair:from_a_friend"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Run a shop that does not trust whoever calls, and a stock that trusts the shop."""
    folder = tmp_path_factory.mktemp("guarded")
    with pair(folder, {"trust_incoming": request.param}, {}) as served:
        yield served


def test_a_stranger_is_given_a_trace_of_its_own(guarded):
    """The shop begins a trace, decides that it is kept, and names the one that came in, once."""
    answer = guarded.ask(**STRANGER)
    found = guarded.read(answer.trace_id)
    assert answer.trace_id != TRACE
    assert len(found.spans) == 7
    (root,) = [span for span in found.spans if "parent.id" not in span]
    assert root["span.links"] == [{"trace": {"id": TRACE}, "span": {"id": PARENT}}]
    assert [span for span in found.spans if "span.links" in span] == [root]


def test_nothing_of_a_stranger_reaches_the_next_service(guarded):
    """The stock is sent the shop's ids, sampled, and neither tracestate nor baggage of the stranger's."""
    answer = guarded.ask(**STRANGER)
    assert [sent["traceparent"].split("-")[1] for sent in answer.sent] == [answer.trace_id] * 2
    assert [sent["traceparent"].split("-")[3] for sent in answer.sent] == ["01"] * 2
    assert [sent.keys() & {"tracestate", "baggage"} for sent in answer.sent] == [set()] * 2


def test_a_function_of_the_settings_may_know_a_friend(tmp_path):
    """Who says the word is continued with all it sent; who does not is not."""
    with pair(tmp_path, {"trust_incoming": "pair:from_a_friend"}, {}) as served:
        friend = served.ask(X_Word="friend", **STRANGER)
        stranger = served.ask(X_Word="enemy", **STRANGER)
    assert friend.trace_id == TRACE != stranger.trace_id
    assert [(sent["tracestate"], sent["baggage"]) for sent in friend.sent] == [("congo=t61rcWkgMzE", "tenant=blue")] * 2
    assert friend.sent[0]["traceparent"].endswith("-00")


def answered(trust, data=b"", **headers):
    """Ask an application that asks *trust*; return what it saw of the body, and the one span."""
    app = Flask("shop")

    @app.post("/buy")
    def buy():
        return request.get_data(as_text=True)

    with recording() as rec:
        TraceLog(app, trust_incoming=trust)
        body = app.test_client().post("/buy?page=2", data=data, headers=headers).text
    (span,) = rec.spans
    return body, span


def test_a_function_is_asked_about_flasks_request():
    """It sees headers, path, query and address, before the view does."""
    seen = []

    def trust(asked):
        seen.append((asked.method, asked.path, asked.args["page"], asked.remote_addr, asked.headers["traceparent"]))
        return True

    sent = f"00-{TRACE}-{PARENT}-01"
    _, span = answered(trust, traceparent=sent)
    assert seen == [("POST", "/buy", "2", "127.0.0.1", sent)]
    assert span.trace_id == TRACE


def test_a_function_cannot_take_the_body_away(caplog):
    """One that reads the body is refused it, which counts as no, and the view gets all of it."""
    body, span = answered(lambda asked: asked.get_data(), b"twelve", **STRANGER)
    assert (body, span.parent_id) == ("twelve", "")
    assert "TRUST_INCOMING" in caplog.text


def test_requests_without_ids_are_not_asked_about():
    """Where nothing came along there is nothing to judge."""
    seen = []
    assert answered(seen.append)[1].links == ()
    assert seen == []


def test_a_process_without_flask_can_be_told_as_well():
    """What is begun by hand from a context of outside obeys the setting."""
    with recording():
        tracer = tracelog.configure(service="worker", export="none:", trust_incoming="never")
        context = tracelog.extract({"traceparent": STRANGER["traceparent"]})
        span = tracer.start_server_span(context, "work")
    assert (span.trace_id != TRACE, span.parent_id) == (True, "")

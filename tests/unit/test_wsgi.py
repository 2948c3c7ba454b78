"""One WSGI request and its answer, whatever the application and the server do."""

from __future__ import annotations

import contextvars
import logging
import threading
from wsgiref.validate import validator

import pytest
from wsgi_support import PLAIN, Body, Served, answering, hello, late, outcomes, serve

from tracelog.active import activate, active, current, enter, leave
from tracelog.dotted import DottedIds
from tracelog.noop import NOOP
from tracelog.tracer import Tracer
from tracelog.wsgi import harmless


def test_a_body_without_close(served, recorder):
    """A list is sent whole; the request ends when the server closes what it was given."""
    app = served(hello)
    assert app.run().endswith(b"hello, world")
    assert outcomes(recorder) == [(200, "success")]
    assert app.settled == [(200, True, True)]
    assert active() is None


def test_a_generator_that_says_its_status_late(served, recorder):
    """Each chunk is made inside of the span, and the status is known when the request ends."""
    assert served(late).run().endswith(f"{1:016x}".encode() * 2)
    assert outcomes(recorder) == [(201, "success")]


def test_the_protocol_is_kept_on_both_sides(served, recorder):
    """Neither the application nor the server sees a breach of PEP 3333."""
    app = validator(served(validator(answering(Body(b"a", b"b")))))
    assert serve(app, {"QUERY_STRING": ""}).endswith(b"ab")
    assert outcomes(recorder) == [(200, "success")]


def test_between_answer_and_close_the_span_is_active(served, recorder):
    """What a server says about the request meanwhile belongs to it; when the body is closed it is over."""
    body = served(hello).call()
    assert current().operation == "GET /"
    assert (list(body), len(recorder.spans)) == ([b"hello, ", b"world"], 0)
    body.close()
    assert (len(recorder.spans), active()) == (1, None)


def test_a_body_is_closed_inside_of_the_span(served):
    """What the application does when its body is closed (teardown) belongs to the request."""
    source = Body(b"a")
    body = served(answering(source)).call()
    mine = current()
    body.close()
    assert source.closed == [mine]


def test_closing_twice_reports_once(served, recorder):
    """A server that closes twice is forgiven; the application's body hears of both."""
    source = Body(b"a")
    app = served(answering(source))
    body = app.call()
    body.close()
    body.close()
    assert (len(recorder.spans), len(app.settled), len(source.closed), active()) == (1, 1, 2, None)


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1)], ids=repr)
def test_an_application_that_raises(served, recorder, error):
    """The error reaches the server, whose own line about it still carries the ids; the next request begins anew."""

    def broken(environ, start_response):
        raise error

    app = served(broken)
    with pytest.raises(type(error)):
        app.call()
    assert outcomes(recorder) == [(500, "failure")]
    assert recorder.spans[0].failure.type == type(error).__name__
    assert app.settled == [(500, True, True)]
    assert (active().finished, current()) == (True, NOOP)
    served(hello).call().close()
    assert active() is None


def test_an_error_after_the_status_keeps_that(served, recorder):
    """What was said to the server stands, and the request has failed all the same."""

    def broken(environ, start_response):
        start_response("202 Accepted", PLAIN)
        raise KeyError

    with pytest.raises(KeyError):
        served(broken).call()
    assert outcomes(recorder) == [(202, "failure")]
    served(hello).call().close()


def test_an_answer_that_is_no_body(served, recorder):
    """An application that forgot to answer fails as it would without us, and its request is over."""
    app = served(answering(None))
    with pytest.raises(TypeError, match="not iterable"):
        app.call()
    assert outcomes(recorder) == [(200, "failure")]
    assert len(app.settled) == 1
    served(hello).call().close()


def test_a_body_that_fails_half_way(served, recorder):
    """The error reaches the server, and the request has failed when it is closed."""
    body = served(answering(Body(b"a", ValueError("x")))).call()
    assert next(body) == b"a"
    with pytest.raises(ValueError, match="x"):
        next(body)
    body.close()
    assert outcomes(recorder) == [(200, "failure")]
    assert recorder.spans[0].failure.message == "x"


def test_a_body_that_fails_to_close(served, recorder):
    """The error reaches the server, and the request has ended as failed."""
    body = served(answering(Body(b"a", fails_to_close=ValueError("x")))).call()
    with pytest.raises(ValueError, match="x"):
        body.close()
    assert outcomes(recorder) == [(200, "failure")]
    assert current() is NOOP
    served(hello).call().close()


def test_a_body_sent_and_closed_in_another_thread(served, recorder):
    """Chunks are made inside of the span there too, and nothing stays active in either thread."""
    body = served(late).call()
    mine, seen = current(), []

    def send():
        seen.extend(body)
        body.close()
        seen.append(active())

    thread = threading.Thread(target=send)
    thread.start()
    thread.join(20)
    assert seen == [mine.span_id.encode()] * 2 + [None]
    assert outcomes(recorder) == [(201, "success")]
    served(hello).call().close()
    assert active() is None


def test_a_span_left_open_in_a_stream_stays_active_in_the_next_step(served):
    """Where each chunk is made in a context of its own, what was active at the end of one is so in the next."""

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        inner = current().fork("inner")
        enter(inner)
        yield inner.span_id.encode()
        yield current().span_id.encode()
        inner.finish()

    body = contextvars.copy_context().run(served(app).call)
    first, second = body
    assert first == second
    assert active() is None
    body.close()


def test_requests_that_have_one_span_id_keep_apart():
    """Where every trace begins with span 0, a body is made inside of its own request, whichever is active."""

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        yield current().trace_id.encode()

    tracer = Tracer(ids=DottedIds())
    body = contextvars.copy_context().run(Served(app, tracer).call)
    other = tracer.start_server_span(None, "GET /")
    with activate(other):
        assert list(body) == [body.span.trace_id.encode()] != [other.trace_id.encode()]
        body.close()
        assert active() is other
    assert body.span.finished


def test_a_request_inside_of_a_request(served, recorder):
    """An application that is called by another gets its own span, and the outer one comes back."""
    inner = served(hello)
    seen = []

    def outer(environ, start_response):
        mine = current()
        body = inner.call()
        seen.append(b"".join(body))
        body.close()
        assert current() is mine
        return hello(environ, start_response)

    served(outer).run()
    assert seen == [b"hello, world"]
    assert len(recorder.spans) == 2
    assert active() is None


def test_what_an_earlier_request_left_behind_is_let_go_of(served, tracer, recorder):
    """A server that closes no body leaves a finished span; the next request does not come back to it."""
    left = tracer.start_server_span(None, "left")
    left.finish()
    token = enter(left)
    served(hello).call().close()
    assert active() is None
    leave(token)


@pytest.mark.parametrize(
    ("status", "failed_from", "outcome"),
    [
        ("200 OK", 500, "success"),
        ("404 Not Found", 500, "success"),
        ("404 Not Found", 400, "failure"),
        ("503 Busy", 500, "failure"),
    ],
)
def test_which_status_is_a_failure(served, recorder, status, failed_from, outcome):
    """Failure begins where the settings say."""
    served(answering([b""], status), failed_from=failed_from).run()
    assert outcomes(recorder) == [(int(status[:3]), outcome)]


@pytest.mark.parametrize(
    ("header", "given", "sent"),
    [
        ("X-Trace-Id", [], [("X-Trace-Id", f"{1:032x}")]),
        ("X-Trace-Id", [("x-trace-id", "mine")], [("x-trace-id", "mine")]),
        ("", [], []),
    ],
)
def test_the_answer_names_the_trace(served, header, given, sent):
    """The header is added unless the application set it, or nobody wants it; its own list is not changed."""
    given = [*PLAIN, *given]
    app = served(answering([b""], headers=given), header=header)
    app.call().close()
    assert app.told == [("200 OK", [*PLAIN, *sent])]
    assert len(given) == len(PLAIN) + (given != PLAIN)


def test_an_error_page_replaces_the_status(served, recorder):
    """Of several statuses (``exc_info``) the last counts; the server is told both, and its ``write`` is handed on."""
    error = (ValueError, ValueError("x"), None)

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        write = start_response("500 Oops", PLAIN, error)
        write(b"written")
        return []

    serving = served(app)
    serving.call().close()
    assert serving.told == [("200 OK", PLAIN), ("500 Oops", PLAIN, error), b"written"]
    assert outcomes(recorder) == [(500, "failure")]


def test_a_status_that_is_none_is_handed_on(served, recorder, caplog):
    """What we cannot read is the server's to judge; the request goes on, and the log says that tracing failed."""
    app = served(answering([b"a"], "fine"))
    body = app.call()
    assert (list(body), app.told) == ([b"a"], [("fine", PLAIN)])
    body.close()
    assert outcomes(recorder) == [(None, "success")]
    assert "tracing failed while reading the status; the request goes on" in caplog.text


def test_what_is_said_at_the_end_cannot_break_the_answer(served, recorder, caplog):
    """A fault in what is done when a request has settled is reported, and harms nobody."""
    app = served(hello)
    app.settled = None
    assert app.run().endswith(b"hello, world")
    assert outcomes(recorder) == [(200, "success")]
    assert "tracing failed while finishing a request" in caplog.text


def test_harmless_keeps_faults_and_lets_go_of_the_rest(caplog):
    """A fault is logged with its traceback; what ends a program or a generator passes."""
    with caplog.at_level(logging.ERROR), harmless("counting"):
        _ = 1 / 0
    assert "tracing failed while counting" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    for error in (KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), harmless("counting"):
            raise error

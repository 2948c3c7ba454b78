"""One WSGI request and its answer, whatever the application and the server do."""

from __future__ import annotations

import contextvars
import io
import logging
import threading
from functools import partial
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from tracelog.active import activate, active, current, enter, leave
from tracelog.noop import NOOP
from tracelog.record import Status
from tracelog.wsgi import Exchange, harmless, is_test_client

PLAIN = [("Content-Type", "text/plain")]


class Served:
    """A WSGI application with each request traced, and what a server is told of it."""

    def __init__(self, app, tracer, **options):
        self.app, self.tracer, self.options = app, tracer, options
        self.settled = []
        self.told = []

    def __call__(self, environ, start_response):
        """Trace a request as an integration does."""
        span = self.tracer.start_server_span(None, "GET /")
        exchange = Exchange(span, start_response, self._settle, **self.options)
        exchange.begin()
        try:
            body = self.app(environ, exchange.start_response)
        except BaseException as error:
            exchange.raised(error)
            raise
        return exchange.answered(body, environ)

    def _settle(self, exchange):
        """Remember a request that has ended, and who was active then."""
        self.settled.append((exchange.status, active() is exchange.span, exchange.span.duration_ns > 0))

    def call(self, **environ):
        """Call the application as a server does, which remembers what it is told."""
        setup_testing_defaults(environ)
        return self(environ, self._start_response)

    def _start_response(self, *told):
        self.told.append(told)
        return self.told.append

    def run(self, **environ):
        """Let a server serve one request, and return what it sends."""
        return serve(self, environ)


def serve(app, environ):
    """Let the standard library's own server side call *app*, and return what it sends."""
    setup_testing_defaults(environ)
    sent, errors = io.BytesIO(), io.StringIO()
    SimpleHandler(io.BytesIO(), sent, errors, environ, multithread=False).run(app)
    assert errors.getvalue() == ""
    return sent.getvalue()


@pytest.fixture
def served(tracer):
    """Trace applications with the test's tracer."""
    return lambda app, **options: Served(app, tracer, **options)


def hello(environ, start_response):
    """Answer with a list, which has no ``close``."""
    start_response("200 OK", PLAIN)
    return [b"hello, ", b"world"]


def late(environ, start_response):
    """Answer from a generator, which says its status with the first chunk."""
    start_response("201 Created", PLAIN)
    yield current().span_id.encode()
    yield current().span_id.encode()


class Body:
    """A body that tells what is done to it, and fails where it is told to."""

    def __init__(self, *chunks, fails_to_close=None):
        self.chunks = iter(chunks)
        self.fails_to_close = fails_to_close
        self.closed = []

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def close(self):
        """Remember who was active."""
        self.closed.append(current())
        if self.fails_to_close is not None:
            raise self.fails_to_close


def answering(body, status="200 OK", headers=PLAIN):
    """Make an application that answers with *body*."""

    def app(environ, start_response):
        start_response(status, headers)
        return body

    return app


def outcomes(recorder):
    """Tell the status code and the outcome of each request."""
    return [(span.attributes.get("http.response.status_code"), span.status.value) for span in recorder.spans]


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


def sending(path, wrapper=None):
    """Make an application that answers with a file, wrapped as its server or as *wrapper* does."""

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        return (wrapper or environ["wsgi.file_wrapper"])(path.open("rb"))

    return app


@pytest.fixture
def file(tmp_path):
    """Write a file to be sent."""
    path = tmp_path / "answer.txt"
    path.write_bytes(b"from a file")
    return path


def test_a_file_is_left_to_the_server(served, recorder, file):
    """What the server wraps it gets back as it is, so that it can use sendfile; the request ends when it is closed."""
    body = served(sending(file)).call(**{"wsgi.file_wrapper": FileWrapper})
    assert isinstance(body, FileWrapper)
    assert (b"".join(body), current().operation, recorder.spans) == (b"from a file", "GET /", [])
    body.close()
    assert (body.filelike.closed, outcomes(recorder), active()) == (True, [(200, "success")], None)


def test_a_file_through_a_server(served, recorder, file):
    """A real server side sends it and closes it."""
    assert served(sending(file)).run().endswith(b"from a file")
    assert outcomes(recorder) == [(200, "success")]
    assert active() is None


class Slotted:
    """A wrapper that takes no attributes, as one written in C may be."""

    __slots__ = ("_file",)

    def __init__(self, file):
        self._file = file

    def __iter__(self):
        return self._file

    def close(self):
        """Close the file."""
        self._file.close()


class Endless:
    """A wrapper without ``close``."""

    def __init__(self, file):
        self.chunks = [file.read()]
        file.close()

    def __iter__(self):
        return iter(self.chunks)


@pytest.mark.parametrize("wrapper", [Slotted, Endless, partial(Endless)], ids=["slotted", "no close", "function"])
def test_wrappers_of_other_kinds(served, recorder, file, wrapper):
    """Whatever the server's wrapper is: the file is sent, and the request ends once."""
    body = served(sending(file)).call(**{"wsgi.file_wrapper": wrapper})
    assert b"".join(body) == b"from a file"
    body.close()
    assert (outcomes(recorder), active()) == ([(200, "success")], None)


def test_a_file_that_is_closed_badly(served, recorder, file):
    """An error of the file's own ``close`` reaches the server, and the request has failed."""

    class Broken(FileWrapper):
        """A wrapper whose ``close`` fails."""

        def __init__(self, filelike):
            super().__init__(filelike)
            self.close = self.fail

        def fail(self):
            """Close the file, and complain."""
            self.filelike.close()
            raise OSError("x")

    body = served(sending(file)).call(**{"wsgi.file_wrapper": Broken})
    with pytest.raises(OSError, match="x"):
        body.close()
    assert outcomes(recorder) == [(200, "failure")]
    served(hello).call().close()


def by_hand(served, app):
    """Trace *app* as for a test client, which closes no body."""
    return served(app, by_hand=True)


def test_a_client_that_closes_nothing_leaves_nothing_behind(served, recorder):
    """The span is active in each chunk and not between them, and ends with the last."""
    app = by_hand(served, late)
    body = app.call()
    assert active() is None
    assert next(body) == next(body) == f"{1:016x}".encode()
    assert (active(), recorder.spans) == (None, [])
    assert list(body) == []
    assert (outcomes(recorder), app.settled, active()) == ([(201, "success")], [(201, True, True)], None)
    body.close()
    assert len(recorder.spans) == 1


@pytest.mark.parametrize(
    ("length", "ended"),
    [("12", True), ("11", True), ("13", False), ("many", False)],
    ids=["exact", "less", "more", "no number"],
)
def test_a_body_of_known_length_ends_with_its_last_byte(served, recorder, length, ended):
    """A client that stops reading there sees a finished request."""
    body = by_hand(served, answering([b"hello, ", b"world"], headers=[*PLAIN, ("content-length", length)])).call()
    next(body)
    assert recorder.spans == []
    next(body)
    assert bool(recorder.spans) is ended
    body.close()
    assert outcomes(recorder) == [(200, "success")]


def test_a_body_that_fails_where_nobody_closes(served, recorder):
    """The error is the end of the request."""
    body = by_hand(served, answering(Body(ValueError("x")))).call()
    with pytest.raises(ValueError, match="x"):
        next(body)
    assert outcomes(recorder) == [(200, "failure")]


@pytest.mark.parametrize("app", [answering(None), lambda environ, start_response: 1 / 0], ids=["no body", "raises"])
def test_a_failure_where_nobody_closes_leaves_nothing_behind(served, recorder, app):
    """The caller gets the error, and no span stays active."""
    with pytest.raises((TypeError, ZeroDivisionError)):
        by_hand(served, app).call()
    assert active() is None
    assert [span.status for span in recorder.spans] == [Status.FAILURE]


def test_a_test_client_inside_of_its_own_request(served, recorder):
    """Where the request's own span is active already, nothing is changed about that."""
    app = by_hand(served, late)
    body = app.call()
    span = body._exchange.span
    with activate(span):
        assert list(body) == [span.span_id.encode()] * 2
        body.close()
        assert active() is span
    assert outcomes(recorder) == [(201, "success")]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"werkzeug.request": None}, True),
        ({"werkzeug.request": None, "SERVER_SOFTWARE": "Werkzeug/3"}, False),
        ({}, False),
    ],
)
def test_the_test_client_is_known_by_its_environ(environ, expected):
    """The client of werkzeug puts its request there, and names no server."""
    assert is_test_client(environ) is expected


def test_harmless_keeps_faults_and_lets_go_of_the_rest(caplog):
    """A fault is logged with its traceback; what ends a program or a generator passes."""
    with caplog.at_level(logging.ERROR), harmless("counting"):
        _ = 1 / 0
    assert "tracing failed while counting" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    for error in (KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), harmless("counting"):
            raise error

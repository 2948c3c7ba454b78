"""Bodies of answers that a server sends by itself, and those that nobody closes."""

from __future__ import annotations

from functools import partial
from wsgiref.util import FileWrapper

import pytest
from wsgi_support import PLAIN, Body, answering, hello, late, outcomes

from tracelog.active import activate, active, current
from tracelog.record import Status
from tracelog.wsgi import is_test_client


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
    span = body.span
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

"""
One WSGI request and its answer as a span: attached before the application is called, detached when the body is closed.

What a server does between the two (the error line of a view, chunks of a streamed body, teardown, its access line) is
inside of the span. Servers close every body (PEP 3333); werkzeug's test client does not, and is recognised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextvars import Token
from typing import Any

from tracelog.active import Stage, active, discard_finished, enter, leave
from tracelog.span import Span

log = logging.getLogger("tracelog")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

FAILED_FROM = 500
_INTERNAL_SERVER_ERROR = 500
_UNKNOWN = 1 << 62


class harmless:  # noqa: N801 - read as a word of the language: `with harmless("naming a request"):`
    """Keeps a fault of our own out of the application's request, and reports it instead."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        report_fault(self._doing, error)
        return True


def report_fault(doing: str, error: Exception) -> None:
    """Report a fault of our own: what every request passes says ``try``, which costs nothing until it fails."""
    log.error("tracing failed while %s; the request goes on", doing, exc_info=error)


def is_test_client(environ: Environ) -> bool:
    """Tell werkzeug's test client, which closes no body, from a server; to be asked before the application is."""
    return "werkzeug.request" in environ and "SERVER_SOFTWARE" not in environ


def _content_length(headers: list[tuple[str, str]]) -> int:
    """Read the length of the body; one that is not told is endless."""
    told = next((value for name, value in headers if name.lower() == "content-length"), "")
    return int(told) if told.isdigit() else _UNKNOWN


def _names(headers: list[tuple[str, str]], wanted: str) -> bool:
    """Tell whether one of *headers* has the name *wanted*, which is in lower case."""
    for name, _ in headers:  # noqa: SIM110 - a generator would cost more than the loop, in each request
        if name.lower() == wanted:
            return True
    return False


class Exchange:
    """
    One request and its answer; also the answer's body, each chunk of which is made inside of the request's span.

    *settled* is called once, inside of the span, when the span has finished. *by_hand* says that nobody will close the
    body: the span is detached when the application returns, and ends with the last byte.
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_failed_from",
        "_header",
        "_left",
        "_settled",
        "_stage",
        "_start_response",
        "_token",
        "by_hand",
        "span",
        "status",
    )

    _body: object
    _chunks: Iterator[bytes]
    _token: Token[Span | None]

    def __init__(
        self,
        span: Span,
        start_response: StartResponse,
        settled: Callable[[Exchange], None],
        *,
        by_hand: bool = False,
        header: str = "",
        failed_from: int = FAILED_FROM,
    ) -> None:
        self.span = span
        self.status = 0
        self._start_response = start_response
        self._settled = settled
        self.by_hand = by_hand
        self._header = header
        self._failed_from = failed_from
        self._left = _UNKNOWN
        self._stage: Stage | None = None

    def begin(self) -> None:
        """Attach the span; one that an earlier request left behind is let go of."""
        discard_finished()
        self._token = enter(self.span)

    def start_response(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        """Take the status down, and add the trace id to the headers unless the application did."""
        try:
            self.status = int(status[:3])
            if self.by_hand:
                self._left = _content_length(headers)
            if self._header and not _names(headers, self._header.lower()):
                headers = [*headers, (self._header, self.span.trace_id)]
        except Exception as error_of_ours:  # noqa: BLE001 - no fault of ours may reach the request
            report_fault("reading the status", error_of_ours)
        return self._start_response(status, headers, *error)

    def raised(self, error: BaseException) -> None:
        """
        Finish without a body.

        A server says so in a line of its own, after this; the finished span stays attached for that line and is let
        go of by the next request. The test client's caller gets the exception and expects nothing left behind.
        """
        self.status = self.status or _INTERNAL_SERVER_ERROR
        self.span.fail(error)
        self.finish()
        if self.by_hand:
            leave(self._token)

    def answered(self, body: Iterable[bytes], environ: Environ) -> Iterable[bytes]:
        """Return the body as the server gets it: each chunk is made, and its end is seen, inside of the span."""
        try:
            untouched = None if self.by_hand else self._by_sendfile(body, environ)
            if untouched is None:
                self._body, self._chunks = body, iter(body)
        except BaseException as error:
            self.raised(error)
            raise
        if self.by_hand:
            leave(self._token)
        return self if untouched is None else untouched

    def __del__(self) -> None:
        """
        Finish what was never closed: Werkzeug's server does not where its client resets the connection.

        The span lasts until the request is let go of, at the latest until Python looks for circles.
        """
        if not self.span.finished:
            with self._on_stage():
                self.finish()

    def finish(self) -> None:
        """Finish the span; later calls do nothing."""
        span = self.span
        if span.finished:
            return
        try:
            if self.status:
                span.attributes["http.response.status_code"] = self.status
            if self.status >= self._failed_from:
                span.fail()
            span.finish()
            self._settled(self)
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the request
            report_fault("finishing a request", error)

    def __iter__(self) -> Exchange:
        return self

    def __next__(self) -> bytes:
        """Make the next chunk; whatever ends the body early is seen."""
        try:
            if self._attached():
                return next(self._chunks)
            with self._on_stage():
                chunk = next(self._chunks)
        except StopIteration:
            self._ended()
            raise
        except BaseException as error:
            self.span.fail(error)
            self._ended()
            raise
        self._left -= len(chunk)
        if self._left <= 0:
            self._ended()
        return chunk

    def close(self) -> None:
        """Close the application's body, finish, and detach."""
        closing: Callable[[], None] | None = getattr(self._body, "close", None)
        if self._attached():
            self._close(closing)
            if not self.by_hand:
                leave(self._token)
            return
        with self._on_stage():
            self._close(closing)

    def _close(self, closing: Callable[[], None] | None) -> None:
        try:
            if closing is not None:
                closing()
        except BaseException as error:
            self.span.fail(error)
            raise
        finally:
            self.finish()

    def _ended(self) -> None:
        """Finish where nobody will close the body."""
        if self.by_hand:
            with self._on_stage():
                self.finish()

    def _on_stage(self) -> Stage:
        """Return what keeps the span active in steps, where it is not attached; most requests need none."""
        if self._stage is None:
            self._stage = Stage(self.span)
        return self._stage

    def _attached(self) -> bool:
        """Tell whether this request's span, or one forked from it in this process, is active here."""
        span = active()
        mine = self.span
        if span is mine or span is None:
            return span is mine
        # Where spans are numbered as go-zero does, the first of every trace has one and the same id.
        return span.entry_id == mine.entry_id and span.trace_id == mine.trace_id

    def _by_sendfile(self, body: Any, environ: Environ) -> Iterable[bytes] | None:
        """Leave a body that the server itself sends (``wsgi.file_wrapper``) as it is, but for its ``close``."""
        wrapper = environ.get("wsgi.file_wrapper")
        if not (isinstance(wrapper, type) and isinstance(body, wrapper)):
            return None
        file: Any = body
        self._body = _Closable(getattr(file, "close", None))
        try:
            file.close = self.close
        except AttributeError:
            return None
        untouched: Iterable[bytes] = file
        return untouched


class _Closable:
    """Remembers the ``close`` that a body had."""

    def __init__(self, close: Callable[[], None] | None) -> None:
        self.close = close or (lambda: None)

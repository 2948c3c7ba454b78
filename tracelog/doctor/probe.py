"""Sends one request through an application, and watches it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from flask import Flask, got_request_exception, request_started

from tracelog.active import active
from tracelog.doctor.judge_probe import LineSeen, ProbeSeen
from tracelog.doctor.look_app import excluded, tracer_of
from tracelog.doctor.sources import Sources, raised_at
from tracelog.lines import caller
from tracelog.span import Span
from tracelog.stats import Stats
from tracelog.tracer import Tracer

_FLUSH_SECONDS = 5.0
_THREAD_SECONDS = 5.0
_FAILED = 500


class _Watch:
    """Takes down what happens while a request is answered."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._here = threading.get_ident()
        self._before = set(threading.enumerate())
        self.lines: list[LineSeen] = []
        self.span: Span | None = None
        self.error: BaseException | None = None

    def began(self, sender: Flask, **extra: Any) -> None:
        """Note the span that is active when the request has begun."""
        self.span = active()

    def failed(self, sender: Flask, exception: BaseException, **extra: Any) -> None:
        """Note what came out of the view."""
        self.error = exception

    def said(self) -> None:
        """Note a line that is just being written, unless a thread writes it that was there before."""
        thread = threading.current_thread()
        if thread in self._before and thread.ident != self._here:
            return
        place = caller()
        where = self._sources.named(place.file, place.line) if place is not None else ""
        inside = active() is not None
        self.lines.append(LineSeen(where, thread.name, inside, here=thread.ident == self._here))

    def joined(self) -> None:
        """Wait a while for the threads that the request began."""
        deadline = time.monotonic() + _THREAD_SECONDS
        for thread in set(threading.enumerate()) - self._before:
            if not thread.name.startswith("tracelog"):
                thread.join(max(0.0, deadline - time.monotonic()))


def probe(app: Flask, path: str, sources: Sources) -> ProbeSeen:
    """GET *path* of *app*, as a client would, and say what became of it."""
    tracer = tracer_of(app)
    before = tracer.sink.stats() if tracer is not None else Stats()
    watch = _Watch(sources)
    with _watched(app, watch):
        status = _answer(app, path, watch)
        watch.joined()
    span = watch.span
    seen = ProbeSeen(
        path,
        status,
        trace_id="" if span is None else span.trace_id,
        inside=span is not None,
        weight=1.0 if span is None else span.weight,
        excluded=tracer is not None and excluded(app, path),
        lines=tuple(watch.lines),
        thread_where=sources.where("Thread", "submit", "run_in_executor"),
    )
    if watch.error is not None:
        raised = f"{type(watch.error).__name__}: {watch.error}".rstrip(": ")
        seen = seen._replace(raised=raised, raised_at=raised_at(watch.error, sources.base))
    return seen if tracer is None else _arrived(seen, tracer, before)


def _answer(app: Flask, path: str, watch: _Watch) -> int:
    """Make the request, read its whole answer, and return its status."""
    try:
        with app.test_client().get(path) as answer:
            answer.get_data()
            return answer.status_code
    except Exception as error:  # noqa: BLE001 - with PROPAGATE_EXCEPTIONS a view raises through the client
        watch.error = watch.error or error
        return _FAILED


@contextmanager
def _watched(app: Flask, watch: _Watch) -> Generator[None, None, None]:
    """Let *watch* see the request, and both kinds of log lines."""
    factory = logging.getLogRecordFactory()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        watch.said()
        return factory(*args, **kwargs)

    def note(logger: Any, method: str, event: Any) -> Any:
        watch.said()
        return event

    # Loggers share this list with the configuration, also those that were bound long ago.
    chain: Any = structlog.get_config()["processors"]
    with request_started.connected_to(watch.began, app), got_request_exception.connected_to(watch.failed, app):
        logging.setLogRecordFactory(make)
        with suppress(AttributeError):
            chain.insert(0, note)
        try:
            yield
        finally:
            logging.setLogRecordFactory(factory)
            with suppress(AttributeError, ValueError):
                chain.remove(note)


def _arrived(seen: ProbeSeen, tracer: Tracer, before: Stats) -> ProbeSeen:
    """Wait for the records of the request, and count those that are not stored."""
    pending = tracer.sink.flush(_FLUSH_SECONDS)
    after = tracer.sink.stats()
    dropped = sum(after.dropped.values()) - sum(before.dropped.values())
    return seen._replace(pending=pending, refused=after.refused - before.refused, dropped=dropped)

"""Which span is active here: the one ContextVar."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TypeVar

from tracelog.noop import NOOP, AnySpan, NoopSpan
from tracelog.span import Span

_active: ContextVar[Span | None] = ContextVar("tracelog_active_span", default=None)

#: The active span as it is, finished or not, or None; the fast way for those who bind ids.
active = _active.get

#: Makes a span active; give the token that it returns to :func:`leave`.
enter: Callable[[Span], Token[Span | None]] = _active.set

#: The span that a thread was handed by whoever started it: it may end before the thread does.
_handed: ContextVar[Span | None] = ContextVar("tracelog_handed_span", default=None)

S = TypeVar("S", bound=AnySpan)


def parent() -> Span | None:
    """
    Return the span that what begins now belongs to; None where there is none.

    A span that has finished is none, but for the one that this thread was handed: its work goes on here.
    """
    span = _active.get()
    return None if span is None or (span.finished and span is not _handed.get()) else span


def current() -> AnySpan:
    """Return the active span, or NOOP where there is none or it has finished."""
    return parent() or NOOP


def enter_handed(span: Span) -> tuple[Token[Span | None], Token[Span | None]]:
    """Make a span active that another thread handed over; give the tokens to :func:`leave_handed`."""
    return _active.set(span), _handed.set(span)


def leave_handed(tokens: tuple[Token[Span | None], Token[Span | None]]) -> None:
    """Make active and handed over again what was before."""
    entered, handed = tokens
    leave(entered)
    _handed.reset(handed)


def leave(token: Token[Span | None]) -> None:
    """
    Make active again what was before.

    Where the token belongs to another context (a generator closed by the garbage collector, one whose steps are made
    by several threads) nobody knows what was before: in place of a finished span the nearest open one above it becomes
    active, and any other stays.
    """
    try:
        _active.reset(token)
    except ValueError:
        span = _active.get()
        if span is not None and span.finished:
            _active.set(span.open_parent())


def discard_finished() -> None:
    """Let go of a span that has finished but was never left, as a server does that closes no body."""
    span = _active.get()
    if span is not None and span.finished:
        _active.set(None)


@contextmanager
def activate(span: S) -> Generator[S, None, None]:
    """Make *span* active inside the block, without finishing it."""
    if isinstance(span, NoopSpan):
        yield span
        return
    token = enter(span)
    try:
        yield span
    finally:
        leave(token)


@contextmanager
def apart() -> Generator[None, None, None]:
    """Let no span be active inside the block: what tracelog does for itself belongs to nobody's trace."""
    token = _active.set(None)
    try:
        yield
    finally:
        leave(token)


class Stage:
    """
    Keeps a span active in steps, for generators and bodies of answers.

    What is active when a step ends (a span opened inside the generator, say) is active again when the next begins.
    """

    __slots__ = ("_span", "_token")

    _token: Token[Span | None]

    def __init__(self, span: Span) -> None:
        self._span: Span | None = span

    def __enter__(self) -> None:
        self._token = _active.set(self._span)

    def __exit__(self, *error: object) -> None:
        self._span = _active.get()
        leave(self._token)

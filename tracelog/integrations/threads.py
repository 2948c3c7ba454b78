"""
Threads and pools: what runs in another thread keeps the span that was active where it was handed over.

asyncio's tasks and ``asyncio.to_thread`` carry it by themselves; a thread, and a pool's, begins with nothing.
"""

from __future__ import annotations

import concurrent.futures
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from tracelog.active import active, apart, enter_handed, leave_handed
from tracelog.hooks import put_on, take_off
from tracelog.span import Span
from tracelog.wsgi import harmless

__all__ = ["bound", "install", "uninstall"]

P = ParamSpec("P")
R = TypeVar("R")

#: What runs in another interpreter is pickled on its way there, and has contexts of its own.
_ELSEWHERE: Any = getattr(concurrent.futures, "InterpreterPoolExecutor", ())

#: Up to Python 3.13 the hook for a thread's exception sees the context that its ``run`` left behind.
_HOOK_SEES_CONTEXT = sys.version_info < (3, 14)


def install() -> None:
    """
    Let each thread and each task of a ``ThreadPoolExecutor`` run under the span that is active where it begins.

    A second call changes nothing. Threads that run already, and tasks that wait already, stay as they are.
    """
    put_on(Thread, "start", _start)
    put_on(ThreadPoolExecutor, "submit", _submit)


def uninstall() -> None:
    """Undo :func:`install`, unless somebody else has wrapped the same method since: then that stays."""
    take_off(Thread, "start")
    take_off(ThreadPoolExecutor, "submit")


def bound(function: Callable[P, R]) -> Callable[P, R]:
    """Return *function* as it runs under the span that is active now, whichever thread calls it; needs no install."""
    span = active()
    return function if span is None else _under(span, function)


def _under(span: Span, function: Callable[P, R]) -> Callable[P, R]:
    """Let *function* run with *span* active; afterwards its thread has what it had before."""

    @wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        tokens = enter_handed(span)
        try:
            return function(*args, **kwargs)
        finally:
            leave_handed(tokens)

    return carried


def _start(original: Callable[..., None], thread: Thread, *args: Any, **kwargs: Any) -> None:
    """Start a thread whose ``run``, a subclass's too, finds the span that is active here."""
    span = active()
    if span is None:
        return original(thread, *args, **kwargs)
    with harmless("handing a span to a thread"):
        put_on(thread, "run", partial(_run, thread, span))
    try:
        return original(thread, *args, **kwargs)
    except BaseException:
        take_off(thread, "run")
        raise


def _run(thread: Thread, span: Span, original: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Run a thread with *span* active; an exception is told to ``threading.excepthook`` inside of the span."""
    take_off(thread, "run")
    tokens = enter_handed(span)
    try:
        original(*args, **kwargs)
    finally:
        if not (_HOOK_SEES_CONTEXT and sys.exc_info()[0]):
            leave_handed(tokens)


def _submit(original: Callable[..., Future[Any]], pool: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> Future[Any]:
    """Hand a task to a pool together with the span that is active here."""
    span = active()
    if span is None or not args:
        return original(pool, *args, **kwargs)
    function, *rest = args
    # A thread that the pool begins for this task outlives it, and may serve every other.
    with apart():
        if isinstance(pool, _ELSEWHERE) or not callable(function):
            return original(pool, *args, **kwargs)
        return original(pool, _under(span, function), *rest, **kwargs)

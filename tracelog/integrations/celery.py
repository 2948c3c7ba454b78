"""
celery: a task that is sent inside of a span goes on with its trace, and each execution of a task is a span.

Signals of celery do all of it. They name no application where a task is sent, so that sending is traced for all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from importlib import import_module
from typing import Any
from weakref import WeakSet

from tracelog.active import enter, leave, parent
from tracelog.propagation import extract, inject
from tracelog.record import Kind
from tracelog.span import Span
from tracelog.tracer import default_tracer, flush
from tracelog.wsgi import harmless

__all__ = ["install", "uninstall"]

#: celery brings no types.
_signals: Any = import_module("celery.signals")

#: Seconds that a process of the pool has to send what it holds, as a program has that ends.
PATIENCE = 2.0

#: Where the span of an execution waits for its end: on the request that it belongs to.
_PLACE = "_tracelog_execution"

#: Whose executions are spans; all of them where there is None.
_apps: WeakSet[Any] = WeakSet()
_all: list[bool] = []


def install(app: Any = None) -> None:
    """Trace what tasks of *app*, or of every application, do, and hand on the ids with each task that is sent."""
    if app is None:
        _all[:] = [True]
    else:
        _apps.add(app)
    for name, receiver in _RECEIVERS.items():
        getattr(_signals, name).connect(receiver, weak=False)


def uninstall(app: Any = None) -> None:
    """Undo :func:`install`, given the same."""
    if app is None:
        _all.clear()
    else:
        _apps.discard(app)
    if not _all and not _apps:
        for name, receiver in _RECEIVERS.items():
            getattr(_signals, name).disconnect(receiver)


class _Sending:
    """The span of a task on its way to the broker."""

    __slots__ = ("headers", "span")

    def __init__(self, span: Span, headers: Any) -> None:
        self.span = span
        self.headers = headers

    def __del__(self) -> None:
        """Finish what nobody ended: celery says nothing where a broker cannot be reached."""
        if not self.span.finished:
            self.span.set(**{"error.type": "_OTHER"}).fail().finish()


_sending: ContextVar[_Sending | None] = ContextVar("tracelog_celery_sending", default=None)


class _Execution:
    """The span of a task that runs."""

    __slots__ = ("span", "token")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.token: Token[Span | None] = enter(span)


def _before_publish(sender: str, headers: Any, routing_key: Any, properties: Any, **more: Any) -> None:
    """Start the span of a task that is sent, and put its ids on the message."""
    above = parent()
    if above is None or headers is None:
        return
    with harmless("sending a task"):
        task_id = headers.get("id") or properties.get("correlation_id")
        told = _told("send", task_id, routing_key)
        if headers.get("eta"):
            told["celery.eta"] = headers["eta"]
        span = above.child(sender, Kind.PRODUCER, told)
        _sending.set(_Sending(span, headers))
        inject(headers, "mapping", span)


def _after_publish(headers: Any, **more: Any) -> None:
    """Finish the span of a task that the broker has."""
    sending = _sending.get()
    if sending is not None and sending.headers is headers:
        sending.span.finish()
        _sending.set(None)


def _before_run(task_id: str, task: Any, **more: Any) -> None:
    """Start the span of an execution."""
    if not _all and task.app not in _apps:
        return
    with harmless("beginning a task"):
        setattr(task.request, _PLACE, _Execution(_begun(task_id, task)))


def _begun(task_id: str, task: Any) -> Span:
    """Go on with the trace of the message; what is run at once, in place of being sent, with that of the caller."""
    request = task.request
    delivered: Mapping[str, Any] = request.delivery_info or {}
    told = _told("process", task_id, delivered.get("routing_key"))
    if request.retries:
        told["celery.retries"] = request.retries
    above = parent() if request.is_eager else None
    if above is not None:
        return above.child(task.name, Kind.CONSUMER, told)
    told["transaction.type"] = "job"
    context = extract(request.headers or {}, "mapping")
    return default_tracer().entry(context, task.name, Kind.CONSUMER, told, request=request)


def _failed(sender: Any, exception: Any, **more: Any) -> None:
    """Note why a task failed; one that is to run again, is ignored or rejected has not."""
    execution: _Execution | None = getattr(sender.request, _PLACE, None)
    if execution is not None:
        with harmless("ending a task"):
            execution.span.fail(exception)


def _after_run(task: Any, state: Any = None, **more: Any) -> None:
    """Finish the span of an execution."""
    execution: _Execution | None = getattr(task.request, _PLACE, None)
    if execution is None:
        return
    with harmless("ending a task"):
        setattr(task.request, _PLACE, None)
        if state:
            execution.span.attributes["celery.state"] = str(state)
        else:
            # What ends the worker itself passes celery by.
            execution.span.fail(sys.exc_info()[1])
    execution.span.finish()
    leave(execution.token)


def _process_ends(**more: Any) -> None:
    """Send what a process of the pool holds: it ends without Python's exit handlers."""
    flush(PATIENCE)


def _told(operation: str, task_id: Any, destination: Any) -> dict[str, Any]:
    """Tell of a message what the conventions have names for."""
    told = {
        "messaging.system": "celery",
        "messaging.operation.type": operation,
        "messaging.message.id": task_id,
        "messaging.destination.name": destination,
    }
    return {name: value for name, value in told.items() if value}


_RECEIVERS: Mapping[str, Callable[..., None]] = {
    "before_task_publish": _before_publish,
    "after_task_publish": _after_publish,
    "task_prerun": _before_run,
    "task_failure": _failed,
    "task_postrun": _after_run,
    "worker_process_shutdown": _process_ends,
}

"""Tasks of celery in this process: run at once, sent to a broker in memory, or to none at all."""

from __future__ import annotations

import gc

import pytest

pytest.importorskip("celery")

import celery
from celery.exceptions import OperationalError

import tracelog
from tracelog.integrations.celery import _RECEIVERS, install, uninstall
from tracelog.record import Kind, Status
from tracelog.testing import recording

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def app():
    """Make an application that is traced until the test ends."""
    made = celery.Celery("shop", broker="memory://", set_as_current=False)
    install(made)
    yield made
    uninstall(made)


def idle():
    """Do nothing."""


def traced():
    """Tell which trace this belongs to."""
    return tracelog.current().trace_id


def failing():
    """Fail."""
    return 1 / 0


def told(recorder):
    """Name what was recorded, with kinds."""
    return [(record.operation, record.kind) for record in recorder.spans]


def test_a_task_that_runs_at_once_is_a_child_of_its_caller(app, tracelog_recorder):
    """With task_always_eager nothing is sent, and the execution lies below the span that asked for it."""
    app.conf.task_always_eager = True
    charge = app.task(traced, name="charge")
    with tracelog.span("checkout") as checkout:
        assert charge.delay().get() == checkout.trace_id
        assert tracelog.current() is checkout
    (ran, _) = tracelog_recorder.spans
    assert (ran.operation, ran.kind, ran.parent_id) == ("charge", Kind.CONSUMER, checkout.span_id)
    assert ran.attributes["messaging.operation.type"] == "process"


def test_a_task_that_runs_at_once_fails_as_it_would_without_us(app, tracelog_recorder):
    """Its exception reaches whoever asks for the result, and the span has failed."""
    app.conf.task_always_eager = True
    refuse = app.task(failing, name="refuse")
    with pytest.raises(ZeroDivisionError):
        refuse.delay().get()
    (ran,) = tracelog_recorder.spans
    assert ran.status is Status.FAILURE
    assert ran.failure.type == "ZeroDivisionError"


def test_outside_of_a_span_sending_is_not_traced(app, tracelog_recorder):
    """Without an active span a message carries no ids, and nothing is recorded."""
    app.task(idle, name="charge").delay()
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        assert "traceparent" not in queue.get(timeout=5).headers
    assert tracelog_recorder.spans == []


def test_the_message_carries_the_ids_of_the_span_that_sent_it(app, tracelog_recorder):
    """The producer's ids are in the headers, and its attributes are those of the conventions."""
    with tracelog.span("checkout"):
        task_id = app.task(idle, name="charge").delay().id
    (sent, _) = tracelog_recorder.spans
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        assert sent.span_id in queue.get(timeout=5).headers["traceparent"]
    assert sent.attributes == {
        "messaging.system": "celery",
        "messaging.operation.type": "send",
        "messaging.message.id": task_id,
        "messaging.destination.name": "celery",
    }
    assert (sent.kind, sent.calls) == (Kind.PRODUCER, 1)


def test_a_task_that_cannot_be_sent_has_failed(tracelog_recorder):
    """Celery's own error reaches the caller; the span ends at the latest when the next task is sent."""
    broken = celery.Celery("broken", broker="amqp://127.0.0.1:1//", set_as_current=False)
    broken.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0}
    working = celery.Celery("working", broker="memory://", set_as_current=False)
    install()
    try:
        with tracelog.span("checkout"):
            with pytest.raises(OperationalError):
                broken.send_task("charge", retry=False)
            working.send_task("charge")
    finally:
        uninstall()
    gc.collect()
    assert sorted(record.status for record in tracelog_recorder.spans if record.kind is Kind.PRODUCER) == [
        Status.FAILURE,
        Status.SUCCESS,
    ]


@pytest.mark.parametrize(
    "headers",
    [{}, {"traceparent": f"00-{TRACE}-1-01"}, {"traceparent": 17}, {"traceparent": b"\xff"}, {"traceparent": ""}],
)
def test_a_message_without_valid_ids_begins_a_trace(app, tracelog_recorder, headers):
    """Whatever stands in the headers, the task runs, in a trace of its own."""
    app.conf.task_always_eager = True
    assert app.task(traced, name="charge").apply_async(headers=headers).get() not in ("", TRACE)
    (ran,) = tracelog_recorder.spans
    assert (ran.parent_id, ran.attributes["transaction.type"]) == ("", "job")


@pytest.mark.parametrize("trusted", [True, False])
def test_trust_is_asked_about_the_message(app, trusted):
    """TRUST_INCOMING sees celery's request; where it says no a trace begins that links to the one of the message."""
    asked: list[str] = []

    def trust(request):
        asked.append(request.task)
        return trusted

    app.conf.task_always_eager = True
    charge = app.task(traced, name="charge")
    with recording(trust=trust) as recorder:
        seen = charge.apply_async(headers={"traceparent": f"00-{TRACE}-{SPAN}-01"}).get()
    (ran,) = recorder.spans
    assert (asked, seen == TRACE, [link.span_id for link in ran.links]) == (
        ["charge"],
        trusted,
        [] if trusted else [SPAN],
    )


def test_only_the_applications_that_were_named_are_traced(app, tracelog_recorder):
    """Executions of another application make no span until all are asked for."""
    other = celery.Celery("other", set_as_current=False)
    other.conf.task_always_eager = True
    charge = other.task(idle, name="charge")
    charge.delay()
    assert told(tracelog_recorder) == []
    install()
    charge.delay()
    uninstall()
    charge.delay()
    assert told(tracelog_recorder) == [("charge", Kind.CONSUMER)]


def test_uninstalling_leaves_no_receiver_behind():
    """However often it was installed, one call for each takes everything away."""
    signals = [getattr(celery.signals, name) for name in _RECEIVERS]
    before = [list(signal.receivers or ()) for signal in signals]
    install()
    install()
    assert [len(signal.receivers) for signal in signals] == [len(one) + 1 for one in before]
    uninstall()
    assert [list(signal.receivers or ()) for signal in signals] == before

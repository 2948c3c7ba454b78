"""A shop whose orders are charged by a worker; broker and store lie in the folder that the environment names."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from celery import Celery, chain, chord, group
from celery.exceptions import Ignore, Reject
from flask import Flask

import tracelog
from tracelog.integrations.celery import install
from tracelog.integrations.flask import TraceLog

FOLDER = Path(os.environ["SHOP_FOLDER"])
QUEUE = FOLDER / "queue"
for folder in (QUEUE, FOLDER / "control", FOLDER / "results"):
    folder.mkdir(exist_ok=True)

log = logging.getLogger("shop")

app = Celery("shop", broker="filesystem://", backend=f"file://{FOLDER / 'results'}")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(QUEUE),
        "data_folder_out": str(QUEUE),
        "control_folder": str(FOLDER / "control"),
    },
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
)
install(app)


@app.task(name="charge")
def charge(order: int) -> int:
    """Charge an order."""
    log.warning("charging %d", order)
    with tracelog.span("book"):
        return order


@app.task(name="refuse")
def refuse() -> None:
    """Fail."""
    raise ValueError("no money")


@app.task(name="ignore")
def ignore() -> None:
    """Give up without a failure."""
    raise Ignore


@app.task(name="reject", acks_late=True)
def reject() -> None:
    """Hand the message back to the broker, for good."""
    raise Reject("no such order", requeue=False)


@app.task(name="again", bind=True)
def again(self) -> str:
    """Succeed at the second try."""
    if not self.request.retries:
        raise self.retry(countdown=0, max_retries=1)
    return "done"


@app.task(name="total")
def total(parts: list[int]) -> int:
    """Add up."""
    return sum(parts)


def web() -> Flask:
    """Send tasks from views."""
    served = Flask("web")
    TraceLog(served, service="web")

    @served.get("/<what>")
    def send(what: str) -> str:
        log.warning("sending")
        {
            "charge": lambda: charge.delay(17),
            "many": lambda: [charge.delay(number) for number in range(6)],
            "refuse": refuse.delay,
            "ignore": ignore.delay,
            "reject": reject.delay,
            "again": again.delay,
            "later": lambda: charge.apply_async((17,), countdown=0.1),
            "chain": chain(charge.s(1), charge.s()).delay,
            "chord": chord(group(charge.s(1), charge.s(2)), total.s()).delay,
        }[what]()
        return "sent"

    return served

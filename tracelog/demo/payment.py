"""The payment service: takes money, or fails to."""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from flask import Flask, request

import tracelog
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.structlog import bind_ids

BANK = "bank.example"
SETTLING_SECONDS = 45.0

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        bind_ids,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
)
log = structlog.get_logger("payment")


class CardDeclinedError(Exception):
    """The bank does not pay."""


class BankBusyError(Exception):
    """The bank has no time just now; asking again helps."""


def create_app() -> Flask:
    """Make the application: one line of it is tracelog's."""
    app = Flask("payment")
    TraceLog(app)
    app.add_url_rule("/charges", view_func=charge, methods=["POST"])
    # No request asked for this line: it is shipped like any other, and belongs to no trace.
    log.info("connected to the bank", bank=BANK)
    threading.Thread(target=settle, name="settling", daemon=True).start()
    return app


def charge() -> tuple[dict[str, Any], int]:
    """Take the money for an order. Nobody catches what the bank raises: Flask answers 500, and the span tells why."""
    order: dict[str, Any] = request.get_json()
    log.info("charging a card", amount=order["amount"])
    number = pay(order["card"], order["amount"])
    log.info("card charged", charge=number)
    return {"charge": number}, 201


def pay(card: str, amount: int) -> int:
    """Ask the bank, and once more where it has no time: each attempt is a span of its own."""
    try:
        return ask_the_bank(card, amount, 1)
    except BankBusyError:
        log.warning("the bank is busy, asking once more", exc_info=True)
    time.sleep(0.03)
    return ask_the_bank(card, amount, 2)


def ask_the_bank(card: str, amount: int, attempt: int) -> int:
    """Pretend to be a bank: it takes a while, one kind of card is never good enough, and one has to wait."""
    with tracelog.span("ask the bank", amount=amount, attempt=attempt):
        time.sleep(0.02)
        if card.startswith("4000"):
            raise CardDeclinedError(f"the bank declined {amount} EUR: limit exceeded")
        if card.startswith("3782") and attempt == 1:
            raise BankBusyError(f"{BANK} answers 503")
    return time.monotonic_ns() // 1000


def settle() -> None:
    """Settle with the bank now and then, on a thread of its own."""
    while True:
        time.sleep(SETTLING_SECONDS)
        log.info("settled with the bank", bank=BANK)

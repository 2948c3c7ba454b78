"""The payment service: takes money, or fails to."""

from __future__ import annotations

import time
from typing import Any

import structlog
from flask import Flask, request

import tracelog
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.structlog import bind_ids

structlog.configure(
    processors=[structlog.processors.add_log_level, bind_ids, structlog.processors.JSONRenderer()],
)
log = structlog.get_logger("payment")


class CardDeclinedError(Exception):
    """The bank does not pay."""


def create_app() -> Flask:
    """Make the application: one line of it is tracelog's."""
    app = Flask("payment")
    TraceLog(app)
    app.add_url_rule("/charges", view_func=charge, methods=["POST"])
    return app


def charge() -> tuple[dict[str, Any], int]:
    """Take the money for an order. Nobody catches what the bank raises: Flask answers 500, and the span tells why."""
    order: dict[str, Any] = request.get_json()
    log.info("charging a card", amount=order["amount"])
    with tracelog.span("ask the bank", amount=order["amount"]):
        number = ask_the_bank(order["card"], order["amount"])
    log.info("card charged", charge=number)
    return {"charge": number}, 201


def ask_the_bank(card: str, amount: int) -> int:
    """Pretend to be a bank: it takes a while, and one kind of card is never good enough."""
    time.sleep(0.02)
    if card.startswith("4000"):
        raise CardDeclinedError(f"the bank declined {amount} EUR: limit exceeded")
    return time.monotonic_ns() // 1000

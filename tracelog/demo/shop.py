"""The shop itself: what customers see. Asks the stock for goods and the payment service for money."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import requests
import structlog
from flask import Flask, Response, request, stream_with_context

import tracelog
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.requests import install
from tracelog.integrations.structlog import bind_ids

STOCK = os.environ.get("SHOP_STOCK_URL", "http://127.0.0.1:5001")
PAYMENT = os.environ.get("SHOP_PAYMENT_URL", "http://127.0.0.1:5002")
SECONDS = 10

structlog.configure(
    processors=[structlog.processors.add_log_level, bind_ids, structlog.processors.JSONRenderer()],
)
log = structlog.get_logger("shop")


def create_app() -> Flask:
    """Make the application: two lines of it are tracelog's."""
    app = Flask("shop")
    TraceLog(app)
    install()
    app.add_url_rule("/products", view_func=products)
    app.add_url_rule("/checkout", view_func=checkout, methods=["POST"])
    app.add_url_rule("/receipts/<int:order>.csv", view_func=receipt)
    log.info("the shop is open", stock=STOCK, payment=PAYMENT)
    return app


def products() -> list[dict[str, Any]]:
    """List what can be bought, best rated first."""
    goods: list[dict[str, Any]] = requests.get(f"{STOCK}/goods", timeout=SECONDS).json()
    with tracelog.span("rank", goods=len(goods)):
        time.sleep(0.004)
        goods.sort(key=lambda item: -item["stars"])
        log.debug("ranked by stars", best=goods[0]["sku"])
    log.info("products listed", count=len(goods))
    return goods


def checkout() -> tuple[dict[str, Any], int]:
    """Reserve the goods, then take the money."""
    order: dict[str, Any] = request.get_json()
    log.info("checkout started", sku=order["sku"], pieces=order["pieces"])
    reserved = requests.post(f"{STOCK}/goods/{order['sku']}/reserve", json=order, timeout=SECONDS)
    if not reserved.ok:
        log.warning("the stock cannot deliver", sku=order["sku"], status=reserved.status_code)
        return reserved.json(), reserved.status_code
    paid = requests.post(f"{PAYMENT}/charges", json={**order, **reserved.json()}, timeout=SECONDS)
    if not paid.ok:
        log.error("payment failed, the order is dropped", status=paid.status_code)
        return {"error": "payment failed"}, 502
    log.info("order placed", charge=paid.json()["charge"])
    return {"order": paid.json()["charge"]}, 201


def receipt(order: int) -> Response:
    """Stream a receipt; the span lives until the last piece is out, and so do the ids on the lines."""

    def rows() -> Iterator[str]:
        yield "position,pieces,price\n"
        for position in range(1, 6):
            time.sleep(0.008)
            log.info("receipt row written", order=order, position=position)
            yield f"{position},1,{position * 10}.00\n"

    return Response(stream_with_context(rows()), mimetype="text/csv")

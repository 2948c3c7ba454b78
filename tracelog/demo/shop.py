"""The shop itself: what customers see. Asks the stock for goods and the payment service for money."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast

import requests
import structlog
from flask import Flask, Response, request, stream_with_context

import tracelog
from tracelog.demo.whereabouts import PAYMENT, SECONDS, STOCK
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.requests import install
from tracelog.integrations.structlog import bind_ids

structlog.configure(
    processors=[structlog.processors.add_log_level, bind_ids, structlog.processors.JSONRenderer()],
)
log = structlog.get_logger("shop")


class Stock(Protocol):
    """The stock, asked over gRPC or over HTTP."""

    def goods(self) -> list[dict[str, Any]]:
        """List everything there is."""
        ...

    def reserve(self, order: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Put goods aside; returns the answer and its status."""
        ...


def stock_at(url: str) -> Stock:
    """Choose how to ask the stock, by its address."""
    over = "stock_rpc" if url.startswith("grpc:") else "stock_http"
    return cast("Stock", import_module(f"tracelog.demo.{over}").Caller(url))


stock = stock_at(STOCK)


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
    goods = stock.goods()
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
    reserved, status = stock.reserve(order)
    if "amount" not in reserved:
        log.warning("the stock cannot deliver", sku=order["sku"], status=status)
        return reserved, status
    paid = requests.post(f"{PAYMENT}/charges", json={**order, **reserved}, timeout=SECONDS)
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

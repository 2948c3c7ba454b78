"""The stock: knows what is on the shelves. Logs through the standard library alone, and its lines carry ids as well."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from flask import Flask, request

import tracelog
from tracelog.integrations.flask import TraceLog

GOODS: dict[str, dict[str, Any]] = {
    "teapot": {"price": 25, "stars": 5, "pieces": 40},
    "kettle": {"price": 60, "stars": 4, "pieces": 12},
    "piano": {"price": 4200, "stars": 5, "pieces": 2},
    "samovar": {"price": 310, "stars": 3, "pieces": 0},
}
LOW = 5

STOCK_TAKING_SECONDS = 30.0

log = logging.getLogger("stock")


class UnknownGoodsError(LookupError):
    """There never was such a thing in this shop."""


def create_app() -> Flask:
    """Make the application: one line of it is tracelog's."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s traceId=%(traceId)s spanId=%(spanId)s")
    app = Flask("stock")
    TraceLog(app)
    app.add_url_rule("/goods", view_func=goods)
    app.add_url_rule("/goods/<sku>/reserve", view_func=reserve, methods=["POST"])
    threading.Thread(target=take_stock, name="stock-taking", daemon=True).start()
    return app


def goods() -> list[dict[str, Any]]:
    """List everything there is."""
    log.info("%d kinds of goods listed", len(GOODS))
    return [{"sku": sku, **about} for sku, about in GOODS.items()]


def reserve(sku: str) -> tuple[dict[str, Any], int]:
    """Put goods aside for a customer."""
    pieces: int = request.get_json()["pieces"]
    try:
        found = look_on_the_shelf(sku)
    except UnknownGoodsError:
        log.exception("an order for what we never had")
        return {"error": "no such goods"}, 404
    if found["pieces"] < pieces:
        log.warning("only %d of %s left, %d wanted", found["pieces"], sku, pieces)
        return {"error": "sold out"}, 409
    if sku == "piano":
        ask_the_warehouse(sku)
    log.info("%d of %s reserved", pieces, sku)
    return {"amount": pieces * found["price"]}, 200


def look_on_the_shelf(sku: str) -> dict[str, Any]:
    """Find goods by the name they are ordered by."""
    with tracelog.span("look on the shelf", sku=sku):
        time.sleep(0.005)
        if sku not in GOODS:
            raise UnknownGoodsError(f"no shelf is labelled {sku}")
        return GOODS[sku]


@tracelog.span("ask the warehouse")
def ask_the_warehouse(sku: str) -> None:
    """Make the call that everybody waits for."""
    log.info("asking the warehouse for a %s", sku)
    time.sleep(0.4)
    log.warning("the warehouse took its time")


def take_stock() -> None:
    """Look through the shelves now and then. No request asks for it, so these lines belong to no trace."""
    while True:
        log.info("stock taken: %d pieces on %d shelves", sum(about["pieces"] for about in GOODS.values()), len(GOODS))
        for sku, about in GOODS.items():
            if about["pieces"] == 0:
                log.critical("the shelf for %s is empty", sku)
            elif about["pieces"] < LOW:
                log.warning("only %d of %s left, time to order", about["pieces"], sku)
        time.sleep(STOCK_TAKING_SECONDS)

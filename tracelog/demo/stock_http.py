"""Both ends of the stock over HTTP, for those who have no gRPC."""

from __future__ import annotations

import logging
from typing import Any

import requests
from flask import Flask, request

from tracelog.demo.stock import SoldOutError, Stock, UnknownGoodsError
from tracelog.demo.whereabouts import SECONDS
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.requests import install


def create_app() -> Flask:
    """Make the application: two lines of it are tracelog's."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s traceId=%(traceId)s spanId=%(spanId)s")
    app = Flask("stock")
    TraceLog(app)
    install()
    stock = Stock()

    @app.get("/goods")
    def goods() -> list[dict[str, Any]]:
        return list(stock.goods())

    @app.post("/goods/<sku>/reserve")
    def reserve(sku: str) -> tuple[dict[str, Any], int]:
        try:
            return stock.reserve(sku, request.get_json()["pieces"]), 200
        except UnknownGoodsError:
            return {"error": "no such goods"}, 404
        except SoldOutError:
            return {"error": "sold out"}, 409

    return app


class Caller:
    """The stock as the shop sees it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def goods(self) -> list[dict[str, Any]]:
        """List everything there is."""
        listed: list[dict[str, Any]] = requests.get(f"{self._url}/goods", timeout=SECONDS).json()
        return listed

    def reserve(self, order: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Put goods aside; returns the answer and its status."""
        answer = requests.post(f"{self._url}/goods/{order['sku']}/reserve", json=order, timeout=SECONDS)
        return answer.json(), answer.status_code

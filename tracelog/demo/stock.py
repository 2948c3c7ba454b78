"""The stock: knows what is on the shelves. Logs through the standard library alone, and its lines carry ids as well."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import requests

import tracelog
from tracelog.demo.shelves import Goods, open_shelves
from tracelog.demo.whereabouts import SECONDS, WAREHOUSE

LOW = 5
STOCK_TAKING_SECONDS = 30.0

log = logging.getLogger("stock")


class UnknownGoodsError(LookupError):
    """There never was such a thing in this shop."""


class SoldOutError(Exception):
    """There is not enough of it."""


class Stock:
    """What callers may ask for, whatever they ask over."""

    def __init__(self) -> None:
        self._shelves = open_shelves()
        threading.Thread(target=self._take_stock, name="stock-taking", daemon=True).start()

    def goods(self) -> Iterator[dict[str, Any]]:
        """List everything there is, one after the other."""
        listed = self._shelves.all()
        log.info("%d kinds of goods listed", len(listed))
        for sku, price, stars, pieces in listed:
            yield {"sku": sku, "price": price, "stars": stars, "pieces": pieces}

    def reserve(self, sku: str, pieces: int) -> dict[str, Any]:
        """Put goods aside for a customer, and tell what they cost."""
        try:
            found = self._look_on_the_shelf(sku)
        except UnknownGoodsError:
            log.exception("an order for what we never had")
            raise
        if found.pieces < pieces:
            log.warning("only %d of %s left, %d wanted", found.pieces, sku, pieces)
            raise SoldOutError("sold out")
        if sku == "piano":
            self._ask_the_warehouse(sku)
        self._shelves.put_aside(sku, pieces)
        log.info("%d of %s reserved", pieces, sku)
        return {"amount": pieces * found.price}

    def _look_on_the_shelf(self, sku: str) -> Goods:
        """Find goods by the name they are ordered by."""
        with tracelog.span("look on the shelf", sku=sku):
            time.sleep(0.005)
            found = self._shelves.find(sku)
            if found is None:
                raise UnknownGoodsError(f"no shelf is labelled {sku}")
            return found

    @tracelog.span("ask the warehouse")
    def _ask_the_warehouse(self, sku: str) -> None:
        """Make the call that everybody waits for."""
        log.info("asking the warehouse for a %s", sku)
        requests.post(f"{WAREHOUSE}/carry", json={"sku": sku}, timeout=SECONDS).raise_for_status()
        log.warning("the warehouse took its time")

    def _take_stock(self) -> None:
        """Look through the shelves now and then. No request asks for it, so these lines belong to no trace."""
        while True:
            goods = self._shelves.all()
            log.info("stock taken: %d pieces on %d shelves", sum(kind.pieces for kind in goods), len(goods))
            for kind in goods:
                if kind.pieces == 0:
                    log.critical("the shelf for %s is empty", kind.sku)
                elif kind.pieces < LOW:
                    log.warning("only %d of %s left, time to order", kind.pieces, kind.sku)
            time.sleep(STOCK_TAKING_SECONDS)

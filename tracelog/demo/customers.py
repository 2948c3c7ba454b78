"""Customers who keep coming: gentle traffic for as long as somebody wants to look at it."""

from __future__ import annotations

import logging
import socket
import time
from urllib.parse import urlsplit

import requests

from tracelog.demo.traffic import visits
from tracelog.errors import TracelogError

PAUSE = 0.3

#: So long the shop may take to open.
OPENING_SECONDS = 60.0

#: Between two looks at a shop that does not answer.
AWAY_SECONDS = 1.0

log = logging.getLogger("customers")


class ShopClosedError(TracelogError):
    """The shop did not open."""

    def __init__(self, shop: str, seconds: float) -> None:
        super().__init__(shop, seconds)
        self.shop, self.seconds = shop, seconds

    def __str__(self) -> str:
        return f"no shop answers at {self.shop} after {self.seconds:g} seconds; SHOP_SHOP_URL says where it is"


def come(shop: str, seconds: float) -> None:
    """Visit *shop* for *seconds*, which may be infinite; what goes wrong there is waited for."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    wait_for(shop, OPENING_SECONDS)
    log.info("customers enter %s", shop)
    deadline = time.monotonic() + seconds
    answers = True
    while True:
        try:
            for _ in visits(shop, deadline - time.monotonic(), PAUSE):
                if not answers:
                    log.info("the shop answers again")
                answers = True
        except requests.RequestException as error:
            if answers:
                log.warning("the shop does not answer, customers wait: %s", error)
            answers = False
            time.sleep(AWAY_SECONDS)
        if time.monotonic() >= deadline:
            return


def wait_for(shop: str, seconds: float) -> None:
    """Wait until somebody listens at the address of *shop*, without making a request of it."""
    place = urlsplit(shop)
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((place.hostname or "", place.port or 80), 5).close()
        except OSError:
            if time.monotonic() >= deadline:
                raise ShopClosedError(shop, seconds) from None
            time.sleep(0.2)
        else:
            return

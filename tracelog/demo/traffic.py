"""Customers of the shop."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import requests

SECONDS = 10
PAUSE = 0.03


class Scene(NamedTuple):
    """Something that a customer does, and how the shop answers if all is as it should be."""

    title: str
    method: str
    path: str
    expected: int
    order: dict[str, Any] | None = None


class Visit(NamedTuple):
    """How it went, and the trace it left."""

    scene: Scene
    status: int
    trace_id: str


BROWSE = Scene("browse", "GET", "/products", 200)
BUY = Scene("buy a teapot", "POST", "/checkout", 201, {"sku": "teapot", "pieces": 1, "card": "5105105105105100"})
SLOW = Scene("buy a piano, slowly", "POST", "/checkout", 201, {"sku": "piano", "pieces": 1, "card": "5105105105105100"})
SOLD_OUT = Scene(
    "want a samovar", "POST", "/checkout", 409, {"sku": "samovar", "pieces": 1, "card": "5105105105105100"}
)
DECLINED = Scene(
    "pay with a bad card", "POST", "/checkout", 502, {"sku": "kettle", "pieces": 2, "card": "4000000000000002"}
)
BUSY = Scene("pay at a busy bank", "POST", "/checkout", 201, {"sku": "teapot", "pieces": 1, "card": "378282246310005"})
UNKNOWN = Scene("want a unicorn", "POST", "/checkout", 404, {"sku": "unicorn", "pieces": 1, "card": "5105105105105100"})
RECEIPT = Scene("read a receipt", "GET", "/receipts/17.csv", 200)

SCENES = (BROWSE, BUY, SLOW, BUSY, SOLD_OUT, UNKNOWN, DECLINED, RECEIPT)

#: After each scene has been played once: mostly what customers mostly do.
_OFTEN = (BROWSE,) * 4 + (BUY,) * 4 + (RECEIPT,) * 3 + (BUSY, SOLD_OUT, UNKNOWN, SLOW, DECLINED)


def visits(shop: str, seconds: float, pause: float = PAUSE) -> Iterator[Visit]:
    """Play each scene once, then others until *seconds* have passed, each after about *pause* seconds."""
    chance = random.Random(1)  # noqa: S311 - chooses scenes, guards nothing
    deadline = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False
        for scene in SCENES:
            yield visit(session, shop, scene)
        while time.monotonic() < deadline:
            time.sleep(pause * chance.uniform(0.5, 1.5))
            yield visit(session, shop, chance.choice(_OFTEN))


def visit(session: requests.Session, shop: str, scene: Scene) -> Visit:
    """Play one scene, to the last byte of the answer."""
    answer = session.request(scene.method, shop + scene.path, json=scene.order, timeout=SECONDS, stream=True)
    for _ in answer.iter_content(1024):
        pass
    return Visit(scene, answer.status_code, answer.headers.get("X-Trace-Id", ""))

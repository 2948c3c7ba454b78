"""Where the services find each other, as the environment says."""

from __future__ import annotations

import os

STOCK = os.environ.get("SHOP_STOCK_URL", "http://127.0.0.1:5001")
PAYMENT = os.environ.get("SHOP_PAYMENT_URL", "http://127.0.0.1:5002")
WAREHOUSE = os.environ.get("SHOP_WAREHOUSE_URL", "http://127.0.0.1:5003")

#: So long one waits for another.
SECONDS = 10

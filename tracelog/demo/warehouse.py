"""The warehouse: where the heavy things are. Far away, and in no hurry."""

from __future__ import annotations

import time

import structlog
from flask import Flask, request

from tracelog.integrations.flask import TraceLog
from tracelog.integrations.structlog import configure

log = structlog.get_logger("warehouse")


def create_app() -> Flask:
    """Make the application: two lines of it are tracelog's, one of which sets all logging up."""
    configure()
    app = Flask("warehouse")
    TraceLog(app)
    app.add_url_rule("/carry", view_func=carry, methods=["POST"])
    return app


def carry() -> dict[str, str]:
    """Carry something to the shop."""
    sku: str = request.get_json()["sku"]
    time.sleep(0.4)
    log.info("carried over", sku=sku)
    return {"carried": sku}

"""An application whose logging is set up by the one call; for test_logging_served.py."""

import logging
import sys

import structlog
from flask import Flask

from tracelog.integrations.flask import TraceLog
from tracelog.integrations.structlog import configure

app = Flask("configured")
configure()
TraceLog(app, export="none:")
log = structlog.get_logger("shop.cart")


@app.get("/orders/<int:number>")
def order(number):
    """Log with both libraries."""
    log.info("charged", order=number)
    logging.getLogger("shop.stock").warning("only %d left", 2)
    return "ok"


@app.get("/fails")
def fails():
    """Raise what Flask logs."""
    raise ValueError("no such order")


if __name__ == "__main__":
    if sys.argv[1] == "once":
        app.test_client().get("/orders/17")
        app.test_client().get("/fails")
    else:
        app.run("127.0.0.1", int(sys.argv[1]))

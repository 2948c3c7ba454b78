"""
One of two services: ``pair.py shop NEXT`` serves on a free port and calls NEXT, where ``pair.py stock`` listens.

Settings come from the environment. The answers tell what the stock was sent.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import requests
from flask import Flask, Request, request
from werkzeug.serving import make_server

import tracelog
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.requests import install

SECONDS = 20

log = logging.getLogger("pair")


def from_a_friend(asked: Request) -> bool:
    """Trust those who say the word; named by a setting."""
    return asked.headers.get("X-Word") == "friend"


def shop(following: str) -> Flask:
    """Ask the stock twice."""
    install()
    app = Flask("shop")

    @app.get("/")
    def buy() -> dict[str, Any]:
        log.info("buying")
        told = [requests.get(following, timeout=SECONDS).json() for _ in range(2)]
        return {"sent": told}

    return app


def stock(following: str) -> Flask:
    """Look something up, and tell what was sent along."""
    app = Flask("stock")

    @app.get("/")
    def ask() -> dict[str, str]:
        with tracelog.span("look up"):
            log.info("looking up")
        return {name.lower(): value for name, value in request.headers}

    return app


def main(role: str, following: str = "") -> None:
    """Serve until the process is ended."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # What urllib3 says of its connections it says inside of the caller's span.
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    app = {"shop": shop, "stock": stock}[role](following)
    TraceLog(app)
    served = make_server("127.0.0.1", 0, app, threaded=True)
    sys.stdout.write(f"listening on 127.0.0.1:{served.server_port}\n")
    sys.stdout.flush()
    served.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

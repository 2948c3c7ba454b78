"""Serves one application on loopback until somebody says that it is enough."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from importlib import import_module
from types import FrameType

from flask import Flask
from werkzeug.serving import make_server

#: In the order in which they are started: the shop is told where the others are.
SERVICES = ("payment", "stock", "shop")
LISTENING = "listening on "


def run() -> None:
    """Serve the application that the command line names."""
    options = argparse.ArgumentParser(
        "python -m tracelog.demo", description="Serve one service of the shop on loopback."
    )
    options.add_argument("name", choices=SERVICES)
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options.add_argument("--attached", action="store_true", help="end when standard input does")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    if chosen.attached:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    # The line of tracelog for each request says what werkzeug's would say again.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app: Flask = import_module(f"tracelog.demo.{chosen.name}").create_app()
    server = make_server("127.0.0.1", chosen.port, app, threaded=True)
    print(f"{LISTENING}http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 - whoever started it reads this
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave as a program does that has finished, so that what was traced is still sent."""
    sys.exit(0)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)

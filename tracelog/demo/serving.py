"""Serves one application until somebody says that it is enough."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from importlib import import_module

from flask import Flask
from werkzeug.serving import make_server

#: In the order in which they are started: the shop is told where the others are.
SERVICES = ("payment", "stock", "shop")
LISTENING = "listening on "


def serve(name: str, host: str, port: int, *, attached: bool) -> None:
    """Serve the application *name*; when *attached*, end with whoever started this process."""
    if attached:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    # The line of tracelog for each request says what werkzeug's would say again.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app: Flask = import_module(f"tracelog.demo.{name}").create_app()
    server = make_server(host, port, app, threaded=True)
    # In one piece, since threads of the application write as well; whoever started this reads it.
    sys.stdout.write(f"{LISTENING}http://{host}:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        server.server_close()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)

"""Serves one application until somebody says that it is enough."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

#: In the order in which they are started: each is told where those before it are.
SERVICES = ("payment", "warehouse", "stock", "shop")
LISTENING = "listening on "


def serve(name: str, host: str, port: int, *, attached: bool) -> None:
    """Serve the application *name*; when *attached*, end with whoever started this process."""
    if attached:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    if name != "stock":
        _serve_http(import_module(f"tracelog.demo.{name}").create_app(), host, port)
    elif speaks_grpc():
        _serve_grpc(import_module("tracelog.demo.stock_rpc").create_server(), host, port)
    else:
        _serve_http(import_module("tracelog.demo.stock_http").create_app(), host, port)


def speaks_grpc() -> bool:
    """Tell whether the stock is asked over gRPC, which is not part of the default install."""
    return find_spec("grpc") is not None


def _serve_http(app: Flask, host: str, port: int) -> None:
    # The line of tracelog for each request says what werkzeug's would say again.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server(host, port, app, threaded=True)
    _tell(f"http://{host}:{server.server_port}")
    try:
        server.serve_forever()
    finally:
        server.server_close()


def _serve_grpc(server: Any, host: str, port: int) -> None:
    found = server.add_insecure_port(f"{host}:{port}")
    server.start()
    _tell(f"grpc://{host}:{found}")
    try:
        server.wait_for_termination()
    finally:
        server.stop(None).wait()


def _tell(url: str) -> None:
    """Say where we are, in one piece, since threads write as well; whoever started this reads it."""
    sys.stdout.write(f"{LISTENING}{url}\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)

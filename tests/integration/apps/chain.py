"""
One link of a chain of services: ``chain.py ROLE NEXT`` serves ROLE on a free port, and calls what listens at NEXT.

Flask → requests → Flask → gRPC, once with each arity → httpx → Flask. Settings come from the environment.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import requests
from flask import Flask
from werkzeug.serving import make_server

import tracelog
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.grpc import ClientInterceptor, ServerInterceptor
from tracelog.integrations.httpx import install as install_httpx
from tracelog.integrations.requests import install as install_requests

SECONDS = 20
METHODS = "/chain.Link/"

log = logging.getLogger("chain")


def front(following: str) -> Flask:
    """Call the next Flask application with requests."""
    install_requests()
    app = Flask("front")

    @app.get("/")
    def begin() -> str:
        log.info("front")
        return requests.get(following, timeout=SECONDS).text

    return app


def middle(following: str) -> Flask:
    """Call the gRPC service once with each arity."""
    channel = grpc.intercept_channel(grpc.insecure_channel(following), ClientInterceptor())
    app = Flask("middle")

    @app.get("/")
    def go_on() -> str:
        log.info("middle")
        one = channel.unary_unary(f"{METHODS}OneOne")(b"x", timeout=SECONDS)
        more = list(channel.unary_stream(f"{METHODS}OneMany")(b"x", timeout=SECONDS))
        sent = channel.stream_unary(f"{METHODS}ManyOne")(iter([b"x", b"y"]), timeout=SECONDS)
        both = list(channel.stream_stream(f"{METHODS}ManyMany")(iter([b"x", b"y"]), timeout=SECONDS))
        return str(len([one, *more, sent, *both]))

    return app


def back(following: str) -> Flask:
    """Be the end of the chain."""
    app = Flask("back")

    @app.get("/")
    def end() -> str:
        log.info("back")
        return "end"

    return app


def rpc(following: str) -> grpc.Server:
    """Call the last Flask application with httpx, from a handler of each arity."""
    client = httpx.Client(trust_env=False)
    install_httpx(client)

    def ask() -> bytes:
        log.info("rpc")
        return client.get(following, timeout=SECONDS).content

    def one_one(asked: bytes, context: Any) -> bytes:
        return ask()

    def one_many(asked: bytes, context: Any) -> Iterator[bytes]:
        yield ask()
        yield b"more"

    def many_one(asked: Iterable[bytes], context: Any) -> bytes:
        list(asked)
        return ask()

    def many_many(asked: Iterable[bytes], context: Any) -> Iterator[bytes]:
        for number, _ in enumerate(asked):
            yield b"more" if number else ask()

    server = grpc.server(ThreadPoolExecutor(4), interceptors=[ServerInterceptor()])
    handlers = {
        "OneOne": grpc.unary_unary_rpc_method_handler(one_one),
        "OneMany": grpc.unary_stream_rpc_method_handler(one_many),
        "ManyOne": grpc.stream_unary_rpc_method_handler(many_one),
        "ManyMany": grpc.stream_stream_rpc_method_handler(many_many),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("chain.Link", handlers)])
    return server


def tell(port: int) -> None:
    """Say where we listen."""
    sys.stdout.write(f"listening on 127.0.0.1:{port}\n")
    sys.stdout.flush()


def main(role: str, following: str) -> None:
    """Serve until the process is ended."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    if role == "rpc":
        tracelog.configure()
        server = rpc(following)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        tell(port)
        server.wait_for_termination()
        return
    app = {"front": front, "middle": middle, "back": back}[role](following)
    TraceLog(app)
    served = make_server("127.0.0.1", 0, app, threaded=True)
    tell(served.server_port)
    served.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")

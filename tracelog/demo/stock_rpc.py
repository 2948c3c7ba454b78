"""
Both ends of the stock over gRPC.

The messages are JSON, where one would have Protocol Buffers: there is no generated code to be read here.
"""

# pyright: basic
# The stubs of gRPC know half of its types, and of grpc.aio none.

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
import orjson

import tracelog
from tracelog.demo.stock import SoldOutError, Stock, UnknownGoodsError
from tracelog.demo.whereabouts import SECONDS
from tracelog.integrations.grpc import ClientInterceptor, ServerInterceptor
from tracelog.integrations.requests import install

SERVICE = "shop.Stock"
SCHEME = "grpc://"

_STATUS = {grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.FAILED_PRECONDITION: 409}


def create_server() -> grpc.Server:
    """Make the server: three lines of it are tracelog's."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s traceId=%(traceId)s spanId=%(spanId)s")
    tracelog.configure()
    install()
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[ServerInterceptor()])
    server.add_generic_rpc_handlers([_handlers(Stock())])
    return server


def _handlers(stock: Stock) -> grpc.GenericRpcHandler[Any, Any]:
    def goods(asked: object, context: grpc.ServicerContext) -> Iterator[dict[str, Any]]:
        yield from stock.goods()

    def reserve(order: dict[str, Any], context: grpc.ServicerContext) -> dict[str, Any]:
        try:
            return stock.reserve(order["sku"], order["pieces"])
        except UnknownGoodsError:
            refuse(context, grpc.StatusCode.NOT_FOUND, "no such goods")
        except SoldOutError:
            refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "sold out")

    def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, why: str) -> NoReturn:
        context.abort(code, why)
        raise AssertionError("abort raises")

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Goods": grpc.unary_stream_rpc_method_handler(goods, orjson.loads, orjson.dumps),
            "Reserve": grpc.unary_unary_rpc_method_handler(reserve, orjson.loads, orjson.dumps),
        },
    )


class Caller:
    """The stock as the shop sees it: one line of it is tracelog's."""

    def __init__(self, url: str) -> None:
        channel = grpc.insecure_channel(url.removeprefix(SCHEME))
        channel = grpc.intercept_channel(channel, ClientInterceptor())
        self._goods = channel.unary_stream(f"/{SERVICE}/Goods", orjson.dumps, orjson.loads)
        self._reserve = channel.unary_unary(f"/{SERVICE}/Reserve", orjson.dumps, orjson.loads)

    def goods(self) -> list[dict[str, Any]]:
        """List everything there is, as it comes."""
        return list(self._goods({}, timeout=SECONDS))

    def reserve(self, order: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Put goods aside; returns the answer and its status."""
        try:
            return self._reserve(order, timeout=SECONDS), 200
        except grpc.RpcError as error:
            return {"error": error.details()}, _STATUS.get(error.code(), 502)

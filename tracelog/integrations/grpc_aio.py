"""gRPC with asyncio (``grpc.aio``): what :mod:`tracelog.integrations.grpc` does for threads."""

# pyright: basic
# The stubs of gRPC know half of its types, and of grpc.aio none.

from __future__ import annotations

from tracelog.integrations.grpc.aio_client import client_interceptors
from tracelog.integrations.grpc.aio_server import AioServerInterceptor as ServerInterceptor

__all__ = ["ServerInterceptor", "client_interceptors"]

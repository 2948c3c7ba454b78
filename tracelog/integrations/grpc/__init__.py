"""
gRPC: calls that are made and calls that are handled become spans, and the chain goes on from one to the other.

Servers of four kinds of methods, and their clients; those of ``grpc.aio`` are in :mod:`tracelog.integrations.grpc_aio`.
"""

from __future__ import annotations

from tracelog.integrations.grpc.client import ClientInterceptor
from tracelog.integrations.grpc.server import ServerInterceptor

__all__ = ["ClientInterceptor", "ServerInterceptor"]

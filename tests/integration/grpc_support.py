"""A service of gRPC with a method of each kind, and clients that do with a call whatever can be done with one."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import grpc
from grpc import StatusCode

from tracelog.active import active
from tracelog.integrations import grpc_aio
from tracelog.integrations.grpc import ClientInterceptor, ServerInterceptor

SERVICE = "test.Shop"
ARITIES = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
SECONDS = 10.0

#: What a handler does, by the first word that it is sent.
FINE, ABORT, RAISE, SLOW = b"fine", b"abort", b"raise", b"slow"

log = logging.getLogger("tests.grpc")
log.setLevel(logging.INFO)


def method(arity: str) -> str:
    """Name the method of that kind."""
    return f"/{SERVICE}/{arity}"


class Shop:
    """Handlers that do what they are told, write a line each time, and note what was active then."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.seen: list[str] = []
        self.metadata: list[list[tuple[str, Any]]] = []

    def act(self, word: bytes, context: Any) -> bytes:
        """Do what *word* says."""
        log.info("handled %s", word.decode())
        span = active()
        self.seen.append("" if span is None else span.operation)
        self.metadata.append([(key, value) for key, value in context.invocation_metadata()])
        if word == ABORT:
            context.abort(StatusCode.NOT_FOUND, "no such goods")
        if word == RAISE:
            raise ZeroDivisionError("divided")
        if word == SLOW:
            # As long as somebody waits for the answer.
            while not self.release.wait(0.01) and context.is_active():
                pass
        return b"answer"

    def unary_unary(self, asked: bytes, context: Any) -> bytes:
        """Answer once."""
        return self.act(asked, context)

    def unary_stream(self, asked: bytes, context: Any) -> Iterator[bytes]:
        """Answer three times; what goes wrong does so after the first."""
        yield b"first"
        yield self.act(asked, context)
        yield b"last"

    def stream_unary(self, asked: Iterator[bytes], context: Any) -> bytes:
        """Listen, then answer once."""
        return self.act(next(iter(asked)), context)

    def stream_stream(self, asked: Iterator[bytes], context: Any) -> Iterator[bytes]:
        """Answer each time."""
        for word in asked:
            yield b"first"
            yield self.act(word, context)


class AioShop(Shop):
    """The same for those who wait."""

    async def aact(self, word: bytes, context: Any) -> bytes:
        """Do what *word* says."""
        if word == ABORT:
            self.act(FINE, context)
            await context.abort(StatusCode.NOT_FOUND, "no such goods")
        if word == SLOW:
            self.act(FINE, context)
            await asyncio.sleep(SECONDS)
        return self.act(word, context)

    async def aunary_unary(self, asked: bytes, context: Any) -> bytes:
        """Answer once."""
        return await self.aact(asked, context)

    async def aunary_stream(self, asked: bytes, context: Any) -> AsyncIterator[bytes]:
        """Answer three times."""
        yield b"first"
        yield await self.aact(asked, context)
        yield b"last"

    async def astream_unary(self, asked: AsyncIterator[bytes], context: Any) -> bytes:
        """Listen, then answer once."""
        words = [word async for word in asked]
        return await self.aact(words[0], context)

    async def astream_stream(self, asked: AsyncIterator[bytes], context: Any) -> None:
        """Answer each time, by writing."""
        async for word in asked:
            await context.write(b"first")
            await context.write(await self.aact(word, context))


def handlers(shop: Shop, prefix: str = "") -> Any:
    """Make the service of *shop*."""
    made = {arity: getattr(grpc, f"{arity}_rpc_method_handler")(getattr(shop, prefix + arity)) for arity in ARITIES}
    return grpc.method_handlers_generic_handler(SERVICE, made)


@contextmanager
def served(*before: Any, after: tuple[Any, ...] = (), workers: int = 4) -> Iterator[tuple[Shop, str]]:
    """Serve inside the block, with our interceptor between others; gives the shop and its address."""
    shop = Shop()
    server = grpc.server(ThreadPoolExecutor(workers), interceptors=[*before, ServerInterceptor(), *after])
    server.add_generic_rpc_handlers([handlers(shop)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield shop, f"127.0.0.1:{port}"
    finally:
        shop.release.set()
        server.stop(None).wait(SECONDS)


@contextmanager
def called(address: str, *interceptors: Any) -> Iterator[Any]:
    """Open a channel inside the block, with our interceptor unless others are given."""
    with grpc.insecure_channel(address) as channel:
        yield grpc.intercept_channel(channel, *(interceptors or [ClientInterceptor(address)]))


def call(channel: Any, arity: str, word: bytes = FINE, **options: Any) -> Any:
    """Make a call, and return what it returns."""
    options = {"timeout": SECONDS, **options}
    asked = iter([word]) if arity.startswith("stream") else word
    return getattr(channel, arity)(method(arity))(asked, **options)


def read(channel: Any, arity: str, word: bytes = FINE, **options: Any) -> StatusCode:
    """Make a call, read all of its answer, and return the code it ended with."""
    try:
        answer = call(channel, arity, word, **options)
        if arity.endswith("stream"):
            list(answer)
    except grpc.RpcError as error:
        return error.code()
    return StatusCode.OK


@contextmanager
def aio_served(loop: asyncio.AbstractEventLoop) -> Iterator[tuple[AioShop, str]]:
    """Serve on *loop* inside the block."""
    shop = AioShop()

    async def begin() -> tuple[Any, int]:
        server = grpc.aio.server(interceptors=[grpc_aio.ServerInterceptor()])
        server.add_generic_rpc_handlers([handlers(shop, "a")])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = loop.run_until_complete(begin())
    try:
        yield shop, f"127.0.0.1:{port}"
    finally:
        loop.run_until_complete(server.stop(None))


async def aio_read(address: str, arity: str, word: bytes = FINE, **options: Any) -> StatusCode:
    """Make a call with asyncio, read all of its answer, and return the code it ended with."""
    options = {"timeout": SECONDS, **options}
    async with grpc.aio.insecure_channel(address, interceptors=grpc_aio.client_interceptors(address)) as channel:
        asked = _words(word) if arity.startswith("stream") else word
        answer = getattr(channel, arity)(method(arity))(asked, **options)
        try:
            if arity.endswith("stream"):
                async for _ in answer:
                    pass
            else:
                await answer
        except grpc.RpcError as error:
            return error.code()
        return StatusCode.OK


async def _words(word: bytes) -> AsyncIterator[bytes]:
    yield word


def settled(recorder: Any, spans: int) -> list[Any]:
    """Wait until so many spans have finished; a call's end is told to its two sides when it suits them."""
    deadline = time.monotonic() + SECONDS
    while len(recorder.spans) < spans and time.monotonic() < deadline:
        time.sleep(0.005)
    with suppress(IndexError):
        time.sleep(0.01)
    return recorder.spans

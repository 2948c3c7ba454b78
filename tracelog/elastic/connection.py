"""Requests to Elasticsearch: bytes out, bytes back, each within a time that is kept."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import zlib
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

import elastic_transport
import orjson
from elastic_transport import NodeConfig, Serializer, Transport, Urllib3HttpNode

from tracelog.elastic.address import ElasticAddress, node_configs
from tracelog.elastic.alarm import Alarm
from tracelog.elastic.answers import Answer, Trouble, trouble
from tracelog.errors import DestinationError

JSON = "application/json"
NDJSON = "application/x-ndjson"

#: A second for each request would be too short for a busy cluster, a minute too long to notice a dead one.
DEADLINE = 30.0

#: zlib's window for gzip's own head and tail.
_GZIP = 31

_asking: ContextVar[bool] = ContextVar("tracelog_asking", default=False)


def _not_of_ours(record: logging.LogRecord) -> bool:
    return not _asking.get()


# The transport logs each request at INFO, and what is below it at DEBUG: lines per batch in the logs of an application
# that shows such lines. What others ask through them is logged as ever.
for _logger in ("elastic_transport.transport", "elastic_transport.node", "urllib3.connectionpool"):
    logging.getLogger(_logger).addFilter(_not_of_ours)


class Connection:
    """
    A client of one Elasticsearch, for one thread at a time; a forked child gets connections of its own.

    Every request goes through :meth:`call`. Nothing is retried, and redirects are not followed: they would carry the
    credentials elsewhere.
    """

    def __init__(self, address: ElasticAddress, *, deadline: float = DEADLINE) -> None:
        self.address = address
        self._deadline = deadline
        self._configs = node_configs(address)
        self._pid = 0
        self._transport: Transport
        self._opened()

    def call(self, method: str, target: str, body: bytes | None = None, content_type: str = JSON) -> Answer:
        """Make a request and return whatever is answered; raise DestinationError where nothing is."""
        headers = {"accept": JSON, "accept-encoding": "gzip"}
        if body is not None:
            headers |= {"content-type": content_type, "content-encoding": "gzip"}
            body = compressed(body)
        token = _asking.set(True)
        try:
            meta, content = self._opened().perform_request(
                method, target, body=body, headers=headers, request_timeout=self._deadline
            )
        except elastic_transport.TransportError as error:
            problem, advice = explained(error, self._deadline)
            raise DestinationError(str(self.address), problem, advice) from error
        finally:
            _asking.reset(token)
        return Answer(meta.status, {name.lower(): value for name, value in meta.headers.items()}, content)

    def ask(self, method: str, target: str, body: Any = None, *, expected: frozenset[int] = frozenset()) -> Answer:
        """Make a request with a JSON body; raise DestinationError for any answer but success and those *expected*."""
        answer = self.call(method, target, None if body is None else orjson.dumps(body))
        wrong = None if answer.genuine and answer.status in expected else trouble(answer)
        if wrong is not None:
            raise DestinationError(str(self.address), *wrong)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _opened(self) -> Transport:
        """Return the transport of this process: two processes that share a socket would mix up their answers."""
        pid = os.getpid()
        if pid != self._pid:
            self._transport = Transport(
                list(self._configs),
                node_class=PunctualNode,
                max_retries=0,
                retry_on_status=(),
                serializers=dict.fromkeys((JSON, NDJSON, "application/*", "text/*"), RawSerializer()),
            )
            self._pid = pid
        return self._transport


class RawSerializer(Serializer):
    """Lets our own bytes through as they are, both ways."""

    mimetype = "*/*"

    def loads(self, data: bytes) -> bytes:
        """Return *data*."""
        return data

    def dumps(self, data: Any) -> bytes:
        """Return *data*, which is bytes already."""
        return bytes(data)


class PunctualNode(Urllib3HttpNode):
    """
    A node whose requests end in time.

    The timeout of an HTTP client counts anew with each read: a server that sends one byte per second is waited for
    without end. Here the connection is broken off instead.
    """

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._socket: socket.socket | None = None
        self._alarm = Alarm(self._break_off)
        connection_class: Any = self.pool.ConnectionCls

        def connected(**options: Any) -> Any:
            connection = connection_class(**options)
            connect = connection.connect

            def noted() -> None:
                connect()
                self._socket = connection.sock

            connection.connect = noted
            return connection

        # The pool makes its connections by calling this attribute.
        self.pool.ConnectionCls = connected  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]

    def perform_request(self, *args: Any, **options: Any) -> Any:
        """Make a request, and break it off when its time is over."""
        with self._alarm.watching(options["request_timeout"]) as watch:
            try:
                answer = super().perform_request(*args, **options)
            except elastic_transport.TransportError as error:
                if watch.over:
                    raise elastic_transport.ConnectionTimeout("deadline", errors=(error,)) from error
                raise
        if watch.over:
            # The end of the stream may have looked like the end of the body.
            raise elastic_transport.ConnectionTimeout("deadline")
        return answer

    def close(self) -> None:
        """Close the connections, and end the thread that watches over them."""
        self._alarm.close()
        super().close()

    def _break_off(self) -> None:
        """End whatever the connection is doing."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not the method of an SSLSocket: that one takes its state away from under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def compressed(body: bytes) -> bytes:
    """Compress with gzip, level 1: a third of the processor time of the client's own level 9."""
    worker = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return worker.compress(body) + worker.flush()


def target(*parts: str, **query: str) -> str:
    """
    Write the target of a request.

    >>> target("traces-*", "_search", ignore_unavailable="true")
    '/traces-*/_search?ignore_unavailable=true'
    """
    path = "/" + "/".join(quote(part, safe="*,@._-") for part in parts)
    return path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")


def explained(error: elastic_transport.TransportError, deadline: float) -> Trouble:
    """Say what an error of the network means."""
    if isinstance(error, elastic_transport.ConnectionTimeout):
        return Trouble(f"no answer within {deadline:g} seconds", "is the server overloaded, or a firewall in between?")
    causes = _causes(error)
    text = " ".join(str(cause) for cause in causes)
    for sign, found in _SIGNS:
        if sign in text:
            return found
    if isinstance(error, elastic_transport.TlsError):
        return Trouble(
            "the TLS connection failed", "does the server speak https there? check the URL and TRACELOG_CA_CERTS"
        )
    if isinstance(error, elastic_transport.SerializationError):
        return Trouble("it answered something that is not JSON", "check that the URL is that of an Elasticsearch")
    return Trouble(f"the connection broke ({type(causes[-1]).__name__})", "is it http where the server speaks https?")


_SIGNS: tuple[tuple[str, Trouble], ...] = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        Trouble("its certificate is not trusted", "give the authority's PEM file in TRACELOG_CA_CERTS"),
    ),
    ("WRONG_VERSION_NUMBER", Trouble("it does not speak TLS", "is it http:// and not https://?")),
    ("doesn't match", Trouble("its certificate is for another host name", "use the name that the certificate holds")),
    ("Connection refused", Trouble("nothing listens there", "start Elasticsearch, or check host and port of the URL")),
    ("Failed to resolve", Trouble("the host name is not known", "check the URL")),
    ("Name or service not known", Trouble("the host name is not known", "check the URL")),
)


def _causes(error: BaseException) -> list[BaseException]:
    """List *error* and what it came from, the root last."""
    causes = [error]
    while (before := causes[-1].__cause__ or causes[-1].__context__) is not None and before not in causes:
        causes.append(before)
    return causes

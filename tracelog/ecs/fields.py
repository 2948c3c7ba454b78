"""Which attribute goes to which field: the one table, and what every document shares."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tracelog.record import Failure, Resource

ECS_VERSION = "8.11.0"

_TEXT = frozenset({str})
_WHOLE = frozenset({int})

#: Attribute (OpenTelemetry's name, ECS's own, or both) → the explicit field and the types that it can hold. A value of
#: any other type would get the whole document refused, so it stays where every type is welcome: under ``labels``.
EXPLICIT: Mapping[str, tuple[str, frozenset[type]]] = {
    "client.address": ("client.address", _TEXT),
    "client.port": ("client.port", _WHOLE),
    "error.type": ("error.type", _TEXT),
    "event.duration": ("event.duration", _WHOLE),
    "http.request.body.bytes": ("http.request.body.bytes", _WHOLE),
    "http.request.body.size": ("http.request.body.bytes", _WHOLE),
    "http.request.method": ("http.request.method", _TEXT),
    "http.response.body.bytes": ("http.response.body.bytes", _WHOLE),
    "http.response.body.size": ("http.response.body.bytes", _WHOLE),
    "http.response.status_code": ("http.response.status_code", _WHOLE),
    "http.route": ("http.route", _TEXT),
    "network.protocol.name": ("network.protocol", _TEXT),
    "server.address": ("server.address", _TEXT),
    "server.port": ("server.port", _WHOLE),
    "url.domain": ("url.domain", _TEXT),
    "url.full": ("url.full", _TEXT),
    "url.original": ("url.original", _TEXT),
    "url.path": ("url.path", _TEXT),
    "url.query": ("url.query", _TEXT),
    "url.scheme": ("url.scheme", _TEXT),
    "user_agent.original": ("user_agent.original", _TEXT),
}


def add_attributes(document: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    """Put each of *attributes* into its explicit field, or, where that is taken or does not fit, under ``labels``."""
    labels: dict[str, Any] = {}
    for name, value in attributes.items():
        known = EXPLICIT.get(name)
        if known is not None and type(value) in known[1] and known[0] not in document:
            document[known[0]] = value
        else:
            labels[name] = value
    if labels:
        document["labels"] = labels


def add_failure(document: dict[str, Any], failure: Failure) -> None:
    """Put *failure* into the ``error.*`` fields, those that have something to say."""
    told = {"error.type": failure.type, "error.message": failure.message, "error.stack_trace": failure.stack()}
    document.update({name: value for name, value in told.items() if value})


@lru_cache(maxsize=64)
def constants(resource: Resource) -> Mapping[str, Any]:
    """Return the fields that all documents of *resource* share; they must not be changed."""
    named = {
        "service.version": resource.version,
        "service.environment": resource.environment,
        "service.node.name": resource.host,
        "host.name": resource.host,
        "host.hostname": resource.host,
    }
    return {
        "ecs.version": ECS_VERSION,
        "service.name": resource.service,
        "service.language.name": "python",
        "agent.name": "tracelog",
        "agent.version": agent_version(),
        **{name: value for name, value in named.items() if value},
    }


def started(at_ns: int) -> dict[str, Any]:
    """Begin a document: when, and by which process."""
    # Read now, not with the constants: those of a forked child are those of its parent.
    return {"@timestamp": timestamp(at_ns), "process.pid": os.getpid()}


def timestamp(at_ns: int) -> str:
    """
    Write nanoseconds since the epoch as ISO 8601 in UTC; all have one width, so their order is that of time.

    >>> timestamp(1_700_000_000_000_000_007)
    '2023-11-14T22:13:20.000000007Z'
    """
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{_to_the_second(seconds)}.{rest:09d}Z"


@lru_cache(maxsize=256)
def _to_the_second(seconds: int) -> str:
    """Write a second; most records of a batch fall into few of them."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(maxsize=1)
def agent_version() -> str:
    """Return the version of the installed distribution, ``0`` where it runs from a checkout without being installed."""
    try:
        return version("tracelog-elastic")
    except PackageNotFoundError:
        return "0"

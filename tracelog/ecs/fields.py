"""Which attribute goes to which field: the one table, and what every document shares."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from os import getpid
from typing import Any

from tracelog.record import Resource

ECS_VERSION = "8.11.0"


def _version() -> str:
    """Return the version of the installed distribution, ``0`` where it runs from a checkout without being installed."""
    try:
        return version("tracelog-elastic")
    except PackageNotFoundError:
        return "0"


#: Read when this module is loaded: a thread of the pipeline that had to load what it takes might be in the middle of
#: that while the process forks, and the child would wait for it for ever.
AGENT_VERSION = _version()

#: Attribute (OpenTelemetry's name, ECS's own, or both) → the explicit field and the type that it can hold. A value of
#: any other type would get the whole document refused, so it stays where every type is welcome: under ``labels``.
EXPLICIT: Mapping[str, tuple[str, type]] = {
    "client.address": ("client.address", str),
    "client.port": ("client.port", int),
    "error.type": ("error.type", str),
    "event.duration": ("event.duration", int),
    "http.request.body.bytes": ("http.request.body.bytes", int),
    "http.request.body.size": ("http.request.body.bytes", int),
    "http.request.method": ("http.request.method", str),
    "http.response.body.bytes": ("http.response.body.bytes", int),
    "http.response.body.size": ("http.response.body.bytes", int),
    "http.response.status_code": ("http.response.status_code", int),
    "http.route": ("http.route", str),
    "network.protocol.name": ("network.protocol", str),
    "server.address": ("server.address", str),
    "server.port": ("server.port", int),
    "url.domain": ("url.domain", str),
    "url.full": ("url.full", str),
    "url.original": ("url.original", str),
    "url.path": ("url.path", str),
    "url.query": ("url.query", str),
    "url.scheme": ("url.scheme", str),
    "user_agent.original": ("user_agent.original", str),
}

#: The same with each field taken apart: type, outermost object, the objects in between, name in the innermost.
_PLACES: Mapping[str, tuple[type, str, Sequence[str], str]] = {
    name: (kind, field.split(".")[0], field.split(".")[1:-1], field.split(".")[-1])
    for name, (field, kind) in EXPLICIT.items()
}
_NAMES = frozenset(_PLACES)


def add_attributes(document: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    """Put each of *attributes* into its explicit field, or, where that is taken or does not fit, under ``labels``."""
    if _NAMES.isdisjoint(attributes):
        document["labels"] = attributes
        return
    labels: dict[str, Any] = {}
    for name, value in attributes.items():
        place = _PLACES.get(name)
        if place is not None and type(value) is place[0]:
            _, root, between, last = place
            within: dict[str, Any]
            if root in document:
                within = document[root]
            else:
                within = document[root] = {}
            for parent in between:
                within = within.setdefault(parent, {})
            if last not in within:
                within[last] = value
                continue
        labels[name] = value
    if labels:
        document["labels"] = labels


@lru_cache(maxsize=64)
def constants(resource: Resource) -> Mapping[str, Any]:
    """Return the objects that all documents of *resource* share, and that no document has anything else in."""
    service = {"name": resource.service, "version": resource.version, "environment": resource.environment}
    document: dict[str, Any] = {
        "ecs": {"version": ECS_VERSION},
        "service": {name: value for name, value in service.items() if value or name == "name"},
        "agent": {"name": "tracelog", "version": AGENT_VERSION},
    }
    document["service"]["language"] = {"name": "python"}
    if resource.host:
        document["service"]["node"] = {"name": resource.host}
        document["host"] = {"name": resource.host, "hostname": resource.host}
    return document


def process() -> dict[str, Any]:
    """Tell which process this is."""
    # Read now, not with the constants: those of a forked child are those of its parent.
    return {"pid": getpid()}


def timestamp(at_ns: int) -> str:
    """
    Write nanoseconds since the epoch as ISO 8601 in UTC; all have one width, so their order is that of time.

    >>> timestamp(1_700_000_000_000_000_007)
    '2023-11-14T22:13:20.000000007Z'
    """
    return f"{_to_the_second(at_ns // 1_000_000_000)}.{str(at_ns).zfill(9)[-9:]}Z"


@lru_cache(maxsize=256)
def _to_the_second(seconds: int) -> str:
    """Write a second; most records of a batch fall into few of them."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))

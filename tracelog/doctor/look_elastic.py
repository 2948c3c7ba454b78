"""Asks an Elasticsearch what there is to know, and changes nothing but for an empty data stream of our own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, cast

import orjson

from tracelog.doctor.judge_elastic import ElasticSeen
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.answers import Answer, Trouble, parsed
from tracelog.elastic.connection import NDJSON, Connection, target
from tracelog.elastic.names import DATASETS, stream, streams
from tracelog.elastic.setup import planned
from tracelog.errors import DestinationError
from tracelog.pipeline.exporter import SPANS

#: For each request: whoever calls a doctor does not want to wait for long.
PATIENCE = 10.0

_RIGHTS = ("auto_configure", "create_doc")
_FORBIDDEN = "(403)"

#: In what is said of a template that is not ours; a server that fails speaks of none.
_NAMED = "tracelog"

#: Without a time no data stream takes it: asks whether one could be made, and leaves nothing behind.
_NO_DOCUMENT = b'{"create":{}}\n{}\n'


def look_at_elastic(address: ElasticAddress) -> Iterator[ElasticSeen]:
    """Look at each node; what the cluster has in common is seen at the first that answers."""
    known = False
    for node in address.nodes:
        with closing(Connection(replace(address, nodes=(node,)), deadline=PATIENCE)) as connection:
            seen = _at_the_door(connection)
            inside = seen.away is None and seen.answer is None
            yield _inside(connection, seen) if inside and not known else seen
            known = known or inside


def _at_the_door(connection: Connection) -> ElasticSeen:
    """Come in, and ask what these credentials may do; a server without users does not know the question."""
    address = connection.address
    seen = ElasticSeen(str(address), address.namespace)
    wanted = [{"names": streams(address.namespace), "privileges": list(_RIGHTS)}]
    asked = time.time()
    try:
        answer = connection.call("POST", "/_security/user/_has_privileges", orjson.dumps({"index": wanted}))
        skew = _skew(connection, answer, asked)
    except DestinationError as error:
        return seen._replace(away=Trouble(error.problem, error.advice))
    seen = seen._replace(skew=skew)
    if answer.genuine and answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED):
        return seen
    if answer.genuine and answer.status == HTTPStatus.OK:
        return seen._replace(lacking=_lacking(answer))
    return seen._replace(answer=answer)


def _lacking(answer: Answer) -> dict[str, tuple[str, ...]]:
    """Read which rights were not granted."""
    granted: dict[str, dict[str, bool]] = (parsed(answer) or {}).get("index") or {}
    missing = {name: tuple(right for right in _RIGHTS if not rights.get(right)) for name, rights in granted.items()}
    return {name: rights for name, rights in missing.items() if rights}


def _skew(connection: Connection, answer: Answer, asked: float) -> float | None:
    """Compare clocks: by the header ``Date`` where there is one, by what the server says where that is allowed."""
    here = (asked + time.time()) / 2
    told = answer.headers.get("date", "")
    try:
        return here - parsedate_to_datetime(told).timestamp()
    except (ValueError, TypeError, OverflowError):
        pass
    other = connection.call("GET", "/_cat/health?h=epoch&format=json")
    try:
        (row,) = cast("list[Any]", orjson.loads(other.body))
        return time.time() - float(row["epoch"])
    except (ValueError, TypeError, KeyError):
        return None


def _inside(connection: Connection, seen: ElasticSeen) -> ElasticSeen:
    """Look at templates and data streams; a server may go away meanwhile."""
    try:
        return _with_names(connection, _with_templates(connection, seen))
    except DestinationError as error:
        return seen._replace(away=Trouble(error.problem, error.advice))


def _with_templates(connection: Connection, seen: ElasticSeen) -> ElasticSeen:
    """Compare the templates with ours; where they may not be seen, try whether they are there."""
    try:
        return seen._replace(templates={step.name: step.status for step in planned(connection)})
    except DestinationError as error:
        if _FORBIDDEN in error.problem:
            return seen if seen.lacking else seen._replace(unsettled=_unsettled(connection))
        if _NAMED not in error.problem:
            raise
        return seen._replace(foreign=Trouble(error.problem, error.advice))


def _unsettled(connection: Connection) -> bool:
    """Tell whether the data stream of spans cannot be made for want of a template."""
    place = target(stream(SPANS, connection.address.namespace), "_bulk", require_data_stream="true")
    answer = connection.call("POST", place, _NO_DOCUMENT, NDJSON)
    items: list[dict[str, dict[str, Any]]] = (parsed(answer) or {}).get("items") or []
    return any(told.get("status") == HTTPStatus.NOT_FOUND for item in items for told in item.values())


def _with_names(connection: Connection, seen: ElasticSeen) -> ElasticSeen:
    """See under which names something is stored, where these credentials may."""
    answer = connection.call("GET", target("_resolve", "index", ",".join(streams("*"))))
    if answer.status != HTTPStatus.OK:
        return seen
    found = parsed(answer) or {}
    stored: list[str] = [str(entry["name"]) for entry in found.get("data_streams", [])]
    heads = tuple(stream(kind, "") for kind in DATASETS)
    namespaces = frozenset(name.rpartition("-")[2] for name in stored if name.startswith(heads))
    plain = tuple(str(entry["name"]) for entry in found.get("indices", []) if "data_stream" not in entry)
    return seen._replace(namespaces=namespaces, plain=tuple(name for name in plain if name in streams(seen.namespace)))

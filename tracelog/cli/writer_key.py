"""The API key that applications send with: it may add documents to our data streams, and nothing else."""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson

from tracelog.elastic.answers import Answer, Trouble, error_of, parsed, short, trouble
from tracelog.elastic.connection import Connection
from tracelog.elastic.setup import CREATED, UNCHANGED, Request, Step
from tracelog.errors import DestinationError

STREAMS = ("traces-apm.tracelog-*", "logs-tracelog-*", "logs-apm.tracelog-*")

_MAY = {"names": list(STREAMS), "privileges": ["auto_configure", "create_doc"]}
REQUEST = Request(
    "POST",
    "/_security/api_key",
    {"name": "tracelog writer", "role_descriptors": {"tracelog_writer": {"indices": [_MAY]}}},
)

_KEPT = "the file is not empty, and is kept"
_WITHOUT = "or give the writer a user with the privileges auto_configure and create_doc on the data streams"

#: What :func:`tracelog.elastic.answers.trouble` explains for any request.
_COMMON = frozenset({401, 429, 503})

_DERIVED = Trouble(
    "an API key cannot make another one that may do something", "give --username and --password for --writer-key"
)
_POWERLESS = Trouble(
    "an API key may do no more than who makes it, and these credentials may not write",
    f"they need auto_configure and create_doc on {', '.join(STREAMS)}",
)


def planned_key(path: Path) -> Step:
    """Say what is to be done about a key in the file *path*: one that is there and not empty is kept."""
    name = f"API key of the writer in {path}"
    try:
        if path.stat().st_size:
            return Step(name, UNCHANGED, (), _KEPT)
    except OSError:
        # Whether a file can be made there is seen when it is made.
        return Step(name, CREATED, (REQUEST,))
    return Step(name, CREATED, (REQUEST,))


def make_key(connection: Connection, path: Path) -> Step:
    """Have a key made and write it into *path*, for the owner alone to read; DestinationError where that cannot be."""
    step = planned_key(path)
    if not step.requests:
        return step
    try:
        # The file comes first: a key that cannot be written down would stay behind, unknown and valid.
        handle = _made(path)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(_key(connection))
        except BaseException:
            path.unlink()
            raise
    except DestinationError:
        raise
    except OSError as error:
        problem = f"the writer's API key cannot be written there ({error.strerror or 'it is no file'})"
        raise DestinationError(
            str(path), problem, "give --writer-key a file in a folder that you may write to"
        ) from None
    return step


def _made(path: Path) -> int:
    """Make an empty file that nobody else has opened, in place of an empty one."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _key(connection: Connection) -> str:
    """Have the key made; raise DestinationError where that is not allowed, or not possible."""
    can_write = connection.call("POST", "/_security/user/_has_privileges", orjson.dumps({"index": [_MAY]}))
    if can_write.status == HTTPStatus.OK and (parsed(can_write) or {}).get("has_all_requested") is False:
        raise DestinationError(str(connection.address), *_POWERLESS)
    answer = connection.call(REQUEST.method, REQUEST.target, orjson.dumps(REQUEST.body))
    encoded: Any = (parsed(answer) or {}).get("encoded")
    if answer.status == HTTPStatus.OK and isinstance(encoded, str) and encoded:
        return encoded
    raise DestinationError(str(connection.address), *_why(answer))


def _why(answer: Answer) -> Trouble:
    """Say why no key came."""
    common = trouble(answer) if answer.status in _COMMON or not answer.genuine else None
    if common is not None:
        return common
    _, reason = error_of(answer)
    if "derived api key" in reason:
        return _DERIVED
    if answer.status == HTTPStatus.FORBIDDEN:
        problem = "the credentials do not allow making an API key (403)"
        return Trouble(problem, f"they need the privilege manage_own_api_key or manage_api_key; {_WITHOUT}")
    advice = f"switch on security and xpack.security.authc.api_key.enabled, {_WITHOUT}"
    return Trouble(f"no API key can be made there ({short(reason) or f'status {answer.status}'})", advice)

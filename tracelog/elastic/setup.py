"""Brings our templates into an Elasticsearch and out of it again, and touches nobody else's."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import orjson

from tracelog.elastic.answers import Answer, error_of, parsed, short
from tracelog.elastic.connection import Connection, target
from tracelog.elastic.names import DATASETS, stream, streams
from tracelog.elastic.templates import COMPONENTS, INDEX_TEMPLATES, RETENTION, VERSION, Template, templates
from tracelog.errors import DestinationError

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
REMOVED, ABSENT, FOREIGN, IN_USE = "removed", "not there", "not ours", "in use"
ROLLED_OVER, APPLIED, BY_HAND = "rolled over", "applied", "by hand"

#: Versions of templates that this one may replace.
_OLDER = frozenset(str(version) for version in range(VERSION + 1))

_MISSING = frozenset({404})
_NOT_ALLOWED = "setup needs the privilege manage_index_templates"


class Request(NamedTuple):
    """A request as Kibana's console shows it."""

    method: str
    target: str
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        head = f"{self.method} {self.target}"
        return head if self.body is None else f"{head}\n{orjson.dumps(self.body, option=orjson.OPT_INDENT_2).decode()}"


class Step(NamedTuple):
    """
    What is to be done, or was done, about one object.

    *status* is one of the constants of this module. *requests* are those that do it; with status ``by hand`` or
    ``in use`` they are left to a person. *note* says why.
    """

    name: str
    status: str
    requests: tuple[Request, ...] = ()
    note: str = ""


def planned(connection: Connection, retention: str = "") -> list[Step]:
    """
    Compare what is there with what should be, changing nothing.

    Without a *retention* the one of the last time stays. Raises DestinationError if an object of somebody else's, or of
    a newer tracelog's, has one of our names.
    """
    there = [(template, _found(connection, template)) for template in templates(retention or RETENTION)]
    before = next((kept for _, found in there if (kept := _mark_of(found).get("retention"))), RETENTION)
    if not retention and before != RETENTION:
        return planned(connection, str(before))
    return [_compared(connection, template, found) for template, found in there]


def install(connection: Connection, retention: str = "") -> list[Step]:
    """Write the templates that are missing or differ, and bring existing data streams up to date."""
    steps = planned(connection, retention)
    for step in steps:
        for request in step.requests:
            _done(connection, request)
    changed = [request for step in steps if step.status == UPDATED for request in step.requests]
    return steps + _streams_renewed(connection, changed)


def removal(connection: Connection) -> list[Step]:
    """Find which of our templates are there to be removed, changing nothing."""
    steps: list[Step] = []
    for template in reversed(templates(RETENTION)):
        found = _found(connection, template)
        request = Request("DELETE", target(template.place, template.name))
        if found is None:
            steps.append(Step(template.called, ABSENT))
        elif not _mark_of(found):
            steps.append(Step(template.called, FOREIGN))
        else:
            steps.append(Step(template.called, REMOVED, (request,)))
    return steps


def remove(connection: Connection) -> list[Step]:
    """Remove our templates. Data streams are left as they are, and so are the templates that they are made from."""
    return [_removed(connection, step) for step in removal(connection)]


def _compared(connection: Connection, template: Template, found: dict[str, Any] | None) -> Step:
    """Say what has to be done about one template."""
    request = Request("PUT", target(template.place, template.name), template.body)
    if found is None:
        return Step(template.called, CREATED, (request,))
    mark = _mark_of(found)
    if not mark:
        problem = f"there is {_article(template.called)} already, and it is not tracelog's"
        raise DestinationError(str(connection.address), problem, "rename or remove it, then run setup again")
    if mark.get("state") == template.mark["state"]:
        return Step(template.called, UNCHANGED)
    if str(mark.get("version")) not in _OLDER:
        problem = f"{template.called} was written by a newer tracelog"
        raise DestinationError(str(connection.address), problem, "run setup of that version, or --remove first")
    return Step(template.called, UPDATED, (request,))


def _article(called: str) -> str:
    return f"{'an' if called.startswith('i') else 'a'} {called}"


def _found(connection: Connection, template: Template) -> dict[str, Any] | None:
    """Read the template of that name, or None where there is none."""
    answer = _asked(connection, Request("GET", target(template.place, template.name)), _MISSING)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    listing, single = _ANSWERS[template.place]
    named: list[dict[str, Any]] = (parsed(answer) or {}).get(listing, [])
    return next((entry[single] for entry in named if entry.get("name") == template.name), None)


_ANSWERS = {
    COMPONENTS: ("component_templates", "component_template"),
    INDEX_TEMPLATES: ("index_templates", "index_template"),
}


def _mark_of(found: dict[str, Any] | None) -> dict[str, Any]:
    """Read our mark in a template; one that is not ours has none."""
    meta: dict[str, Any] = (found or {}).get("_meta") or {}
    mark: Any = meta.get("tracelog")
    return cast("dict[str, Any]", mark) if isinstance(mark, dict) else {}


def _removed(connection: Connection, step: Step) -> Step:
    """Remove one template unless a data stream needs it."""
    for request in step.requests:
        answer = _asked(connection, request, frozenset({400, 404}))
        kind, reason = error_of(answer)
        if answer.status == HTTPStatus.BAD_REQUEST:
            if "use by" not in reason:
                raise DestinationError(
                    str(connection.address), f"{step.name} was not removed ({kind}: {short(reason)})"
                )
            return step._replace(status=IN_USE, note=short(reason), requests=_deletions(step.name))
        if answer.status == HTTPStatus.NOT_FOUND:
            return step._replace(status=ABSENT)
    return step


def _deletions(name: str) -> tuple[Request, ...]:
    """Give the request that deletes the stored documents, after which the template can go."""
    for kind in DATASETS:
        if stream(kind, "*").removesuffix("-*") in name:
            return (Request("DELETE", target("_data_stream", stream(kind, "*"))),)
    return ()


def _streams_renewed(connection: Connection, changed: Iterable[Request]) -> list[Step]:
    """
    Apply *changed* templates to data streams that exist.

    One that was made before goes on with the fields of its newest index until it begins another, and with the
    retention that it was made with.
    """
    places = {request.target.split("/")[1]: request for request in changed}
    steps: list[Step] = []
    for name in _streams(connection) if places else ():
        if COMPONENTS in places:
            steps.append(
                _tried(connection, f"data stream {name}", ROLLED_OVER, Request("POST", target(name, "_rollover")))
            )
        if INDEX_TEMPLATES in places:
            lifecycle = (places[INDEX_TEMPLATES].body or {})["template"]["lifecycle"]
            where = target("_data_stream", name, "_lifecycle")
            steps.append(_tried(connection, f"retention of {name}", APPLIED, Request("PUT", where, lifecycle)))
    return steps


def _streams(connection: Connection) -> Iterable[str]:
    """Name the data streams of ours, in every namespace; those of the address where names may not be looked up."""
    pattern = target("_resolve", "index", ",".join(streams("*")))
    answer = connection.call("GET", pattern)
    if answer.status == HTTPStatus.OK:
        found: list[dict[str, Any]] = (parsed(answer) or {}).get("data_streams", [])
        return [str(entry["name"]) for entry in found]
    return streams(connection.address.namespace)


def _tried(connection: Connection, name: str, status: str, request: Request) -> Step:
    """Make a request that a server, or a key, may not know or allow; where it does not, leave it to a person."""
    answer = connection.call(
        request.method, request.target, None if request.body is None else orjson.dumps(request.body)
    )
    if answer.status == HTTPStatus.OK:
        return Step(name, status, (request,))
    _, reason = error_of(answer)
    return Step(name, BY_HAND, (request,), short(reason) or f"status {answer.status}")


def _done(connection: Connection, request: Request) -> None:
    """Make a request that must succeed."""
    _asked(connection, request, frozenset())


def _asked(connection: Connection, request: Request, expected: frozenset[int]) -> Answer:
    """Make a request; where a right is missing, name the one that setup needs and not the one that writing does."""
    answer = connection.ask(request.method, request.target, request.body, expected=expected | {403})
    if answer.status == HTTPStatus.FORBIDDEN:
        raise DestinationError(str(connection.address), "the credentials do not allow this (403)", _NOT_ALLOWED)
    return answer

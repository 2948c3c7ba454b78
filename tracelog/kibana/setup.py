"""
Brings our saved objects into a space of a Kibana and out of it again, and touches nobody else's.

Reading and deleting objects by id, and finding who refers to them, are calls that Kibana has named deprecated since 8.7
and still has in 9.x; importing is not deprecated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from urllib3.filepost import encode_multipart_formdata

from tracelog.elastic.answers import parsed, short
from tracelog.elastic.setup import ABSENT, CREATED, FOREIGN, IN_USE, REMOVED, UNCHANGED, UPDATED, Request, Step
from tracelog.errors import DestinationError
from tracelog.kibana.address import DEFAULT
from tracelog.kibana.answers import called, fields_of, listed, not_imported, strays, unfit
from tracelog.kibana.client import Client
from tracelog.kibana.objects import Bundle, Mark, SavedObject, is_ours, lines_of, mark_of

#: Kinds of objects that can show the documents of a data view.
_READERS = ("dashboard", "lens", "map", "search", "visualization")

_MOST_NAMED = 5
_IMPORT = "_import?overwrite=true"

Key = tuple[str, str]


def planned(client: Client, bundle: Bundle) -> list[Step]:
    """
    Compare what is there with what should be, changing nothing.

    Raises DestinationError for a Kibana that cannot be used, and if an object of somebody else's, or of a newer
    tracelog's, has one of our ids.
    """
    _check(client)
    there = _found(client, bundle.everything)
    mark = _mark_there(client, bundle, there)
    request = Request("POST", _target(client, _IMPORT))
    steps: list[Step] = []
    for item in bundle.everything:
        if _key(item) not in there:
            steps.append(Step(called(item), CREATED, (request,)))
        elif mark is not None and mark.state == bundle.mark.state:
            steps.append(Step(called(item), UNCHANGED))
        else:
            steps.append(Step(called(item), UPDATED, (request,)))
    return steps


def install(client: Client, bundle: Bundle) -> list[Step]:
    """Write the objects that are missing, or all of them where those that are there have another state."""
    steps = planned(client, bundle)
    work = [(item, step.status) for item, step in zip(bundle.everything, steps, strict=True) if step.requests]
    # The tag comes last: what it says must be true of the others.
    for part in ([one for one in work if one[0] is not bundle.tag], [one for one in work if one[0] is bundle.tag]):
        if part:
            _import(client, [item for item, _ in part], [item for item, status in part if status == CREATED])
    return steps


def removal(client: Client, bundle: Bundle) -> list[Step]:
    """Find which of our objects are there to be removed, and what of other people's would miss them."""
    _check(client)
    there = _found(client, bundle.everything)
    ours = mark_of(there.get(_key(bundle.tag), {})) is not None
    request = Request("POST", _target(client, "_bulk_delete"))
    missed: Mapping[str, str] = _missed(client, bundle) if ours else {}
    steps: list[Step] = []
    for item in bundle.everything:
        if _key(item) not in there:
            steps.append(Step(called(item), ABSENT))
        elif not ours:
            steps.append(Step(called(item), FOREIGN))
        else:
            steps.append(Step(called(item), REMOVED, (request,), missed.get(item["id"], "")))
    return steps


def remove(client: Client, bundle: Bundle) -> list[Step]:
    """Remove our objects, the tag last and only after all others: it is the proof that they are ours."""
    steps = removal(client, bundle)
    *others, tag = steps
    gone = [item for item, step in zip(bundle.others, others, strict=True) if step.requests]
    verdicts = _deleted(client, gone)
    done = [verdicts.get(step.name, step) if step.requests else step for step in others]
    done = [step._replace(note=step.note or before.note) for step, before in zip(done, others, strict=True)]
    if any(step.status == IN_USE for step in done):
        return [*done, tag._replace(status=UNCHANGED, requests=())]
    verdicts = _deleted(client, [bundle.tag] if tag.requests else [])
    return [*done, verdicts.get(tag.name, tag)]


def _check(client: Client) -> None:
    """Raise DestinationError unless a Kibana that can be used is there, with the space that is meant."""
    wrong = unfit(parsed(client.ask("GET", "/api/status")) or {})
    if wrong is not None:
        raise DestinationError(str(client.address), *wrong)
    space = client.address.space
    if space == DEFAULT:
        return
    # Kibana would store objects for a space that does not exist, too.
    answer = client.call("GET", f"/api/spaces/space/{quote(space)}")
    if answer.status == HTTPStatus.NOT_FOUND and not answer.genuine and parsed(answer) is not None:
        advice = "make it in Kibana (Stack Management > Spaces), or check --space"
        raise DestinationError(str(client.address), f"the space {space} does not exist", advice)
    client.judged(answer)


def _found(client: Client, items: Iterable[SavedObject]) -> Mapping[Key, SavedObject]:
    """Read which of *items* are there, and as what."""
    answer = client.ask("POST", _target(client, "_bulk_get"), _listing(items))
    found: dict[Key, SavedObject] = {}
    for item in listed(parsed(answer) or {}, "saved_objects"):
        error = fields_of(item.get("error"))
        if not error:
            found[_key(item)] = item
        elif error.get("statusCode") != HTTPStatus.NOT_FOUND:
            problem = f"{called(item)} cannot be read ({short(str(error.get('message', error)))})"
            raise DestinationError(str(client.address), problem)
    return found


def _mark_there(client: Client, bundle: Bundle, there: Mapping[Key, SavedObject]) -> Mark | None:
    """Read the mark of the tag that is there; raise DestinationError for what must not be written over."""
    tag = there.get(_key(bundle.tag))
    mark = None if tag is None else mark_of(tag)
    if mark is not None and mark.version > bundle.mark.version and mark.state != bundle.mark.state:
        problem = "the dashboards there were written by a newer tracelog"
        raise DestinationError(str(client.address), problem, "run setup of that version, or --remove first")
    if mark is None:
        foreign = [item for item in there.values() if item is tag or not is_ours(item, bundle.tag["id"])]
        if foreign:
            problem = f"there is a {called(foreign[0])} already, and it is not tracelog's"
            raise DestinationError(str(client.address), problem, "remove it, or choose another --space")
    return mark


def _import(client: Client, items: Sequence[SavedObject], new: Sequence[SavedObject]) -> None:
    """Write *items*; raise DestinationError, naming the first that Kibana does not take as it is."""
    parts = {"file": ("tracelog.ndjson", lines_of(items), "application/ndjson")}
    body, content_type = encode_multipart_formdata(parts)
    result = parsed(client.ask("POST", _target(client, _IMPORT), body, content_type)) or {}
    copies = strays(result)
    if copies:
        # What came with them points to the copies, and is of no use either.
        _deleted(client, [*copies, *new])
        held = called({**copies[0], "id": copies[0]["originId"]})
        problem = f"another space of this Kibana holds {held}, so that the links to it would lead nowhere"
        raise DestinationError(str(client.address), problem, "remove it there: each space has ids of its own")
    wrong = not_imported(result, len(items))
    if wrong:
        raise DestinationError(str(client.address), wrong)


def _deleted(client: Client, items: Sequence[SavedObject]) -> Mapping[str, Step]:
    """Delete *items*, and say of each what became of it."""
    if not items:
        return {}
    request = Request("POST", _target(client, "_bulk_delete"))
    answer = parsed(client.ask(request.method, request.target, _listing(items))) or {}
    steps: dict[str, Step] = {}
    for status in listed(answer, "statuses"):
        error = fields_of(status.get("error"))
        name = called(status)
        if status.get("success") is True:
            steps[name] = Step(name, REMOVED, (request,))
        elif error.get("statusCode") == HTTPStatus.NOT_FOUND:
            steps[name] = Step(name, ABSENT)
        else:
            steps[name] = Step(name, IN_USE, (), short(str(error.get("message") or "no reason given")))
    return steps


def _missed(client: Client, bundle: Bundle) -> Mapping[str, str]:
    """Say for each of our data views which objects that are not ours read from it."""
    views = [item["id"] for item in bundle.others if item["type"] == "index-pattern"]
    wanted = orjson.dumps([{"type": "index-pattern", "id": view} for view in views]).decode()
    kinds = "&".join(f"type={kind}" for kind in _READERS)
    query = f"_find?{kinds}&fields=title&per_page=1000&has_reference={quote(wanted)}&has_reference_operator=OR"
    answer = parsed(client.ask("GET", _target(client, query))) or {}
    ours = {_key(item) for item in bundle.others}
    users: dict[str, list[str]] = {}
    for item in listed(answer, "saved_objects"):
        for view in {part.get("id") for part in listed(item, "references")} & set(views):
            if _key(item) not in ours:
                users.setdefault(str(view), []).append(_titled(item))
    return {view: _told(names) for view, names in users.items()}


def _titled(item: SavedObject) -> str:
    title = str(fields_of(item.get("attributes")).get("title") or item["id"])
    return called({**item, "id": f"“{short(title)}”"})


def _told(names: Sequence[str]) -> str:
    """Name the objects that miss a data view, or how many there are."""
    more = len(names) - _MOST_NAMED
    told = ", ".join(sorted(names)[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"objects that are not tracelog's read from it: {told}"


def _listing(items: Iterable[SavedObject]) -> bytes:
    """Name *items* as Kibana wants them named."""
    return orjson.dumps([{"type": item["type"], "id": item["id"]} for item in items])


def _target(client: Client, call: str) -> str:
    return f"{client.address.prefix}/api/saved_objects/{call}"


def _key(item: Mapping[str, Any]) -> Key:
    return str(item["type"]), str(item["id"])

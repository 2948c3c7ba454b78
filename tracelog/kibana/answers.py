"""What Kibana, or whatever stands in its place, answered, and what that means for a person. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, cast

from tracelog.elastic.answers import CREDENTIALS, Answer, Trouble, parsed, short

#: The first version that takes the dashboards, and the first one that they are promised for.
NEEDED, PROMISED = (8, 12), (8, 15)

CHECK_URL = "check that the URL is that of a Kibana"
PRIVILEGES = (
    "the key or user needs All on the Kibana features Dashboard, Saved Objects Management, Data View Management and "
    "Tag Management in this space"
)

_STARTING = "it is still starting"
_LATER = "try again in a minute"

_KNOWN: Mapping[int, Trouble] = {
    401: Trouble("the credentials were not accepted (401)", CREDENTIALS),
    403: Trouble("the credentials do not allow this (403)", PRIVILEGES),
}


def trouble(answer: Answer) -> Trouble | None:
    """Say what is wrong with *answer* as a whole, or None for one that Kibana gives when all is well."""
    if answer.genuine:
        return Trouble("that is an Elasticsearch", "give Kibana's URL, usually port 5601")
    if answer.status in _KNOWN:
        return _KNOWN[answer.status]
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unwell(answer)
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST or parsed(answer) is None:
        return _elsewhere(answer)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return Trouble(f"it refused the request with status {answer.status} ({_message(answer)})", CHECK_URL)
    return None


def _elsewhere(answer: Answer) -> Trouble:
    """Explain an answer that no Kibana gives."""
    place = answer.headers.get("location")
    if place is not None:
        # The query of a redirect may hold a token, so it is not shown.
        return Trouble(f"it redirects to {place.partition('?')[0]}, which is not followed", CHECK_URL)
    looks = "an HTML page" if b"<html" in answer.body[:1024].lower() else "something else"
    return Trouble(f"it answered {looks} in place of JSON (status {answer.status})", CHECK_URL)


def _unwell(answer: Answer) -> Trouble:
    """Explain an error that is not the caller's fault."""
    if b"not ready yet" in answer.body:
        return Trouble(_STARTING, _LATER)
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Trouble(f"it failed with status 500 ({_message(answer)})", "its log says why")
    return Trouble(f"no Kibana answers there at present (status {answer.status})", _LATER)


def _message(answer: Answer) -> str:
    return short(str((parsed(answer) or {}).get("message") or "no reason given"))


def unfit(status: Mapping[str, Any]) -> Trouble | None:
    """Say why the Kibana whose ``/api/status`` is *status* cannot be used; one that does not say its version can."""
    if not {"status", "version"} & set(status):
        return Trouble("it does not call itself Kibana", CHECK_URL)
    version = fields_of(status.get("version"))
    number = str(version.get("number", ""))
    found = re.match(r"(\d+)\.(\d+)", number)
    # A serverless project counts its versions in another way.
    if found is None or version.get("build_flavor") == "serverless":
        return None
    if (int(found[1]), int(found[2])) >= NEEDED:
        return None
    needed, promised = (".".join(map(str, version)) for version in (NEEDED, PROMISED))
    return Trouble(f"it is Kibana {number}", f"the dashboards need {needed}, and are promised for {promised} and later")


def not_imported(result: Mapping[str, Any], expected: int) -> str:
    """Say what went wrong with an import of so many objects, ``""`` where nothing did."""
    for error in listed(result, "errors"):
        return f"{called(error)} was not imported ({_reason(error.get('error'))})"
    for warning in listed(result, "warnings"):
        return f"the import came with a warning: {short(str(warning.get('message', warning)))}"
    if result.get("success") is not True or result.get("successCount") != expected:
        return f"only {result.get('successCount', 0)} of {expected} objects were imported"
    return ""


def strays(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List what an import put under ids of Kibana's own choice, because another space holds the right ones."""
    made = [entry for entry in listed(result, "successResults") if entry.get("destinationId")]
    return [{"type": entry["type"], "id": entry["destinationId"], "originId": entry["id"]} for entry in made]


def called(item: Mapping[str, Any]) -> str:
    """
    Name a saved object for people.

    >>> called({"type": "index-pattern", "id": "tracelog-spans"})
    'data view tracelog-spans'
    """
    kind = str(item.get("type", "object"))
    return f"{_CALLED.get(kind, kind)} {item.get('id', '')}".rstrip()


_CALLED: Mapping[str, str] = {"index-pattern": "data view", "links": "links panel", "search": "saved search"}


def listed(answer: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Read the list of objects under *key*, empty where there is none."""
    found: Any = answer.get(key)
    if not isinstance(found, list):
        return []
    return [fields_of(entry) for entry in cast("Iterable[Any]", found) if isinstance(entry, dict)]


def fields_of(value: Any) -> dict[str, Any]:
    """Take *value* for an object, one without fields where it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _reason(error: Any) -> str:
    """Put the error of one imported object into words."""
    told = fields_of(error)
    kind = str(told.get("type", "unknown"))
    missing = ", ".join(called(reference) for reference in listed(told, "references"))
    more = str(told.get("message") or missing or told.get("destinationId") or "")
    return f"{kind}: {short(more)}" if more else kind

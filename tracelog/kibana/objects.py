"""The saved objects that tracelog brings along: found, read, and given ids for a space."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson

from tracelog.errors import DestinationError
from tracelog.kibana.address import DEFAULT
from tracelog.kibana.answers import fields_of, listed

SavedObject = dict[str, Any]

#: Where an installation and a checkout keep the file.
PLACES = (Path(__file__).with_name("tracelog.ndjson"), Path(__file__).parents[2] / "kibana" / "tracelog.ndjson")

_MARK = re.compile(r"\(dashboards version (\d+), state ([0-9a-f]{16})\)\s*$")

#: Attributes for people: a name in them is no id.
_PROSE = frozenset({"title", "name", "description"})


class Mark(NamedTuple):
    """What a tag of ours says about the objects that came with it."""

    version: int
    state: str


class Bundle(NamedTuple):
    """All objects of one release: the *tag* that tells whose they are, its *mark*, and the *others*."""

    tag: SavedObject
    mark: Mark
    others: tuple[SavedObject, ...]

    @property
    def everything(self) -> tuple[SavedObject, ...]:
        """All objects, the tag last."""
        return (*self.others, self.tag)


def load(places: Iterable[Path] = PLACES) -> Bundle:
    """Read the objects from the first of *places* that is there."""
    for place in places:
        if place.is_file():
            return bundle_of(place.read_bytes(), str(place))
    problem = "this installation of tracelog lacks them"
    raise DestinationError("kibana/tracelog.ndjson, the dashboards", problem, "install tracelog-elastic again")


def bundle_of(content: bytes, called: str) -> Bundle:
    """Take a file of saved objects apart; raise DestinationError for one that holds no tag of ours."""
    try:
        objects: list[SavedObject] = [orjson.loads(line) for line in content.splitlines() if line.strip()]
        tags = [item for item in objects if item["type"] == "tag"]
        others = tuple(item for item in objects if item["type"] != "tag")
        mark = mark_of(*tags)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise DestinationError(called, "it holds no saved objects", "install tracelog-elastic again") from None
    if mark is None or not others:
        raise DestinationError(called, "it holds no dashboards of tracelog", "install tracelog-elastic again")
    return Bundle(tags[0], mark, others)


def mark_of(tag: Mapping[str, Any]) -> Mark | None:
    """Read the mark in a tag; one that is not ours has none."""
    found = _MARK.search(str(fields_of(tag.get("attributes")).get("description", "")))
    return None if found is None else Mark(int(found[1]), found[2])


def is_ours(item: Mapping[str, Any], tag_id: str) -> bool:
    """Tell whether an object says of itself that it came with tracelog: it is managed, or carries the tag."""
    tagged = any(part.get("type") == "tag" and part.get("id") == tag_id for part in listed(item, "references"))
    return tagged or item.get("managed") is True


def lines_of(objects: Iterable[SavedObject]) -> bytes:
    """Write *objects* as Kibana imports them, one a line."""
    return b"".join(orjson.dumps(item) + b"\n" for item in objects)


def in_space(bundle: Bundle, space: str) -> Bundle:
    """
    Give all objects ids of their own for *space*, and write those into everything that points to them.

    An id can be there once in a Kibana, whatever the space: a second one would be replaced by one of chance, and links
    that lead to it would lead nowhere.
    """
    if space == DEFAULT:
        return bundle
    renamed = {item["id"]: f"{item['id']}-{space}" for item in bundle.everything}
    # The tag's id is also the name of the project, so that it is looked for in references alone.
    pattern = _mentions(item["id"] for item in bundle.others)
    tag, *others = (_renamed(item, renamed, pattern) for item in (bundle.tag, *bundle.others))
    return Bundle(tag, bundle.mark, tuple(others))


def _mentions(ids: Iterable[str]) -> re.Pattern[str]:
    r"""
    Find any of *ids* where it stands alone, in texts that may be JSON, or part of a URL.

    A letter before it can be the end of an escape, ``\n`` or ``%2F``.
    """
    choices = "|".join(re.escape(name) for name in sorted(ids, key=len, reverse=True))
    return re.compile(rf"(?:(?<![\w.-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{{2}}))(?:{choices})(?![\w-])")


def _renamed(item: SavedObject, renamed: Mapping[str, str], pattern: re.Pattern[str]) -> SavedObject:
    """Rename one object, what it points to, and what the texts in it point to."""
    attributes = item["attributes"]
    prose = {name: text for name, text in attributes.items() if name in _PROSE}
    references = [
        # A reference is found by its name, which may hold an id as well.
        {**_rewritten(part, renamed, pattern), "id": renamed.get(part["id"], part["id"])}
        for part in listed(item, "references")
    ]
    return {
        **item,
        "id": renamed[item["id"]],
        "attributes": {**_rewritten(attributes, renamed, pattern), **prose},
        "references": references,
    }


def _rewritten(value: Any, renamed: Mapping[str, str], pattern: re.Pattern[str]) -> Any:
    """Rename in all texts of *value*, however deep."""
    if isinstance(value, str):
        return pattern.sub(lambda found: renamed[found[0]], value)
    if isinstance(value, dict):
        return {key: _rewritten(part, renamed, pattern) for key, part in fields_of(value).items()}
    if isinstance(value, list):
        return [_rewritten(part, renamed, pattern) for part in cast("Iterable[Any]", value)]
    return value

"""Where a command finds spans: ``--export``, else TRACELOG_EXPORT, else the embedded file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from tracelog.assembly.build import elastic_address
from tracelog.assembly.destination import Destination, destination
from tracelog.assembly.settings import Settings, read_settings
from tracelog.ecs.found import Search
from tracelog.errors import DestinationError, InvalidSetting

EMBEDDED = "sqlite:"

F = TypeVar("F", bound=Callable[..., Any])


def export_option(function: F) -> F:
    """Give a command the option ``--export``, which arrives as *export*: a URL that was read and can be used."""
    option = click.option(
        "--export",
        metavar="URL",
        envvar="TRACELOG_EXPORT",
        default=EMBEDDED,
        help="Where spans are: https://host:9200 or sqlite:///path. [default: TRACELOG_EXPORT, else the embedded file]",
    )
    return option(function)


def settings_for(export: str) -> Settings:
    """Read the settings for *export*; credentials come from the environment."""
    try:
        return read_settings({"export": destination(export.strip() or EMBEDDED, "--export")})
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None


def program() -> str:
    """Name this program as it has to be typed here: an environment that is not activated needs the path."""
    begun = Path(sys.argv[0])
    return f"{_typed(Path(sys.executable))} -m tracelog" if begun.name == "__main__.py" else _typed(begun)


def _typed(file: Path) -> str:
    """Write the name of a program that a shell would find by it, else its path."""
    found = shutil.which(file.name)
    return file.name if found is not None and Path(found).absolute() == file.absolute() else str(file)


def can_search(place: Destination | None) -> bool:
    """Tell whether what goes to *place* can be found again."""
    return place is not None and place.kind in _OPENERS


def open_search(settings: Settings) -> Search:
    """Open what is searched; raises DestinationError where nothing can be found again."""
    place = settings.export
    if place is None or not can_search(place):
        advice = "give --export with the URL of an Elasticsearch, or sqlite: for the embedded file"
        raise DestinationError(str(place), "what goes there cannot be searched", advice)
    return _OPENERS[place.kind](place, settings)


def _embedded(place: Destination, settings: Settings) -> Search:
    return cast("Search", import_module("tracelog.local").LocalSearch(place.path or None))


def _elasticsearch(place: Destination, settings: Settings) -> Search:
    return cast("Search", import_module("tracelog.elastic.search").ElasticSearch(elastic_address(place, settings)))


_OPENERS: dict[str, Callable[[Destination, Settings], Search]] = {"sqlite": _embedded, "elasticsearch": _elasticsearch}

"""Looks at where spans and lines go."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from tracelog.assembly.build import elastic_address
from tracelog.assembly.destination import Destination
from tracelog.assembly.settings import Settings
from tracelog.doctor.finding import NOTE, Finding
from tracelog.doctor.judge_elastic import judge_elastic
from tracelog.doctor.look_elastic import look_at_elastic
from tracelog.errors import InvalidSetting
from tracelog.local.database import failure, open_to_write
from tracelog.local.place import default_path

_UNSET = "TRACELOG_EXPORT=https://host:9200, or TRACELOG_EXPORT=sqlite: for the embedded file"
_FILE = "spans and lines wait in memory, and are lost with the process"

Look = Callable[[Destination, Settings], Iterator[Finding]]


def look_at_destination(settings: Settings) -> Iterator[Finding]:
    """Say what keeps spans and lines from arriving where *settings* send them."""
    place = settings.export
    if place is None:
        what = "no TRACELOG_EXPORT is set"
        yield Finding("export-missing", what, "log lines carry ids, but nothing is exported", _UNSET)
    else:
        yield from _LOOKS[place.kind](place, settings)


def _elasticsearch(place: Destination, settings: Settings) -> Iterator[Finding]:
    try:
        for seen in look_at_elastic(elastic_address(place, settings)):
            yield from judge_elastic(seen)
    except InvalidSetting as error:
        yield Finding("setting-invalid", f"{error.key} cannot be used", "nothing can be sent", error.expected)


def _sqlite(place: Destination, settings: Settings) -> Iterator[Finding]:
    """Try whether the embedded file can be written, or made."""
    path = Path(place.path or default_path()).absolute()
    try:
        if path.exists():
            with closing(open_to_write(path)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        else:
            _makeable(path)
    except (sqlite3.Error, OSError) as error:
        told = failure(path, error)
        yield Finding("file-unwritable", f"{told.destination}: {told.problem}", _FILE, told.advice)


def _file(place: Destination, settings: Settings) -> Iterator[Finding]:
    path = Path(place.path).absolute()
    try:
        if path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
            raise PermissionError(0, "it cannot be written")
        if not path.exists():
            _makeable(path)
    except OSError as error:
        change = "make its directory writable, or set TRACELOG_EXPORT=file:… to another path"
        yield Finding("file-unwritable", f"{path}: {error.strerror}", _FILE, change)
    yield from _lines(place, settings)


def _makeable(path: Path) -> None:
    """Raise OSError where *path* cannot be made, without making it."""
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(0, f"unable to open: nothing can be made in {folder}")


def _lines(place: Destination, settings: Settings) -> Iterator[Finding]:
    what = f"spans go to {place}, as lines of JSON"
    why = "Elasticsearch gets them only where Filebeat or the like brings them; tracelog show finds nothing"
    yield Finding("export-lines", what, why, _UNSET, kind=NOTE)


def _none(place: Destination, settings: Settings) -> Iterator[Finding]:
    why = "log lines carry ids, but nothing is exported, as the setting asks for"
    yield Finding("export-none", "TRACELOG_EXPORT is none:", why, _UNSET, kind=NOTE)


_LOOKS: Mapping[str, Look] = {
    "elasticsearch": _elasticsearch,
    "sqlite": _sqlite,
    "console": _lines,
    "file": _file,
    "none": _none,
}

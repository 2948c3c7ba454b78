"""Where records go: what ``TRACELOG_EXPORT`` and ``--export`` say, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tracelog.errors import InvalidSetting
from tracelog.redaction import without_userinfo

EXPORT = "TRACELOG_EXPORT"
FORMS = "https://host:9200 (or http:, elasticsearch+https:), sqlite:///path, sqlite: , console: , file:path or none:"


@dataclass(frozen=True)
class Destination:
    """
    A place for records.

    *kind* is ``elasticsearch``, ``sqlite``, ``console``, ``file`` or ``none``; *nodes* are the URLs of Elasticsearch,
    *path* is a file's (``""`` for the embedded store's own place).
    """

    kind: str
    nodes: tuple[str, ...] = ()
    path: str = ""

    def __repr__(self) -> str:
        """Name the place without the credentials that a URL may hold."""
        where = "|".join(without_userinfo(node) for node in self.nodes) or self.path
        return f"{self.kind}:{where}"

    @property
    def keeps_lines(self) -> bool:
        """Whether log lines go there as well unless the settings say otherwise."""
        return self.kind in ("elasticsearch", "sqlite")


def destination(value: str, key: str = EXPORT) -> Destination:
    """
    Take *value* apart.

    Raises InvalidSetting, naming *key*, for a scheme that is not known and for a URL without a host.

    >>> destination("https://a:9200|https://b:9200")
    elasticsearch:https://a:9200|https://b:9200
    >>> destination("sqlite:///var/tracelog.sqlite").path
    '/var/tracelog.sqlite'
    """
    if "," in value:
        raise InvalidSetting(key, _shown(value), "one destination at a time is supported for now; use | between nodes")
    scheme = value.partition(":")[0].lower() if ":" in value else ""
    if scheme in ("http", "https", "elasticsearch+http", "elasticsearch+https"):
        return Destination("elasticsearch", nodes=tuple(_node(part, key) for part in value.split("|")))
    if scheme == "sqlite":
        return Destination("sqlite", path=_path(value))
    if scheme == "file":
        if not _path(value):
            raise InvalidSetting(key, value, "file: needs a path, as in file:/var/log/spans.ndjson")
        return Destination("file", path=_path(value))
    if scheme in ("console", "none") and value.partition(":")[2] == "":
        return Destination(scheme)
    raise InvalidSetting(key, _shown(value), f"use {FORMS}")


def _node(url: str, key: str) -> str:
    """Check one node's URL, and take the ``elasticsearch+`` off it."""
    url = url.strip().removeprefix("elasticsearch+")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSetting(key, _shown(url), "each node needs the form https://host:9200")
    return url.rstrip("/")


def _path(value: str) -> str:
    """Read the path of ``sqlite:///absolute``, ``sqlite:relative`` and ``file:either``."""
    rest = value.partition(":")[2]
    return rest.removeprefix("//") if rest.startswith("//") else rest


def _shown(value: str) -> str:
    """Repeat a bad value without the credentials in it."""
    return "|".join(without_userinfo(part) for part in value.split("|"))

"""What a search in a store of spans and lines answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from tracelog.plain import is_dict

#: One stored document as it is read: dotted ECS names (``trace.id``) to plain values, no nesting except below
#: ``labels``.
Document = dict[str, Any]

_LABELS = "labels"


def flat(document: Mapping[str, Any]) -> Document:
    """
    Read a document as it is stored, however much of it is nested.

    >>> flat({"trace": {"id": "a"}, "span.id": "b", "log": {"origin.function": "f"}, "labels": {"deep": {"n": 1}}})
    {'trace.id': 'a', 'span.id': 'b', 'log.origin.function': 'f', 'labels': {'deep': {'n': 1}}}
    """
    told: Document = {}
    _spread(document, "", told)
    return told


def _spread(members: Mapping[str, Any], prefix: str, told: Document) -> None:
    """Add *members* to *told*, each under its full name."""
    for name, value in members.items():
        full = prefix + name
        if is_dict(value) and full != _LABELS:
            _spread(value, f"{full}.", told)
        else:
            told[full] = value


class Found(NamedTuple):
    """All that is stored of one trace, each list in order of time; *partial* if a limit cut it."""

    spans: list[Document]
    lines: list[Document]
    partial: bool = False


class Glimpse(NamedTuple):
    """
    A trace seen from afar.

    *first* is the span it began with, as far as is here; *spans* are stored of it, of which *failed* failed.
    """

    first: Document
    spans: int
    failed: int


class Search(Protocol):
    """Reads spans and lines back; implemented by each store."""

    def trace(self, trace_id: str, /) -> Found:
        """Find every span and line of a trace; both lists are empty for an unknown one."""
        ...

    def recent(
        self, *, service: str = "", failed: bool = False, min_duration_ns: int = 0, limit: int = 20
    ) -> list[Document]:
        """Find the entry spans that began last, newest first."""
        ...

    def traces(
        self, *, service: str = "", failed: bool = False, min_duration_ns: int = 0, limit: int = 20
    ) -> list[Glimpse]:
        """
        Find the traces in which something happened last, the one that began last first.

        Conditions narrow them to those in which one span meets all of them, whichever span that is.
        """
        ...

    def ids(self, prefix: str, /, *, limit: int = 10) -> list[str]:
        """Find the ids of traces that begin with *prefix*, taken literally, in order."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""

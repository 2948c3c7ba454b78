"""What a search in a store of spans and lines answers."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

#: One stored document: dotted ECS names (``trace.id``) to plain values, no nesting except below ``labels``.
Document = dict[str, Any]


class Found(NamedTuple):
    """All that is stored of one trace, each list in order of time; *partial* if a limit cut it."""

    spans: list[Document]
    lines: list[Document]
    partial: bool = False


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

    def close(self) -> None:
        """Let go of connections and files."""

"""The span that does nothing: same surface, no memory."""

from __future__ import annotations

from typing import Any

from tracelog.context import Visitor
from tracelog.record import Kind
from tracelog.span import Span


class NoopSpan:
    """Stands in where no trace is active; there is one, :data:`NOOP`."""

    __slots__ = ()

    trace_id = span_id = parent_id = entry_id = service = operation = ""
    children = calls = flags = 0
    sampled = finished = False
    kind = Kind.INTERNAL

    def visit(self, see: Visitor, /) -> None:
        """Show nothing."""

    def fork(self, operation: str | None = None, kind: Kind = Kind.INTERNAL, /, **attributes: Any) -> NoopSpan:
        """Return the span that does nothing."""
        return self

    def follow(self, operation: str | None = None, /, **attributes: Any) -> NoopSpan:
        """Return the span that does nothing."""
        return self

    def set(self, /, **attributes: Any) -> NoopSpan:
        """Keep nothing."""
        return self

    def event(self, name: str, /, **attributes: Any) -> NoopSpan:
        """Keep nothing."""
        return self

    def fail(self, failure: BaseException | str | None = None, /) -> NoopSpan:
        """Keep nothing."""
        return self

    def called(self) -> None:
        """Count nothing."""

    def leave_out(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def __repr__(self) -> str:
        return "<NOOP>"


NOOP = NoopSpan()

#: What the application may hold in its hands.
AnySpan = Span | NoopSpan

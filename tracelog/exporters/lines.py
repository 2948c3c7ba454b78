"""Writes one JSON document per line, to a file or a stream, for whatever collects it from there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOBase
from pathlib import Path
from typing import IO, Any, Protocol

from tracelog.ecs.encode import encode
from tracelog.pipeline.exporter import Line, Outcome
from tracelog.record import Record


class Outlet(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Write *data* and return how many bytes of it are written; raises ``OSError`` or ``ValueError``."""
        ...

    def close(self) -> None:
        """Let go of what this outlet opened itself."""


class LinesExporter:
    """
    Appends ECS documents to *target*, a path or a stream (default: standard output), as JSON lines.

    Nothing tells what is there already: lines sent twice are written twice. A stream that is given stays open.
    """

    def __init__(self, target: Path | str | IO[Any] | None = None) -> None:
        self._outlet: Outlet
        if isinstance(target, (Path, str)):
            self._outlet = FileOutlet(Path(target))
        else:
            self._outlet = StreamOutlet(sys.stdout if target is None else target)
        self._torn = False

    def encode(self, record: Record, /) -> bytes:
        """Turn *record* into its document."""
        return encode(record)

    def send(self, lines: Sequence[Line], /) -> Outcome:
        """Write *lines*; those that do not get out whole are to be sent again."""
        if not lines:
            return Outcome()
        # What was torn by a full disk is ended first, so that it spoils no line but itself.
        lead = b"\n" if self._torn else b""
        ends = _ends(lines, len(lead))
        problem = ""
        try:
            written = self._outlet.write(lead + b"".join(line.body + b"\n" for line in lines))
        except (OSError, ValueError) as error:
            written, problem = 0, f"{error}"
        whole = sum(1 for end in ends if end <= written)
        if written:
            self._torn = written != (ends[whole - 1] if whole else len(lead))
        if whole == len(lines):
            return Outcome(stored=whole)
        said = f"{self._outlet} takes no more lines, what is left is kept: {problem or 'no room'}"
        return Outcome(stored=whole, again=tuple(range(whole, len(lines))), problem=said)

    def close(self) -> None:
        """Close the file, if it is one."""
        self._outlet.close()

    def __repr__(self) -> str:
        return f"LinesExporter({self._outlet})"


class FileOutlet:
    """A file of this user's own that is appended to; each batch is one write, so that processes can share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._descriptor = -1

    def write(self, data: bytes, /) -> int:
        """Append *data*; the first write opens the file, or makes it."""
        if self._descriptor < 0:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o600)
        return os.write(self._descriptor, data)

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __str__(self) -> str:
        return str(self.path)


class StreamOutlet:
    """A stream of text or bytes that somebody else opened."""

    def __init__(self, stream: IO[Any]) -> None:
        self._stream = stream

    def write(self, data: bytes, /) -> int:
        """Write all of *data*, past the text layer where there is one: its encoding may not know every letter."""
        self._stream.flush()
        below = getattr(self._stream, "buffer", None)
        if below is None and isinstance(self._stream, TextIOBase):
            self._stream.write(data.decode())
        else:
            (below or self._stream).write(data)
            (below or self._stream).flush()
        return len(data)

    def close(self) -> None:
        """Leave the stream open."""

    def __str__(self) -> str:
        return str(getattr(self._stream, "name", self._stream))


def _ends(lines: Sequence[Line], start: int) -> list[int]:
    """Return for each line how many bytes must be out for it to be whole."""
    ends: list[int] = []
    for line in lines:
        start += len(line.body) + 1
        ends.append(start)
    return ends

"""What was found, in words for a person and in a name for a program."""

from __future__ import annotations

from typing import Any, NamedTuple

#: Something is missing that somebody will look for.
FAULT = "fault"

#: May well be meant, and explains what somebody wonders about.
NOTE = "note"


class Finding(NamedTuple):
    """
    One thing that is wrong.

    *name* stays the same from release to release. *what* is seen, *why* that loses ids or documents, *change* is the
    line to write in its place, *where* is file and line, ``""`` where nobody knows.
    """

    name: str
    what: str
    why: str
    change: str
    where: str = ""
    kind: str = FAULT


class Report(NamedTuple):
    """What was *looked* at, each with what it is, and what was found there."""

    looked: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is at fault; notes alone do no harm."""
        return all(finding.kind != FAULT for finding in self.findings)

    def plain(self) -> dict[str, Any]:
        """Return the report for programs."""
        looked = [{"at": at, "is": told} for at, told in self.looked]
        return {"well": self.well, "looked": looked, "findings": [finding._asdict() for finding in self.findings]}

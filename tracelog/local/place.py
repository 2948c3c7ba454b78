"""Where the embedded file lies, and how a URL names it."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_state_path


def default_path() -> Path:
    """Return the file that is used where none is named: one per user."""
    return user_state_path("tracelog") / "traces.sqlite"


def url_of(path: Path) -> str:
    """
    Return the URL that names *path*.

    >>> url_of(Path("/var/traces.sqlite")), url_of(Path("traces.sqlite"))
    ('sqlite:///var/traces.sqlite', 'sqlite:traces.sqlite')
    """
    return f"sqlite:{'//' if path.is_absolute() else ''}{path}"

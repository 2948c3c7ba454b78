"""Where the embedded file lies, and how a URL names it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

from platformdirs import user_state_path

from tracelog.errors import DestinationError

SCHEME = "sqlite:"


def default_path() -> Path:
    """Return the file that is used where none is named: one per user."""
    return user_state_path("tracelog") / "traces.sqlite"


def path_of(url: str) -> Path:
    """
    Return the file that *url* names; ``sqlite:`` alone names the default one.

    Three slashes begin a relative path, four an absolute one, as in SQLAlchemy.

    >>> path_of("sqlite:///traces.sqlite").as_posix(), path_of("sqlite:////var/lib/a%20b").as_posix()
    ('traces.sqlite', '/var/lib/a b')
    """
    rest = url[len(SCHEME) :] if url.lower().startswith(SCHEME) else None
    if rest in {"", "//", "///"}:
        return default_path()
    if rest is None or not rest.startswith("///"):
        raise DestinationError(
            url, "this does not name an SQLite file", "write sqlite:///file, or sqlite:////path/file"
        )
    return Path(unquote(rest[3:])).expanduser()


def url_of(path: Path) -> str:
    """
    Return the URL that names *path*.

    >>> url_of(Path("a b.sqlite"))
    'sqlite:///a%20b.sqlite'
    """
    return f"sqlite:///{quote(str(path))}"

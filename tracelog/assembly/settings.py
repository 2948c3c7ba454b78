"""
Every setting there is: its name, how it is read, its default.

A setting is a keyword, else ``TRACELOG_<NAME>`` in Flask's configuration, else that environment variable, else its
default. A value that cannot be used fails at start and names its key. Nothing else reads the environment.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any, cast

from tracelog.assembly.destination import Destination, destination
from tracelog.context import Propagator
from tracelog.errors import InvalidSetting
from tracelog.reading import LEVEL_NUMBERS
from tracelog.sampling import ByRoute, ParentBased, Ratio, Rule, Sampler
from tracelog.trust import Trust, always, never

PREFIX = "TRACELOG_"
_LONGEST_NAMESPACE = 100

log = logging.getLogger("tracelog")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidSetting(key, value, f"text is needed, not {type(value).__name__}")
    return value.strip()


def _secret(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidSetting(key, f"<{type(value).__name__}>", "text is needed")
    return value.strip()


def _switch(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise InvalidSetting(key, value, "use true or false")


def _count(key: str, value: Any) -> int:
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise InvalidSetting(key, value, "a whole number from 1 is needed")
    return number


def _members(key: str, value: Any) -> tuple[Any, ...]:
    """Read a list: text with commas, or a sequence as a keyword or in Flask's configuration."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(cast("list[Any]", value))
    raise InvalidSetting(key, value, "a list is needed, or text with commas")


def _names(key: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(key, name) for name in _members(key, value))


def _export(key: str, value: Any) -> Destination | None:
    if isinstance(value, Destination):
        return value
    return destination(text, key) if (text := _text(key, value)) else None


def _namespace(key: str, value: Any) -> str:
    """Check a data stream's namespace as Elasticsearch does."""
    name = _text(key, value)
    if not name or len(name) > _LONGEST_NAMESPACE or name != name.lower() or set(name) & set('-\\/*?"<>| ,#:'):
        raise InvalidSetting(key, value, "use lower-case letters, digits, '_' and '.', no '-', at most 100")
    return name


def _file(key: str, value: Any) -> str:
    path = _text(key, str(value) if hasattr(value, "__fspath__") else value)
    if path and not os.access(path, os.R_OK):
        raise InvalidSetting(key, path, "no such file, or it cannot be read")
    return path


def _level(key: str, value: Any) -> int:
    """Read a level's name or number."""
    number = value if isinstance(value, int) else LEVEL_NUMBERS.get(str(value).strip().lower())
    if isinstance(value, bool) or number is None:
        raise InvalidSetting(key, value, "use a level of logging: DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return number


def _sample(key: str, value: Any) -> Sampler:
    """Read a ratio, or rules such as ``/health=0,POST /pay=1,*=0.1``; a callable is a sampler of the user's own."""
    if callable(value):
        return cast("Sampler", value)
    text = str(value).strip()
    if "=" not in text:
        return ParentBased(_ratio(key, text))
    rules: list[Rule] = []
    for part in _members(key, text):
        pattern, _, ratio = part.rpartition("=")
        if not pattern:
            raise InvalidSetting(key, part, "each rule needs the form PATTERN=RATIO, as in /health=0")
        rules.append(Rule(pattern.strip(), _ratio(key, ratio)))
    return ParentBased(ByRoute(rules))


def _ratio(key: str, text: str) -> Ratio:
    try:
        return Ratio(float(text))
    except ValueError:
        raise InvalidSetting(key, text, "a ratio from 0 to 1 is needed, as in 0.1") from None


def _function(key: str, value: Any) -> Callable[..., Any] | None:
    """Read a callable, or its name as ``module:function``."""
    if value is None or value == "" or callable(value):
        return value or None
    function = _named(str(value))
    if not callable(function):
        raise InvalidSetting(key, value, "a callable is needed, or its name as module:function")
    return cast("Callable[..., Any]", function)


def _named(text: str) -> Any:
    """Find what ``module:name`` names, None where there is no such thing."""
    module, colon, name = text.partition(":")
    try:
        return getattr(import_module(module), name) if colon else None
    except (ImportError, AttributeError):
        return None


def _formats(key: str, value: Any) -> tuple[str | Propagator, ...]:
    """Read names of formats, and formats of the user's own: an object, or its name as ``module:name``."""
    one = isinstance(value, Propagator) and not isinstance(value, type)
    return tuple(_format(key, member) for member in ((value,) if one else _members(key, value)))


def _format(key: str, member: Any) -> str | Propagator:
    if isinstance(member, str) and ":" not in member:
        return member.strip()
    found: Any = _named(member.strip()) if isinstance(member, str) else member
    try:
        made = found() if isinstance(found, type) else found
    except Exception as error:
        raise InvalidSetting(key, member, f"it cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, Propagator):
        raise InvalidSetting(key, member, "a format with extract and inject is needed, or its name as module:name")
    return made


def _trust(key: str, value: Any) -> Trust | None:
    """Read ``always``, ``never``, or a callable that is asked about each request, or its name."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("always", "never"):
        return always if word == "always" else never
    try:
        return _function(key, value)
    except InvalidSetting:
        raise InvalidSetting(key, value, "use always, never, or a callable or its name as module:function") from None


def _numbering(key: str, value: Any) -> str:
    word = _text(key, value).lower()
    if word not in ("random", "dotted"):
        raise InvalidSetting(key, value, "use random, or dotted for go-zero up to 1.2.1")
    return word


def _setting(read: Callable[[str, Any], Any], default: Any, example: str, meaning: str, *, secret: bool = False) -> Any:
    """Describe a setting; the metadata is what the README's table is checked against."""
    about = {"read": read, "example": example, "meaning": meaning}
    return field(default=default, repr=not secret, metadata=about)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one application; credentials do not show in its repr."""

    service: str = _setting(_text, "", "shop", "name of the service; default: the application's, else the host's")
    service_version: str = _setting(_text, "", "1.4.2", "version of the service")
    environment: str = _setting(_text, "", "production", "where the service runs")
    export: Destination | None = _setting(_export, None, "https://es:9200", "where spans and lines go")
    api_key: str = _setting(_secret, "", "VnVhQ2ZHY0…", "API key for Elasticsearch (base64)", secret=True)
    username: str = _setting(_text, "", "tracelog_writer", "user for Elasticsearch")
    password: str = _setting(_secret, "", "…", "the user's password", secret=True)
    ca_certs: str = _setting(_file, "", "/etc/ssl/es-ca.pem", "CA file for Elasticsearch; TLS is always verified")
    namespace: str = _setting(_namespace, "default", "shop", "namespace of the data streams")
    ship_logs: bool | None = _setting(_switch, None, "false", "ship log lines too; default: yes, where spans are kept")
    ship_level: int = _setting(_level, logging.DEBUG, "INFO", "lowest level of lines that are shipped")
    sample: Sampler = _setting(_sample, ParentBased(), "/health=0,*=0.1", "ratio of traces kept, or rules by path")
    propagators: tuple[str | Propagator, ...] = _setting(
        _formats, ("w3c", "baggage"), "w3c", "formats read and written, in order"
    )
    trust_incoming: Trust | None = _setting(_trust, None, "never", "whether a caller's ids are taken over")
    ids: str = _setting(_numbering, "random", "dotted", "how spans are numbered; dotted: as go-zero up to 1.2.1")
    exclude: tuple[Any, ...] = _setting(_members, (), "/health,blueprint:admin", "requests that make no span")
    request_line: bool = _setting(_switch, True, "false", "log one line for each finished request")
    response_header: str = _setting(_text, "X-Trace-Id", "", "response header with the trace id; empty for none")
    client_errors_fail: bool = _setting(_switch, False, "true", "count answers 4xx as failures")
    redact: tuple[str, ...] = _setting(_names, (), "iban,ssn", "further names whose values are secret")
    redact_with: Callable[[str, Any], Any] | None = _setting(
        _function, None, "shop.privacy:hide", "function (name, value) that returns what may be stored"
    )
    backlog_max_records: int = _setting(_count, 16_384, "4096", "records that may wait to be encoded")
    backlog_max_bytes: int = _setting(_count, 32 << 20, "8388608", "bytes of encoded records that may wait to be sent")


NAMES = tuple(setting.name for setting in fields(Settings))


def read_settings(
    keywords: Mapping[str, Any], config: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """
    Read the settings of one application.

    A keyword of None counts as not given. Raises InvalidSetting for a value that cannot be used, and for a keyword
    that is no setting.
    """
    for name in keywords:
        if name not in NAMES:
            raise InvalidSetting(PREFIX + name.upper(), keywords[name], f"there is no such setting{_meant(name)}")
    given = {name: value for name, value in keywords.items() if value is not None}
    sources = (config or {}, os.environ if environ is None else environ)
    for source in sources:
        _warn_of_misspelt(source)
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        key = PREFIX + setting.name.upper()
        value = next((source[key] for source in sources if source.get(key) is not None), None)
        value = given.get(setting.name, value)
        if value is not None:
            values[setting.name] = setting.metadata["read"](key, value)
    return Settings(**values)


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), NAMES, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(NAMES)}"


def _warn_of_misspelt(source: Mapping[str, Any]) -> None:
    """Say so where a key looks like a setting and is none; other programs may use the prefix too."""
    for key in source:
        name = key.removeprefix(PREFIX).lower()
        if key.startswith(PREFIX) and name not in NAMES and difflib.get_close_matches(name, NAMES, n=1, cutoff=0.8):
            log.warning("%s is no setting%s", key, _meant(name))

"""
Values of the application's own, made plain on the caller's thread.

Only numbers, text, booleans, None and small containers of them cross to the worker: another thread must never call
into an object of the application (a lazy ORM row would query its session from there).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from itertools import islice
from typing import Any, TypeGuard, TypeVar, cast

MAX_KEYS = 128
MAX_KEY_LENGTH = 256
MAX_DEPTH = 6
MAX_TEXT = 8192

#: Members of all containers of one value together: a cycle with two ways out doubles at each level.
MAX_MEMBERS = 1024

_PATHS = frozenset({"PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath"})

#: Types of the standard library whose ``str`` can be asked for on any thread, by module. Naming them is enough: who has
#: a value of one has loaded its module, and loading all of them would be a quarter of what importing tracelog costs.
_READABLE: Mapping[str, frozenset[str]] = {
    "datetime": frozenset({"date", "datetime", "time", "timedelta"}),
    "decimal": frozenset({"Decimal"}),
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,  # Python 3.13
    "uuid": frozenset({"UUID"}),
}
_SIMPLE = frozenset({str, int, float, bool, type(None)})
_NUMBERS = frozenset({int, float})
_INT64 = 2**63
_CUT = "…"

T = TypeVar("T")


def made_plain(values: dict[str, Any]) -> dict[str, Any]:
    """
    Return *values* with every value safe to be read by another thread and to be written as JSON.

    >>> made_plain({"a": 1, "b": {"c": b"raw"}, "d": float("nan")})
    {'a': 1, 'b': {'c': 'raw'}, 'd': 'nan'}
    """
    if len(values) <= MAX_KEYS and _SIMPLE.issuperset(map(type, values.values())):
        return values
    return {text(key)[:MAX_KEY_LENGTH]: plain(value) for key, value in islice(values.items(), MAX_KEYS)}


def plain(value: Any, show: Callable[[Any], str] | None = None) -> Any:
    """
    Turn *value* into JSON's own types, whatever it is and whatever its methods raise.

    *show* renders objects that have no form of their own in JSON (default: a ``repr`` that cannot raise). Containers
    deeper than six levels, which cycles are, members after the 128th, and all after 1024 members are cut.
    """
    if type(value) is str:
        return text(value)
    return _Walk(show or safe_repr).plain(value, 0)


class _Walk:
    """One walk through a value and its members."""

    __slots__ = ("_left", "_show")

    def __init__(self, show: Callable[[Any], str]) -> None:
        self._show = show
        self._left = MAX_MEMBERS

    def plain(self, value: Any, depth: int) -> Any:
        """Turn *value*, which lies *depth* containers deep, into JSON's own types."""
        if type(value) is str:
            return text(value)
        if value is None or value is True or value is False:
            return value
        if type(value) in _NUMBERS:
            return _number(value)
        try:
            return self._composed(value, depth)
        except Exception:  # noqa: BLE001 - even isinstance asks the object itself, and a lazy one may raise anything
            return _named(value)

    def _composed(self, value: Any, depth: int) -> Any:
        """Turn text and numbers of other types, containers and objects into JSON's own types."""
        if isinstance(value, str):
            return text(str.__str__(value))
        if isinstance(value, (int, float)):
            return _number(value)
        if _is_bytes(value):
            return text(bytes(value[: MAX_TEXT + 1]).decode("utf-8", "replace"))
        return self._members(value, depth) if _is_container(value) else text(self._show(value))

    def _members(self, value: Iterable[Any], depth: int) -> Any:
        """Turn the members of a container into JSON's own types."""
        if depth >= MAX_DEPTH or self._left <= 0:
            return _CUT
        try:
            if _is_dict(value):
                pairs = self._taken(value.items())
                return {self._key(key): self.plain(member, depth + 1) for key, member in pairs}
            return [self.plain(member, depth + 1) for member in self._taken(value)]
        except RuntimeError:
            return "<changed while it was read>"

    def _taken(self, members: Iterable[T]) -> list[T]:
        """Take as many *members* as there is room for."""
        taken = list(islice(members, min(MAX_KEYS, self._left)))
        self._left -= len(taken)
        return taken

    def _key(self, key: Any) -> str:
        """Turn a key of any type into text."""
        if isinstance(key, str):
            return text(str.__str__(key))[:MAX_KEY_LENGTH]
        shown = str(self.plain(key, 0)) if type(key) in _SIMPLE else text(self._show(key))
        return shown[:MAX_KEY_LENGTH]


def _is_bytes(value: Any) -> TypeGuard[bytes]:
    return isinstance(value, (bytes, bytearray, memoryview))


def _is_container(value: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, (dict, list, tuple, set, frozenset))


def _is_dict(value: Any) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _number(value: float) -> int | float | str:
    """Keep a number JSON and Elasticsearch can hold; tell any other as text."""
    if isinstance(value, int):
        value = int(value)
        return value if -_INT64 <= value < _INT64 else _digits(value)
    value = float(value)
    return value if math.isfinite(value) else str(value)


def fits(value: Any) -> bool:
    """Tell whether *value* is a number, a boolean or None that JSON and Elasticsearch hold as it is."""
    kind = cast("type[object]", type(value))
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    return kind is bool or value is None or (kind is float and math.isfinite(value))


def _digits(value: int) -> str:
    """Write a long integer; Python itself refuses more than some thousand digits."""
    try:
        return text(str(value))
    except ValueError:
        return f"<int of {value.bit_length()} bits>"


def text(value: str) -> str:
    """Cut *value* at 8 KiB of characters, and replace what UTF-8 cannot hold."""
    if len(value) > MAX_TEXT:
        value = value[: MAX_TEXT - 1] + _CUT
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def safe_repr(value: Any) -> str:
    """Write *value* as ``repr`` does, or name its type where that raises."""
    known = _known(value)
    if known is not None:
        return known
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a repr of the application's own may raise anything
        return _named(value)


def named(value: Any) -> str:
    """Write a value of the standard library's kinds, and name the type of any other without calling into it."""
    return _known(value) or _named(value)


def _known(value: Any) -> str | None:
    """Write what is known to be readable from any thread."""
    if _is_readable(cast("type[object]", type(value))):
        return str(value)
    return value.name if isinstance(value, Enum) else None


def _is_readable(kind: type[object]) -> bool:
    """Tell whether *kind* is one of those, and not a type of the application's own by that name."""
    module, name = kind.__module__, kind.__qualname__
    return name in _READABLE.get(module, ()) and getattr(sys.modules.get(module), name, None) is kind


def _named(value: Any) -> str:
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Tell whether *value* is a list, in words that all checkers of types understand."""
    return isinstance(value, list)


def is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether *value* is a dictionary, as :func:`is_list` does; its keys are names wherever this is asked."""
    return isinstance(value, dict)


def is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    """Tell whether *value* is a tuple, as :func:`is_list` does."""
    return isinstance(value, tuple)

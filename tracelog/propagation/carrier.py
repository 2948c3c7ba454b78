"""What ids travel on, by the name of its format: headers, a WSGI environ, gRPC metadata, a plain mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from functools import lru_cache
from typing import Any, TypeGuard

from tracelog.context import Carrier
from tracelog.errors import InvalidCarrier

#: Values of one name are joined up to about this length: no format reads as much, and ten thousand would take seconds.
LONGEST = 1 << 16


def wrap(carrier: Any, format: str, *, writing: bool = False) -> Carrier:
    """
    Make *carrier* readable, and with *writing* also writable, in the way of *format*.

    Raises :class:`~tracelog.errors.InvalidCarrier` for a format that is not in :data:`FORMATS`, and for a carrier of
    the wrong type. What the carrier holds is never a reason to raise.
    """
    try:
        wrapper = FORMATS[format]
    except (KeyError, TypeError):
        raise InvalidCarrier(format, carrier, tuple(FORMATS)) from None
    wrapped = wrapper(carrier, writing)
    if wrapped is None:
        raise InvalidCarrier(format, carrier)
    return wrapped


class Environ:
    """A WSGI environ: the header ``trace-parent`` is its ``HTTP_TRACE_PARENT``; servers have joined doubled ones."""

    __slots__ = ("_environ",)

    def __init__(self, environ: MutableMapping[str, Any]) -> None:
        self._environ = environ

    def get(self, key: str, /) -> str | None:
        """Return the value of the header *key*."""
        value = self._environ.get(_environ_key(key))
        return value if isinstance(value, str) else None

    def set(self, key: str, value: str, /) -> None:
        """Write the header *key*."""
        self._environ[_environ_key(key)] = value


@lru_cache(maxsize=64)
def _environ_key(key: str) -> str:
    return "HTTP_" + key.upper().replace("-", "_")


class Exact:
    """A mapping whose keys mean what they are, such as the attributes of a message in a queue."""

    __slots__ = ("_mapping",)

    def __init__(self, mapping: Any) -> None:
        self._mapping = mapping

    def get(self, key: str, /) -> str | None:
        """Return the value of *key*."""
        return _text(self._mapping.get(key))

    def set(self, key: str, value: str, /) -> None:
        """Write *value* under *key*."""
        try:
            self._mapping[key] = value
        except TypeError:
            raise InvalidCarrier("mapping", self._mapping) from None


class Headers:
    """
    Names and values, with case ignored in names and any number of values to a name.

    *source* has ``items()``, as dictionaries and the header classes of HTTP libraries do, or is a sequence of pairs.
    """

    __slots__ = ("_format", "_read", "_source")

    def __init__(self, source: Any, format: str) -> None:
        self._source = source
        self._format = format
        self._read: dict[str, str] | None = None

    def get(self, key: str, /) -> str | None:
        """Return the values of *key* joined by commas."""
        if self._read is None:
            self._read = _joined(self._pairs())
        return self._read.get(key.lower())

    def set(self, key: str, value: str, /) -> None:
        """Write *value* under *key* and take away what was there under any spelling of it."""
        self._read = None
        key = key.lower() if self._format == "metadata" else key
        try:
            if _is_list(self._source):
                _replace(self._source, key, value)
            else:
                self._clear(key)
                self._source[key] = value
        except TypeError:
            raise InvalidCarrier(self._format, self._source) from None

    def _pairs(self) -> Iterable[Any]:
        pairs: Iterable[Any] = self._source if _is_sequence(self._source) else self._source.items()
        return pairs

    def _clear(self, key: str) -> None:
        """Take *key* away, once for each of its values: some multi-dicts delete the first only, others all at once."""
        taken = [name for name, _ in self._pairs() if isinstance(name, str) and name.lower() == key.lower()]
        for name in taken:
            try:
                del self._source[name]
            except KeyError:
                return


def _joined(pairs: Iterable[Any]) -> dict[str, str]:
    """Collect *pairs* by lower-case name; what is no pair of texts is left out."""
    read: dict[str, str] = {}
    for pair in pairs:
        match pair:
            case (first, second):
                name, value = _text(first), _text(second)
            case _:
                continue
        if name is not None and value is not None:
            name = name.lower()
            before = read.get(name)
            if before is None:
                read[name] = value
            elif len(before) <= LONGEST:
                read[name] = f"{before},{value}"
    return read


def _text(value: Any) -> str | None:
    """Return text as it is and ASCII bytes as text, anything else as None."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes) and value.isascii():
        return value.decode("ascii")
    return None


def _replace(pairs: MutableSequence[Any], key: str, value: str) -> None:
    """Put the pair of *key* at the end of *pairs*, in place of any other of that name."""
    wanted = key.lower()
    pairs[:] = [pair for pair in pairs if wanted not in _joined([pair])]
    pairs.append((key, value))


def _is_sequence(carrier: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(carrier, Sequence) and not isinstance(carrier, (str, bytes, bytearray, memoryview))


def _is_list(carrier: Any) -> TypeGuard[MutableSequence[Any]]:
    return isinstance(carrier, MutableSequence)


def _is_dict(carrier: Any) -> TypeGuard[MutableMapping[str, Any]]:
    return isinstance(carrier, MutableMapping)


def _headers(carrier: Any, writing: bool, format: str = "http") -> Carrier | None:
    """Accept mappings, header classes and sequences of pairs."""
    if _is_sequence(carrier):
        fits = not writing or _is_list(carrier)
    else:
        fits = callable(getattr(carrier, "items", None)) and (not writing or hasattr(carrier, "__setitem__"))
    # A class has an unbound ``items``; it is no carrier.
    return Headers(carrier, format) if fits and not isinstance(carrier, type) else None


def _metadata(carrier: Any, writing: bool) -> Carrier | None:
    """Accept what gRPC calls metadata; None stands for none."""
    if carrier is None and not writing:
        return Headers((), "metadata")
    return _headers(carrier, writing, "metadata")


def _wsgi(carrier: Any, writing: bool) -> Carrier | None:
    """Accept a dictionary, as PEP 3333 demands."""
    return Environ(carrier) if _is_dict(carrier) else None


def _mapping(carrier: Any, writing: bool) -> Carrier | None:
    """Accept mappings."""
    return Exact(carrier) if isinstance(carrier, MutableMapping if writing else Mapping) else None


#: Formats by name: each answers with the carrier wrapped, or None if that has the wrong type (or, where it will be
#: written to, cannot be written). A further format is one more entry.
FORMATS: dict[str, Callable[[Any, bool], Carrier | None]] = {
    "http": _headers,
    "wsgi": _wsgi,
    "metadata": _metadata,
    "mapping": _mapping,
}

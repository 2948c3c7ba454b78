"""Records made to fit: a document too large is refused as a whole, so that parts of it are cut before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from tracelog.plain import MAX_KEY_LENGTH, is_list
from tracelog.record import Event, LineRecord, SpanRecord

#: How many bytes of JSON the texts of one record may come to; the rest of a document of 64 KiB is for what we add.
MAX_SIZE = 60 * 1024

#: How many characters of a stack trace are kept.
MAX_STACK = 32 * 1024

#: One character is at most six bytes of JSON, and so a record of this many fits without being measured.
_SURELY_FITS = MAX_SIZE // 6

# What is tried in turn: so many characters of the stack trace, and so many of any other text.
_STEPS = ((MAX_STACK, 8192), (8192, 2048), (4096, 512), (2048, 64))

#: The attribute of a record that lost its attributes because they did not fit.
CUT = "tracelog.cut"

# Quotes, commas and colon around a member, and a number in full.
_PER_MEMBER = 6
_PER_NUMBER = 24

_NUMBERS = frozenset({int, float, bool, type(None)})

R = TypeVar("R", SpanRecord, LineRecord)


def fitted(record: R) -> R:
    """Return *record*, its texts cut as far as it needs to become a document that is stored."""
    if _is_small(record) or _size(record, len) <= _SURELY_FITS or _size(record, _in_json) <= MAX_SIZE:
        return record
    for stack, characters in _STEPS:
        shorter = _shortened(record, stack, characters)
        if _size(shorter, _in_json) <= MAX_SIZE:
            return shorter
    return _bare(_shortened(record, *_STEPS[-1]))


def middle_cut(text: str, characters: int) -> str:
    r"""
    Cut the middle out of *text*, at ends of lines if there are any.

    >>> print(middle_cut("\n".join("abcdefghijklmnopqrstuvwxyz"), 40))
    a
    b
    … 41 characters left out …
    w
    x
    y
    z
    """
    if len(text) <= characters:
        return text
    note = f"… {len(text)} characters left out …"
    room = max(0, characters - len(note) - 2)
    head, tail = text[: room // 3], text[len(text) - (room - room // 3) :]
    head = head[: head.rfind("\n")] if "\n" in head else head
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail else tail
    return f"{head}\n… {len(text) - len(head) - len(tail)} characters left out …\n{tail}"


def _is_small(record: SpanRecord | LineRecord) -> bool:
    """Tell at a glance that a record of few short values fits; nearly all are such, and this runs for each."""
    if record.failure is not None:
        return False
    if isinstance(record, LineRecord):
        said, values = record.message, record.fields
    elif record.events:
        return False
    else:
        said, values = record.operation, record.attributes
    size = len(said) + len(values) * (MAX_KEY_LENGTH + _PER_NUMBER)
    for value in values.values():
        if type(value) is str:
            size += len(value)
        elif type(value) not in _NUMBERS:
            return False
    return size <= _SURELY_FITS


def _size(record: SpanRecord | LineRecord, measure: Callable[[str], int]) -> int:
    """Add up the texts of *record*."""
    size, failure = 0, record.failure
    if failure is not None:
        size = measure(failure.type) + measure(failure.message) + measure(failure.text)
    if isinstance(record, LineRecord):
        return size + measure(record.message) + _size_of(record.fields, measure)
    for event in record.events:
        size += measure(event.name) + _size_of(event.attributes, measure)
    return size + measure(record.operation) + _size_of(record.attributes, measure)


def _size_of(value: Any, measure: Callable[[str], int]) -> int:
    """Add up the texts of a plain value."""
    if isinstance(value, str):
        return measure(value)
    if isinstance(value, Mapping):
        size = 0
        for key, member in cast("Mapping[str, Any]", value).items():
            size += measure(key) + _PER_MEMBER
            size += measure(member) if type(member) is str else _size_of(member, measure)
        return size
    if is_list(value):
        return sum([_size_of(member, measure) for member in value], _PER_MEMBER * len(value))
    return _PER_NUMBER


def _in_json(text: str) -> int:
    """Count the bytes of *text* in JSON; of characters that need an escape only these four are left by now."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return size + sum(map(text.count, '"\\\n\t'))


def _shortened(record: R, stack: int, characters: int) -> R:
    """Cut the texts of *record*."""
    failure = record.failure
    if failure is not None:
        failure = failure._replace(message=_short(failure.message, characters), text=middle_cut(failure.text, stack))
    if isinstance(record, LineRecord):
        fields = _short(record.fields, characters)
        return record._replace(message=_short(record.message, characters), fields=fields, failure=failure)
    events = tuple(Event(name, at, _short(attributes, characters)) for name, at, attributes in record.events)
    return record._replace(attributes=_short(record.attributes, characters), events=events, failure=failure)


def _short(value: Any, characters: int) -> Any:
    """Cut the texts of a plain value."""
    if isinstance(value, str):
        return value if len(value) <= characters else value[: characters - 1] + "…"
    if isinstance(value, Mapping):
        return {key: _short(member, characters) for key, member in cast("Mapping[str, Any]", value).items()}
    if is_list(value):
        return [_short(member, characters) for member in value]
    return value


def _bare(record: R) -> R:
    """Take the attributes away, and say so."""
    if isinstance(record, LineRecord):
        return record._replace(fields={CUT: "fields left out: too large"})
    return record._replace(attributes={CUT: "attributes and events left out: too large"}, events=())

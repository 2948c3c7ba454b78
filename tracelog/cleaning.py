"""
Records made safe to be stored: no secrets, no control characters, nothing without bounds.

Runs away from the application's threads, on every record, before anything is encoded. What is looked for in names and
texts is in :mod:`tracelog.redaction`; how values of any type become plain ones in :mod:`tracelog.plain`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from tracelog.fitting import MAX_STACK, fitted, middle_cut
from tracelog.plain import MAX_KEY_LENGTH, MAX_KEYS, fits, is_list, named, plain, text
from tracelog.record import Entry, Event, Failure, LineRecord, Link, Origin, SpanRecord
from tracelog.redaction import REDACTED, SECRET_NAMES, Redactor

__all__ = ["FAULT", "SECRET_NAMES", "Cleaner"]

#: The attribute of a record that could not be cleaned and lost its attributes for that.
FAULT = "tracelog.fault"

_SHORT = 80
_MAX_KNOWN = 2048
_FEW = 24  # attributes, that fit whatever they are where none of their texts is longer than that

# In texts of one line nothing may end the line, steer a terminal or turn the direction of writing; in longer ones line
# breaks and tabs may stay.
_IN_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# What a terminal takes for colours, as in the access lines of Werkzeug's server.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Cleaner:
    """
    Cleans records, and never raises.

    Values of *names*, and what looks like a secret in any text, become ``[redacted]``. *callback* is then asked about
    each attribute, field and message by name, and its answer taken in place of the value; one that raises takes the
    value away.
    """

    def __init__(self, names: Iterable[str] = SECRET_NAMES, callback: Callable[[str, Any], Any] | None = None) -> None:
        self._redactor = Redactor(names)
        self._callback = callback
        self._key = lru_cache(maxsize=_MAX_KNOWN)(self._cleaned_key)
        # Names that need no cleaning and speak of no secret.
        self._plain: set[str] = set()
        # Short texts that were found clean: methods, routes and hosts come again and again.
        self._clean: set[str] = set()

    def span(self, record: SpanRecord) -> SpanRecord:
        """Return *record* as it may be stored; the same one if there was nothing to do."""
        try:
            return record if self._is_clean(record) else fitted(self._span(record))
        except Exception as error:  # noqa: BLE001 - a record without attributes is better than none
            return record._replace(
                trace_id=_short(record.trace_id),
                parent_id=_short(record.parent_id),
                operation=_short(record.operation),
                attributes=_fault(error),
                events=(),
                failure=_type_of(record.failure),
                links=(),
            )

    def line(self, record: LineRecord) -> LineRecord:
        """Return *record* as it may be stored; the same one if there was nothing to do."""
        try:
            return fitted(self._line(record))
        except Exception as error:  # noqa: BLE001 - as above
            return record._replace(
                message=f"<message lost: {type(error).__name__}>",
                level=_short(record.level),
                logger=_short(record.logger),
                trace_id=_short(record.trace_id),
                span_id=_short(record.span_id),
                entry_id="",
                thread="",
                fields=_fault(error),
                origin=None,
                failure=_type_of(record.failure),
            )

    def _is_clean(self, record: SpanRecord) -> bool:
        """Tell at a glance that all of *record* was found clean before, as in most; this runs for each of them."""
        if self._callback is not None or record.failure is not None or record.events or record.links:
            return False
        if _short(record.trace_id) is not record.trace_id or _short(record.parent_id) is not record.parent_id:
            return False
        operation, attributes = record.operation, record.attributes
        if len(attributes) > _FEW:
            return False
        known = type(operation) is str and operation in self._clean and operation.isprintable()
        return known and self._are_clean(attributes)

    def _are_clean(self, attributes: Mapping[Any, Any]) -> bool:
        """Tell whether all names and values were found clean before."""
        names, clean = self._plain, self._clean
        for name, value in attributes.items():
            if type(name) is not str or name not in names:
                return False
            if (value not in clean) if type(value) is str else not fits(value):
                return False
        return True

    def _span(self, record: SpanRecord) -> SpanRecord:
        trace_id, parent_id = _short(record.trace_id), _short(record.parent_id)
        operation = self._one_line(record.operation)
        attributes = self._members(record.attributes)
        if (
            attributes is record.attributes
            and operation is record.operation
            and trace_id is record.trace_id
            and parent_id is record.parent_id
            and record.failure is None
            and not record.events
            and not record.links
        ):
            return record
        return record._replace(
            trace_id=trace_id,
            parent_id=parent_id,
            operation=operation,
            attributes=attributes,
            events=self._events(record.events),
            failure=None if record.failure is None else self._failure(record.failure),
            links=tuple(Link(_short(link.trace_id), _short(link.span_id)) for link in record.links),
        )

    def _line(self, record: LineRecord) -> LineRecord:
        origin = record.origin
        # By position: naming what changes costs three times as much, and this runs for each line.
        return LineRecord(
            record.resource,
            record.at_ns,
            _short(record.level),
            _short(record.logger),
            self._one_line(self._asked("message", record.message)),
            _short(record.trace_id),
            _short(record.span_id),
            _short(record.entry_id),
            self._members(record.fields),
            None if origin is None else Origin(_short(origin.file), origin.line, _short(origin.function)),
            None if record.failure is None else self._failure(record.failure),
            _short(record.thread),
        )

    def _events(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Clean the names and attributes of *events*."""
        return tuple(Event(_short(event.name), event.at_ns, self._members(event.attributes)) for event in events)

    def _failure(self, failure: Failure) -> Failure:
        """Write the stack trace, which needs the source files, and clean it."""
        try:
            stack = failure.stack()
        except Exception as error:  # noqa: BLE001 - it reads source files, and code of the application's own may be in it
            stack = f"<stack trace lost: {type(error).__name__}>"
        if stack:
            stack = self._asked("error.stack_trace", middle_cut(_surely_text(stack), MAX_STACK))
        return Failure(
            _short(failure.type),
            self._free_text(self._asked("error.message", failure.message)),
            None,
            middle_cut(self._scrubbed(_surely_text(stack)), MAX_STACK) if stack else "",
            self._entry(failure.entry),
        )

    def _entry(self, entry: Entry | None) -> Entry | None:
        """Clean what is known of the entry span; its type is a word, or not told."""
        if entry is None:
            return None
        kind = _short(entry.type) if isinstance(entry.type, str) else None
        return Entry(self._one_line(entry.operation)[:MAX_KEY_LENGTH], entry.kind, kind)

    def _members(self, values: Mapping[Any, Any]) -> Mapping[str, Any]:
        """Clean names and values, up to 128 of them; answer with *values* itself if that changes nothing."""
        cleaned: dict[str, Any] = {}
        changed = len(values) > MAX_KEYS
        clean, unasked = self._clean, self._callback is None
        for name, value in islice(values.items(), MAX_KEYS):
            key, secret = self._key(name) if type(name) is str else self._cleaned_key(name)
            if unasked and not secret and (value in clean if type(value) is str else fits(value)):
                cleaned[key] = value
            else:
                cleaned[key] = member = self._member(key, secret, value)
                changed = changed or member is not value
            changed = changed or (key is not name and key != name)
        return cleaned if changed else values

    def _cleaned_key(self, name: Any) -> tuple[str, bool]:
        """Return *name* as a key, and whether it names a secret."""
        key = _short(name)
        secret = self._redactor.is_secret(key)
        if key is name and not secret:
            _note(key, self._plain)
        return key, secret

    def _member(self, key: str, secret: bool, value: Any) -> Any:
        """Clean the value of *key*."""
        value = plain(value, named)
        if secret and _tells(key, value):
            value = REDACTED
        return self._cleaned(value if self._callback is None else plain(self._asked(key, value), named))

    def _cleaned(self, value: Any) -> Any:
        """Clean the texts in a plain value."""
        if isinstance(value, str):
            return self._free_text(value)
        if isinstance(value, dict):
            return self._members(cast("dict[str, Any]", value))
        if is_list(value):
            return [self._cleaned(member) for member in value]
        return value

    def _asked(self, name: str, value: Any) -> Any:
        """Ask the callback about *value*."""
        if self._callback is None:
            return value
        try:
            return self._callback(name, value)
        except Exception:  # noqa: BLE001 - what it wanted to hide stays hidden
            return REDACTED

    def _one_line(self, value: Any) -> str:
        """Clean a text that is shown in one line."""
        if type(value) is str and value in self._clean and value.isprintable():
            return value
        value = text(_surely_text(value))
        if not value.isprintable():
            value = text(_IN_LINE.sub(_visible, _COLOUR.sub("", value)))
        return self._remembered(value, self._redactor.text(value))

    def _free_text(self, value: Any) -> str:
        """Clean a text that may have several lines."""
        value = _surely_text(value)
        cleaned = self._scrubbed(text(value))
        return self._remembered(value, cleaned if cleaned is value else text(cleaned))

    def _remembered(self, value: str, cleaned: str) -> str:
        """Return *cleaned*, and note a short text that was clean; one asked about by name is never just clean."""
        if cleaned is value and len(value) <= _SHORT and self._callback is None:
            _note(value, self._clean)
        return cleaned

    def _scrubbed(self, value: str) -> str:
        """Take control characters and secrets out of a text of any length."""
        if not value.isprintable():
            value = _COLOUR.sub("", value.encode("utf-8", "replace").decode("utf-8"))
            value = _IN_TEXT.sub(_visible, value)
        return self._redactor.text(value)


def _note(text: str, known: set[str]) -> None:
    """Add *text* to what is known, which begins anew when it is full."""
    if len(known) >= _MAX_KNOWN:
        known.clear()
    known.add(text)


def _short(value: Any) -> str:
    """Make a name or an id of *value*: one line of at most 256 characters."""
    if type(value) is str and len(value) <= MAX_KEY_LENGTH and value.isprintable():
        return value
    whole = text(_surely_text(value)[: MAX_KEY_LENGTH + 1])
    return _IN_LINE.sub(_visible, whole)[:MAX_KEY_LENGTH]


def _surely_text(value: Any) -> str:
    """Return texts as they are; of anything else, which an application may give by mistake, what can be told."""
    return value if type(value) is str else str(plain(value, named))


def _visible(match: re.Match[str]) -> str:
    r"""Write a control character as Python does: ``\n``, ``\x1b``, ``\u2028``."""
    return match[0].encode("unicode_escape").decode("ascii")


def _tells(key: str, value: Any) -> bool:
    """Tell whether *value* can be the secret that *key* speaks of; ``max_tokens`` is a number, no token."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return not key.endswith(("s", "S"))
    return value not in (None, True, False, "")


def _fault(error: Exception) -> dict[str, Any]:
    """Say in place of the attributes why they are missing."""
    return {FAULT: f"attributes lost in cleaning: {type(error).__name__}"}


def _type_of(failure: Failure | None) -> Failure | None:
    """Keep no more of *failure* than its type."""
    return None if failure is None else Failure(_short(failure.type), "")

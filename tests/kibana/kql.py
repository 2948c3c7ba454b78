"""
The part of Kibana's query language that the dashboards use, read strictly, as queries of Elasticsearch.

Anything else is a ValueError: what this does not read has to be looked at in a Kibana first.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r'\s*(?:(?P<text>"[^"\\]*")|(?P<sign>>=|<=|[():<>])|(?P<word>[\w.@*-]+))')
_RANGES = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}

Query = dict[str, Any]


def parsed(text: str) -> Query:
    """Read *text*; an empty one finds everything."""
    if not text.strip():
        return {"match_all": {}}
    reader = _Reader(text)
    query = reader.either()
    reader.expect("")
    return query


def fields_of(query: Query) -> set[str]:
    """Name the fields that a query asks for."""
    found: set[str] = set()
    for kind, told in query.items():
        if kind in ("term", "range"):
            found |= set(told)
        elif kind == "exists":
            found.add(told["field"])
        elif kind == "bool":
            found |= {
                name for parts in told.values() if isinstance(parts, list) for part in parts for name in fields_of(part)
            }
    return found


class _Reader:
    """Steps through the words of a query."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"{text!r} cannot be read from {text[at:]!r} on")
            self.words.append(found[0].strip())
            at = found.end()
        self.at = 0

    @property
    def next(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        self.at += 1
        return self.words[self.at - 1] if self.at <= len(self.words) else ""

    def expect(self, word: str) -> None:
        if (found := self.take()) != word:
            raise ValueError(f"{word!r} was expected in the place of {found!r} in {self.words}")

    def either(self) -> Query:
        parts = [self.both()]
        while self.next.lower() == "or":
            self.take()
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else _any(parts)

    def both(self) -> Query:
        parts = [self.one()]
        while self.next.lower() == "and":
            self.take()
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def one(self) -> Query:
        if self.next.lower() == "not":
            self.take()
            return {"bool": {"must_not": [self.one()]}}
        if self.next == "(":
            self.take()
            query = self.either()
            self.expect(")")
            return query
        return self.condition(self.take())

    def condition(self, field: str) -> Query:
        if not re.fullmatch(r"@?[A-Za-z][\w.]*", field):
            raise ValueError(f"{field!r} is no field in {self.words}")
        if (sign := self.take()) in _RANGES:
            return {"range": {field: {_RANGES[sign]: float(self.take())}}}
        if sign != ":":
            raise ValueError(f"{field!r} is not followed by a sign in {self.words}")
        if self.next != "(":
            return _condition(field, self.take())
        self.take()
        parts = [_condition(field, self.take())]
        while self.next.lower() == "or":
            self.take()
            parts.append(_condition(field, self.take()))
        self.expect(")")
        return _any(parts)


def _any(parts: list[Query]) -> Query:
    return {"bool": {"should": parts, "minimum_should_match": 1}}


def _condition(field: str, value: str) -> Query:
    if value == "*":
        return {"exists": {"field": field}}
    if not value or value in ("(", ")", ":") or ("*" in value and not value.startswith('"')):
        raise ValueError(f"{value!r} is no value for {field}")
    return {"term": {field: value.strip('"')}}

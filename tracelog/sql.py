"""A statement of SQL as it may be shown: without the values in it, and what it does to which table."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_LENGTH = 8192

#: Dialects in which a backslash escapes, and double quotes may hold text.
_LIKE_MYSQL = frozenset({"bigquery", "databricks", "doris", "hive", "mariadb", "mysql", "snowflake", "starrocks"})

#: Dialects in which square brackets hold a name; elsewhere they are arrays.
_BRACKETED = frozenset({"access", "mssql", "sqlite"})

# What may lack its end is what a long statement was cut in.
_NAME = r'"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)'
_COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)"
_ESCAPED = r"'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z)"
_TEXT = rf"""
    (?<!\w)[Ee]{_ESCAPED}
    |(?<!\w)[Qq]'(?:\[.*?\]|\{{.*?\}}|\(.*?\)|<.*?>|(?P<mark>[^\w\s\[{{(<]).*?(?P=mark))'
    |(?:(?<!\w)(?:[NnBbXx]|[Uu]&))?'[^']*(?:''[^']*)*(?:'|\Z)
    |\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"""
_TEXT_OF_MYSQL = rf'(?:(?<!\w)[NnBbXx])?{_ESCAPED}|"[^"\\]*(?:(?:""|\\.)[^"\\]*)*(?:"|\\?\Z)'
_NUMBER = r"(?<![\w$:@?%.])(?:0[Xx][0-9A-Fa-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[Ee][+-]?\d+)?)(?!\w)"


def _pattern(name: str, comment: str, text: str) -> re.Pattern[str]:
    whole = rf"(?P<name>{name})|(?P<comment>{comment})|(?P<value>{text}|{_NUMBER})"
    return re.compile(whole, re.DOTALL | re.VERBOSE)


_STANDARD = _pattern(_NAME, _COMMENT, _TEXT)
_WITH_BRACKETS = _pattern(rf"{_NAME}|\[[^\]]*\]", _COMMENT, _TEXT)
_OF_MYSQL = _pattern("`[^`]*(?:`|\\Z)", rf"{_COMMENT}|[#][^\n]*", _TEXT_OF_MYSQL)

_GROUP = re.compile(r"\([^()]*\)")
_MAX_DEPTH = 16
_VERB = re.compile(r"[\s(]*([A-Za-z]+)")
_AFTER_WITH = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_PART = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[^\W\d][\w$#]*)'
_TABLE = re.compile(
    rf"\b(?:FROM|INTO|UPDATE|TABLE|JOIN)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?({_PART}(?:\.{_PART})*)",
    re.IGNORECASE,
)
_QUOTES = str.maketrans("", "", '"`[]')
_NO_TABLES = frozenset({"AS", "DEFAULT", "LATERAL", "SELECT", "SET", "VALUES", "WHERE"})


class Statement(NamedTuple):
    """What a statement may tell: its *text* without values, its *operation* in capitals, the first *table* it names."""

    text: str
    operation: str
    table: str


def statement(text: str, dialect: str = "") -> Statement:
    """
    Read a statement; *dialect* is the name that SQLAlchemy gives it, and says what quotes mean.

    >>> statement("SELECT name FROM users WHERE id = ? AND mail = 'ann@shop.test' LIMIT 10")
    Statement(text='SELECT name FROM users WHERE id = ? AND mail = ? LIMIT ?', operation='SELECT', table='users')
    """
    clean = without_values(text, dialect)
    outermost = _outermost(clean)
    verb = _VERB.match(clean)
    operation = verb[1].upper() if verb else ""
    if operation == "WITH":
        verb = _AFTER_WITH.search(outermost)
        operation = verb[1].upper() if verb else operation
    table = _TABLE.search(outermost)
    name = table[1].translate(_QUOTES) if table else ""
    return Statement(clean, operation, "" if name.upper() in _NO_TABLES else name)


def without_values(text: str, dialect: str = "") -> str:
    """
    Write ``?`` in place of each text and number, and leave comments out, which may quote some.

    >>> without_values("INSERT INTO t1 VALUES (:a, -1.5e3, 'it''s', $$x$$) /* for ann */")
    'INSERT INTO t1 VALUES (:a, -?, ?, ?)'
    >>> without_values('SELECT "id" FROM `t` WHERE a = "ann"', "mysql")
    'SELECT ? FROM `t` WHERE a = ?'
    """
    return _pattern_of(dialect).sub(_hidden, text[:MAX_LENGTH]).strip()


def values(text: str, dialect: str = "") -> list[str]:
    """
    List the texts and numbers that stand in a statement, without their quotes.

    >>> values("SELECT 'ann', 7")
    ['ann', '7']
    """
    found = (match["value"] for match in _pattern_of(dialect).finditer(text[:MAX_LENGTH]))
    return [value.strip("'\"") for value in found if value]


def _pattern_of(dialect: str) -> re.Pattern[str]:
    if dialect in _LIKE_MYSQL:
        return _OF_MYSQL
    return _WITH_BRACKETS if dialect in _BRACKETED else _STANDARD


def _hidden(match: re.Match[str]) -> str:
    if match["name"] is not None:
        return match[0]
    return "?" if match["comment"] is None else " "


def _outermost(text: str) -> str:
    """Leave out what stands in brackets; deeper ones than anybody writes are left where they are."""
    for _ in range(_MAX_DEPTH):
        text, count = _GROUP.subn(" ", text)
        if not count:
            break
    return text

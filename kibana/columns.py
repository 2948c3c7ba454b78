"""
The columns of Kibana Lens: buckets (what is shown side by side) and numbers (what is shown).

Only aggregations that every licence and the core of Elasticsearch have are used: no scripts, no ``top_metrics``, no
``multi_terms``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Column = dict[str, Any]
Json = dict[str, Any]

RECORDS = "___records___"

PERCENT: Json = {"id": "percent", "params": {"decimals": 1}}
WHOLE: Json = {"id": "number", "params": {"decimals": 0}}
#: As many digits as matter: 0.4, 12, 3.4 k.
SHORT: Json = {"id": "custom", "params": {"decimals": 0, "pattern": "0,0.[0]a"}}
MOMENT: Json = {"id": "date", "params": {"decimals": 0, "pattern": "MMM D, YYYY @ HH:mm:ss"}}

FAILED = 'event.outcome : "failure"'
WEIGHT = "tracelog.weight"


def over_time() -> Column:
    """Cut time into as many steps as fit."""
    params = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
    return _column("date_histogram", "@timestamp", "Time", bucket="interval", type="date", params=params)


def top(field: str, label: str, *, size: int = 20, by: str = "", missing: bool = False) -> Column:
    """
    Make a bucket of each value of *field*: in the order of the alphabet, or those with the most of column *by*.

    *missing* adds one for documents without the field, and with it, since Kibana has no one without the other, one for
    all values beyond *size*.
    """
    order = {"type": "column", "columnId": by} if by else {"type": "alphabetical", "fallback": False}
    params: Json = {
        "size": size,
        "orderBy": order,
        "orderDirection": "desc" if by else "asc",
        "otherBucket": missing,
        "missingBucket": missing,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }
    return _column("terms", field, label, bucket="ordinal", type="string", params=params)


def steps(field: str, label: str, bounds: Sequence[tuple[float | None, float | None, str]]) -> Column:
    """Make a bucket of each range of *field*: from, to (None: without end), and what it is called."""
    ranges = [{"from": low, "to": high, "label": name} for low, high, name in bounds]
    params = {"type": "range", "ranges": ranges, "maxBars": "auto", "parentFormat": {"id": "range"}}
    return _column("range", field, label, bucket="interval", type="string", params=params)


def count(label: str, *, only: str = "", format: Json = WHOLE) -> Column:
    """Count documents, those that *only* (KQL) finds."""
    return _number("count", RECORDS, label, only=only, params={"emptyAsNull": False, "format": format})


def total(
    field: str, label: str, *, only: str = "", per: str = "", format: Json = WHOLE, or_none: bool = False
) -> Column:
    """Add *field* up, or tell how much of it there is *per* time (``m`` for a minute); *or_none* leaves zeros blank."""
    column = _number("sum", field, label, only=only, params={"emptyAsNull": or_none, "format": format})
    return {**column, "timeScale": per} if per else column


def percentile(field: str, label: str, percent: int) -> Column:
    """Find what *percent* of the values of *field* do not exceed, in the field's own format."""
    return _number("percentile", field, label, params={"percentile": percent})


def most(field: str, label: str) -> Column:
    """Find the greatest value of *field*, in the field's own format."""
    return _number("max", field, label, params={"emptyAsNull": True})


def last_seen() -> Column:
    """Find the latest moment."""
    params = {"emptyAsNull": True, "format": MOMENT}
    return {**_number("max", "@timestamp", "Last seen", params=params), "dataType": "date"}


def distinct(field: str, label: str) -> Column:
    """Count how many values *field* has."""
    return _number("unique_count", field, label, params={"emptyAsNull": False, "format": WHOLE})


def formula(name: str, label: str, sign: str, left: Column, right: Column, *, format: Json) -> dict[str, Column]:
    """
    Combine two numbers by *sign*, ``/`` or ``-``.

    Kibana reads the text when somebody edits the formula, and the helper columns when it draws it; without those it
    shows no value and says nothing.
    """
    text = f"{_written(left)} {sign} {_written(right)}"
    parts = [f"{name}X0", f"{name}X1", f"{name}X2"]
    helper = {"label": f"Part of {label}", "customLabel": True}
    tree = {
        "type": "function",
        "name": {"/": "divide", "-": "subtract"}[sign],
        "args": parts[:2],
        "location": {"min": 0, "max": len(text)},
        "text": text,
    }
    bare = {"dataType": "number", "isBucketed": False, "scale": "ratio"}
    return {
        name: {
            **bare,
            "label": label,
            "customLabel": True,
            "operationType": "formula",
            "params": {"formula": text, "isFormulaBroken": False, "format": format},
            "references": [parts[2]],
        },
        parts[0]: {**left, **helper},
        parts[1]: {**right, **helper},
        parts[2]: {
            **bare,
            **helper,
            "operationType": "math",
            "params": {"tinymathAst": tree},
            "references": parts[:2],
        },
    }


def failing() -> dict[str, Column]:
    """Divide what failed by all there was, both weighted by what sampling left out."""
    return formula("failing", "Failed", "/", total(WEIGHT, "", only=FAILED), total(WEIGHT, ""), format=PERCENT)


def is_helper(name: str) -> bool:
    """Tell whether a column is only there for a formula."""
    return name[-2:] in ("X0", "X1", "X2")


def _column(operation: str, field: str, label: str, *, bucket: str, type: str, params: Json) -> Column:
    return {
        "label": label,
        "customLabel": True,
        "dataType": type,
        "operationType": operation,
        "sourceField": field,
        "isBucketed": True,
        "scale": bucket,
        "params": params,
    }


def _number(operation: str, field: str, label: str, *, params: Json, only: str = "") -> Column:
    column: Column = {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": operation,
        "sourceField": field,
        "isBucketed": False,
        "scale": "ratio",
        "params": params,
    }
    return {**column, "filter": {"query": only, "language": "kuery"}} if only else column


def _written(column: Column) -> str:
    """Write a number as it stands in a formula."""
    field = "" if column["sourceField"] == RECORDS else column["sourceField"]
    only = f"kql='{column['filter']['query']}'" if "filter" in column else ""
    return f"{column['operationType']}({', '.join(part for part in (field, only) if part)})"

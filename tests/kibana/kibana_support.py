"""What the built file holds, taken apart: objects, panels, searches, and what each asks Elasticsearch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import kql

from tracelog.elastic.templates import RETENTION, templates

BUILT = Path(__file__).parents[2] / "kibana" / "tracelog.ndjson"
OBJECTS = [json.loads(line) for line in BUILT.read_text(encoding="utf-8").splitlines()]
BY_NAME = {(made["type"], made["id"]): made for made in OBJECTS}

Json = dict[str, Any]

#: Operation of a Lens column → the aggregation behind it.
METRICS = {"sum": "sum", "max": "max", "min": "min", "unique_count": "cardinality", "percentile": "percentiles"}

NUMBERS = frozenset({"long", "double"})
DATES = frozenset({"date", "date_nanos"})
WORDS = frozenset({"keyword", "boolean"})


class Question(NamedTuple):
    """What one panel asks: *pattern* of indices, *query*, and *aggs*, or the fields a table of documents shows."""

    name: str
    pattern: str
    query: Json
    aggs: Json
    columns: tuple[str, ...] = ()
    sort: tuple[tuple[str, str], ...] = ()


def of_type(kind: str) -> list[Json]:
    """List the objects of one type."""
    return [made for made in OBJECTS if made["type"] == kind]


def panels(dashboard: Json) -> list[Json]:
    """List the panels of a dashboard."""
    return json.loads(dashboard["attributes"]["panelsJSON"])


def controls(dashboard: Json) -> dict[str, Json]:
    """List the controls of a dashboard by name."""
    group = dashboard["attributes"].get("controlGroupInput")
    return json.loads(group["panelsJSON"]) if group else {}


def pattern_of(view: str) -> str:
    """Return the indices of a data view."""
    return BY_NAME["index-pattern", view]["attributes"]["title"]


def vega_of(panel: Json) -> Json | None:
    """Return the Vega specification of a panel, if it is one."""
    drawn = panel["embeddableConfig"].get("savedVis", {})
    return json.loads(drawn["params"]["spec"]) if drawn.get("type") == "vega" else None


def questions() -> Iterator[Question]:
    """Take every panel of every dashboard, and every search, apart."""
    for dashboard in of_type("dashboard"):
        for panel in panels(dashboard):
            if panel["type"] == "lens":
                yield _of_lens(f"{dashboard['id']}: {panel['title']}", panel["embeddableConfig"]["attributes"])
            if (spec := vega_of(panel)) is not None:
                yield from _of_vega(f"{dashboard['id']}: {panel['title']}", spec)
    for made in of_type("search"):
        yield _of_search(made)


def _of_lens(name: str, lens: Json) -> Question:
    view = next(reference["id"] for reference in lens["references"])
    (layer,) = lens["state"]["datasourceStates"]["formBased"]["layers"].values()
    columns = {name: layer["columns"][name] for name in layer["columnOrder"]}
    return Question(name, pattern_of(view), kql.parsed(lens["state"]["query"]["query"]), _aggregations(columns))


def _aggregations(columns: dict[str, Json]) -> Json:
    """Nest the buckets in their order, the numbers inside of the last; terms need those they are ordered by."""
    numbers = {name: made for name, column in columns.items() if (made := _metric(column)) is not None}
    aggs = numbers
    for name, column in reversed([(name, column) for name, column in columns.items() if column["isBucketed"]]):
        order = column["params"].get("orderBy", {}).get("columnId")
        needed = {order: numbers[order]} if order in numbers else {}
        aggs = {name: {**_bucket(column), "aggs": {**aggs, **needed}}}
    return aggs


def _bucket(column: Json) -> Json:
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        return {"date_histogram": {"field": field, "fixed_interval": "30s"}}
    if column["operationType"] == "range":
        ranges = [{end: step[end] for end in ("from", "to") if step[end] is not None} for step in params["ranges"]]
        return {"range": {"field": field, "ranges": ranges}}
    order = params["orderBy"]
    by = order["columnId"] if order["type"] == "column" else "_key"
    terms = {"field": field, "size": params["size"], "order": {by: params["orderDirection"]}}
    return {"terms": terms | ({"missing": "__missing__"} if params["missingBucket"] else {})}


def _metric(column: Json) -> Json | None:
    """Write one number; a count and what Kibana computes itself need none."""
    operation = column["operationType"]
    if operation == "count" and "filter" in column:
        return {"filter": kql.parsed(column["filter"]["query"])}
    if operation == "count":
        return {"value_count": {"field": "@timestamp"}}
    if column["isBucketed"] or operation not in METRICS:
        return None
    told = {"field": column["sourceField"]}
    if operation == "percentile":
        told["percents"] = [column["params"]["percentile"]]
    metric: Json = {METRICS[operation]: told}
    if "filter" in column:
        return {"filter": kql.parsed(column["filter"]["query"]), "aggs": {"number": metric}}
    return metric


def _of_vega(name: str, spec: Json) -> Iterator[Question]:
    for data in spec["data"]:
        if "url" in data:
            body = data["url"]["body"]
            fields = tuple(body.get("fields", ()))
            yield Question(f"{name} ({data['name']})", data["url"]["index"], {"match_all": {}}, body["aggs"], fields)


def _of_search(made: Json) -> Question:
    source = json.loads(made["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    view = next(reference["id"] for reference in made["references"] if reference["type"] == "index-pattern")
    told = made["attributes"]
    sort = tuple((field, order) for field, order in told["sort"])
    return Question(
        made["id"], pattern_of(view), kql.parsed(source["query"]["query"]), {}, tuple(told["columns"]), sort
    )


def fields_in(aggs: Json) -> Iterator[tuple[str, str]]:
    """List each field that aggregations read, with what reads it."""
    for aggregation in aggs.values():
        for kind, told in aggregation.items():
            if kind == "aggs":
                yield from fields_in(told)
            elif kind == "filter":
                yield from ((field, "term") for field in kql.fields_of(told))
            elif kind == "top_hits":
                yield from ((field, "shown") for field in told["fields"])
                yield from ((field, "sort") for sort in told["sort"] for field in sort)
            else:
                yield told["field"], kind


def types(pattern: str) -> dict[str, set[str]]:
    """Tell the explicit types of the fields behind *pattern*; an alias has that of its field."""
    found: dict[str, set[str]] = {}
    bodies = {template.name: template.body for template in templates(RETENTION)}
    for index in pattern.split(","):
        typed: dict[str, Json] = {}
        for part in bodies[index.removesuffix("-*")]["composed_of"]:
            typed |= bodies[part]["template"]["mappings"]["properties"] if part in bodies else {}
        for field, told in typed.items():
            kind = typed[told["path"]]["type"] if told["type"] == "alias" else told["type"]
            found.setdefault(field, set()).add(kind)
    return found

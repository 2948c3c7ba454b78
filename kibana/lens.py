"""
Charts and tables of Kibana Lens, as the saved objects of Kibana 8.9 and later hold them.

A chart is made of columns (:mod:`kibana.columns`), under names that its kind gives a place to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kibana.columns import Column, Json, is_helper

LAYER = "layer"

#: From where on a share of failures is worth a look, and from where on it is bad.
CALM, UNEASY, BAD = "#D9EFE6", "#F7E6C1", "#F5C5B9"


class Lens(NamedTuple):
    """One chart: *title* asks a question, *about* says how it is answered; *view* is the id of its data view."""

    title: str
    about: str
    view: str
    kind: str
    columns: Mapping[str, Column]
    visualization: Json
    query: str = ""


def lines(title: str, about: str, view: str, columns: Mapping[str, Column], **told: Any) -> Lens:
    """Draw lines over time: columns ``time``, ``by`` and the number, which comes last."""
    return _over_time("line", title, about, view, columns, **told)


def bars(title: str, about: str, view: str, columns: Mapping[str, Column], **told: Any) -> Lens:
    """Draw stacked bars over time, of columns as for :func:`lines` or several numbers with *colours* of their own."""
    return _over_time("bar_stacked", title, about, view, columns, **told)


def _over_time(
    series: str,
    title: str,
    about: str,
    view: str,
    columns: Mapping[str, Column],
    *,
    unit: str = "",
    query: str = "",
    colours: Mapping[str, str] | None = None,
    legend: str = "right",
) -> Lens:
    numbers = [name for name in columns if name not in ("time", "by") and not is_helper(name)]
    layer: Json = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": series,
        "position": "top",
        "showGridlines": False,
        "xAccessor": "time",
        "accessors": numbers,
        "palette": {"type": "palette", "name": "default"},
    }
    if "by" in columns:
        layer["splitAccessor"] = "by"
    if colours:
        layer["yConfig"] = [{"forAccessor": name, "color": colour} for name, colour in colours.items()]
    visualization = {
        "preferredSeriesType": series,
        "layers": [layer],
        "legend": {"isVisible": True, "position": legend, "showSingleSeries": True, "legendSize": "medium"},
        "valueLabels": "hide",
        "fittingFunction": "None",
        "yTitle": unit,
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": bool(unit), "yRight": False},
        "yLeftExtent": {"mode": "full"},
    }
    return Lens(title, about, view, "lnsXY", columns, visualization, query)


def table(
    title: str,
    about: str,
    view: str,
    columns: Mapping[str, Column],
    *,
    query: str = "",
    hidden: Sequence[str] = (),
    widths: Mapping[str, int] | None = None,
    sort: str = "",
) -> Lens:
    """Draw a table, the most of column *sort* first."""
    shown = [
        {
            "columnId": name,
            "isTransposed": False,
            **({"hidden": True} if name in hidden else {}),
            **({"width": (widths or {})[name]} if name in (widths or {}) else {}),
        }
        for name in columns
        if not is_helper(name)
    ]
    visualization = {
        "layerId": LAYER,
        "layerType": "data",
        "columns": shown,
        "paging": {"enabled": True, "size": 10},
        "rowHeight": "single",
        "rowHeightLines": 1,
        **({"sorting": {"columnId": sort, "direction": "desc"}} if sort else {}),
    }
    return Lens(title, about, view, "lnsDatatable", columns, visualization, query)


def number(
    title: str, about: str, view: str, column: Mapping[str, Column], *, query: str = "", worry: Sequence[float] = ()
) -> Lens:
    """Draw one number, the first of *column*; *worry* says from where on it is uneasy, and from where on bad."""
    visualization: Json = {"layerId": LAYER, "layerType": "data", "metricAccessor": next(iter(column))}
    if worry:
        uneasy, bad = worry
        visualization["palette"] = _palette(
            [(0, CALM), (uneasy, UNEASY), (bad, BAD)], kind="number", highest=max(1, bad * 2)
        )
    return Lens(title, about, view, "lnsMetric", column, visualization, query)


def heatmap(title: str, about: str, view: str, columns: Mapping[str, Column], *, query: str = "") -> Lens:
    """Draw how much of column ``amount`` lies at each ``time`` and ``step``."""
    visualization = {
        "layerId": LAYER,
        "layerType": "data",
        "shape": "heatmap",
        "xAccessor": "time",
        "yAccessor": "step",
        "valueAccessor": "amount",
        "palette": {**_palette(_BLUES, kind="percent", highest=100), "accessor": "amount"},
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": False,
            "isYAxisLabelVisible": True,
            "isXAxisLabelVisible": True,
            "isYAxisTitleVisible": False,
            "isXAxisTitleVisible": False,
        },
    }
    return Lens(title, about, view, "lnsHeatmap", columns, visualization, query)


#: From where on, in percent of the most.
_BLUES = [(0, "#D3E2F0"), (10, "#A9C6E1"), (25, "#7FABD2"), (50, "#5590C4"), (75, "#2F6EA8")]


def _palette(steps: Sequence[tuple[float, str]], *, kind: str, highest: float) -> Json:
    """Make a palette of the colours that begin at each of *steps*."""
    ends = [*(start for start, _ in steps[1:]), highest]
    params = {
        "name": "custom",
        "steps": len(steps),
        "maxSteps": 5,
        "progression": "fixed",
        "continuity": "above",
        "reverse": False,
        "rangeType": kind,
        "rangeMin": 0,
        "rangeMax": None,
        "colorStops": [{"color": colour, "stop": start} for start, colour in steps],
        "stops": [{"color": colour, "stop": end} for (_, colour), end in zip(steps, ends, strict=True)],
    }
    return {"type": "palette", "name": "custom", "params": params}


def attributes(lens: Lens) -> Json:
    """Write *lens* as a panel holds it."""
    layer = {"columns": dict(lens.columns), "columnOrder": _ordered(lens.columns), "incompleteColumns": {}}
    return {
        "title": lens.title,
        "description": lens.about,
        "visualizationType": lens.kind,
        "type": "lens",
        "references": references(lens),
        "state": {
            "visualization": lens.visualization,
            "query": {"query": lens.query, "language": "kuery"},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def references(lens: Lens) -> list[Json]:
    """Say which data view *lens* reads."""
    return [{"type": "index-pattern", "id": lens.view, "name": f"indexpattern-datasource-layer-{LAYER}"}]


def _ordered(columns: Mapping[str, Column]) -> list[str]:
    """
    Put buckets before numbers, and time behind the other buckets: the order says which bucket lies in which.

    With time outside, series would take their colours in the order in which they first appear.
    """
    return sorted(
        columns,
        key=lambda name: (not columns[name]["isBucketed"], columns[name]["operationType"] == "date_histogram"),
    )

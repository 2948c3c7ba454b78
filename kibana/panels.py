"""What a dashboard consists of: panels in rows, and the controls above them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kibana import lens
from kibana.columns import Json
from kibana.lens import Lens

#: Kibana's grid is so many columns wide; a row of it is 20 pixels high, with 8 between two.
WIDTH = 48


class Found(NamedTuple):
    """The documents of a saved search, by its id."""

    title: str
    search: str


class Vega(NamedTuple):
    """A drawing of our own."""

    title: str
    about: str
    spec: Json


class Note(NamedTuple):
    """A text in Markdown."""

    text: str


class Links(NamedTuple):
    """The links from dashboard to dashboard, by their id."""

    links: str


Panel = Lens | Found | Vega | Note | Links


class Row(NamedTuple):
    """Panels side by side, each with its share of the width; *height* is in rows of the grid."""

    height: int
    panels: Sequence[tuple[int, Panel]]


class Control(NamedTuple):
    """A list of the values of *field* to choose from."""

    label: str
    field: str
    view: str


class Dashboard(NamedTuple):
    """One dashboard: *about* is what Kibana's list of dashboards says of it."""

    id: str
    title: str
    about: str
    controls: Sequence[Control]
    rows: Sequence[Row]


def placed(rows: Sequence[Row]) -> Iterator[tuple[Json, Panel]]:
    """Give each panel its place; raises ValueError for a row that is not as wide as the dashboard."""
    y = 0
    for row in rows:
        if sum(width for width, _ in row.panels) != WIDTH:
            raise ValueError(f"the panels of the row at {y} are not {WIDTH} wide together")
        x = 0
        for width, panel in row.panels:
            yield {"x": x, "y": y, "w": width, "h": row.height}, panel
            x += width
        y += row.height


def panel_object(name: str, place: Json, panel: Panel) -> Json:
    """Write one panel, *name* being what references to it begin with."""
    told: Json = {
        "panelIndex": name,
        "gridData": {**place, "i": name},
        "version": "8.12.2",
        "title": "" if isinstance(panel, (Note, Links)) else panel.title,
    }
    shared: Json = {"enhancements": {}, "hidePanelTitles": isinstance(panel, (Note, Links))}
    if isinstance(panel, Lens):
        return {**told, "type": "lens", "embeddableConfig": {**shared, "attributes": lens.attributes(panel)}}
    if isinstance(panel, Found):
        return {**told, "type": "search", "embeddableConfig": shared, "panelRefName": f"panel_{name}"}
    if isinstance(panel, Links):
        return {**told, "type": "links", "embeddableConfig": shared, "panelRefName": f"panel_{name}"}
    return {**told, "type": "visualization", "embeddableConfig": {**shared, "savedVis": _drawing(panel)}}


def panel_references(name: str, panel: Panel) -> list[Json]:
    """Say what one panel refers to, as the dashboard has to say it again: otherwise the panel would load for ever."""
    if isinstance(panel, Lens):
        return [{**reference, "name": f"{name}:{reference['name']}"} for reference in lens.references(panel)]
    if isinstance(panel, Found):
        return [{"type": "search", "id": panel.search, "name": f"{name}:panel_{name}"}]
    if isinstance(panel, Links):
        return [{"type": "links", "id": panel.links, "name": f"{name}:panel_{name}"}]
    return []


def control_object(name: str, order: int, control: Control) -> Json:
    """Write one control."""
    told: Json = {"id": name, "fieldName": control.field, "title": control.label, "enhancements": {}}
    return {"order": order, "width": "small", "grow": True, "type": "optionsListControl", "explicitInput": told}


def _drawing(panel: Vega | Note) -> Json:
    """Write a visualization that belongs to its panel alone."""
    source: Json = {"query": {"query": "", "language": "kuery"}, "filter": []}
    if isinstance(panel, Note):
        kind, params = "markdown", {"markdown": panel.text, "fontSize": 12, "openLinksInNewTab": False}
    else:
        kind, params = "vega", {"spec": json.dumps(panel.spec, indent=2, ensure_ascii=False)}
    return {
        "id": "",
        "title": "",
        "description": panel.about if isinstance(panel, Vega) else "",
        "type": kind,
        "params": params,
        "uiState": {},
        "data": {"aggs": [], "searchSource": source},
    }

"""
Saved objects of Kibana.

Each is written as Kibana 8.9 writes it: newer ones bring it up to date when they import it, older or newer version
numbers would have the whole file refused. ``managed`` keeps Kibana from editing ours in place: who wants to change
something duplicates it first, and the copy is theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kibana.columns import Json
from kibana.panels import Dashboard, control_object, panel_object, panel_references, placed

#: Grows with each release that changes an object; an older tracelog leaves those of a newer one alone.
VERSION = 1

TAG = "tracelog"
LINKS = "tracelog-links"

_MIGRATIONS = {
    "dashboard": "8.9.0",
    "index-pattern": "8.0.0",
    "links": "",
    "search": "8.0.0",
    "tag": "8.0.0",
}


def data_view(name: str, title: str, pattern: str, formats: Mapping[str, Json]) -> Json:
    """Make a data view of id *name*, with the *formats* of its fields."""
    attributes = {
        "title": pattern,
        "name": title,
        "timeFieldName": "@timestamp",
        "fieldFormatMap": compact(formats),
        "fields": "[]",
        "sourceFilters": "[]",
        "runtimeFieldMap": "{}",
    }
    return _saved("index-pattern", name, attributes, [])


def search(
    name: str,
    title: str,
    about: str,
    view: str,
    *,
    columns: Sequence[str],
    sort: str,
    query: str = "",
    widths: Mapping[str, int] | None = None,
) -> Json:
    """Make a saved search; *sort* is a field, with ``-`` before it the other way round."""
    source = "kibanaSavedObjectMeta.searchSourceJSON.index"
    asked: Json = {"query": {"query": query, "language": "kuery"}, "filter": [], "indexRefName": source}
    attributes = {
        "title": title,
        "description": about,
        "columns": list(columns),
        "sort": [[sort.removeprefix("-"), "desc" if sort.startswith("-") else "asc"]],
        "grid": {"columns": {field: {"width": width} for field, width in (widths or {}).items()}},
        "hideChart": True,
        "isTextBasedQuery": False,
        "rowHeight": 1,
        "kibanaSavedObjectMeta": {"searchSourceJSON": compact(asked)},
    }
    return _saved("search", name, attributes, [{"type": "index-pattern", "id": view, "name": source}])


def links(dashboards: Iterable[Dashboard]) -> Json:
    """Make the row of links that each dashboard begins with; they carry time and filters along."""
    told: list[Json] = []
    references: list[Json] = []
    for order, dashboard in enumerate(dashboards):
        name = f"link_{dashboard.id}_dashboard"
        references.append({"type": "dashboard", "id": dashboard.id, "name": name})
        options = {"openInNewTab": False, "useCurrentFilters": True, "useCurrentDateRange": True}
        told.append(
            {
                "id": dashboard.id,
                "type": "dashboardLink",
                "order": order,
                "label": dashboard.title.removeprefix("tracelog: "),
                "destinationRefName": name,
                "options": options,
            }
        )
    attributes = {"title": "tracelog: links", "description": "", "layout": "horizontal", "links": told}
    return _saved("links", LINKS, attributes, references)


def dashboard_object(dashboard: Dashboard) -> Json:
    """Make a dashboard."""
    panels: list[Json] = []
    references: list[Json] = []
    for number, (place, panel) in enumerate(placed(dashboard.rows), 1):
        # Kibana keeps the panels of the dashboard that one came from, by this name: it may be no other dashboard's.
        name = f"{dashboard.id}-p{number}"
        panels.append(panel_object(name, place, panel))
        references += panel_references(name, panel)
    controls: Json = {}
    for order, control in enumerate(dashboard.controls):
        name = f"{dashboard.id}-c{order + 1}"
        controls[name] = control_object(name, order, control)
        references.append(
            {"type": "index-pattern", "id": control.view, "name": f"controlGroup_{name}:optionsListDataView"}
        )
    attributes = {
        "title": dashboard.title,
        "description": dashboard.about,
        "version": 1,
        "timeRestore": False,
        "panelsJSON": compact(panels),
        "optionsJSON": compact(_OPTIONS),
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": compact({"query": {"query": "", "language": "kuery"}, "filter": []})
        },
    }
    if controls:
        attributes["controlGroupInput"] = _control_group(controls)
    return _saved("dashboard", dashboard.id, attributes, references)


#: A series has the same colour in every chart of a dashboard, and the cursor stands at the same time in all of them.
_OPTIONS = {"useMargins": True, "syncColors": True, "syncCursor": True, "syncTooltips": False, "hidePanelTitles": False}


def _control_group(controls: Json) -> Json:
    heeded = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    return {
        "controlStyle": "oneLine",
        "chainingSystem": "HIERARCHICAL",
        "ignoreParentSettingsJSON": compact(heeded),
        "panelsJSON": compact(controls),
    }


def tagged(objects: Sequence[Json]) -> list[Json]:
    """Put our tag first, tag each dashboard and search with it, and let it say which state of the objects this is."""
    reference = {"type": "tag", "id": TAG, "name": f"tag-{TAG}"}
    marked = [
        {**made, "references": [*made["references"], reference]} if made["type"] in ("dashboard", "search") else made
        for made in objects
    ]
    state = hashlib.sha256(compact(marked).encode()).hexdigest()[:16]
    about = f"Spans and log lines of tracelog (dashboards version {VERSION}, state {state})"
    return [_saved("tag", TAG, {"name": "tracelog", "description": about, "color": "#54B399"}, []), *marked]


def compact(value: Any) -> str:
    """Write JSON in one way only, so that the same sources give the same bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _saved(kind: str, name: str, attributes: Json, references: list[Json]) -> Json:
    migration = {"typeMigrationVersion": version} if (version := _MIGRATIONS[kind]) else {}
    return {
        "type": kind,
        "id": name,
        "managed": True,
        "coreMigrationVersion": "8.8.0",
        **migration,
        "attributes": attributes,
        "references": references,
    }

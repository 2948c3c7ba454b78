"""The built file: what a Kibana imports, held against its sources and against itself."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import kql
import pytest
from kibana_support import (
    BUILT,
    BY_NAME,
    DATES,
    NUMBERS,
    OBJECTS,
    WORDS,
    controls,
    fields_in,
    of_type,
    panels,
    questions,
    types,
    vega_of,
)

from kibana.__main__ import built, main
from kibana.columns import total
from kibana.objects import compact, tagged
from kibana.panels import WIDTH, Row, panel_object, placed

DASHBOARDS = of_type("dashboard")

#: What reads a field → the types that it can read.
READABLE = {
    "terms": WORDS,
    "cardinality": WORDS,
    "sum": NUMBERS,
    "percentiles": NUMBERS,
    "range": NUMBERS,
    "max": NUMBERS | DATES,
    "min": NUMBERS | DATES,
    "value_count": NUMBERS | DATES | WORDS,
    "date_histogram": DATES,
    "term": WORDS,
    "sort": NUMBERS | DATES | WORDS,
    "shown": NUMBERS | DATES | WORDS | {"text"},
}


def test_the_built_file_is_what_its_sources_say():
    """Building gives the committed file, byte for byte."""
    assert BUILT.read_bytes() == built().encode()
    main(["--check"])


def test_a_file_that_was_not_built_is_told(monkeypatch, tmp_path):
    """A change of the sources alone is found, and the sentence says what to run."""
    other = tmp_path / "tracelog.ndjson"
    other.write_text("{}\n")
    monkeypatch.setattr("kibana.__main__.BUILT", other)
    with pytest.raises(SystemExit, match="make dashboards"):
        main(["--check"])
    main([])
    assert other.read_text(encoding="utf-8") == built()


def test_every_object_imports_into_the_oldest_kibana_that_is_promised():
    """Each object is written as 8.9 wrote it and is kept from being edited in place; ids are ours and unique."""
    newest = {"dashboard": "8.9.0", "index-pattern": "8.0.0", "search": "8.0.0", "tag": "8.0.0", "links": None}
    for made in OBJECTS:
        assert (made["coreMigrationVersion"], made["managed"]) == ("8.8.0", True)
        assert made.get("typeMigrationVersion") == newest[made["type"]]
        assert re.fullmatch("tracelog(-[a-z]+)*", made["id"])
    assert len(BY_NAME) == len({made["id"] for made in OBJECTS}) == len(OBJECTS)


def test_every_reference_is_in_the_file():
    """Nothing refers to an object that the file does not bring."""
    for made in OBJECTS:
        for reference in made["references"]:
            assert (reference["type"], reference["id"]) in BY_NAME, made["id"]
        assert len({reference["name"] for reference in made["references"]}) == len(made["references"])


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda made: made["id"])
def test_what_a_panel_refers_to_stands_at_its_dashboard_again(dashboard):
    """A panel or a control whose reference is not repeated there would never load, and Kibana would not say why."""
    told = {reference["name"]: (reference["type"], reference["id"]) for reference in dashboard["references"]}
    needed = {f"controlGroup_{name}:optionsListDataView" for name in controls(dashboard)}
    for panel in panels(dashboard):
        name = panel["panelIndex"]
        if panel["type"] == "lens":
            for reference in panel["embeddableConfig"]["attributes"]["references"]:
                assert told[f"{name}:{reference['name']}"] == (reference["type"], reference["id"])
                needed.add(f"{name}:{reference['name']}")
        elif "panelRefName" in panel:
            needed.add(f"{name}:{panel['panelRefName']}")
    assert set(told) - {"tag-tracelog"} == needed


def test_no_two_panels_share_a_name():
    """Kibana keeps panels by name while a person goes from one dashboard to another, and would mix them up."""
    names = [panel["panelIndex"] for dashboard in DASHBOARDS for panel in panels(dashboard)]
    names += [name for dashboard in DASHBOARDS for name in controls(dashboard)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda made: made["id"])
def test_panels_lie_beside_each_other(dashboard):
    """No panel covers another or leaves the grid."""
    places = [panel["gridData"] for panel in panels(dashboard)]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= WIDTH and place["h"] > 0 for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y


def test_a_row_that_does_not_fill_the_width_is_refused():
    """A gap or an overlap is found when it is built."""
    with pytest.raises(ValueError, match="48 wide"):
        list(placed([Row(3, [(24, panels), (25, panels)])]))


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda made: made["id"])
def test_every_panel_asks_a_question(dashboard):
    """Each title is a question, but for the links and the note, which need none; no two are the same."""
    titles = [panel["title"] for panel in panels(dashboard) if panel["title"]]
    assert all("?" in title for title in titles)
    assert len(set(titles)) == len(titles)
    assert dashboard["attributes"]["description"].endswith("?")


def test_the_links_lead_to_every_dashboard_and_carry_time_and_filters():
    """One row of links serves all dashboards; each panel of it names the same object."""
    (links,) = of_type("links")
    assert {reference["id"] for reference in links["references"]} == {made["id"] for made in DASHBOARDS}
    for link in links["attributes"]["links"]:
        assert link["options"] == {"openInNewTab": False, "useCurrentDateRange": True, "useCurrentFilters": True}
    for dashboard in DASHBOARDS:
        assert ("links", "tracelog-links") in {(made["type"], made["id"]) for made in dashboard["references"]}


def test_series_keep_their_colours():
    """Charts of a dashboard share their colours, and services come by the alphabet, as they do in the waterfall."""
    for dashboard in DASHBOARDS:
        assert json.loads(dashboard["attributes"]["optionsJSON"])["syncColors"]
        for panel in panels(dashboard):
            lens = panel["embeddableConfig"].get("attributes", {})
            if lens.get("visualizationType") == "lnsXY" and '"service.name"' in json.dumps(lens):
                (layer,) = lens["state"]["datasourceStates"]["formBased"]["layers"].values()
                assert layer["columns"]["by"]["params"]["orderBy"]["type"] == "alphabetical"


@pytest.mark.parametrize("question", [*questions()], ids=lambda question: question.name)
def test_every_field_has_a_type_that_fits_its_use(question):
    """What a panel counts, sums, sorts or shows has an explicit type in each stream that it reads."""
    known = types(question.pattern)
    used = [*fields_in(question.aggs), *((field, "term") for field in kql.fields_of(question.query))]
    used += [*((field, "shown") for field in question.columns), *((field, "sort") for field, _ in question.sort)]
    assert used
    for field, reader in used:
        assert field in known, f"{field} has no type"
        assert known[field] <= READABLE[reader], f"{reader} cannot read {field}, a {known[field]}"


@pytest.mark.parametrize("view", of_type("index-pattern"), ids=lambda made: made["id"])
def test_every_format_is_of_a_field_that_is_there(view):
    """A format, or a control, of a field that no stream has would be dead."""
    known = set(types("traces-apm.tracelog-*,logs-tracelog-*"))
    formats = json.loads(view["attributes"]["fieldFormatMap"])
    assert set(formats) <= known
    for dashboard in DASHBOARDS:
        for name, control in controls(dashboard).items():
            (pattern,) = [
                made["id"] for made in dashboard["references"] if made["name"].startswith(f"controlGroup_{name}:")
            ]
            typed = types(BY_NAME["index-pattern", pattern]["attributes"]["title"])
            assert typed[control["explicitInput"]["fieldName"]] == {"keyword"}


def test_trace_ids_are_links_that_keep_spaces_and_base_paths():
    """The link begins with ``../app/`` and fills the id into the search bar of the Trace dashboard."""
    for view in of_type("index-pattern"):
        formats = json.loads(view["attributes"]["fieldFormatMap"])
        for field in ("trace.id", "traceId"):
            template = formats[field]["params"]["urlTemplate"]
            assert template.startswith("../app/dashboards#/view/tracelog-trace?")
            assert template.count("{{value}}") == 1
        assert formats["event.duration"]["params"]["inputFormat"] == "nanoseconds"
        assert formats["transaction.duration.us"]["params"]["inputFormat"] == "microseconds"


def test_the_state_changes_with_any_object():
    """The tag tells one state of the dashboards from another, so that setup knows what it finds."""
    tag, *others = OBJECTS
    assert (tag["type"], tag["id"]) == ("tag", "tracelog")
    state = re.search(r"\(dashboards version \d+, state ([0-9a-f]{16})\)$", tag["attributes"]["description"])[1]
    bare = [{**made, "references": [one for one in made["references"] if one["type"] != "tag"]} for made in others]
    assert state in compact(tagged(bare)[0])
    bare[0]["attributes"]["name"] += "!"
    assert state not in compact(tagged(bare)[0])


def test_a_formula_brings_what_kibana_computes_it_from():
    """Each formula has its two sides and the calculation as columns of their own, under the names that it uses."""
    formulas = 0
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            layers = panel["embeddableConfig"].get("attributes", {}).get("state", {}).get("datasourceStates", {})
            for layer in layers.get("formBased", {}).get("layers", {}).values():
                for name, column in layer["columns"].items():
                    if column["operationType"] == "formula":
                        formulas += 1
                        math = layer["columns"][column["references"][0]]
                        assert math["references"] == math["params"]["tinymathAst"]["args"] == [f"{name}X0", f"{name}X1"]
                        assert set(math["references"]) <= set(layer["columns"])
    assert formulas


def test_counts_are_weighted_by_what_sampling_left_out():
    """Whoever keeps one trace in ten sees ten times the requests that arrived; nothing counts documents there."""
    (services,) = [made for made in DASHBOARDS if made["id"] == "tracelog-services"]
    for panel in panels(services):
        text = json.dumps(panel)
        assert '"operationType": "count"' not in text
    assert total("tracelog.weight", "")["sourceField"] == "tracelog.weight"


def test_no_paid_or_missing_feature_is_used():
    """No scripts, no ES|QL, no aggregation outside of the core, no drill-down to a URL."""
    text = BUILT.read_text(encoding="utf-8")
    for word in ("painless", '"script"', "esql", "top_metrics", "multi_terms", "last_value", "URL_DRILLDOWN"):
        assert word not in text
    assert [panel for dashboard in DASHBOARDS for panel in panels(dashboard) if vega_of(panel)]


def test_the_example_of_the_readme_makes_a_panel():
    """What a newcomer copies can be put into a row and written out."""
    (example,) = re.findall("```python\n(.*?)```", BUILT.with_name("README.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own text
    ((place, panel),) = placed([Row(10, [(48, names["HOSTS"])])])
    assert panel_object("p", place, panel)["title"] == "How many requests does each host answer?"


def test_time_lies_inside_of_the_series():
    """Services are ordered over the whole time, not in the order in which each first appears."""
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            lens = panel["embeddableConfig"].get("attributes", {})
            if lens.get("visualizationType") in ("lnsXY", "lnsHeatmap"):
                (layer,) = lens["state"]["datasourceStates"]["formBased"]["layers"].values()
                buckets = [name for name in layer["columnOrder"] if layer["columns"][name]["isBucketed"]]
                assert buckets[-1] == "time"

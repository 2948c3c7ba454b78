"""``tracelog setup --kibana`` with a Kibana in memory, and with a real one where there is one."""

from __future__ import annotations

import copy
import json
from typing import Any

from setup_support import ask

from tracelog.elastic.setup import ABSENT, CREATED, FOREIGN, REMOVED, UNCHANGED, UPDATED
from tracelog.kibana.answers import called
from tracelog.kibana.objects import load

MINE = {"coreMigrationVersion": "8.8.0", "references": []}


def view_of_somebody(name: str) -> dict[str, Any]:
    """Make a data view that is not ours."""
    attributes = {"title": "somebody-*", "name": "Somebody's", "timeFieldName": "@timestamp"}
    return {**MINE, "type": "index-pattern", "typeMigrationVersion": "8.0.0", "id": name, "attributes": attributes}


def search_of_somebody(name: str, view: str) -> dict[str, Any]:
    """Make a saved search that is not ours and reads from *view*."""
    index = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source = json.dumps({"query": {"query": "", "language": "kuery"}, "filter": [], "indexRefName": index})
    attributes = {
        "title": "Somebody's search",
        "columns": [],
        "sort": [],
        "kibanaSavedObjectMeta": {"searchSourceJSON": source},
    }
    reference = {"type": "index-pattern", "id": view, "name": index}
    kind = {"type": "search", "typeMigrationVersion": "8.0.0"}
    return {**MINE, **kind, "id": name, "attributes": attributes, "references": [reference]}


def tag_with(space, mark: str) -> dict[str, Any]:
    """Make the tag of the space with another mark."""
    tag = copy.deepcopy(space.bundle.tag)
    tag["attributes"]["description"] = mark
    return tag


def test_the_first_run_writes_and_the_second_changes_nothing(space):
    """Setup is idempotent, says for each object what it did, and where to look."""
    result = space.run()
    assert (result.exit_code, result.output.count(CREATED)) == (0, len(space.bundle.everything)), result.output
    assert f"{space.url}/s/{space.name}/app/dashboards#/view/tracelog-" in result.output
    assert space.statuses() == {called(item): UNCHANGED for item in space.bundle.everything}
    assert space.run().output.count(UNCHANGED) == len(space.bundle.everything)
    assert "POST" not in space.run("--dry-run").output


def test_what_is_written_is_what_the_file_says(space):
    """Every object is there under its id, managed, and refers to the ids of its own space."""
    space.run()
    there = space.there()
    assert set(there) == {item["id"] for item in space.bundle.everything}
    for item in space.bundle.everything:
        found = there[item["id"]]
        pointed = {(part["type"], part["id"]) for part in found["references"]}
        assert pointed == {(part["type"], part["id"]) for part in item["references"]}
        assert found["managed"] is True


def test_a_dry_run_says_what_would_be_done_and_does_nothing(space):
    """``--dry-run`` prints the request and each object, and nothing is there afterwards."""
    shown = space.run("--dry-run").output
    assert f"\nPOST /s/{space.name}/api/saved_objects/_import?overwrite=true\n" in shown
    assert shown.count("would be created") == len(space.bundle.everything)
    assert space.there() == {}


def test_only_what_is_missing_is_written(space):
    """An object that somebody removed comes back, and the others are left as they are."""
    space.run()
    gone = space.bundle.others[0]
    space.delete(gone)
    statuses = space.statuses()
    assert statuses.pop(called(gone)) == CREATED
    assert set(statuses.values()) == {UNCHANGED}


def test_an_upgrade_replaces_all(space):
    """Where the tag names another state of this or an earlier version, every object is written again."""
    space.run()
    space.put(tag_with(space, "Of an earlier time (dashboards version 0, state 0123456789abcdef)"))
    assert set(space.statuses("--dry-run").values()) == {UPDATED}
    assert set(space.statuses().values()) == {UPDATED}
    assert set(space.statuses().values()) == {UNCHANGED}


def test_the_objects_of_a_newer_release_are_left_alone(space):
    """A tag with a higher version stops setup before anything is written."""
    space.put(tag_with(space, "Of the future (dashboards version 999, state 0123456789abcdef)"))
    result = space.run()
    assert (result.exit_code, "newer tracelog" in result.output) == (1, True), result.output
    assert list(space.there()) == [space.bundle.tag["id"]]


def test_the_tag_of_somebody_else_is_left_alone(space):
    """A tag of our id without our mark is not ours: setup stops, and says what is in the way."""
    space.put(tag_with(space, "Things that I trace"))
    result = space.run()
    assert result.exit_code == 1
    assert f"there is a tag {space.bundle.tag['id']} already, and it is not tracelog's" in result.output
    assert space.there()[space.bundle.tag["id"]]["attributes"]["description"] == "Things that I trace"


def test_an_object_of_somebody_else_is_left_alone(space):
    """What has one of our ids while our tag is not there stops setup, and is not removed either."""
    name = next(item["id"] for item in space.bundle.others if item["type"] == "index-pattern")
    space.put(view_of_somebody(name))
    result = space.run()
    assert (result.exit_code, f"data view {name} already" in result.output) == (1, True), result.output
    statuses = space.statuses("--remove")
    assert statuses.pop(f"data view {name}") == FOREIGN
    assert set(statuses.values()) == {ABSENT}
    assert space.there()[name]["attributes"]["title"] == "somebody-*"


def test_what_a_broken_run_left_is_known_as_ours(space):
    """Objects without the tag, which is written last, are ours where they are managed: the next run goes on."""
    space.run()
    space.delete(space.bundle.tag)
    statuses = space.statuses()
    assert statuses.pop(called(space.bundle.tag)) == CREATED
    assert set(statuses.values()) == {UPDATED}


def test_remove_takes_away_what_setup_wrote(space):
    """After ``--remove`` nothing of ours is there; a second time finds nothing, and says so."""
    space.run()
    shown = space.run("--remove", "--dry-run").output
    assert f"\nPOST /s/{space.name}/api/saved_objects/_bulk_delete\n" in shown
    assert len(space.there()) == len(space.bundle.everything)
    assert set(space.statuses("--remove").values()) == {REMOVED}
    assert space.there() == {}
    assert set(space.statuses("--remove").values()) == {ABSENT}


def test_what_somebody_made_of_ours_stays(space):
    """A search that reads from our data view outlives setup and ``--remove``, which says that it will miss it."""
    space.run()
    view = next(item["id"] for item in space.bundle.others if item["type"] == "index-pattern")
    mine = search_of_somebody(f"somebody-{space.name}", view)
    space.put(mine)
    space.run()
    said = "objects that are not tracelog's read from it: saved search “Somebody's search”"
    assert said in space.run("--remove", "--dry-run").output
    assert said in space.run("--remove").output
    wanted = [{"type": "search", "id": mine["id"]}]
    (kept,) = ask(space.url, "POST", f"{space.prefix}/api/saved_objects/_bulk_get", wanted)["saved_objects"]
    assert kept["attributes"]["title"] == "Somebody's search"


def test_each_space_has_objects_of_its_own(spaces):
    """Two spaces are set up side by side, and removing from one leaves the other."""
    first, second = spaces
    for space in spaces:
        assert set(space.statuses().values()) == {CREATED}
    assert set(first.statuses("--remove").values()) == {REMOVED}
    assert len(second.there()) == len(second.bundle.everything)
    assert set(second.statuses().values()) == {UNCHANGED}


def test_ids_that_another_space_holds_make_no_copies(spaces):
    """Where Kibana would choose ids of chance, setup takes it all back and says what is in the way."""
    first, second = spaces
    taken = next(item for item in first.bundle.others if item["type"] == "index-pattern")
    second.put(view_of_somebody(taken["id"]))
    result = first.run()
    assert result.exit_code == 1
    assert f"another space of this Kibana holds {called(taken)}" in result.output
    kinds = "&".join(f"type={kind}" for kind in {item["type"] for item in load().everything})
    assert ask(first.url, "GET", f"{first.prefix}/api/saved_objects/_find?{kinds}")["saved_objects"] == []


def test_a_space_that_is_not_there_is_not_written_to(kibana, spaces):
    """Kibana takes objects for any name of a space: setup looks first."""
    lost = spaces[0]._replace(name="tracelog-tests-nowhere")
    result = lost.run()
    assert result.exit_code == 1
    assert "the space tracelog-tests-nowhere does not exist" in result.output

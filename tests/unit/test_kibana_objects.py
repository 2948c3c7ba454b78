"""The saved objects: where they are found, whose they are, and their ids in a space."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.errors import DestinationError
from tracelog.kibana.objects import Bundle, Mark, bundle_of, in_space, is_ours, lines_of, load, mark_of

names = st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True).filter(lambda name: name != "default")

IDS = ("tracelog-spans", "tracelog-trace", "tracelog-trace-lines")

#: What may stand before and after an id, in plain text, in JSON inside of JSON, and in URLs.
BEFORE = ("", "(", "/", '"', '\\"', "'", "\\n", "\\\\n", "%2F", "%27", ":", " ", "#/view/")
AFTER = ("", ")", "/", '"', '\\"', "'", "\\n", "%27", ":", "?_g=()", " ", ",", ".")

#: What is no id, though one is in it.
ALIKE = (
    "traces-apm.tracelog-spans",
    "my-tracelog-trace",
    "tracelog-spans-x",
    "tracelog-spanses",
    "tracelog",
    "xtracelog-spans",
)

mention = st.tuples(st.sampled_from(BEFORE), st.sampled_from(IDS), st.sampled_from(AFTER))
noise = st.sampled_from(ALIKE)


def tag(description: str = "Ours (dashboards version 3, state 0123456789abcdef)") -> dict:
    """Make a tag."""
    return {"type": "tag", "id": "tracelog", "attributes": {"name": "tracelog", "description": description}}


def saved(name: str, text: str = "") -> dict:
    """Make an object of ours with a *text* in which there may be ids."""
    reference = {"type": "index-pattern", "id": IDS[0], "name": f"{IDS[0]}:layer"}
    labelled = {"type": "tag", "id": "tracelog", "name": "tag-tracelog"}
    attributes = {"title": f"The {name}", "body": {"texts": [text, 7]}}
    return {"type": "dashboard", "id": name, "attributes": attributes, "references": [reference, labelled]}


def bundle(text: str = "") -> Bundle:
    """Make a bundle of three objects and their tag."""
    return bundle_of(lines_of([tag(), *(saved(name, text) for name in IDS)]), "a test")


@given(space=names, parts=st.lists(st.one_of(mention, noise)))
def test_ids_are_renamed_wherever_they_stand_alone(space, parts):
    """Each mention of an id in a text gets the suffix, and what only looks like one is left as it is."""
    told = [part if isinstance(part, str) else "".join(part) for part in parts]
    wanted = [part if isinstance(part, str) else f"{part[0]}{part[1]}-{space}{part[2]}" for part in parts]
    renamed = in_space(bundle(" | ".join(told)), space)
    assert renamed.others[0]["attributes"]["body"] == {"texts": [" | ".join(wanted), 7]}


@given(space=names)
def test_references_lead_to_what_is_there(space):
    """Every reference, the tag's included, has the id of an object of the same space."""
    renamed = in_space(bundle(), space)
    there = {item["id"] for item in renamed.everything}
    assert {part["id"] for item in renamed.others for part in item["references"]} <= there
    assert there == {f"{name}-{space}" for name in (*IDS, "tracelog")}


@given(space=names)
def test_titles_and_the_mark_are_for_people(space):
    """What people read is the same in every space, and so is the mark."""
    renamed = in_space(bundle(), space)
    assert [item["attributes"]["title"] for item in renamed.others] == [f"The {name}" for name in IDS]
    assert renamed.mark == bundle().mark == mark_of(renamed.tag)


def test_in_the_default_space_nothing_is_renamed():
    """The file's own ids are those of the default space."""
    assert in_space(bundle("tracelog-trace"), "default") == bundle("tracelog-trace")


@given(first=st.one_of(st.just("default"), names), second=names)
def test_no_two_spaces_share_an_id(first, second):
    """Kibana knows an id once for each kind of object, whatever the space; so ours differ."""
    if first == second:
        return
    keys = [{(item["type"], item["id"]) for item in in_space(load(), space).everything} for space in (first, second)]
    assert keys[0].isdisjoint(keys[1])


@given(space=names.map("elsewhere-{}".format))
def test_the_shipped_file_leads_to_no_other_space(space):
    """In what is shipped every reference and every link to a dashboard is renamed; undoing it gives the file again."""
    shipped, renamed = load(), in_space(load(), space)
    text = lines_of(renamed.everything).decode()
    links = set(re.findall(r"#/view/(tracelog-[\w-]+)", text))
    pointed = {part["id"] for item in renamed.others for part in item["references"]}
    assert links
    assert links | pointed <= {item["id"] for item in renamed.everything}
    ours = "|".join(sorted((item["id"] for item in shipped.everything), key=len, reverse=True))
    back = re.sub(rf"({ours})-{space}(?![\w-])", r"\1", text)
    assert [json.loads(line) for line in back.splitlines()] == [*shipped.everything]


def test_the_first_place_that_is_there_is_read(tmp_path):
    """An installation carries the file beside the code; a checkout has it elsewhere."""
    there = tmp_path / "tracelog.ndjson"
    there.write_bytes(lines_of(bundle().everything))
    assert load([tmp_path / "nowhere.ndjson", there]) == bundle()


def test_a_file_that_is_nowhere_is_told(tmp_path):
    """An installation without the dashboards says so."""
    with pytest.raises(DestinationError, match="this installation of tracelog lacks them; install"):
        load([tmp_path / "nowhere.ndjson"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no saved objects"),
        (b"no json", "no saved objects"),
        (b"[1]\n", "no saved objects"),
        (b'{"id": "x"}\n', "no saved objects"),
        (lines_of([tag(), tag()]), "no saved objects"),
        (lines_of([saved("tracelog-trace")]), "no saved objects"),
        (lines_of([tag()]), "no dashboards of tracelog"),
        (lines_of([tag("Things"), saved("tracelog-trace")]), "no dashboards of tracelog"),
    ],
)
def test_a_file_that_is_not_ours_is_refused(content, said):
    """A file without objects, or without exactly one tag that has our mark, is named."""
    with pytest.raises(DestinationError, match=f"some.ndjson: it holds {said}"):
        bundle_of(content, "some.ndjson")


@pytest.mark.parametrize(
    ("description", "mark"),
    [
        ("Ours (dashboards version 12, state 0123456789abcdef)", Mark(12, "0123456789abcdef")),
        ("Ours (dashboards version 12, state 0123456789abcdef) ", Mark(12, "0123456789abcdef")),
        ("(dashboards version 12, state 0123456789abcdef), and more", None),
        ("Ours (dashboards version x, state 0123456789abcdef)", None),
        ("Ours (dashboards version 12, state 0123)", None),
        ("", None),
        (None, None),
    ],
)
def test_the_mark_stands_at_the_end_of_a_tag(description, mark):
    """Version and state are read from the description; a tag without them is somebody else's."""
    assert mark_of({"attributes": {"description": description}}) == mark


@pytest.mark.parametrize("tag", [{}, {"attributes": None}, {"attributes": {}}])
def test_a_tag_without_a_description_has_no_mark(tag):
    """Nothing is read into a tag that says nothing."""
    assert mark_of(tag) is None


@pytest.mark.parametrize(
    ("item", "ours"),
    [
        ({"managed": True}, True),
        ({"managed": False, "references": [{"type": "tag", "id": "tracelog", "name": "x"}]}, True),
        ({"references": [{"type": "tag", "id": "other"}, {"type": "search", "id": "tracelog"}]}, False),
        ({"managed": "true"}, False),
        ({}, False),
    ],
)
def test_an_object_says_whether_it_is_ours(item, ours):
    """It came with tracelog if it is managed or has the tag."""
    assert is_ours(item, "tracelog") is ours

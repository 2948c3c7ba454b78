"""Documents read flat, however they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.ecs.found import flat

FLAT = {"trace.id": "a", "log.origin.file.name": "f.py", "labels": {"a.b": {"c": 1}}, "tracelog.events": [{"n.m": {}}]}


@pytest.mark.parametrize(
    "document",
    [
        FLAT,
        {
            "trace": {"id": "a"},
            "log": {"origin": {"file": {"name": "f.py"}}},
            "labels": {"a.b": {"c": 1}},
            "tracelog": {"events": [{"n.m": {}}]},
        },
        {
            "trace": {"id": "a"},
            "log": {"origin.file.name": "f.py"},
            "labels": {"a.b": {"c": 1}},
            "tracelog.events": [{"n.m": {}}],
        },
    ],
    ids=["dotted", "nested", "mixed"],
)
def test_all_ways_to_write_a_document_read_the_same(document):
    """Nested as we write it, dotted as others do, or both: names come out dotted, labels and lists as they were."""
    assert flat(document) == FLAT


leaves = st.integers() | st.text(max_size=3) | st.lists(st.dictionaries(st.text(max_size=2), st.integers()), max_size=2)
trees = st.dictionaries(
    st.text(max_size=4),
    st.recursive(leaves, lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=8),
    max_size=4,
)


@given(trees)
def test_reading_twice_is_reading_once(document):
    """What was read flat has no more objects to take apart, but for labels."""
    told = flat(document)
    assert flat(told) == told
    assert not [name for name, value in told.items() if isinstance(value, dict) and name != "labels"]

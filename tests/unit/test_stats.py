"""Counts of records: sums of sums."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracelog.stats import Stats, total

counts = st.integers(0, 1000)
stats = st.builds(
    Stats, counts, counts, counts, counts, counts, counts, st.dictionaries(st.sampled_from("abc"), counts)
)


@given(stats, stats)
def test_sums_are_kept(one, other):
    """Every count and every cause is added up, and none is lost."""
    both = one + other
    for name in ("finished", "stored", "already_there", "refused", "pending", "retries"):
        assert getattr(both, name) == getattr(one, name) + getattr(other, name)
    assert sum(both.dropped.values()) == sum(one.dropped.values()) + sum(other.dropped.values())
    assert both.dropped.keys() == one.dropped.keys() | other.dropped.keys()


@given(st.lists(stats))
def test_the_order_does_not_matter(many):
    """Pipelines can be counted in any order."""
    assert total(many) == total(reversed(many))


def test_nothing_counts_as_nothing():
    """Without a pipeline every count is zero."""
    assert total([]) == Stats()

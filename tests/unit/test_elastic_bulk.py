"""What becomes of the documents of a bulk request, for any answer whatever."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.elastic.answers import Answer
from tracelog.elastic.bulk import Fate, body_of, decided, joined
from tracelog.pipeline.exporter import SPANS, Line, Outcome, Refusal

GENUINE = {"x-elastic-product": "Elasticsearch"}

statuses = st.sampled_from([0, 200, 201, 301, 400, 401, 403, 404, 409, 413, 429, 500, 503])
errors = st.one_of(
    st.none(),
    st.text(max_size=9),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["x_content_parse_exception", "illegal_argument_exception", "", "other"])}
    ),
)
items = st.one_of(
    st.fixed_dictionaries({"create": st.fixed_dictionaries({"status": statuses}, optional={"error": errors})}),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=5), inner)
    ),
)
bodies = st.one_of(
    st.binary(max_size=40),
    st.fixed_dictionaries({}, optional={"items": st.lists(items, max_size=6), "error": errors}).map(
        lambda o: json.dumps(o).encode()
    ),
)
answers = st.builds(Answer, statuses, st.sampled_from([{}, GENUINE, {**GENUINE, "retry-after": "3"}]), bodies)


def lines(count: int) -> list[Line]:
    """Make *count* good lines."""
    return [Line(SPANS, f"key{number}", b'{"n":%d}' % number) for number in range(count)]


def places(fate: Fate) -> list[int]:
    """List all places that *fate* speaks of."""
    return sorted([*fate.stored, *fate.already_there, *(refusal.place for refusal in fate.refused), *fate.again])


@given(answers, st.integers(1, 6))
def test_every_document_is_in_exactly_one_part(answer, count):
    """For any answer, true, cut or invented, no document is lost and none is counted twice."""
    outcome = decided(answer, lines(count), now=0.0)
    if outcome is None:
        assert count > 1
    else:
        assert places(outcome) == list(range(count))
        assert bool(outcome.problem) == bool(outcome.again)


@given(answers, st.integers(1, 6))
def test_nothing_is_refused_without_proof(answer, count):
    """A good document is refused only where an item says 400 or 413, or where it is too large on its own."""
    outcome = decided(answer, lines(count), now=0.0)
    if outcome is not None and outcome.refused:
        assert (answer.status, count) == (413, 1) or answer.status == 200


@given(st.lists(statuses, min_size=1, max_size=20))
def test_items_are_settled_by_their_status(told):
    """2xx is stored, 409 was there, 400 and 413 are refused, and everything else is sent again."""
    body = json.dumps({"items": [{"create": {"status": status}} for status in told]}).encode()
    outcome = decided(Answer(200, GENUINE, body), lines(len(told)), now=0.0)
    assert outcome is not None
    assert list(outcome.stored) == [n for n, status in enumerate(told) if 200 <= status < 300]
    assert list(outcome.already_there) == [n for n, status in enumerate(told) if status == 409]
    assert [refusal.place for refusal in outcome.refused] == [
        n for n, status in enumerate(told) if status in (400, 413)
    ]


@pytest.mark.parametrize(
    ("statuses_told", "said"),
    [([201, 404], "tracelog setup"), ([403, 404], "tracelog setup"), ([429, 403], "create_doc")],
)
def test_the_problem_is_the_one_that_a_person_can_solve(statuses_told, said):
    """Of several reasons to keep documents, the one that needs somebody to act is told."""
    body = json.dumps({"items": [{"create": {"status": status}} for status in statuses_told]}).encode()
    outcome = decided(Answer(200, GENUINE, body), lines(2), now=0.0)
    assert outcome is not None
    assert said in outcome.problem


@pytest.mark.parametrize("item", [None, 7, {}, {"create": None}, {"create": {"status": "201"}}, {"create": {}}])
def test_an_item_that_says_nothing_is_sent_again(item):
    """An item without a status that can be read proves neither that its document is stored nor that it is bad."""
    body = json.dumps({"items": [{"create": {"status": 201}}, item]}).encode()
    outcome = decided(Answer(200, GENUINE, body), lines(2), now=0.0)
    assert outcome is not None
    assert (outcome.stored, outcome.refused, outcome.again) == ((0,), (), (1,))


def test_an_unknown_item_status_is_told_with_its_reason():
    """A status without a cure of its own is repeated as Elasticsearch said it."""
    error = {"type": "unavailable_shards_exception", "reason": "primary shard is not active"}
    body = json.dumps({"items": [{"create": {"status": 503, "error": error}}]}).encode()
    outcome = decided(Answer(200, GENUINE, body), lines(1), now=0.0)
    assert outcome is not None
    assert "status 503, unavailable_shards_exception: primary shard" in outcome.problem


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(told, seconds):
    """Both forms of ``Retry-After`` are read, and nonsense is no wait at all."""
    outcome = decided(Answer(503, {**GENUINE, "retry-after": told}, b"{}"), lines(1), now=40.0)
    assert outcome is not None
    assert outcome.retry_after == seconds


def test_parts_are_joined_by_their_places_in_the_whole():
    """Counts add up, places are those of the whole, the longest wait counts, and the first problem is told."""
    first = Fate((1,), (3,), (Refusal(0, "bad"),), (2,), 1.0, "")
    second = Fate(again=(0, 1), retry_after=5.0, problem="busy")
    whole = joined([([4, 5, 6, 7], first), ([1, 0], second)])
    assert whole == Outcome(1, 1, (Refusal(4, "bad"),), (0, 1, 6), 5.0, "busy")


STORED, THERE, AGAIN = Fate(stored=(0,)), Fate(already_there=(0,)), Fate(again=(0,), problem="busy")
REFUSED = Fate(refused=(Refusal(0, "bad"),))


@pytest.mark.parametrize(
    ("fates", "whole"),
    [
        ((STORED, STORED), Outcome(stored=1)),
        ((STORED, THERE), Outcome(stored=1)),
        ((THERE, STORED), Outcome(stored=1)),
        ((THERE, THERE), Outcome(already_there=1)),
        ((STORED, REFUSED), Outcome(refused=(Refusal(0, "bad"),))),
        ((REFUSED, REFUSED), Outcome(refused=(Refusal(0, "bad"),))),
        ((STORED, AGAIN), Outcome(again=(0,), problem="busy")),
        ((REFUSED, AGAIN), Outcome(again=(0,), problem="busy")),
    ],
)
def test_a_line_of_two_documents_has_one_fate(fates, whole):
    """It is done with when both are, sent again if either is, and otherwise refused if either is."""
    assert joined([([0], fate) for fate in fates]) == whole


fates = st.lists(st.sampled_from("sard"), max_size=6).map(
    lambda told: Fate(
        tuple(n for n, kind in enumerate(told) if kind == "s"),
        tuple(n for n, kind in enumerate(told) if kind == "a"),
        tuple(Refusal(n, "bad") for n, kind in enumerate(told) if kind == "r"),
        tuple(n for n, kind in enumerate(told) if kind == "d"),
    )
)


@given(st.lists(fates, max_size=4))
def test_no_line_is_counted_twice(parts):
    """However many documents a line has, in whatever requests, it is in exactly one part of the whole."""
    outcome = joined([(range(len(places(part))), part) for part in parts])
    count = max((len(places(part)) for part in parts), default=0)
    assert outcome.stored + outcome.already_there + len(outcome.refused) + len(outcome.again) == count
    assert not {refusal.place for refusal in outcome.refused} & set(outcome.again)


@given(st.text(), st.dictionaries(st.text(), st.integers()))
def test_a_body_survives_any_key(key, document):
    """Whatever a key holds, the body is two lines of JSON for each document."""
    body = body_of([Line(SPANS, key.encode("utf-8", "replace").decode(), json.dumps(document).encode())])
    action, told = body.decode().split("\n")[:2]
    assert json.loads(action)["create"]["_id"] == key.encode("utf-8", "replace").decode()
    assert json.loads(told) == document

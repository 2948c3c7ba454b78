"""Samplers: which traces are kept, and that services agree about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.context import RANDOM, SAMPLED, TraceContext
from tracelog.ids import RandomIds
from tracelog.sampling import KEPT, LEFT_OUT, ByRoute, ParentBased, Ratio, Rule, always
from tracelog.testing import Recorder
from tracelog.tracer import Tracer

hexadecimal = st.integers(1, 2**128 - 1).map("{:032x}".format)
ratios = st.floats(0, 1)


def never(trace_id, operation, parent):
    """Leave every trace out."""
    return LEFT_OUT


class Own:
    """A context of the application's own, without flags."""

    trace_id, span_id = "1" * 32, "2" * 16

    def visit(self, see, /):
        """Show nothing."""


@given(hexadecimal, ratios)
def test_every_service_decides_alike(trace_id, ratio):
    """The id alone decides, be the trace id padded to 32 digits or not."""
    one, other = Ratio(ratio), Ratio(ratio)
    assert one(trace_id, "GET /a", None) == other(trace_id, "POST /b", TraceContext("x", "y"))
    assert one(trace_id[-16:], "", None) == one(trace_id[-16:].zfill(32), "", None)


@given(hexadecimal, ratios, ratios)
def test_a_larger_share_holds_the_smaller(trace_id, one, other):
    """A trace that a service with a small ratio keeps is kept by those with larger ones, so that chains are whole."""
    small, large = sorted((one, other))
    assert not Ratio(small)(trace_id, "", None) or Ratio(large)(trace_id, "", None)


@given(hexadecimal, ratios)
def test_the_weight_makes_up_for_the_share(trace_id, ratio):
    """A kept trace stands for 1 / ratio traces."""
    assert Ratio(ratio)(trace_id, "", None) in (LEFT_OUT, 1 / ratio if ratio else LEFT_OUT)


def test_the_share_is_about_right():
    """Of many random traces about a quarter is kept."""
    ids = RandomIds()
    kept = sum(Ratio(0.25)(ids.trace_id(), "", None) > 0 for _ in range(20_000))
    assert 4_500 < kept < 5_500


@given(st.text())
def test_all_is_all_and_nothing_is_nothing(trace_id):
    """At the ends no trace falls through, whatever its id looks like."""
    assert Ratio(1)(trace_id, "", None) == KEPT
    assert Ratio(0)(trace_id, "", None) == LEFT_OUT


def test_ids_of_another_alphabet_are_spread():
    """Ids that are not hexadecimal are sampled by their text."""
    kept = sum(Ratio(0.5)(f"order-{n}", "", None) > 0 for n in range(2_000))
    assert 800 < kept < 1_200


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_ratio_lies_between_none_and_all(ratio):
    """Anything else is refused where it is given."""
    with pytest.raises(ValueError, match=str(ratio)):
        Ratio(ratio)


@pytest.mark.parametrize(
    ("pattern", "operation", "fits"),
    [
        ("/health", "GET /health", True),
        ("/health", "/health", True),
        ("/health", "GET /healthy", False),
        ("/static/*", "GET /static/a/b.css", True),
        ("POST /pay", "POST /pay", True),
        ("POST /pay", "GET /pay", False),
        ("* /pay", "PUT /pay", True),
        ("*", "GET /", True),
        ("*", "nightly job", True),
        ("nightly job", "nightly job", True),
        ("job", "nightly job", False),
        ("/HEALTH", "GET /health", False),
    ],
)
def test_rules(pattern, operation, fits):
    """A pattern is a glob over method and path, over the path alone, or over any name."""
    assert Rule(pattern, always).fits(operation) is fits


def test_the_first_rule_that_fits_decides():
    """Later rules are not asked; without one that fits the trace is kept."""
    sampler = ByRoute([Rule("/health", never), Rule("GET *", Ratio(1)), Rule("*", never)])
    assert [sampler("1", operation, None) for operation in ("GET /health", "GET /x", "POST /x")] == [0, 1, 0]
    assert ByRoute([Rule("/health", never)])("1", "GET /x", None) == KEPT


@pytest.mark.parametrize(("flags", "weight"), [(0, LEFT_OUT), (SAMPLED, KEPT), (RANDOM, LEFT_OUT), (3, KEPT)])
def test_the_callers_decision_is_followed(flags, weight):
    """What the caller kept is kept and what it left out is left out, whatever our own sampler would say."""
    for root in (always, never):
        assert ParentBased(root)("1", "", TraceContext("1", "2", flags)) == weight


def test_traces_that_begin_here_are_ours_to_decide():
    """Without a caller the root sampler is asked; by default all is kept."""
    assert ParentBased(never)("1", "", None) == LEFT_OUT
    assert ParentBased()("1", "", None) == KEPT


def test_a_context_without_flags_counts_as_sampled():
    """A context of the application's own knows of no flags, and means to be seen."""
    assert ParentBased(never)("1", "", Own()) == KEPT


def test_a_decision_holds_for_the_whole_trace():
    """Children are kept or left out with their entry, carry its weight, and pass its decision on."""
    for sampler, flags in ((Ratio(1), SAMPLED), (never, 0)):
        recorder = Recorder()
        tracer = Tracer(sink=recorder, sampler=sampler)
        entry = tracer.start_server_span(None, "GET /")
        child = entry.fork().fork()
        child.finish()
        entry.finish()
        assert (child.sampled, child.flags) == (bool(flags), flags)
        assert [record.weight for record in recorder.spans] == [1.0, 1.0] * flags

"""Among services that speak B3: two of ours in processes of their own, and the headers between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pair_support import SPANS, Pair, pair

from tracelog.ids import is_id

LONG, SHORT, SPAN = "80f198ee56343ba864fe8b2a57d3eff7", "64fe8b2a57d3eff7", "e457b5a2e4d86bd1"
OLD_FIRST = {"propagators": "b3multi,b3,w3c", "sample": "0"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Run two services that read B3 before W3C, and that keep no trace unless they are told to."""
    with pair(tmp_path_factory.mktemp("b3"), OLD_FIRST, OLD_FIRST) as served:
        yield served


@pytest.mark.parametrize("trace_id", [LONG, SHORT])
@pytest.mark.parametrize("single", [True, False])
def test_one_id_from_the_caller_to_the_last_span(shop: Pair, trace_id: str, single: bool) -> None:
    """An id of either length, in one header or in several, is stored and sent on as it came, to its last digit."""
    trace_id = trace_id[:-1] + str(int(single))
    several = {"X_B3_TraceId": trace_id, "X_B3_SpanId": SPAN, "X_B3_Sampled": "1"}
    answer = shop.ask(**({"b3": f"{trace_id}-{SPAN}-1"} if single else several))
    spans = shop.read(trace_id).spans
    assert (answer.trace_id, len(spans)) == (trace_id, SPANS)
    own = {span["span.id"] for span in spans}
    assert [span["parent.id"] for span in spans if span["parent.id"] not in own] == [SPAN]
    for sent in answer.sent:
        assert sent["b3"].split("-")[:3] == [trace_id, sent["x-b3-spanid"], "1"]
        assert (sent["x-b3-traceid"], sent["x-b3-sampled"]) == (trace_id, "1")
        assert sent["traceparent"] == f"00-{trace_id:0>32}-{sent['x-b3-spanid']}-01"


def test_debug_keeps_a_trace_in_every_service(shop: Pair) -> None:
    """Where nothing else is kept, a trace that a caller debugs is stored by both, and told on as such."""
    trace_id = f"{LONG[:-1]}d"
    answer = shop.ask(b3=f"{trace_id}-{SPAN}-d")
    assert len(shop.read(trace_id).spans) == SPANS
    assert [(sent["b3"].split("-")[2], sent["x-b3-flags"]) for sent in answer.sent] == [("d", "1")] * 2


@pytest.mark.parametrize(("said", "told"), [("0", "0"), ("1", "1"), (f"{LONG}-{SPAN}", "0")])
def test_decisions_reach_the_next_service(shop: Pair, said: str, told: str) -> None:
    """A decision without ids is made about a new trace; one that is left to us is made by `SAMPLE`."""
    answer = shop.ask(b3=said)
    assert (answer.trace_id == LONG, is_id(answer.trace_id, 32)) == (LONG in said, True)
    assert [sent["x-b3-sampled"] for sent in answer.sent] == [told] * 2
    assert [sent["traceparent"][-1] for sent in answer.sent] == [told] * 2


@pytest.mark.parametrize("header", [f"{LONG}", f"{LONG}-{SPAN[:-1]}-1", f"{LONG.upper()}-{SPAN}-1", "garbage"])
def test_what_is_not_valid_begins_a_new_trace(shop: Pair, header: str) -> None:
    """Half a context, another length or alphabet: nothing of it goes on."""
    answer = shop.ask(b3=header)
    assert is_id(answer.trace_id, 32)
    assert LONG not in str(answer).lower()

"""The waterfall, drawn without a browser of what a real Elasticsearch answers."""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import vl_convert
from elastic_node import VERSIONS, had
from elastic_support import asked, encoded, span
from kibana_support import of_type, panels, vega_of

from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.search import ElasticSearch
from tracelog.elastic.setup import install
from tracelog.record import Failure, Kind, Status

MS = 1_000_000
BEGUN = 1_763_899_200_000_000_000

#: Kibana brings this scheme itself.
COLOURS = ["#54B399", "#6092C0", "#D36086", "#9170B8", "#CA8EAE", "#D6BF57", "#B9A888", "#DA8B45", "#AA6556", "#E7664C"]

(SPEC,) = [spec for made in of_type("dashboard") for panel in panels(made) if (spec := vega_of(panel)) is not None]


def draw(address: ElasticAddress, query: dict[str, Any], **signals: Any) -> list[str]:
    """Draw what is found, as wide and high as the panel on a small screen; return all texts, from top to bottom."""
    spec = copy.deepcopy(SPEC)
    spec |= {"width": 1300, "height": 390}
    next(scale for scale in spec["scales"] if scale["name"] == "colour")["range"] = COLOURS
    for signal in spec["signals"]:
        if signal["name"] in signals:
            signal["value"] = signals[signal["name"]]
    for data in spec["data"]:
        if "url" in data:
            url = data.pop("url")
            # Like the real pattern, it finds nothing where there is no stream, which is no error.
            index = url["index"].replace("*", f"{address.namespace}*")
            body = {**url["body"], "query": query if "%context%" in url else {"match_all": {}}}
            data["values"] = asked(address, "POST", f"/{index}/_search", body)
    drawn = vl_convert.vega_to_svg(spec)
    found = sorted(_TEXT.findall(drawn), key=lambda text: float(text[0]))
    return [html.unescape(re.sub("<[^>]+>", "", text)) for _, text in found]


_TEXT = re.compile(r'<text (?![^>]*opacity="0")[^>]*transform="translate\([^,]+,([^)]+)\)"[^>]*>(.*?)</text>')


def of(trace_id: str) -> dict[str, Any]:
    """Ask for one trace, as the search bar does."""
    return {"term": {"trace.id": trace_id}}


@pytest.fixture(scope="module", params=VERSIONS)
def store(request, elastic_nodes) -> ElasticAddress:
    """Give these tests data streams of their own."""
    address = ElasticAddress((had(elastic_nodes, request.param).url,), namespace="waterfall")
    with closing(Connection(address)) as connection:
        install(connection)
    return address


@pytest.fixture
def keep(store) -> Iterator[Callable[..., None]]:
    """Store spans, and let them be found."""
    with closing(ElasticExporter(store)) as exporter:

        def kept(*spans: Any) -> None:
            assert exporter.send(encoded(exporter, *spans)).again == ()
            asked(store, "POST", "/traces-apm.tracelog-*/_refresh")

        yield kept


def made(trace: int, number: int, parent: int = 0, **told: Any) -> Any:
    """Make one span of a trace; number and parent are counted from 1."""
    entry = told.pop("entry", 1)
    return span(
        **{
            "trace_id": f"{trace:032x}",
            "span_id": f"{number:016x}",
            "parent_id": f"{parent:016x}" if parent else "",
            "entry_id": f"{entry:016x}",
            "operation": f"step {number}",
            "kind": Kind.SERVER if number == entry else Kind.INTERNAL,
            "started_ns": BEGUN + number * MS,
            "duration_ns": 50 * MS,
            **told,
        }
    )


def steps(texts: list[str]) -> list[str]:
    """Name the rows in the order in which they are drawn."""
    return [text for text in texts if "step" in text or "arrived" in text]


def test_every_trace_of_the_demo_is_drawn(shop):
    """Each trace has a row for every span, with its service, its kind and how long it took."""
    with closing(ElasticSearch(shop)) as search:
        entries = {entry["trace.id"] for entry in search.recent(limit=50)}
        for trace_id in entries:
            spans = search.trace(trace_id).spans
            texts = draw(shop, of(trace_id))
            assert any(f"{len(spans)} span" in text and trace_id in text for text in texts)
            for document in spans:
                assert any(document["event.action"] in text for text in texts), (document, texts)
                assert document["span.kind"] in texts
                assert document["service.name"] in texts


def test_a_failing_span_that_is_chosen_tells_why(shop):
    """A click on a row shows the exception, its message and its stack trace."""
    with closing(ElasticSearch(shop)) as search:
        entry = next(found for found in search.recent(failed=True, limit=50) if found["service.name"] == "payment")
        spans = search.trace(entry["trace.id"]).spans
    failing = next(found for found in spans if found["event.action"] == "ask the bank")
    texts = draw(shop, of(entry["trace.id"]), selected=f"{failing['span.id']}/internal")
    assert any("CardDeclinedError: the bank declined" in text for text in texts)
    assert any("in ask_the_bank" in text for text in texts)
    assert any(f"spanId {failing['span.id']}" in text for text in texts)
    assert any(text.startswith("payment   ask the bank") for text in texts)


def test_without_a_trace_id_traces_are_offered(shop):
    """All spans of the demo together offer the newest and the slowest traces, and draw no waterfall."""
    texts = draw(shop, {"match_all": {}})
    assert any("traces are here" in text for text in texts)
    assert {"Newest traces", "Slowest traces"} <= set(texts)
    assert sum("POST /checkout" in text for text in texts) > 4
    assert "server" not in texts


def test_nothing_found_says_what_to_do(store):
    """An id that is not there is no error."""
    texts = draw(store, of("nowhere"))
    assert any("No span is here" in text for text in texts)


def test_no_stream_at_all_is_no_error_either(store):
    """Before anything was ever stored the panel says the same."""
    texts = draw(replace(store, namespace="nobody"), {"match_all": {}})
    assert any("No span is here" in text for text in texts)


def test_spans_stand_below_the_one_that_began_them(store, keep):
    """Rows come in the order of the tree: a child before the next child of its parent, each by time."""
    keep(made(1, 1, children=2), made(1, 2, 1, children=1), made(1, 4, 2), made(1, 3, 1))
    assert steps(draw(store, of(f"{1:032x}"))) == ["step 1", "step 2", "step 4", "step 3"]


def test_children_that_have_not_arrived_are_named(store, keep):
    """A span that owes children says how many of how many."""
    keep(made(2, 1, children=3), made(2, 2, 1))
    assert "⚠ 2 of 3 children have not arrived" in draw(store, of(f"{2:032x}"))


def test_orphans_are_drawn_as_roots_and_say_so(store, keep):
    """Spans whose parent is not there have rows of their own; what began an inner one is named as missing."""
    keep(made(3, 1, 99), made(3, 2, 98, entry=98), made(3, 3, 2, entry=98))
    rows = steps(draw(store, of(f"{3:032x}")))
    assert rows == ["step 1", "step 2", "step 3", "⚠ the span that began this has not arrived"]


def test_several_roots_stand_one_below_the_other(store, keep):
    """A trace with two beginnings is drawn whole."""
    keep(made(4, 1), made(4, 2, entry=2), made(4, 3, 2, entry=2))
    assert steps(draw(store, of(f"{4:032x}"))) == ["step 1", "step 2", "step 3"]


def test_a_span_that_is_stored_twice_is_drawn_once(store, keep):
    """What a rollover doubled counts once; the two sides of a call that share an id are two, one below the other."""
    twice = made(5, 2, 1)
    call = made(5, 3, 1, kind=Kind.CLIENT, operation="step 3 asked")
    answered = made(5, 3, 1, kind=Kind.SERVER, entry=3, operation="step 3 answered")
    keep(made(5, 1), twice, twice, call, answered, made(5, 4, 3, entry=3))
    texts = draw(store, of(f"{5:032x}"))
    assert steps(texts) == ["step 1", "step 2", "step 3 asked", "step 3 answered", "step 4"]
    assert any("5 spans" in text for text in texts)


def test_circles_are_cut(store, keep):
    """A span that names itself or its own child as its parent breaks nothing."""
    keep(made(6, 1, 1), made(6, 2, 3, entry=9), made(6, 3, 2, entry=9))
    assert {"step 1", "step 2", "step 3"} <= set(steps(draw(store, of(f"{6:032x}"))))


def test_a_thousand_spans_are_drawn_as_far_as_there_is_room(store, keep):
    """A long trace is scrolled: the first rows are drawn, or those further down, and the number of all is told."""
    spans = [
        made(7, number, (number - 2) // 4 + 1 if number > 1 else 0, duration_ns=number * MS)
        for number in range(1, 1001)
    ]
    keep(*spans)
    texts = draw(store, of(f"{7:032x}"))
    assert any("1,000 spans" in text for text in texts)
    assert 5 < len(steps(texts)) < 30
    further = steps(draw(store, of(f"{7:032x}"), top=500))
    assert 5 < len(further) < 30
    assert not set(further) & set(steps(texts))


def test_odd_values_break_nothing(store, keep):
    """Names that look like markup or code, no duration, failures without a reason."""
    odd = {"operation": "step <b>&'\"{{x}}", "duration_ns": 0, "status": Status.FAILURE, "failure": Failure("", "")}
    keep(made(8, 1, **odd))
    assert any("step <b>&'\"{{x}}" in text for text in draw(store, of(f"{8:032x}")))

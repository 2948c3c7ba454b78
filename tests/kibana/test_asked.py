"""What the panels ask, asked of a real Elasticsearch that holds the demo."""

from __future__ import annotations

from typing import Any

import pytest
from elastic_support import asked
from kibana_support import Question, questions


def answer(address, question: Question) -> dict[str, Any]:
    """Ask a question of the streams of one namespace."""
    pattern = question.pattern.replace("-*", f"-{address.namespace}")
    body = {"size": 5, "query": question.query, "aggs": question.aggs, "track_total_hits": True}
    if question.columns:
        body["fields"] = [*question.columns]
        body["sort"] = [{field: order} for field, order in question.sort]
    return asked(address, "POST", f"/{pattern}/_search", body)


def numbers(told: Any) -> list[Any]:
    """Collect what the aggregations answered: values, and how many documents are in each bucket."""
    found: list[Any] = []
    if isinstance(told, dict):
        found += [told[name] for name in ("value", "doc_count") if name in told]
        found += told["values"].values() if isinstance(told.get("values"), dict) else []
    for part in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        found += numbers(part)
    return found


@pytest.mark.parametrize("question", [*questions()], ids=lambda question: question.name)
def test_every_panel_finds_something_in_the_demo(shop, question):
    """No panel is empty on the demo's data, and none asks what Elasticsearch does not answer."""
    told = answer(shop, question)
    assert told["_shards"]["failed"] == 0
    assert told["hits"]["total"]["value"] > 0
    for name, aggregation in told.get("aggregations", {}).items():
        assert aggregation.get("buckets", True), f"{name} has no bucket"
    assert not question.aggs or any(numbers(told["aggregations"]))
    for column in question.columns:
        if column not in SELDOM:
            assert any(column in hit.get("fields", {}) for hit in told["hits"]["hits"]), column


#: Fields of a table that only some documents have, not always one of the first.
SELDOM = {
    *("error.type", "error.message", "error.stack_trace", "parent.id", "http.request.method"),
    *("http.response.status_code", "url.full", "url.path", "span.destination.service.resource"),
    *("log.logger", "transaction.id", "span.id", "trace.id"),
}

"""Names of the data streams, and how a document says which one it belongs to."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tracelog.pipeline.exporter import LINES, SPANS

#: Kibana's own APM pages look at ``traces-apm*``.
DATASETS: Mapping[str, tuple[str, str]] = {SPANS: ("traces", "apm.tracelog"), LINES: ("logs", "tracelog")}


def stream(kind: str, namespace: str) -> str:
    """
    Name the data stream that documents of *kind* go to.

    >>> stream("spans", "default"), stream("lines", "*")
    ('traces-apm.tracelog-default', 'logs-tracelog-*')
    """
    return "-".join((*DATASETS[kind], namespace))


def data_stream(kind: str, namespace: str) -> bytes:
    """Write the head of a document of *kind*: an opened object, to be followed by the rest of its fields."""
    family, dataset = DATASETS[kind]
    fields = {"data_stream.type": family, "data_stream.dataset": dataset, "data_stream.namespace": namespace}
    return orjson.dumps(fields)[:-1] + b","

"""Names of the data streams, and how a document says which one it belongs to."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tracelog.pipeline.exporter import LINES, SPANS

#: Documents of failures, made of spans on their way out.
ERRORS = "errors"

#: Kibana's own APM pages look at ``traces-apm*``, and for failures at ``logs-apm*``.
DATASETS: Mapping[str, tuple[str, str]] = {
    SPANS: ("traces", "apm.tracelog"),
    LINES: ("logs", "tracelog"),
    ERRORS: ("logs", "apm.tracelog"),
}


def stream(kind: str, namespace: str) -> str:
    """
    Name the data stream that documents of *kind* go to.

    >>> stream("spans", "default"), stream("lines", "*"), stream("errors", "default")
    ('traces-apm.tracelog-default', 'logs-tracelog-*', 'logs-apm.tracelog-default')
    """
    return "-".join((*DATASETS[kind], namespace))


def streams(namespace: str) -> list[str]:
    """Name all data streams of *namespace*."""
    return [stream(kind, namespace) for kind in DATASETS]


def data_stream(kind: str, namespace: str) -> bytes:
    """Write the head of a document of *kind*: an opened object, to be followed by the rest of its fields."""
    family, dataset = DATASETS[kind]
    fields = {"data_stream": {"type": family, "dataset": dataset, "namespace": namespace}}
    return orjson.dumps(fields)[:-1] + b","

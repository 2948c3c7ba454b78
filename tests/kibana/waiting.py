"""Waits for what was sent to be found."""

from __future__ import annotations

import time

from tracelog.cli.demo import is_whole
from tracelog.cli.tree import grow
from tracelog.elastic.search import ElasticSearch
from tracelog.errors import DestinationError

WAIT_SECONDS = 60


def wait_for(search: ElasticSearch, trace_id: str) -> None:
    """Wait until a trace is there whole, but not for ever."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            if is_whole(grow(search.trace(trace_id))):
                return
        except DestinationError:
            pass  # a server that is only just making room for the first records cannot search them yet
        time.sleep(0.1)
    raise AssertionError(f"trace {trace_id} did not arrive")

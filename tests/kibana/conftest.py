"""What the tests of the dashboards can ask for: the demo's documents on a real Elasticsearch."""

from __future__ import annotations

import os
from contextlib import closing

import pytest
from elastic_node import VERSIONS, had
from waiting import wait_for

from tracelog.demo.services import running
from tracelog.demo.traffic import visits
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.search import ElasticSearch
from tracelog.elastic.setup import install


@pytest.fixture(scope="session", params=VERSIONS)
def shop(request, elastic_nodes) -> ElasticAddress:
    """Run the demo into data streams of its own, and give their address once all of it has arrived."""
    node = had(elastic_nodes, request.param)
    address = ElasticAddress((node.url,), namespace=f"dashboards_{os.getpid()}")
    with closing(Connection(address)) as connection:
        install(connection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACELOG_NAMESPACE", address.namespace)
        with running(node.url) as urls:
            seen = list(visits(urls["shop"], 3))
            with closing(ElasticSearch(address)) as search:
                for visit in seen:
                    wait_for(search, visit.trace_id)
    return address

"""What tests of every kind can ask for."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import count

import pytest
from elastic_node import VERSIONS, Node, Nodes, had
from hypothesis import settings

from tracelog import tracer
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.setup import install

# A deadline would be a timed test, on machines that do other work beside it.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

_numbers = count(1)

#: A node may have to be fetched and started first.
_NODE_SECONDS = 700


@pytest.fixture(scope="module", autouse=True)
def pipelines_of_its_own() -> Iterator[None]:
    """Close the pipelines that the tests of a file left open: whoever flushes next would wait for their records."""
    before = set(tracer._held)
    yield
    for sink in set(tracer._held) - before:
        sink.close(0.0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that may have to start an Elasticsearch the time for it."""
    for item in items:
        if "elastic_nodes" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(_NODE_SECONDS))


def pytest_terminal_summary(terminalreporter) -> None:
    """Say in one line how many tests were skipped for each reason."""
    skipped = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.getreports("skipped"))
    for reason, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"skipped {tests}: {reason}")


@pytest.fixture(scope="session")
def elastic_nodes() -> Iterator[Nodes]:
    """Start real Elasticsearch nodes when they are needed, and end them with the session."""
    nodes = Nodes()
    yield nodes
    nodes.stop()


@pytest.fixture(params=VERSIONS)
def elastic_node(request, elastic_nodes) -> Node:
    """Run the test against each version of Elasticsearch."""
    return had(elastic_nodes, request.param)


@pytest.fixture
def secure_node(elastic_nodes) -> Node:
    """Run the test against an Elasticsearch with users and TLS."""
    if VERSIONS == ("given",):
        pytest.skip("a given Elasticsearch has users of its own")
    return had(elastic_nodes, VERSIONS[0], secure=True)


@pytest.fixture
def fresh_address(elastic_node, request) -> ElasticAddress:
    """Give the test data streams of its own on a node, without templates having been set up for it."""
    return ElasticAddress((elastic_node.url,), namespace=namespace(request.node.name))


@pytest.fixture
def elastic_address(fresh_address) -> ElasticAddress:
    """Give the test data streams of its own on a node that `tracelog setup` was run on."""
    connection = Connection(fresh_address)
    install(connection, "30d")
    connection.close()
    return fresh_address


def namespace(test: str) -> str:
    """Make a namespace for one test of one run."""
    return f"{re.sub(r'[^a-z0-9]+', '_', test.lower())[:60]}_{os.getpid()}_{next(_numbers)}"

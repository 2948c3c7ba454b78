"""What our requests leave in the application's own logs: nothing."""

from __future__ import annotations

import logging

import elastic_transport
from elastic_support import GENUINE, Reply

from tracelog.elastic.address import ElasticAddress, node_configs
from tracelog.elastic.connection import Connection


def test_our_requests_are_not_logged_and_those_of_others_are(pretend, caplog):
    """An application that shows everything sees no line per batch, but still those of its own client."""
    server = pretend(lambda *request: Reply(200, b"{}", GENUINE))
    address = ElasticAddress((server.url,))
    connection = Connection(address)
    with caplog.at_level(logging.DEBUG):
        connection.call("GET", "/ours")
        assert caplog.records == []
        elastic_transport.Transport(node_configs(address)).perform_request("GET", "/theirs")
    connection.close()
    assert {record.name for record in caplog.records} >= {"elastic_transport.transport", "urllib3.connectionpool"}

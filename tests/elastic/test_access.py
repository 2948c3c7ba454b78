"""Users, rights and certificates, with an Elasticsearch that asks for them."""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import replace
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner
from elastic_node import PASSWORD
from elastic_support import TRACE, encoded, failed_span, line, span

from tracelog.cli.setup import setup
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.names import streams
from tracelog.elastic.search import ElasticSearch
from tracelog.elastic.setup import install
from tracelog.errors import DestinationError
from tracelog.pipeline.exporter import Outcome


@pytest.fixture
def admin(secure_node) -> ElasticAddress:
    """Come as somebody who may do everything, to a node that setup was run on."""
    address = ElasticAddress(
        (secure_node.url,), username="admin", password=PASSWORD, ca_certs=secure_node.ca_certs, namespace="access"
    )
    connection = Connection(address)
    install(connection)
    connection.close()
    return address


def sent(address: ElasticAddress) -> Outcome:
    """Send a span and a line to *address*."""
    exporter = ElasticExporter(address)
    outcome = exporter.send(encoded(exporter, span(), line()))
    exporter.close()
    return outcome


def asked_as(address: ElasticAddress, method: str, path: str, body: str = "") -> tuple[int, Any]:
    """Ask Elasticsearch directly, past all of our own code, with the user of *address*; status and body come back."""
    pair = base64.b64encode(f"{address.username}:{address.password}".encode()).decode()
    kind = "application/x-ndjson" if path.endswith("_bulk") else "application/json"
    data = body.encode() or None
    request = Request(address.nodes[0] + path, data, {"authorization": f"Basic {pair}", "content-type": kind})
    request.method = method
    try:
        with urlopen(request, timeout=30, context=ssl.create_default_context(cafile=address.ca_certs)) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_writer_needs_two_privileges_and_no_more(admin):
    """With ``auto_configure`` and ``create_doc`` on the three streams, and nothing else, everything is stored."""
    here = replace(admin, namespace="least")
    writer = ElasticExporter(replace(here, username="writer"))
    assert writer.send(encoded(writer, span(), line(), failed_span())) == Outcome(stored=3)
    writer.close()
    for name, count in zip(streams("least"), (2, 1, 1), strict=True):
        asked_as(here, "POST", f"/{name}/_refresh")
        assert asked_as(here, "GET", f"/{name}/_count")[1]["count"] == count


@pytest.fixture
def writer(admin) -> ElasticAddress:
    """Come as an application does, to streams that hold a document."""
    address = replace(admin, username="writer", namespace="least")
    exporter = ElasticExporter(address)
    exporter.send(encoded(exporter, line(), failed_span()))
    exporter.close()
    return address


@pytest.fixture(params=streams("least"))
def place(admin, writer, request) -> dict[str, str]:
    """Name a stream, the index behind it, and a document in it."""
    name: str = request.param
    asked_as(admin, "POST", f"/{name}/_refresh")
    (hit,) = asked_as(admin, "GET", f"/{name}/_search?size=1")[1]["hits"]["hits"]
    return {"stream": name, "index": hit["_index"], "id": hit["_id"]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/{index}/_doc/{id}", ""),
        ("GET", "/{index}/_source/{id}", ""),
        ("GET", "/{stream}/_search", ""),
        ("GET", "/{index}/_search", ""),
        ("GET", "/{stream}/_count", ""),
        ("GET", "/{stream}/_field_caps?fields=*", ""),
        ("GET", "/{stream}/_mapping", ""),
        ("PUT", "/{index}/_doc/{id}?if_seq_no=0&if_primary_term=1", '{"@timestamp":"2026-01-01"}'),
        ("POST", "/{index}/_update/{id}", '{"doc":{"message":"never said"}}'),
        ("DELETE", "/{index}/_doc/{id}", ""),
        ("PUT", "/{stream}/_mapping", '{"properties":{}}'),
        ("PUT", "/{stream}/_settings", '{"index":{"refresh_interval":"9s"}}'),
        ("POST", "/{stream}/_rollover", ""),
        ("POST", "/{stream}/_close", ""),
        ("DELETE", "/{stream}", ""),
        ("DELETE", "/{index}", ""),
    ],
)
def test_a_writer_can_neither_read_nor_change_what_is_stored(writer, place, method, path, body):
    """Of all that can be asked about a stream it may add documents alone, and not see them again."""
    status, answer = asked_as(writer, method, path.format(**place), body)
    assert (status, answer["error"]["type"]) == (403, "security_exception")


@pytest.mark.parametrize("action", ["index", "update", "delete"])
def test_a_writer_can_do_nothing_else_in_bulk(writer, place, action):
    """The bulk API, which it uses itself, lets it replace and delete nothing."""
    # Without these two Elasticsearch itself refuses to replace a document of a stream, before it asks who wants to.
    terms = {"if_seq_no": 0, "if_primary_term": 1} if action == "index" else {}
    lines = [json.dumps({action: {"_id": place["id"], **terms}}), *([] if action == "delete" else ['{"doc":{}}']), ""]
    _, answer = asked_as(writer, "POST", f"/{place['index']}/_bulk", "\n".join(lines))
    (item,) = answer["items"]
    assert (item[action]["status"], item[action]["error"]["type"]) == (403, "security_exception")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/orders/_doc", "{}"),
        ("PUT", "/orders", ""),
        ("POST", "/logs-shop-default/_doc", "{}"),
        ("POST", "/traces-apm-default/_doc", "{}"),
        ("POST", "/logs-apm.error-default/_doc", "{}"),
        ("GET", "/orders/_search", ""),
        ("GET", "/_component_template/tracelog-common", ""),
        ("PUT", "/_component_template/tracelog-common", '{"template":{}}'),
        ("DELETE", "/_component_template/tracelog-errors", ""),
        ("PUT", "/_index_template/logs-apm.tracelog", '{"index_patterns":["logs-apm.tracelog-*"]}'),
        ("DELETE", "/_index_template/logs-apm.tracelog", ""),
        ("GET", "/_cluster/health", ""),
        ("GET", "/_cluster/state", ""),
        ("PUT", "/_cluster/settings", '{"persistent":{"indices.recovery.max_bytes_per_sec":"9mb"}}'),
    ],
)
def test_a_writer_can_touch_nothing_else(writer, method, path, body):
    """No other index, no template, and nothing of the cluster."""
    status, answer = asked_as(writer, method, path, body)
    assert (status, answer["error"]["type"]) == (403, "security_exception")


def test_credentials_in_the_url_win(admin):
    """A URL's own name and password are used in place of those given beside it."""
    url = admin.nodes[0].replace("https://", f"https://writer:{PASSWORD.replace(' ', '%20')}@")
    assert sent(replace(admin, nodes=(url,), username="nobody", password="wrong")) == Outcome(stored=2)  # noqa: S106 - made up


@pytest.mark.parametrize(("name", "password"), [("writer", "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_keep_everything_and_name_the_settings(admin, name, password):
    """A wrong name or password loses nothing; the problem names the settings and shows no password."""
    outcome = sent(replace(admin, username=name, password=password))
    assert outcome.again == (0, 1)
    assert "TRACELOG_PASSWORD" in outcome.problem
    assert password not in outcome.problem


def test_no_credentials_keep_everything(admin):
    """Without credentials everything is kept, too."""
    assert sent(replace(admin, username="")).again == (0, 1)


def test_an_api_key_that_is_not_known_keeps_everything(admin):
    """An API key, which wins over name and password, is tried and not accepted."""
    outcome = sent(replace(admin, api_key="id:key"))
    assert outcome.again == (0, 1)
    assert "TRACELOG_API_KEY" in outcome.problem


def test_missing_privileges_are_named(admin):
    """A user without rights loses nothing; the problem names the privileges that writing takes."""
    outcome = sent(replace(admin, username="stranger"))
    assert outcome.again == (0, 1)
    assert "auto_configure and create_doc" in outcome.problem


def test_setup_and_search_name_the_privileges_they_need(admin):
    """A writer can neither set up nor search, and is told what is missing."""
    writer = replace(admin, username="writer")
    connection, search = Connection(writer), ElasticSearch(writer)
    with pytest.raises(DestinationError, match="manage_index_templates"):
        install(connection)
    with pytest.raises(DestinationError, match="privilege read"):
        search.trace(TRACE)
    connection.close()
    search.close()


def test_a_certificate_of_an_unknown_authority_is_refused(admin):
    """TLS is verified by default: without the authority's file nothing is sent, and the setting is named."""
    outcome = sent(replace(admin, ca_certs=""))
    assert outcome.again == (0, 1)
    assert "TRACELOG_CA_CERTS" in outcome.problem


def test_a_certificate_for_another_name_is_refused(admin):
    """The host's name must be one that the certificate holds."""
    outcome = sent(replace(admin, nodes=(admin.nodes[0].replace("127.0.0.1", "127.0.0.2"),)))
    assert outcome.again == (0, 1)
    assert "another host name" in outcome.problem or "nothing listens" in outcome.problem


def test_plain_http_to_a_tls_port_is_explained(admin):
    """``http://`` where https is spoken keeps everything, and asks the right question."""
    outcome = sent(replace(admin, nodes=(admin.nodes[0].replace("https", "http"),)))
    assert outcome.again == (0, 1)
    assert "https" in outcome.problem


def test_the_command_line_takes_credentials_from_the_environment(admin, monkeypatch):
    """``tracelog setup`` finds its way in with the settings of the application alone."""
    for name, value in {
        "EXPORT": admin.nodes[0],
        "USERNAME": "admin",
        "PASSWORD": PASSWORD,
        "CA_CERTS": admin.ca_certs,
    }.items():
        monkeypatch.setenv(f"TRACELOG_{name}", value)
    result = CliRunner().invoke(setup, [])
    assert (result.exit_code, PASSWORD in result.output) == (0, False), result.output

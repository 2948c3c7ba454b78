"""Users, rights and certificates, with an Elasticsearch that asks for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner
from elastic_node import PASSWORD
from elastic_support import TRACE, encoded, line, span

from tracelog.cli.setup import setup
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
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


def test_a_writer_needs_two_privileges_and_no_more(admin):
    """With ``auto_configure`` and ``create_doc`` on the streams, and nothing else, everything is stored."""
    assert sent(replace(admin, username="writer", namespace="least")) == Outcome(stored=2)


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

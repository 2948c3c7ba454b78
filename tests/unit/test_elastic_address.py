"""Where an Elasticsearch is, and what never shows."""

from __future__ import annotations

import base64
import pickle

import pytest
import trustme

from tracelog.elastic.address import ElasticAddress, node_configs
from tracelog.elastic.connection import Connection
from tracelog.errors import InvalidSetting
from tracelog.redaction import without_userinfo


def sent(address: ElasticAddress) -> list[str | None]:
    """Read the credentials that each node would be sent."""
    return [config.headers.get("authorization") for config in node_configs(address)]


def basic(pair: str) -> str:
    """Write a name and a password as HTTP does."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


def test_a_url_becomes_a_node():
    """Scheme, host, port and path of a URL are those of the node; the port is the scheme's own by default."""
    configs = node_configs(ElasticAddress(("http://[::1]:9200/es/", "https://es.example")))
    told = [(config.scheme, config.host, config.port, config.path_prefix) for config in configs]
    assert told == [("http", "::1", 9200, "/es"), ("https", "es.example", 443, "")]


def test_certificates_are_verified(tmp_path):
    """TLS is verified by default, against the file that is given."""
    (by_default,) = node_configs(ElasticAddress(("https://es",)))
    assert by_default.verify_certs
    path = str(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(path)
    (config,) = node_configs(ElasticAddress(("https://es",), ca_certs=path))
    assert (config.verify_certs, config.ca_certs) == (True, path)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, None),
        ({"username": "ann", "password": "p:w ü"}, basic("ann:p:w ü")),
        ({"api_key": "ZW5j", "username": "ann"}, "ApiKey ZW5j"),
        ({"api_key": "id:key"}, "ApiKey " + base64.b64encode(b"id:key").decode()),
    ],
)
def test_credentials_by_precedence(given, used):
    """An API key wins over name and password; ``id:key`` is encoded as the header needs it."""
    assert sent(ElasticAddress(("http://es",), **given)) == [used]


def test_a_nodes_own_credentials_win_for_that_node():
    """What stands in a URL is decoded, and used for this node alone."""
    address = ElasticAddress(("http://ann:p%40w@a", "http://b"), api_key="ZW5j")
    assert sent(address) == [basic("ann:p@w"), "ApiKey ZW5j"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:secret@es:9200", "https://es:9200"),
        ("https://ann:sec@ret@es/path/?key=secret#secret", "https://es/path"),
        ("ann:secret@es", "es"),
    ],
)
def test_a_url_is_shown_without_userinfo(url, shown):
    """Names, passwords, queries and fragments are left out."""
    assert without_userinfo(url) == shown
    assert "secret" not in repr(ElasticAddress((url,), api_key="secret", password="secret"))  # noqa: S106 - made up


@pytest.mark.parametrize("node", ["ftp://es", "es:9200", "http://", "http://es:port", "http://ann:secret@es:99999"])
def test_a_url_that_cannot_be_used_is_named_without_its_password(node):
    """A bad URL names the setting and the form that is expected."""
    with pytest.raises(InvalidSetting, match=r"TRACELOG_EXPORT.*http://host:port") as raised:
        node_configs(ElasticAddress((node,)))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"nodes": ()}, "TRACELOG_EXPORT"),
        ({"namespace": "Blue"}, "TRACELOG_NAMESPACE"),
        ({"namespace": "a-b"}, "TRACELOG_NAMESPACE"),
        ({"namespace": ""}, "TRACELOG_NAMESPACE"),
        ({"ca_certs": "/no/such/file"}, "TRACELOG_CA_CERTS"),
        ({"api_key": "two\nlines"}, "TRACELOG_API_KEY"),
    ],
)
def test_a_bad_value_names_its_setting(given, key):
    """Each value that cannot be used fails at once, by the name of its setting."""
    with pytest.raises(InvalidSetting, match=key) as raised:
        node_configs(ElasticAddress(**{"nodes": ("http://es",), **given}))
    assert "two" not in str(raised.value)


def test_a_file_that_holds_no_certificate_is_named(tmp_path):
    """A file of authorities that holds none fails at once, and not with the first request."""
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(InvalidSetting, match="TRACELOG_CA_CERTS"):
        Connection(ElasticAddress(("https://es",), ca_certs=str(tmp_path / "ca.pem")))


def test_an_api_key_with_the_form_of_a_pair_survives_pickling():
    """An address is a plain value: it can be handed to another process."""
    address = ElasticAddress(("http://es",), api_key="id:key")
    assert pickle.loads(pickle.dumps(address)) == address  # noqa: S301 - our own bytes

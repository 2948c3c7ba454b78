"""Where an Elasticsearch is and how to get in; nothing here ever shows a credential."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from elastic_transport import NodeConfig

from tracelog.errors import InvalidSetting
from tracelog.redaction import without_userinfo

_PORTS = {"http": 80, "https": 443}
_NAMESPACE = re.compile(r'[^-\\/*?"<>|\s,#:A-Z]{1,100}')


@dataclass(frozen=True)
class ElasticAddress:
    """
    The nodes of one Elasticsearch, and what they ask for.

    *nodes* are URLs; credentials inside one win over those given here. *api_key* is the ``encoded`` form or
    ``id:key``. *ca_certs* is a PEM file in place of the usual authorities. *namespace* is the last part of the names of
    the data streams.
    """

    nodes: tuple[str, ...] = field(repr=False)
    api_key: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    ca_certs: str = ""
    namespace: str = "default"

    def __str__(self) -> str:
        return "|".join(without_userinfo(node) for node in self.nodes)

    def __repr__(self) -> str:
        return f"<ElasticAddress {self} namespace={self.namespace}>"


def node_configs(address: ElasticAddress) -> list[NodeConfig]:
    """Turn *address* into what elastic_transport asks for, or raise InvalidSetting for what cannot be used."""
    if not address.nodes:
        raise InvalidSetting("TRACELOG_EXPORT", "", "give the URL of an Elasticsearch, like https://es.example:9200")
    if not _NAMESPACE.fullmatch(address.namespace):
        expected = "up to 100 lower-case characters without - and without any that an index name cannot have"
        raise InvalidSetting("TRACELOG_NAMESPACE", address.namespace, expected)
    if address.ca_certs:
        _check_authorities(address.ca_certs)
    return [_node_config(node, address) for node in address.nodes]


def _check_authorities(path: str) -> None:
    """Read a file of authorities once; a client would do so with its first request only."""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise InvalidSetting("TRACELOG_CA_CERTS", path, "it holds no certificate in PEM format") from None
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise InvalidSetting("TRACELOG_CA_CERTS", path, f"{reason}; give a file in PEM format") from None


def _node_config(node: str, address: ElasticAddress) -> NodeConfig:
    """Turn one URL into a node."""
    expected = "an Elasticsearch is given as http://host:port or https://host:port"
    shown = without_userinfo(node)
    try:
        url = urlsplit(node)
        port = url.port or _PORTS[url.scheme]
    except (ValueError, KeyError):
        raise InvalidSetting("TRACELOG_EXPORT", shown, expected) from None
    if not url.hostname:
        raise InvalidSetting("TRACELOG_EXPORT", shown, expected)
    secure: dict[str, Any] = {}
    if url.scheme == "https":
        secure = {"verify_certs": True, "ca_certs": address.ca_certs or None}
    return NodeConfig(
        url.scheme,
        url.hostname,
        port,
        path_prefix=url.path.rstrip("/"),
        headers=_credentials(url, address),
        connections_per_node=1,
        **secure,
    )


def _credentials(url: SplitResult, address: ElasticAddress) -> Mapping[str, str]:
    """Choose the credentials for one node: its URL's own, an API key, name and password, or none."""
    if url.username:
        told = _basic(unquote(url.username), unquote(url.password or ""))
    elif address.api_key:
        key = address.api_key.strip()
        told = f"ApiKey {_base64(key) if ':' in key else key}"
    elif address.username:
        told = _basic(address.username, address.password)
    else:
        return {}
    if not told.isascii() or not told.isprintable():
        raise InvalidSetting("TRACELOG_API_KEY", "…", "it holds characters that no API key has; copy it again")
    return {"authorization": told}


def _basic(username: str, password: str) -> str:
    return f"Basic {_base64(f'{username}:{password}')}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

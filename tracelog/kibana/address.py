"""Where a Kibana is, which of its spaces is meant, and how to get in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from elastic_transport import NodeConfig

from tracelog.elastic.address import ElasticAddress, node_configs
from tracelog.errors import InvalidSetting
from tracelog.redaction import without_userinfo

#: The space that every Kibana has, and that its URLs do not name.
DEFAULT = "default"

_SPACE = re.compile(r"[a-z0-9_-]{1,100}")
_BEYOND = re.compile(r"/(?:s|app|api)/")


@dataclass(frozen=True)
class KibanaAddress:
    """
    One space of a Kibana, and what it asks for.

    *url* may have a base path; credentials inside it win over those given here, which are those of Elasticsearch.
    """

    url: str = field(repr=False)
    space: str = DEFAULT
    api_key: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    ca_certs: str = ""

    @property
    def prefix(self) -> str:
        """What stands before the path of each request that is about the space."""
        return "" if self.space == DEFAULT else f"/s/{self.space}"

    def __str__(self) -> str:
        return without_userinfo(self.url) + self.prefix

    def __repr__(self) -> str:
        return f"<KibanaAddress {self}>"


def node_config(address: KibanaAddress) -> NodeConfig:
    """Turn *address* into what elastic_transport asks for, or raise InvalidSetting for what cannot be used."""
    expected = "a Kibana is given as https://host:5601, with its base path where it has one"
    shown = without_userinfo(address.url)
    try:
        url = urlsplit(address.url)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSetting("TRACELOG_KIBANA", shown, expected)
    if _BEYOND.search(f"{urlsplit(shown).path}/"):
        raise InvalidSetting("TRACELOG_KIBANA", shown, "end it before /s/ and /app/, and name the space with --space")
    if not _SPACE.fullmatch(address.space):
        raise InvalidSetting("--space", address.space, "give its identifier as in Kibana's URLs: a-z, 0-9, _ and -")
    access = {name: getattr(address, name) for name in ("api_key", "username", "password", "ca_certs")}
    (config,) = node_configs(ElasticAddress((address.url,), **access))
    return config

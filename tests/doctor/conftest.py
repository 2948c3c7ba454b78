"""What tests of the doctor can ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from elastic_node import PASSWORD
from elastic_support import Reply, handler

from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.answers import parsed
from tracelog.elastic.connection import Connection
from tracelog.elastic.setup import install, remove


class Told(NamedTuple):
    """What the command printed, and how it ended."""

    code: int
    out: str
    errors: str

    @property
    def report(self) -> dict[str, Any]:
        """Read the report of ``--json``."""
        assert self.errors == ""
        return json.loads(self.out)

    def finding(self, name: str) -> dict[str, str]:
        """Return the one finding of that name."""
        (found,) = [finding for finding in self.report["findings"] if finding["name"] == name]
        return found

    @property
    def names(self) -> list[str]:
        """List the findings by name."""
        return [finding["name"] for finding in self.report["findings"]]


@pytest.fixture
def doctor(tmp_path: Path) -> Callable[..., Told]:
    """Run ``tracelog doctor`` as a process in a folder of its own, spans going into a file there."""

    def run(*arguments: str, **environment: str) -> Told:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACELOG_")}
        own = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "COLUMNS": "80"}
        export = {"TRACELOG_EXPORT": f"sqlite://{tmp_path}/traces.sqlite"}
        done = subprocess.run(
            [sys.executable, "-m", "tracelog", "doctor", *arguments],
            cwd=tmp_path,
            env={**kept, **own, **export, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Told(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def pretend() -> Iterator[Callable[..., str]]:
    """Serve what a function of method, path and body answers, on a clock that is *ahead*; gives the URL."""
    servers: list[ThreadingHTTPServer] = []

    def serve(reply: Callable[[str, str, bytes], Reply], ahead: float = 0.0) -> str:
        class Timed(handler(reply, [])):
            """Tells another time in the header Date."""

            def date_time_string(self, timestamp: float | None = None) -> str:
                return formatdate(time.time() + ahead, usegmt=True)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Timed)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def admin(secure_node) -> Iterator[Connection]:
    """Come as somebody who may do everything, to a node that setup was run on."""
    ca_certs = secure_node.ca_certs
    connection = Connection(ElasticAddress((secure_node.url,), username="admin", password=PASSWORD, ca_certs=ca_certs))
    install(connection)
    yield connection
    connection.close()


@pytest.fixture
def ask_as(admin, doctor) -> Callable[..., Told]:
    """Run the doctor as one of the node's users, with a namespace of the test's own."""

    def run(user: str, *arguments: str, **told: str) -> Told:
        address = admin.address
        environment = {
            "TRACELOG_EXPORT": address.nodes[0],
            "TRACELOG_USERNAME": user,
            "TRACELOG_PASSWORD": PASSWORD,
            "TRACELOG_CA_CERTS": address.ca_certs,
        }
        return doctor(*arguments, "--json", **{**environment, **told})

    return run


@pytest.fixture
def without_templates(admin) -> Iterator[None]:
    """Take our templates away, whatever data streams stand on them, and bring them back."""
    answer = admin.ask("GET", "/_resolve/index/traces-*,logs-*")
    names = [entry["name"] for entry in parsed(answer)["data_streams"]]
    if names:
        # Elasticsearch removes no template that a stream would then be without.
        stand_in = {"index_patterns": names, "priority": 1, "data_stream": {}}
        admin.ask("PUT", "/_index_template/tests-stand-in", stand_in)
    remove(admin)
    yield
    install(admin)
    if names:
        admin.ask("DELETE", "/_index_template/tests-stand-in")

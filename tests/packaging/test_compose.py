"""
The compose file and its image, as far as they can be held to their word without a Docker engine.

The schema, every name that refers to another, every command with the parser that will read it, and the one script.
"""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from elastic_node import free_port
from ruamel.yaml import YAML

from tracelog.assembly.settings import Settings
from tracelog.cli.setup import setup
from tracelog.demo.command import command_line
from tracelog.demo.serving import SERVICES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.elk.yml"
TEXT = COMPOSE.read_text()
FILE: Mapping[str, Any] = YAML(typ="safe", pure=True).load(TEXT)
PARTS: Mapping[str, Mapping[str, Any]] = FILE["services"]
DEMO = ["python", "-m", "tracelog.demo"]
ONE_SHOTS = {"kibana-password", "setup"}
SCRIPT = ROOT / "docker" / "kibana_password.py"

SECRET = re.compile(r"PASSWORD|KEY|SECRET|TOKEN|CREDENTIAL")
VARIABLE = re.compile(r"\$\{(\w+)(?::\?([^}]+))?\}")

#: Ports of what is not ours.
PORTS = {"elasticsearch": 9200, "kibana": 5601}


def examples() -> dict[str, str]:
    """Read the variables that are to be filled in."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def arguments(name: str) -> list[str]:
    """Return what a part of the demo is told on its command line."""
    command = PARTS[name]["command"]
    assert command[:3] == DEMO
    return command[3:]


def port_of(name: str) -> int:
    """Find the port at which a part listens inside the network."""
    return PORTS[name] if name in PORTS else command_line().parse_args(arguments(name)).port


def addresses(name: str) -> list[str]:
    """List the URLs on this network that a part is given."""
    told = [*PARTS[name].get("environment", {}).values(), *PARTS[name].get("command", [])]
    found = [url for value in told for url in re.findall(r"(?:http|grpc)://[\w.-]+:\d+", str(value))]
    return [url for url in found if "127.0.0.1" not in url]


def stages() -> list[list[str]]:
    """Read the instructions of each stage of the Dockerfile, comments left out and continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    starts = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def in_context(path: str) -> bool:
    """Tell whether the build sees a file; the rules that come later win."""
    sees = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = rule.removeprefix("!").replace("**/", "*")
        if rule and not rule.startswith("#") and (fnmatch(path, pattern) or fnmatch(path, f"{pattern}/*")):
            sees = rule.startswith("!")
    return sees


def test_the_file_keeps_to_the_specification():
    """Compose would take it: it fits the published schema."""
    tool = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(tool, capture_output=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stdout


def test_everything_waits_for_what_can_happen():
    """A part waits for the health of parts that are checked, and for the end of parts that end."""
    waits = [(name, *wait) for name, part in PARTS.items() for wait in part.get("depends_on", {}).items()]
    for name, other, wait in waits:
        assert other in PARTS, name
        ends = other in ONE_SHOTS
        assert wait == {"condition": "service_completed_successfully" if ends else "service_healthy"}, name
        assert ends or "healthcheck" in PARTS[other]


def test_nothing_waits_in_a_circle():
    """Some order of starting fulfils every wait, and only Elasticsearch waits for nobody."""
    left = {name: set(part.get("depends_on", {})) for name, part in PARTS.items()}
    assert {name for name, waits in left.items() if not waits} == {"elasticsearch"}
    while ready := {name for name, waits in left.items() if not waits & left.keys()}:
        left = {name: waits for name, waits in left.items() if name not in ready}
    assert left == {}


def test_health_is_asked_a_bounded_number_of_times():
    """Each check has an interval, a timeout and an end."""
    checks = [part["healthcheck"] for part in PARTS.values() if "healthcheck" in part]
    assert len(checks) == 6
    assert all({"test", "interval", "timeout", "retries"} <= check.keys() for check in checks)


def test_what_ends_stays_ended_and_what_serves_comes_back():
    """A one-shot is not restarted, everything else is, until somebody stops it."""
    assert {name: part["restart"] for name, part in PARTS.items()} == {
        name: "no" if name in ONE_SHOTS else "unless-stopped" for name in PARTS
    }


def test_each_variable_is_explained_and_each_explained_one_is_used():
    """The example names all variables and no other; without a value each says what to do."""
    used = VARIABLE.findall(TEXT)
    assert {name for name, _ in used} == set(examples())
    assert all("see .env.example" in message or message == "copy .env.example to .env" for _, message in used)
    assert TEXT.count("$") == len(used)


def test_no_password_is_written_down():
    """Whatever is secret comes from outside, and the example leaves it empty."""
    told = [item for part in PARTS.values() for item in part.get("environment", {}).items()]
    secrets = {name: value for name, value in told if SECRET.search(name)}
    assert len(secrets) >= 6
    assert [name for name, value in secrets.items() if not VARIABLE.fullmatch(value)] == []
    assert {name: value for name, value in examples().items() if SECRET.search(name) and value} == {}


def test_one_place_names_the_version():
    """Elasticsearch and Kibana are of one version, which the example holds exactly and nothing else mentions."""
    elastic = {part["image"].partition(":")[2] for part in PARTS.values() if "docker.elastic.co" in part["image"]}
    assert {VARIABLE.fullmatch(version)[1] for version in elastic} == {"STACK_VERSION"}
    version = examples()["STACK_VERSION"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert version not in TEXT


def test_one_image_is_built_once():
    """All parts of ours share an image that only one of them builds, and nobody looks for it elsewhere."""
    ours = {name: part for name, part in PARTS.items() if "docker.elastic.co" not in part["image"]}
    assert {part["image"] for part in ours.values()} == {"tracelog-demo"}
    builders = [name for name, part in ours.items() if "build" in part]
    assert builders == ["kibana-password"]
    assert {part["pull_policy"] for name, part in ours.items() if name not in builders} == {"never"}
    # Whoever starts one part alone starts what it waits for, and so the one that builds, too.
    assert builders[0] in PARTS["kibana"]["depends_on"]
    assert "kibana" in PARTS["setup"]["depends_on"]


def test_every_volume_is_declared_and_used():
    """No mount names a volume that is not there, and none is left over."""
    mounts = [mount.split(":")[0] for part in PARTS.values() for mount in part.get("volumes", [])]
    assert set(mounts) == set(FILE["volumes"])


def test_ports_are_published_on_loopback_alone():
    """Nothing is reached from another machine, and what is published is what listens."""
    published = {name: port for name, part in PARTS.items() for port in part.get("ports", [])}
    assert published == {
        name: f"127.0.0.1:{port_of(name)}:{port_of(name)}" for name in ("elasticsearch", "kibana", "shop")
    }


def test_memory_is_bounded_and_heaps_fit():
    """Each part has a limit, and the heap leaves room for the rest of its process."""
    assert [name for name, part in PARTS.items() if "mem_limit" not in part] == []
    assert PARTS["elasticsearch"]["mem_limit"] == PARTS["kibana"]["mem_limit"] == "2g"
    assert PARTS["elasticsearch"]["environment"]["ES_JAVA_OPTS"] == "-Xms1g -Xmx1g"
    assert PARTS["kibana"]["environment"]["NODE_OPTIONS"] == "--max-old-space-size=1024"


def test_addresses_lead_to_parts_that_listen_there():
    """Every URL names a part of this file and the port at which that part listens."""
    found = {(name, urlsplit(url)) for name in PARTS for url in addresses(name)}
    assert {url.hostname for _, url in found} == {"elasticsearch", "kibana", "payment", "warehouse", "stock", "shop"}
    assert [url.geturl() for _, url in found if url.port != port_of(url.hostname)] == []


def test_what_is_called_is_waited_for():
    """A part that is given another's address starts after that other one, directly or through others."""

    def before(name: str) -> set[str]:
        waits = set(PARTS[name].get("depends_on", {}))
        return waits.union(*map(before, waits))

    late = [(name, url) for name in PARTS for url in addresses(name) if urlsplit(url).hostname not in before(name)]
    assert late == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_understands_its_command_and_settings(name):
    """Each is reached from other containers, where its health is looked for, and every setting of it exists."""
    told = command_line().parse_args(arguments(name))
    assert (told.part, told.host, told.attached) == (name, "0.0.0.0", False)  # noqa: S104 - inside a container
    assert f"('127.0.0.1', {told.port})" in PARTS[name]["healthcheck"]["test"][-1]
    environment = PARTS[name]["environment"]
    ours = {key.removeprefix("TRACELOG_") for key in environment if key.startswith("TRACELOG_")}
    assert ours == {"EXPORT", "ENVIRONMENT", "SERVICE", "SERVICE_VERSION"}
    assert ours <= {setting.upper() for setting in Settings.__dataclass_fields__}
    assert environment["TRACELOG_SERVICE"] == name


def test_the_customers_understand_their_command():
    """They come without end, into the shop of this file."""
    told = command_line().parse_args(arguments("customers"))
    assert (told.part, told.seconds) == ("customers", float("inf"))
    assert list(PARTS["customers"]["environment"]) == ["SHOP_SHOP_URL"]


def test_setup_understands_its_command():
    """The one command of the set-up parses, with the user and password where it looks for them."""
    program, name, *told = PARTS["setup"]["command"]
    assert (program, name) == ("tracelog", setup.name)
    read = setup.make_context("setup", told).params
    assert (read["elasticsearch"], read["kibana"]) == ("http://elasticsearch:9200", "http://kibana:5601")
    assert read["writer_key"] == Path("/keys/writer")
    asked = {option.name: option.envvar for option in setup.params}
    assert {asked["username"], asked["password"]} == set(PARTS["setup"]["environment"])


def test_the_services_have_no_credential_but_the_key():
    """They read the key that the set-up writes, cannot change it, and are told no password."""
    (kept,) = [option for option in PARTS["setup"]["command"] if option.startswith("--writer-key=")]
    path = kept.partition("=")[2]
    assert PARTS["setup"]["volumes"] == [f"keys:{Path(path).parent}"]
    for name in SERVICES:
        assert str(command_line().parse_args(arguments(name)).api_key_file) == path
        assert PARTS[name]["volumes"] == [f"keys:{Path(path).parent}:ro"]
        assert not VARIABLE.search(json.dumps(PARTS[name]))
    assert "volumes" not in PARTS["customers"]
    assert not VARIABLE.search(json.dumps(PARTS["customers"]))


def test_the_image_belongs_to_nobody_mighty():
    """It runs as a user by number, who owns the folder of the key, on a base that is the same for both stages."""
    build, final = stages()
    assert {stage[0].split()[1] for stage in (build, final)} == {"python:3.13-slim-bookworm"}
    user = next(line.split()[1] for line in final if line.startswith("USER "))
    made = next(line for line in final if "useradd" in line)
    assert f"--uid {user} " in made
    assert "--owner=tracelog" in made
    assert made.endswith(" /keys")
    assert any("PYTHONUNBUFFERED=1" in line for line in final if line.startswith("ENV "))


def test_the_image_holds_what_the_file_starts():
    """The script is where the command looks for it, what is installed is bound by the constraints, pip stays behind."""
    build, final = stages()
    place = next(line for line in final if line.startswith("COPY docker/")).split()
    assert [f"{place[2]}{Path(place[1]).name}"] == PARTS["kibana-password"]["command"][1:]
    install = next(line for line in build if "pip wheel" in line)
    assert install.count("--constraint constraints.txt") == 2
    assert "--without-pip" in install
    assert not any("pip" in line for line in final)


def test_the_build_sees_what_it_needs_and_no_more():
    """Sources, constraints and texts of the package, and no history, secret or test."""
    needed = [
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "tracelog/__init__.py",
        "tracelog/demo/shop.py",
    ]
    needed += ["docker/kibana_password.py", "kibana/tracelog.ndjson"]
    assert [path for path in needed if not in_context(path)] == []
    hidden = [".env", ".git/config", ".venv/pyvenv.cfg", "tests/conftest.py", "kibana/__main__.py", "docs/README.md"]
    hidden += ["tracelog/demo/__pycache__/shop.pyc"]
    assert [path for path in hidden if in_context(path)] == []


@contextmanager
def elastic_that_answers(*codes: int) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """Serve these status codes one after another; gives the URL, and what was asked for."""
    asked: list[tuple[str, str, bytes]] = []
    left = list(codes)

    class Answers(BaseHTTPRequestHandler):
        """Remembers who asked what."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["Authorization"], body))
            self.send_response(left.pop(0))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def set_password(url: str, *, password: str = "horse", new: str = "battery", **settings: str) -> Any:  # noqa: S107 - of tests
    """Run the script as its container does."""
    told = {"ELASTICSEARCH_URL": url, "ELASTIC_PASSWORD": password, "KIBANA_PASSWORD": new, **settings}
    return subprocess.run(
        [sys.executable, SCRIPT],
        env={**os.environ, **told},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=100,
    )


def test_the_password_is_sent_as_it_is():
    """Whatever signs it has: the script writes JSON, and says that it has done its work."""
    with elastic_that_answers(200) as (url, asked):
        done = set_password(url, new='a "quoted" \\ ü')
    assert (done.returncode, done.stdout) == (0, "Kibana's user has its password\n")
    ((path, credentials, body),) = asked
    assert path == "/_security/user/kibana_system/_password"
    assert base64.b64decode(credentials.removeprefix("Basic ")) == b"elastic:horse"
    assert json.loads(body) == {"password": 'a "quoted" \\ ü'}


def test_an_elasticsearch_that_is_not_ready_is_asked_again():
    """What passes is waited for: 503 while the index of users is made."""
    with elastic_that_answers(503, 503, 200) as (url, asked):
        # Nobody listens at the proxy: whoever asked it would get no answer.
        done = set_password(url, http_proxy=f"http://127.0.0.1:{free_port()}", no_proxy="", NO_PROXY="")
    assert done.returncode == 0, done.stderr
    assert len(asked) == 3


@pytest.mark.parametrize(("code", "words"), [(400, "KIBANA_PASSWORD"), (401, "ELASTIC_PASSWORD"), (403, "may not")])
def test_what_waiting_does_not_mend_ends_the_script(code, words):
    """One request is enough, and a sentence names what to look at."""
    with elastic_that_answers(code) as (url, asked):
        done = set_password(url)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(asked) == 1


def test_a_real_elasticsearch_refuses_a_wrong_password(secure_node):
    """With security on, the script is told by the real server that it does not know the user, and ends."""
    done = set_password(secure_node.url, SSL_CERT_FILE=secure_node.ca_certs)
    assert done.returncode == 1
    assert "does not know ELASTIC_PASSWORD" in done.stderr
    assert "unable to authenticate user [elastic]" in done.stderr


def test_the_health_check_knows_a_real_elasticsearch(secure_node):
    """What the check looks for is what a real server with security on says to somebody without a password."""
    words = re.search(r"grep --quiet '(.+)'", PARTS["elasticsearch"]["healthcheck"]["test"][-1])[1]
    trusting = ssl.create_default_context(cafile=secure_node.ca_certs)
    with pytest.raises(HTTPError) as caught:
        urlopen(secure_node.url, context=trusting)
    with caught.value as answer:
        assert words in answer.read().decode()

"""A real Elasticsearch for tests: found by a URL, or fetched with Maven and started here."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import trustme

URL = os.environ.get("TRACELOG_TEST_ELASTICSEARCH", "")
VERSIONS = ("given",) if URL else ("9.5.0", "8.19.0")

GROUP = "org.elasticsearch.distribution.integ-test-zip"
MAVEN_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"
MAVEN_SECONDS = 400
BOOT_SECONDS = 180
STOP_SECONDS = 30
PASSWORD = "correct horse"  # noqa: S105 - of a server that lives as long as the tests

#: JDKs that a version runs on: 8.x needs the security manager, which Java 24 lost.
JAVA = {"9": range(21, 100), "8": range(17, 24)}

ROLES = """
tracelog_writer:
  indices:
    - names: ["traces-apm.tracelog-*", "logs-tracelog-*", "logs-apm.tracelog-*"]
      privileges: [auto_configure, create_doc]
"""


class UnavailableError(Exception):
    """No Elasticsearch can be had here; says why in one line."""


@dataclass
class Node:
    """A running Elasticsearch. *ca_certs* is the authority's file where it speaks TLS."""

    url: str
    version: str
    ca_certs: str = ""
    process: subprocess.Popen[bytes] | None = None
    home: Path | None = None

    def stop(self) -> None:
        """End the processes, and remove what they wrote."""
        if self.process is not None and self.home is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
            self._end_by_force()
            shutil.rmtree(self.home, ignore_errors=True)

    def _end_by_force(self) -> None:
        """End what did not end when it was asked to: the launcher, and the server that it started."""
        if self.process.poll() is None:
            with suppress(OSError, ValueError):
                os.kill(int((self.home / "pid").read_text()), signal.SIGKILL)
            self.process.kill()
            self.process.wait(STOP_SECONDS)


@dataclass
class Nodes:
    """Starts each node when it is first asked for, and ends all of them."""

    running: dict[str, Node] = field(default_factory=dict)
    missing: dict[str, Exception] = field(default_factory=dict)

    def get(self, version: str, *, secure: bool = False) -> Node:
        """Return the node of *version*; where there can be none raise UnavailableError, at once the second time."""
        name = f"{version}-secure" if secure else version
        if name in self.missing:
            raise self.missing[name]
        if name not in self.running:
            try:
                self.running[name] = Node(URL, version) if version == "given" else started(version, secure=secure)
            except (UnavailableError, RuntimeError) as error:
                self.missing[name] = error
                raise
        return self.running[name]

    def stop(self) -> None:
        """End all nodes."""
        for node in self.running.values():
            node.stop()


def had(nodes: Nodes, version: str, *, secure: bool = False) -> Node:
    """Return a node; without one skip, or fail where tests without a server are no tests."""
    try:
        return nodes.get(version, secure=secure)
    except UnavailableError as error:
        if os.environ.get("TRACELOG_REQUIRE_ELASTICSEARCH") == "1":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


def started(version: str, *, secure: bool) -> Node:
    """Start a node and wait until it answers."""
    java, distribution = java_home(version), archive(version)
    user = unprivileged()
    home = Path(tempfile.mkdtemp(prefix="tracelog-es-", dir=open_folder()))
    home.chmod(0o755)
    node = Node(f"{'https' if secure else 'http'}://127.0.0.1:{free_port()}", version, home=home)
    try:
        unpacked = unpack(distribution, home)
        configure(node, unpacked / "config", secure=secure)
        node.process = launch(unpacked, java, home, user)
        wait_until_up(node)
    except BaseException:
        node.stop()
        shutil.rmtree(home, ignore_errors=True)
        raise
    return node


def archive(version: str) -> Path:
    """Find the distribution in the local Maven repository, or have Maven fetch it."""
    repository = Path(os.environ.get("MAVEN_REPO", Path.home() / ".m2" / "repository"))
    path = repository / GROUP.replace(".", "/") / "elasticsearch" / version / f"elasticsearch-{version}.zip"
    if path.is_file():
        return path
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("no Elasticsearch: set TRACELOG_TEST_ELASTICSEARCH to a URL, or install Java and Maven")
    artifact = f"-Dartifact={GROUP}:elasticsearch:{version}:zip"
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [maven, "-q", "-B", MAVEN_GOAL, artifact, "-Dtransitive=false"], check=False, timeout=MAVEN_SECONDS
        )
    if not path.is_file():
        raise UnavailableError(
            f"no Elasticsearch: Maven could not fetch {version}; set TRACELOG_TEST_ELASTICSEARCH to a URL"
        )
    return path


def java_home(version: str) -> Path:
    """Choose the oldest JDK here that *version* runs on."""
    fitting = JAVA[version.partition(".")[0]]
    found = sorted((java_version(home), str(home)) for home in java_homes())
    usable = [home for number, home in found if number in fitting]
    if not usable:
        raise UnavailableError(
            f"no Elasticsearch: {version} needs a JDK {fitting.start} to {fitting.stop - 1}; set JAVA_HOME"
        )
    return Path(usable[0])


def java_homes() -> set[Path]:
    """List the JDKs of this machine: the one asked for, the default one, and its neighbours."""
    homes = {Path(os.environ[name]) for name in ("JAVA_HOME", "ES_JAVA_HOME") if os.environ.get(name)}
    default = shutil.which("java")
    if default is not None:
        homes.add(Path(default).resolve().parent.parent)
    for folder in (Path("/usr/lib/jvm"), *(home.parent for home in tuple(homes))):
        homes |= {place.resolve() for place in folder.glob("*") if (place / "release").is_file()}
    macs = Path("/Library/Java/JavaVirtualMachines")
    return homes | {place / "Contents" / "Home" for place in macs.glob("*")}


def java_version(home: Path) -> int:
    """Read the major version of a JDK, 0 where it does not tell."""
    try:
        found = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', (home / "release").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def unprivileged() -> tuple[int, int] | None:
    """Choose the user and group to run as; Elasticsearch refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("elasticsearch", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise UnavailableError("no Elasticsearch: it does not run as root, and there is no user nobody to run it")


def open_folder() -> str:
    """Choose a folder for temporary data that the user who runs the server may look into; pytest's own is private."""
    if os.geteuid() != 0:
        return tempfile.gettempdir()
    for folder in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp makes the rest safe
        if all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents)):
            return str(folder)
    raise UnavailableError("no Elasticsearch: no folder for temporary data is open to other users")


def unpack(distribution: Path, home: Path) -> Path:
    """Unpack the distribution for anybody to run."""
    with zipfile.ZipFile(distribution) as content:
        content.extractall(home)
    (unpacked,) = home.glob("elasticsearch-*")
    for script in unpacked.glob("bin/*"):
        script.chmod(0o755)
    return unpacked


def configure(node: Node, config: Path, *, secure: bool) -> None:
    """Write the settings of a single node."""
    settings = {
        "cluster.name": f"tracelog-tests-{os.getpid()}",
        "node.name": "node1",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": node.url.rpartition(":")[2],
        "transport.port": free_port(),
        "path.data": node.home / "data",
        "path.logs": node.home / "logs",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "xpack.security.enabled": str(secure).lower(),
    }
    if secure:
        settings |= secured(node, config)
    (config / "elasticsearch.yml").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))


def secured(node: Node, config: Path) -> dict[str, Any]:
    """Make an authority and a certificate, and users in files: the server core lacks what API keys need."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    node.ca_certs = str(node.home / "ca.pem")
    authority.cert_pem.write_to_path(node.ca_certs)
    certificate.cert_chain_pems[0].write_to_path(str(config / "node.crt"))
    certificate.private_key_pem.write_to_path(str(config / "node.key"))
    roles = {"admin": "superuser", "writer": "tracelog_writer", "stranger": "none"}
    (config / "users").write_text("".join(f"{user}:{hashed(PASSWORD)}\n" for user in roles))
    (config / "users_roles").write_text("".join(f"{role}:{user}\n" for user, role in roles.items()))
    (config / "roles.yml").write_text(ROLES)
    return {
        "xpack.security.enrollment.enabled": "false",
        "xpack.security.http.ssl.enabled": "true",
        "xpack.security.http.ssl.certificate": "node.crt",
        "xpack.security.http.ssl.key": "node.key",
    }


def hashed(password: str) -> str:
    """Hash *password* as Elasticsearch's file realm reads it."""
    salt = os.urandom(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10_000, 32)
    return f"{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def launch(unpacked: Path, java: Path, home: Path, user: tuple[int, int] | None) -> subprocess.Popen[bytes]:
    """Start the server, as *user* where one is given."""
    # 8.x writes a log of its garbage collection below its own folder, whatever path.logs says.
    folders = [*(home / name for name in ("data", "logs", "tmp")), unpacked / "logs"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    rights: dict[str, Any] = {}
    if user is not None:
        rights = {"user": user[0], "group": user[1], "extra_groups": []}
        config = unpacked / "config"
        for place in (home, *folders, config, *config.rglob("*")):
            os.chown(place, *user)
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "ES_JAVA_HOME": str(java),
        "ES_JAVA_OPTS": "-Xms512m -Xmx512m",
        "ES_TMPDIR": str(home / "tmp"),
    }
    with (home / "start.log").open("wb") as log:
        return subprocess.Popen(
            [unpacked / "bin" / "elasticsearch", "-p", home / "pid"],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no other threads yet
            **rights,
        )


def end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the tests are ended without a chance to clean up."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def wait_until_up(node: Node) -> None:
    """Wait until the server is healthy; show the end of its log where it never is."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and node.process.poll() is None:
        if up(node):
            return
        time.sleep(0.5)
    tail = (node.home / "start.log").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"Elasticsearch {node.version} did not start:\n{tail}")


def up(node: Node) -> bool:
    """Tell whether the server takes requests: a secured one asks for credentials."""
    if node.ca_certs:
        return "] started" in (node.home / "start.log").read_text(errors="replace")
    try:
        with urlopen(f"{node.url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5) as answer:
            return b'"timed_out":false' in answer.read()
    except (URLError, OSError):
        return False


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]

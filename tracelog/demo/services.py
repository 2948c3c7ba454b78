"""Starts the shop's services as processes of their own, and ends them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tracelog.demo.serving import LISTENING, SERVICES
from tracelog.errors import TracelogError

START_SECONDS = 30.0
STOP_SECONDS = 10.0

_POLL = 0.02

#: Settings that the services take over; any other one would make them another demo.
_TAKEN_OVER = ("API_KEY", "USERNAME", "PASSWORD", "CA_CERTS", "NAMESPACE")

#: What every service says of itself.
_TOLD = {"TRACELOG_ENVIRONMENT": "demo", "TRACELOG_SERVICE_VERSION": "1.4.2"}


class ServiceError(TracelogError):
    """A service of the demo did not start."""

    def __init__(self, name: str, output: str) -> None:
        super().__init__(name, output)
        self.name, self.output = name, output

    def __str__(self) -> str:
        return f"the service {self.name} did not start; it said:\n{self.output}"


@contextmanager
def running(export: str) -> Generator[dict[str, str], None, None]:
    """Run all services inside the block, exporting to *export*; gives their URLs by name."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracelog-demo-")))
        urls: dict[str, str] = {}
        for name in SERVICES:
            others = {f"SHOP_{other.upper()}_URL": url for other, url in urls.items()}
            environment = _environment(os.environ, name, export) | others
            urls[name] = stack.enter_context(_service(name, environment, folder / f"{name}.log"))
        yield urls


@contextmanager
def _service(name: str, environment: Mapping[str, str], output: Path) -> Generator[str, None, None]:
    """Run one service inside the block; gives its URL."""
    command = [sys.executable, "-m", "tracelog.demo", name, "--attached"]
    with output.open("wb") as written:
        # In a session of its own it does not get the Ctrl-C that is meant for us: it is ended when its turn comes.
        process = subprocess.Popen(  # noqa: S603 - our own module, run by this same Python
            command,
            stdin=subprocess.PIPE,
            stdout=written,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
    try:
        yield _address(name, process, output)
    finally:
        _end(process)


def _address(name: str, process: subprocess.Popen[bytes], output: Path) -> str:
    """Wait until the service says where it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in output.read_text(errors="replace").splitlines(keepends=True):
            if line.startswith(LISTENING) and line.endswith("\n"):
                return line.removeprefix(LISTENING).strip()
        time.sleep(_POLL)
    raise ServiceError(name, output.read_text(errors="replace")[-2000:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the service to end, which lets it send what it has; one that does not is made to."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        if process.stdin is not None:
            process.stdin.close()


def _environment(present: Mapping[str, str], name: str, export: str) -> dict[str, str]:
    """Set the environment of one service up from the *present* one."""
    kept = {key: value for key, value in present.items() if not key.startswith("TRACELOG_")}
    taken = {key: present[key] for part in _TAKEN_OVER if (key := f"TRACELOG_{part}") in present}
    own = {"TRACELOG_SERVICE": name, "TRACELOG_EXPORT": export, **_TOLD}
    # A proxy would keep the services from each other.
    return {**kept, **taken, **own, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONUNBUFFERED": "1"}

"""Two services in processes of their own, one of which calls the other, and what they stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tracelog.ecs.found import Found
from tracelog.errors import DestinationError
from tracelog.local import LocalSearch

APP = Path(__file__).parent / "apps" / "pair.py"
SECONDS = 60.0

#: The shop's request and its two calls, and for each of them the stock's request and what that looks up.
SPANS = 7


class Answer(NamedTuple):
    """What the shop answered: its trace id, and the headers that the stock was sent with each of the two calls."""

    trace_id: str
    sent: list[dict[str, str]]


class Pair(NamedTuple):
    """The address of the shop, and the file that both write."""

    url: str
    store: Path

    def ask(self, **headers: str) -> Answer:
        """Send the shop a request; *headers* have ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = urllib.request.Request(self.url, headers=named)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=SECONDS) as answer:
            told: dict[str, Any] = json.load(answer)
            return Answer(answer.headers["X-Trace-Id"], told["sent"])

    def read(self, trace_id: str) -> Found:
        """Read a trace once all of it is there."""
        deadline = time.monotonic() + SECONDS
        found = Found([], [])
        while time.monotonic() < deadline and len(found.spans) < SPANS:
            time.sleep(0.05)
            with suppress(DestinationError):  # the file is made with the first record
                found = LocalSearch(self.store).trace(trace_id)
        return found


@contextmanager
def pair(folder: Path, shop: Mapping[str, str], stock: Mapping[str, str]) -> Iterator[Pair]:
    """Run both inside the block; *shop* and *stock* are settings of theirs."""
    store = folder / "pair.sqlite"
    with ExitStack() as stack:
        behind = stack.enter_context(_serving("stock", "", store, stock))
        before = stack.enter_context(_serving("shop", behind, store, shop))
        yield Pair(before, store)


@contextmanager
def _serving(role: str, following: str, store: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Run one service inside the block; gives its URL."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACELOG_")}
    environment |= {"TRACELOG_EXPORT": f"sqlite:{store}", "NO_PROXY": "*", "PYTHONUNBUFFERED": "1"}
    environment |= {f"TRACELOG_{name.upper()}": value for name, value in settings.items()}
    output = store.parent / f"{role}.txt"
    with output.open("wb") as written:
        command = [sys.executable, str(APP), role, following]
        process = subprocess.Popen(command, stdout=written, stderr=written, env=environment)
    try:
        yield f"http://{_address_in(output, process)}/"
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address_in(output: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until the service says where it listens."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in output.read_text().splitlines(keepends=True):
            if line.startswith("listening on ") and line.endswith("\n"):
                return line.removeprefix("listening on ").strip()
        time.sleep(0.02)
    raise AssertionError(output.read_text())

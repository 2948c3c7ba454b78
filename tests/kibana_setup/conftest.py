"""What tests with Kibana can ask for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from setup_support import KibanaInMemory, ask, put, serving

from tracelog.cli.setup import setup
from tracelog.kibana.objects import Bundle, in_space, load

REAL = os.environ.get("TRACELOG_TEST_KIBANA", "").rstrip("/")

_numbers = count(1)


class Space(NamedTuple):
    """A space of a test's own in a Kibana, and what belongs there."""

    url: str
    name: str

    @property
    def prefix(self) -> str:
        """What the paths of the space begin with."""
        return f"/s/{self.name}"

    @property
    def bundle(self) -> Bundle:
        """The objects as they should be there."""
        return in_space(load(), self.name)

    def run(self, *options: str) -> Any:
        """Run ``tracelog setup`` for the space."""
        return CliRunner().invoke(setup, ["--kibana", self.url, "--space", self.name, *options])

    def statuses(self, *options: str) -> dict[str, str]:
        """Run it, and read what it did to each object."""
        result = self.run("--json", *options)
        assert result.exit_code == 0, result.output
        return {step["name"]: step["status"] for step in json.loads(result.output)["steps"]}

    def there(self) -> dict[str, dict[str, Any]]:
        """Read those of our objects that are there, by id."""
        wanted = [{"type": item["type"], "id": item["id"]} for item in self.bundle.everything]
        found = ask(self.url, "POST", f"{self.prefix}/api/saved_objects/_bulk_get", wanted)["saved_objects"]
        return {item["id"]: item for item in found if "error" not in item}

    def put(self, *items: dict[str, Any]) -> None:
        """Import *items* past our own code."""
        put(self.url, self.prefix, *items)

    def delete(self, *items: dict[str, Any]) -> None:
        """Delete *items* past our own code."""
        wanted = [{"type": item["type"], "id": item["id"]} for item in items]
        ask(self.url, "POST", f"{self.prefix}/api/saved_objects/_bulk_delete", wanted)


@pytest.fixture(params=["in memory", "real"])
def kibana(request) -> Iterator[str]:
    """Run the test with a Kibana in memory, and with the real one at the URL that the environment names."""
    if request.param == "real":
        if not REAL:
            pytest.skip("no Kibana: set TRACELOG_TEST_KIBANA to the URL of one")
        yield REAL
        return
    with serving(KibanaInMemory()) as (url, _):
        yield url


@pytest.fixture
def spaces(kibana) -> Iterator[tuple[Space, Space]]:
    """Make two spaces for the test; what is in them goes with them."""
    made = tuple(Space(kibana, f"tracelog-tests-{os.getpid()}-{next(_numbers)}") for _ in range(2))
    for space in made:
        ask(kibana, "POST", "/api/spaces/space", {"id": space.name, "name": space.name})
    yield made
    for space in made:
        ask(kibana, "DELETE", f"/api/spaces/space/{space.name}")


@pytest.fixture
def space(spaces) -> Space:
    """Make a space for the test."""
    return spaces[0]

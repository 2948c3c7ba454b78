"""What `import tracelog` brings along, seen from a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROBE = """
import sys

before = set(sys.modules)
seen = []
sys.addaudithook(lambda event, _: seen.append(event))
import threading
import {module}
import json

print(json.dumps({{
    "modules": sorted(set(sys.modules) - before),
    "opened": [event for event in seen if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork"))],
    "threads": threading.active_count(),
}}))
"""


def after_importing(module: str) -> dict[str, object]:
    """Import *module* in an interpreter of its own and tell what happened there."""
    # Measuring coverage in the child would import the tool that measures.
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)],
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def foreign(modules: list[str]) -> list[str]:
    """Pick out what is neither the standard library's nor ours."""
    tops = {name.partition(".")[0] for name in modules}
    return sorted(tops - sys.stdlib_module_names - {"tracelog"})


def test_importing_tracelog_loads_the_standard_library_alone():
    """The root package can be imported where no third-party package is wanted."""
    modules = after_importing("tracelog")["modules"]
    assert "tracelog.span" in modules
    assert foreign(modules) == []


def test_importing_tracelog_touches_nothing():
    """No socket, no process and no thread comes from the import."""
    seen = after_importing("tracelog")
    assert (seen["opened"], seen["threads"]) == ([], 1)


def test_the_probe_sees_third_party_modules():
    """The probe finds what it looks for where it is."""
    assert "structlog" in foreign(after_importing("structlog")["modules"])


def test_the_probe_sees_sockets():
    """The probe hears of a socket that an import opens."""
    opened = after_importing("socket; socket.socket().close()")["opened"]
    assert "socket.__new__" in opened

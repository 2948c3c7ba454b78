"""What `.ci/platforms.py` tries: every Python that works, the bounds that pyproject.toml names, and a table of it."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text()


@pytest.fixture(scope="module")
def platforms():
    """Load the script, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("platforms", ROOT / ".ci" / "platforms.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["platforms"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["platforms"]


def put(folder: Path, name: str, words: str) -> None:
    """Write a program."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{words}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def places(platforms, tmp_path, monkeypatch):
    """Make PATH and pyenv's folder empty ones."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(platforms, "PYENV", tmp_path / "versions")
    return tmp_path


def test_a_shim_that_does_not_run_is_not_found(platforms, places):
    """A program of that name is not yet a Python: it has to import ssl and venv, and to be of that version."""
    put(places / "bin", "python3.10", "exit 127")
    put(places / "bin", "python3.11", "echo 3.12.0")
    put(places / "bin", "python3.12", "echo 3.12.4")
    assert platforms.found("3.10") is None
    assert platforms.found("3.11") is None
    assert platforms.found("3.12").version == "3.12.4"


def test_pyenvs_are_found_behind_a_shim_that_does_not_run(platforms, places):
    """Where PATH leads nowhere, pyenv's own folder is looked through."""
    put(places / "bin", "python3.10", "exit 127")
    put(places / "versions" / "3.10.2" / "bin", "python", "echo 3.10.2")
    assert platforms.found("3.10") == platforms.Interpreter(str(places / "versions/3.10.2/bin/python"), "3.10.2")


def test_a_real_python_is_found(platforms, places):
    """The interpreter of the tests is one that works."""
    version = ".".join(platform.python_version_tuple()[:2])
    put(places / "bin", f"python{version}", f'exec "{sys.executable}" "$@"')
    assert platforms.found(version).version == platform.python_version()


def test_the_versions_are_those_that_we_say(platforms):
    """From the oldest that the package can be installed on, without a gap."""
    named = [int(version.partition(".")[2]) for version in platforms.versions(PYPROJECT)]
    assert f">=3.{named[0]}" in PYPROJECT
    assert named == list(range(named[0], named[0] + len(named)))


def test_every_dependency_has_a_lower_bound_that_is_tried(platforms):
    """None of the default install's packages is left out."""
    block = PYPROJECT.partition("\ndependencies = [")[2].partition("\n]")[0]
    names = re.findall(r'^  "([\w.-]+)', block, re.MULTILINE)
    assert [bound.partition("==")[0] for bound in platforms.lower_bounds(PYPROJECT)] == names


def test_the_table_names_what_failed_and_what_was_not_there(platforms):
    """A row for each environment, one for each Python that was not found."""
    row = platforms.Row(platforms.Interpreter("python3.10", "3.10.2"), "oldest", (), lambda *_: "")
    shown = platforms.table(
        [platforms.Result(row, False, 12.4, "much\n1 failed"), platforms.Result(row, True, 3, "fine")], ["3.14"]
    )
    _, failed, good, missing = [re.split(r" {2,}", line) for line in shown.splitlines()]
    assert failed == ["3.10.2", "oldest", "FAILED", "12", "1 failed"]
    assert good == ["3.10.2", "oldest", "ok", "3", "fine"]
    assert missing == ["3.14", "not found"]

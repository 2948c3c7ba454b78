"""The shop window: `import tracelog`, and `python -m tracelog`."""

from __future__ import annotations

import runpy
import sys
from importlib.metadata import version

import pytest

import tracelog


def test_the_public_names_are_there():
    """Each name in the list exists; the list is sorted and short enough to be read at a glance."""
    assert all(hasattr(tracelog, name) for name in tracelog.__all__)
    assert sorted(tracelog.__all__) == list(tracelog.__all__)
    assert len(tracelog.__all__) <= 12


def test_the_version_is_that_of_the_distribution():
    """It is looked up when it is asked for."""
    assert tracelog.__version__ == version("tracelog-elastic")


def test_other_names_are_not():
    """A misspelt name is told by itself."""
    with pytest.raises(AttributeError, match="'tracelog' has no attribute 'spam'"):
        _ = tracelog.spam


def test_the_command_line_can_be_run_as_a_module(monkeypatch, capsys):
    """`python -m tracelog` is `tracelog`, and importing the module runs nothing."""
    program = f"{tracelog.__path__[0]}/__main__.py"
    monkeypatch.setattr(sys, "argv", ["tracelog", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(program, run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: tracelog ")
    runpy.run_path(program, run_name="imported")
    assert capsys.readouterr().out == ""

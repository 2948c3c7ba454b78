"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import tracelog

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(tracelog.__path__, "tracelog.")
    if not found.name.endswith("__main__")  # running the program is what importing it does
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    """Each example answers what stands below it."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    """The modules that are looked through hold examples."""
    finder = doctest.DocTestFinder()
    examples = [found for name in MODULES for found in finder.find(importlib.import_module(name)) if found.examples]
    assert len(examples) >= 5

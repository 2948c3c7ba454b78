"""The laws of the house: what stands where, how large it is, and that it says what it does."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tracelog"
SOURCES = sorted(path for folder in (PACKAGE, ROOT / "kibana", ROOT / "docker") for path in folder.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
#: Files directly under the package that are edges or doors to them, and so may know the rest.
EDGES = {"__init__", "__main__", "testing"}

MAX_LINES = 300
MAX_FUNCTION = 40
MAX_POSITIONAL = 5

SILENCER = re.compile(r"#\s*(noqa|type: ignore|pyright: ignore|pragma: no)\b")
REASON = re.compile(r"(noqa|ignore|cover|branch)[^#]*( - |  ?# )\S+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """Name a file the way a person would."""
    return str(path.relative_to(ROOT))


def core() -> list[Path]:
    """List the modules of the core and of the formats."""
    direct = [path for path in PACKAGE.glob("*.py") if path.stem not in EDGES]
    return sorted([*direct, *(PACKAGE / "propagation").glob("*.py")])


def imported(path: Path) -> Iterator[str]:
    """Name the top-level package of everything that *path* imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def functions(path: Path) -> Iterator[Function]:
    """Walk over all functions of *path*."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def positional(function: Function) -> int:
    """Count what a caller may give by position, apart from self."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len([name for name in names if name not in {"self", "cls"}])


@pytest.mark.parametrize("path", core(), ids=name_of)
def test_the_core_needs_the_standard_library_alone(path):
    """Nothing of the core or of the formats imports a third-party package."""
    assert set(imported(path)) - sys.stdlib_module_names <= {"tracelog"}


def test_the_contracts_name_every_core_module():
    """The contract about third-party imports leaves no module of the core out."""
    contracts = (ROOT / "pyproject.toml").read_text()
    left_out = [path.stem for path in core() if path.parent == PACKAGE and f'"tracelog.{path.stem}",' not in contracts]
    assert left_out == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_and_functions_stay_small(path):
    """A module has at most 300 lines, a function at most 40 and at most 5 positional parameters."""
    tree = list(functions(path))
    assert len(path.read_text().splitlines()) <= MAX_LINES
    assert [f.name for f in tree if (f.end_lineno or 0) - f.lineno + 1 > MAX_FUNCTION] == []
    assert [f.name for f in tree if positional(f) > MAX_POSITIONAL] == []


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_test_states_its_law(path):
    """Each test says in its docstring what it checks."""
    tests = [f for f in functions(path) if f.name.startswith("test_")]
    assert [f.name for f in tests if not ast.get_docstring(f)] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_module_imports_inside_a_function(path):
    """Every import stands at the head of its file, so that no cycle hides."""
    inside = [node for f in functions(path) for node in ast.walk(f) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in inside] == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_every_exception_from_the_rules_says_why(path):
    """A comment that silences a checker gives its reason on the same line."""
    silenced = [line for line in path.read_text().splitlines() if SILENCER.search(line)]
    assert [line.strip() for line in silenced if not REASON.search(line)] == []

"""The laws of the house: what stands where, how large it is, and that it says what it does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import laws
from laws import Source, breaches

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tracelog"
#: Files directly under the package that are edges or doors to them, and so may know the rest.
EDGES = {"__init__", "__main__", "testing"}
#: Who may read the environment: the settings, the demo's own programs, and what asks for a terminal's wishes.
READERS = (
    "tracelog/assembly/settings.py",
    "tracelog/demo/",
    "tracelog/integrations/structlog/setup.py",
)


def read(*folders: str) -> list[Source]:
    """Read all Python below *folders*."""
    return [Source.read(path, ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


HOUSE = read("tracelog")
SOURCES = [*HOUSE, *read("kibana", "docker", "benchmarks", ".ci")]
TESTS = read("tests")
CORE = [Source.read(path, ROOT) for path in sorted(PACKAGE.glob("*.py")) if path.stem not in EDGES]


def test_the_core_and_the_formats_need_the_standard_library_alone():
    """Nothing of the core or of the formats imports a third-party package."""
    assert (
        breaches([*CORE, *read("tracelog/propagation")], laws.foreign_to({"tracelog", *sys.stdlib_module_names})) == []
    )


def test_the_contracts_name_every_core_module():
    """The contract about third-party imports leaves no module of the core out."""
    contracts = (ROOT / "pyproject.toml").read_text()
    assert [source.module for source in CORE if f'"{source.module}",' not in contracts] == []


def test_modules_have_at_most_300_lines():
    """No module of the sources is longer than a person reads in one go."""
    assert breaches(SOURCES, laws.long_modules) == []


def test_functions_have_at_most_40_lines():
    """No function of the sources is longer than a screen."""
    assert breaches(SOURCES, laws.long_functions) == []


def test_functions_have_at_most_eight_ways_through_them():
    """No function has a cyclomatic complexity above eight."""
    assert breaches([*SOURCES, *TESTS], laws.complex_functions) == []


def test_functions_take_at_most_five_things_by_position():
    """What else a function needs comes by keyword."""
    assert breaches(SOURCES, laws.crowded_functions) == []


def test_the_means_stay_within_their_budgets():
    """Modules have 130 lines, functions ten, and 2.2 ways through them, or fewer in the mean."""
    assert laws.over_budget(laws.means(HOUSE)) == []


def test_everything_public_says_what_it_does():
    """Modules, classes and functions with a public name have a docstring."""
    assert breaches(SOURCES, laws.undocumented) == []


def test_everything_has_types():
    """Each parameter and each answer of the package is annotated."""
    assert breaches(HOUSE, laws.untyped) == []


def test_every_test_states_its_law():
    """Each test says in one line what it checks."""
    assert breaches(TESTS, laws.silent_tests) == []


def test_every_test_can_fail():
    """Each test asserts something, expects an error or calls what does."""
    assert breaches(TESTS, laws.toothless_tests) == []


def test_tests_are_short():
    """Nine of ten tests have at most 25 lines."""
    assert laws.long_tests(TESTS) == []


def test_there_are_enough_tests():
    """A line of the package has 1.3 lines of test or more."""
    assert laws.too_few_tests(TESTS, HOUSE) == []


def test_no_module_imports_inside_a_function():
    """Every import stands at the head of its file, so that no cycle hides."""
    assert breaches(SOURCES, laws.hidden_imports) == []


def test_no_modules_need_each_other():
    """There is no cycle of imports, those inside of functions counted."""
    assert laws.cycles(HOUSE) == []


def test_the_root_has_few_names():
    """``tracelog`` offers at most twelve names, sorted."""
    assert laws.root_names(Source.read(PACKAGE / "__init__.py", ROOT)) == []


def test_the_environment_is_read_in_one_place():
    """Settings come from ``assembly/settings.py``; programs of our own and the console's renderer are apart."""
    apart = [source for source in HOUSE if not source.name.startswith(READERS)]
    assert breaches(apart, laws.environment_reads) == []


def test_every_exception_from_the_rules_says_why():
    """A comment that silences a checker gives its reason on the same line."""
    assert breaches([*SOURCES, *TESTS], laws.unexplained) == []


def test_contributing_names_what_is_there():
    """Each file and folder that a newcomer is sent to exists."""
    named = re.findall(
        r"[`(]((?:tracelog|tests|docs|kibana|\.ci)/[\w/.-]*)[`)]", (ROOT / "CONTRIBUTING.md").read_text()
    )
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_nothing_names_somebodys_machine():
    """Neither code nor texts hold a path of one machine, or the host of a package registry."""
    folders = [ROOT / name for name in ("docs", "benchmarks", "kibana", "docker")]
    texts = [*(path for folder in folders for path in folder.rglob("*.md")), *ROOT.glob("*.md"), *ROOT.glob("*.toml")]
    others = [ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / "constraints.txt", *ROOT.glob("*.yml"), *texts]
    assert breaches([*SOURCES, *TESTS, *(Source.read(path, ROOT) for path in others)], laws.machine_words) == []

"""Each law of the house can be broken: what it looks for is found where it is, and nowhere else."""

from __future__ import annotations

import laws
import pytest
from laws import Source, breaches

SHORT = '"""A module."""\n\n\ndef work(one: int, *, two: int) -> int:\n    """Add."""\n    return one + two\n'
TEST = 'def test_it():\n    """It works."""\n    assert work()\n'


def of_lines(number: int) -> str:
    """Write a function of so many lines."""
    return "def work():\n" + "    pass\n" * (number - 1)


#: What each law must find: the law, a text that breaks it, and one that just keeps it.
SAMPLES = {
    "a module of 301 lines": (laws.long_modules, "\n" * 301, "\n" * 300),
    "a function of 41 lines": (laws.long_functions, of_lines(41), of_lines(40)),
    "a method of 41 lines": (laws.long_functions, "class A:\n " + of_lines(41).replace("\n ", "\n  "), SHORT),
    "nine ways": (
        laws.complex_functions,
        "def f(a):\n" + "    if a: pass\n" * 8,
        "def f(a):\n" + "    if a: pass\n" * 7,
    ),
    "ways of loops and errors": (
        laws.complex_functions,
        "def f(a):\n"
        + "    for _ in a: pass\n    while a: pass\n" * 3
        + "    try: pass\n    except A: pass\n    except B: pass",
        "def f(a):\n" + "    for _ in a: pass\n    while a: pass\n" * 3 + "    try: pass\n    except A: pass",
    ),
    "six by position": (
        laws.crowded_functions,
        "def f(a, b, c, /, d, e, f): ...",
        "def f(self, a, b, c, d, e, *, g): ...",
    ),
    "a module without words": (laws.undocumented, "import os\n", ""),
    "a class without words": (laws.undocumented, '"""M."""\nclass A:\n    pass\n', '"""M."""\nclass _A:\n    pass\n'),
    "a method without words": (
        laws.undocumented,
        '"""M."""\nclass A:\n    """A."""\n    def b(self): pass\n',
        '"""M."""\nclass A:\n    """A."""\n    def _b(self): pass\n',
    ),
    "a coroutine without words": (laws.undocumented, '"""M."""\nasync def a(): pass\n', SHORT),
    "a parameter without a type": (laws.untyped, "def f(a, *, b: int) -> int: ...", SHORT),
    "more of a kind without a type": (laws.untyped, "def f(*a) -> int: ...", "def f(*a: int, **b: str) -> int: ..."),
    "an answer without a type": (laws.untyped, "def f(a: int): ...", "class A:\n    def __init__(self, a: int): ...\n"),
    "a test without words": (laws.silent_tests, "def test_it():\n    assert work()\n", TEST),
    "a test that tells a story": (laws.silent_tests, TEST.replace("works.", "works.\n\n    And more."), TEST),
    "a test without teeth": (laws.toothless_tests, TEST.replace("assert ", ""), TEST),
    "an assertion in a text": (
        laws.toothless_tests,
        'def test_it():\n    run("assert 0")\n',
        "def test_it():\n    run(check=True)\n",
    ),
    "an import within": (laws.hidden_imports, "def f():\n    import os\n", "import os\n"),
    "an import within a method": (laws.hidden_imports, "class A:\n    def f(self):\n        from a import b\n", SHORT),
    "a silenced checker": (
        laws.unexplained,
        "import os  # noqa: F401\n",
        "import os  # noqa: F401 - for the doctest\n",
    ),
    "a silenced checker in a text": (laws.unexplained, "a = b  # noqa\n", "a = 'b  # noqa'\n"),
    "a silenced type": (
        laws.unexplained,
        "a = b  # type" + ": ignore\n",
        "a = b  # type: ignore[x]  # as documented\n",
    ),
    "a path of a machine": (laws.machine_words, 'open("/home/' + 'mia/x")', 'open("~/x"); url = "http://a/home/x"'),
    "a host of packages": (laws.machine_words, "https://pypi." + "org/simple", "the package index"),
    "the environment": (
        laws.environment_reads,
        "import os\na = os.environ['A']\n",
        "def f(environ): return environ['A']\n",
    ),
    "the environment, by its function": (laws.environment_reads, "import os\na = os.getenv('A')\n", "import os\n"),
    "a foreign package": (laws.foreign_to({"os"}), "def f():\n    from flask.app import Flask\n", "import os.path\n"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_breach_is_found_and_what_keeps_the_law_is_not(name):
    """The text that breaks the law is named once, the other one not at all."""
    law, bad, good = SAMPLES[name]
    (found,) = breaches([Source("bad.py", bad), Source("good.py", good)], law)
    assert found.startswith("bad.py")


def test_each_law_of_one_file_has_a_sample():
    """No law is used that was not seen to find something."""
    used = {name for name, thing in vars(laws).items() if callable(thing) and takes_a_source(thing)}
    assert used - {law.__name__ for law, _, _ in SAMPLES.values()} == {"imported"}


def takes_a_source(function):
    """Tell whether *function* is a law of one file."""
    return getattr(function, "__annotations__", {}).get(
        "return"
    ) == "Iterator[str]" and not function.__name__.startswith("_")


CYCLE = {
    "a.py": "import b\n",
    "b.py": "def f():\n    from c import thing\n",
    "c.py": "from a import other\n",
    "d.py": "import a\n",
}


def test_a_cycle_is_found_through_functions():
    """Three modules that need each other are named; one that only needs them is not."""
    assert laws.cycles([Source(*part) for part in CYCLE.items()]) == ["a", "b", "c"]
    assert laws.cycles([Source(*part) for part in CYCLE.items() if part[0] != "c.py"]) == []


def test_a_package_and_its_module_can_need_each_other():
    """A module that imports from its own package is part of a cycle; one that imports a neighbour is none."""
    window = Source("a/__init__.py", "from a.b import thing\n")
    assert laws.cycles([window, Source("a/b.py", "from a import thing\n")]) == ["a", "a.b"]
    assert laws.cycles([window, Source("a/b.py", "from a import c\n"), Source("a/c.py", "")]) == []


@pytest.mark.parametrize(
    ("names", "wrong"),
    [(["a", "b"], []), (["b", "a"], ["not sorted"]), ([f"a{n:02}" for n in range(13)], ["13 names"])],
)
def test_root_names_are_few_and_sorted(names, wrong):
    """Thirteen names are too many, and they stand in order."""
    assert laws.root_names(Source("a.py", f"__all__ = {names}\n")) == wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (SHORT, []),
        ("\n" * 130 + SHORT, ["module: 136.00 > 130.00"]),
        (of_lines(11), ["function: 11.00 > 10.00"]),
        ("def f(a):\n    if a: pass\n    if a: pass\n", ["complexity: 3.00 > 2.20"]),
    ],
)
def test_means_over_their_budget_are_found(text, wrong):
    """Each mean is compared with its own budget."""
    assert laws.over_budget(laws.means([Source("a.py", text)])) == wrong


def test_many_long_tests_are_found():
    """One long test of many is none too many; half of them are."""
    short, long = Source("a.py", TEST * 19), Source("b.py", TEST + "    pass\n" * 30)
    assert laws.long_tests([short, long]) == []
    assert laws.long_tests([*[long] * 19, short]) == ["p90 is 33.0 lines"]


def test_a_package_with_few_tests_is_found():
    """Ten lines of test for ten lines are too few, thirteen are enough."""
    source = [Source("a.py", "\n" * 10)]
    assert laws.too_few_tests([Source("t.py", "\n" * 10)], source) == ["1.00 lines of test a line"]
    assert laws.too_few_tests([Source("t.py", "\n" * 13)], source) == []

"""What the laws of the house look for: functions of source text that answer with what is wrong, each in one line."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from statistics import mean, quantiles

MAX_MODULE, MEAN_MODULE = 300, 130
MAX_FUNCTION, MEAN_FUNCTION = 40, 10
MAX_COMPLEXITY, MEAN_COMPLEXITY = 8, 2.2
MAX_POSITIONAL = 5
MAX_ROOT_NAMES = 12
P90_TEST = 25
LEAST_TESTS = 1.3

Function = ast.FunctionDef | ast.AsyncFunctionDef
Import = ast.Import | ast.ImportFrom

_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
_BITING = re.compile(
    r"\b(raises|warns|fail|check\w*|assert_\w+|wait_for(_url|_function)?)$"
)  # the last are a browser's
_SILENCER = re.compile(r"#\s*(noqa|type: ignore|pyright: ignore|pragma: no)\b")
_REASON = re.compile(r"(noqa|ignore|cover|branch)[^#]*( - |  ?# )\S+")
_MACHINE = re.compile(r"(?<![\w.:/>}])/(?:work|root|home)/\w|\b(?:files\.)?python" + r"hosted\.org|\bpypi\." + r"org\b")


@dataclass(frozen=True)
class Source:
    """A file of Python: the name a person would give it, and its text."""

    name: str
    text: str

    @classmethod
    def read(cls, path: Path, root: Path) -> Source:
        """Read *path*, named as it is seen from *root*."""
        return cls(path.relative_to(root).as_posix(), path.read_text("utf-8"))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Everything that is in it."""
        return list(ast.walk(ast.parse(self.text)))

    @cached_property
    def functions(self) -> list[Function]:
        """All functions, methods and those within others included."""
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def tests(self) -> list[Function]:
        """The tests."""
        return [function for function in self.functions if function.name.startswith("test_")]

    @property
    def module(self) -> str:
        """The dotted name it is imported by."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, node: ast.AST, what: str = "") -> str:
        """Say where *node* stands."""
        return f"{self.name}:{getattr(node, 'lineno', 1)} {what or getattr(node, 'name', '')}".strip()


Law = Callable[[Source], Iterable[str]]


def breaches(sources: Iterable[Source], law: Law) -> list[str]:
    """Collect what *law* finds in all *sources*."""
    return list(chain.from_iterable(map(law, sources)))


def lines(function: Function) -> int:
    """Count the lines of a function, without its decorators."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def complexity(function: Function) -> int:
    """Count the ways through a function, as ruff's C901 does."""
    return 1 + sum(isinstance(node, _BRANCHES) for node in ast.walk(function))


def positional(function: Function) -> int:
    """Count what a caller may give by position, apart from self."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len([name for name in names if name not in {"self", "cls"}])


def long_modules(source: Source) -> Iterator[str]:
    """Find a module of more than 300 lines."""
    if (length := len(source.text.splitlines())) > MAX_MODULE:
        yield f"{source.name}: {length} lines"


def long_functions(source: Source) -> Iterator[str]:
    """Find functions of more than 40 lines."""
    return (source.at(function) for function in source.functions if lines(function) > MAX_FUNCTION)


def complex_functions(source: Source) -> Iterator[str]:
    """Find functions with more than eight ways through them."""
    return (source.at(function) for function in source.functions if complexity(function) > MAX_COMPLEXITY)


def crowded_functions(source: Source) -> Iterator[str]:
    """Find functions that take more than five things by position."""
    return (source.at(function) for function in source.functions if positional(function) > MAX_POSITIONAL)


def undocumented(source: Source) -> Iterator[str]:
    """Find public modules, classes and functions without a docstring."""
    tree = ast.parse(source.text)
    if source.text.strip() and not ast.get_docstring(tree):
        yield f"{source.name}: the module"
    yield from _undocumented_in(source, tree)


def _undocumented_in(source: Source, parent: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_") or _is_overload(node):
            continue
        if not ast.get_docstring(node):
            yield source.at(node)
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_in(source, node)


def _is_overload(node: ast.ClassDef | Function) -> bool:
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


def untyped(source: Source) -> Iterator[str]:
    """Find functions with a parameter or an answer that has no type."""
    for function in source.functions:
        given = function.args
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        bare = [a.arg for a in named if a is not None and a.annotation is None and a.arg not in {"self", "cls"}]
        if bare or (function.returns is None and function.name != "__init__"):
            yield source.at(function)


def silent_tests(source: Source) -> Iterator[str]:
    """Find tests whose docstring does not state their law in one line."""
    return (source.at(test) for test in source.tests if len((ast.get_docstring(test) or "").splitlines()) != 1)


def toothless_tests(source: Source) -> Iterator[str]:
    """Find tests in which nothing can fail: no assertion, no ``raises``, and no call of what does one of the two."""
    return (source.at(test) for test in source.tests if not any(map(_bites, ast.walk(test))))


def _bites(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    return bool(_BITING.search(ast.unparse(node.func))) or any(
        told.arg == "check" and ast.unparse(told.value) == "True" for told in node.keywords
    )


def hidden_imports(source: Source) -> Iterator[str]:
    """Find imports inside of functions, where a cycle can hide."""
    inside = (node for function in source.functions for node in ast.walk(function) if isinstance(node, Import))
    return (source.at(node, ast.unparse(node)) for node in inside)


def unexplained(source: Source) -> Iterator[str]:
    """Find comments that silence a checker and give no reason on the same line."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        comment = token.string
        if token.type == tokenize.COMMENT and _SILENCER.search(comment) and not _REASON.search(comment):
            yield f"{source.name}:{token.start[0]} {comment}"


def machine_words(source: Source) -> Iterator[str]:
    """Find paths of somebody's machine, and names of hosts that packages come from."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := _MACHINE.search(line):
            yield f"{source.name}:{number} {found[0]}"


def environment_reads(source: Source) -> Iterator[str]:
    """Find where the environment of the process is read."""
    read = (node for node in source.nodes if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
    return (source.at(node, ast.unparse(node)) for node in read if ast.unparse(node).startswith("os."))


def foreign_to(allowed: Iterable[str]) -> Law:
    """Make a law: nothing is imported but the packages *allowed*."""
    names = frozenset(allowed)

    def law(source: Source) -> Iterator[str]:
        return (f"{source.name} imports {name}" for name in imported(source) if name.partition(".")[0] not in names)

    return law


def imported(source: Source) -> Iterator[str]:
    """Name everything that *source* imports, wherever in the file; ``from a import b`` is ``a.b``, whatever that is."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def cycles(sources: Iterable[Source]) -> list[str]:
    """Find modules that need each other, by imports anywhere in them."""
    modules = {source.module: source for source in sources}
    needs = {name: set(_modules(imported(source), modules)) for name, source in modules.items()}
    return [name for name in sorted(needs) if name in _reached(needs[name], needs)]


def _modules(names: Iterable[str], known: Mapping[str, Source]) -> Iterator[str]:
    """Tell the modules among *names*, and those that the others are members of."""
    for name in names:
        if (found := name if name in known else name.rpartition(".")[0]) in known:
            yield found


def _reached(begin: Iterable[str], needs: Mapping[str, set[str]]) -> set[str]:
    """Follow what each module needs to the end."""
    seen: set[str] = set()
    ahead = list(begin)
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += needs[name]
    return seen


def root_names(source: Source) -> list[str]:
    """Find what is wrong with the list of public names: more than twelve, or not sorted."""
    (names,) = (
        ast.literal_eval(node.value)
        for node in source.nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    wrong = [f"{len(names)} names"] if len(names) > MAX_ROOT_NAMES else []
    return wrong if names == sorted(names) else [*wrong, "not sorted"]


def means(sources: Iterable[Source]) -> dict[str, float]:
    """Take the means that have a budget: of modules and functions in lines, and of complexity."""
    sources = list(sources)
    functions = [function for source in sources for function in source.functions]
    return {
        "module": mean(len(source.text.splitlines()) for source in sources),
        "function": mean(map(lines, functions)),
        "complexity": mean(map(complexity, functions)),
    }


def over_budget(found: Mapping[str, float]) -> list[str]:
    """Compare means with their budgets."""
    budget = {"module": MEAN_MODULE, "function": MEAN_FUNCTION, "complexity": MEAN_COMPLEXITY}
    return [f"{name}: {found[name]:.2f} > {most:.2f}" for name, most in budget.items() if found[name] > most]


def long_tests(sources: Iterable[Source]) -> list[str]:
    """Compare the tests' length, which nine of ten stay below, with its budget."""
    p90 = quantiles([lines(test) for source in sources for test in source.tests], n=10)[-1]
    return [f"p90 is {p90} lines"] if p90 > P90_TEST else []


def too_few_tests(tests: Iterable[Source], sources: Iterable[Source]) -> list[str]:
    """Compare the lines of tests with those of what they test."""
    tested, testing = (sum(len(one.text.splitlines()) for one in some) for some in (sources, tests))
    return [f"{testing / tested:.2f} lines of test a line"] if testing / tested < LEAST_TESTS else []

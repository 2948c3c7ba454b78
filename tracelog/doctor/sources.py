"""The application's own files: where in them something is called, so that a finding can name the line."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any, NamedTuple

#: Folders of Python's own, and ours; one of them may lie below an application's.
_FOREIGN = (*sysconfig.get_paths().values(), sys.prefix, str(Path(__file__).parents[1]))

#: What hands the active span on to another thread.
_CARRIES = ("copy_context", "activate")


class Call(NamedTuple):
    """A call as it stands in a file: the dotted name of what is called, and the line."""

    name: str
    line: int


class Page(NamedTuple):
    """What is looked up in one file: calls, and the lines where names and attributes are set and classes written."""

    calls: tuple[Call, ...]
    names: Mapping[str, int]
    attributes: Mapping[str, int]
    classes: Mapping[str, int]
    carries: bool


def page(text: str) -> Page:
    """
    Read *text* as far as it is looked up.

    >>> page("app = flask.Flask('shop')").calls, page("app = flask.Flask('shop')").names
    ((Call(name='flask.Flask', line=1),), {'app': 1})
    """
    nodes = list(ast.walk(ast.parse(text)))
    found = [Call(_dotted(node.func), node.lineno) for node in nodes if isinstance(node, ast.Call)]
    targets = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    return Page(
        tuple(sorted(found, key=lambda call: call.line)),
        {target.id: target.lineno for target in targets if isinstance(target, ast.Name)},
        {target.attr: target.lineno for target in targets if isinstance(target, ast.Attribute)},
        {node.name: node.lineno for node in nodes if isinstance(node, ast.ClassDef)},
        any(word in text for word in _CARRIES),
    )


def called(call: Call, *names: str) -> bool:
    """Tell whether *call* is one of *names*, whatever it was imported from."""
    return any(call.name == name or call.name.endswith(f".{name}") for name in names)


def _dotted(node: ast.expr) -> str:
    """Write the name of what is called; what is no name at all has none."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


class Sources:
    """The application's own modules by name, and the folder that files are named from."""

    def __init__(self, base: Path, modules: Mapping[str, ModuleType]) -> None:
        self.base = base.resolve()
        self.modules = dict(modules)

    @cached_property
    def _pages(self) -> dict[str, tuple[Path, Page]]:
        """Read the files that can be read, by the name of their module."""
        pages: dict[str, tuple[Path, Page]] = {}
        for name, module in self.modules.items():
            path = Path(module.__file__ or "")
            # A file may have changed since it was imported.
            with suppress(OSError, SyntaxError, ValueError):
                if path.suffix == ".py":
                    pages[name] = path, page(path.read_text("utf-8"))
        return pages

    def where(self, *names: str) -> str:
        """Name file and line of the first call of one of *names*, ``""`` where there is none."""
        return next(self._calls(*names), "")

    def last(self, *names: str) -> str:
        """Name file and line of the last call of one of *names*."""
        return next(reversed(list(self._calls(*names))), "")

    def threads(self) -> tuple[str, ...]:
        """Name the places that begin a thread, in files that hand no span on to it."""
        return tuple(
            self.named(path, call.line)
            for path, text in self._pages.values()
            for call in text.calls
            if not text.carries and called(call, "Thread", "run_in_executor")
        )

    def of_code(self, thing: Any) -> str:
        """Name the place where a function of the application's own is written."""
        code = getattr(thing, "__code__", None)
        if code is None or not is_own(code.co_filename, self.base):
            return ""
        return self.named(code.co_filename, code.co_firstlineno)

    def of_class(self, kind: type) -> str:
        """Name the place where a class of the application's own is written."""
        return self._line_of(kind.__module__, lambda text: text.classes.get(kind.__name__))

    def assigned(self, module: str, name: str) -> str:
        """Name the last place where *module* gives something the *name*."""
        return self._line_of(module, lambda text: text.names.get(name))

    def sets(self, attribute: str) -> str:
        """Name a place that sets an *attribute* of something."""
        found = (self._line_of(module, lambda text: text.attributes.get(attribute)) for module in self._pages)
        return next(filter(None, found), "")

    def named(self, path: str | Path, line: int) -> str:
        """Name a place as a person at *base* would."""
        place = Path(path).resolve()
        shown = place.relative_to(self.base) if place.is_relative_to(self.base) else place
        return f"{shown}:{line}"

    def _line_of(self, module: str, line_in: Callable[[Page], int | None]) -> str:
        if module not in self._pages:
            return ""
        path, text = self._pages[module]
        line = line_in(text)
        return "" if line is None else self.named(path, line)

    def _calls(self, *names: str) -> Iterator[str]:
        for path, text in self._pages.values():
            yield from (self.named(path, call.line) for call in text.calls if called(call, *names))


def own_modules(base: Path) -> dict[str, ModuleType]:
    """Find the modules that lie below *base* and belong to no environment."""
    loaded = ((name, module) for name, module in tuple(sys.modules.items()) if getattr(module, "__file__", None))
    return {name: module for name, module in loaded if is_own(module.__file__ or "", base)}


def is_own(file: str, base: Path) -> bool:
    """Tell whether *file* lies below *base* and in no environment."""
    path = Path(file).resolve()
    inside = path.is_relative_to(base.resolve()) and not file.startswith("<")
    return inside and "site-packages" not in path.parts and not str(path).startswith(_nested(base))


def _nested(base: Path) -> tuple[str, ...]:
    """List the folders that are nobody's application and lie below *base*."""
    folders = [Path(folder).resolve() for folder in _FOREIGN]
    return tuple(f"{folder}/" for folder in folders if base.resolve() in folder.parents)


def raised_at(error: BaseException, base: Path) -> str:
    """Name the innermost line of the application's own that *error* passed."""
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    own = [(file, line) for file, line in frames if is_own(file, base)]
    if isinstance(error, SyntaxError) and error.filename:
        own.append((error.filename, error.lineno or 0))
    return Sources(base, {}).named(*own[-1]) if own else ""

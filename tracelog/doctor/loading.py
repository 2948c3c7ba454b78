"""Imports an application; whatever goes wrong there is a finding."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask

from tracelog.doctor.finding import Finding
from tracelog.doctor.sources import Sources, own_modules, raised_at
from tracelog.errors import InvalidSetting

_TWICE = "traced already"


class Spec(NamedTuple):
    """Where an application is: a module, a name in it, and what it is called with where it is a factory."""

    module: str
    name: str
    arguments: tuple[Any, ...] | None = None

    def __str__(self) -> str:
        called = "" if self.arguments is None else f"({', '.join(map(repr, self.arguments))})"
        return f"{self.module}:{self.name}{called}"


class Loaded(NamedTuple):
    """An application that could be imported, and its own files."""

    app: Flask
    sources: Sources


def read_spec(text: str) -> Spec:
    """
    Take ``module:app`` or ``module:create_app("test")`` apart; raises ValueError.

    >>> str(read_spec("shop")), str(read_spec("shop.web:create_app('test')"))
    ('shop:app', "shop.web:create_app('test')")
    """
    module, colon, rest = text.strip().partition(":")
    if not all(part.isidentifier() for part in module.split(".")) or module.endswith(".py"):
        raise ValueError(text)
    try:
        node = ast.parse(rest if colon else "app", mode="eval").body
    except SyntaxError:
        raise ValueError(text) from None
    if isinstance(node, ast.Name):
        return Spec(module, node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return Spec(module, node.func.id, tuple(ast.literal_eval(argument) for argument in node.args))
    raise ValueError(text)


def load(spec: Spec, base: Path) -> Loaded | Finding:
    """Import the application from *base* as Flask's own command would; never raises."""
    sys.path.insert(0, str(base))
    try:
        found: Any = getattr(importlib.import_module(spec.module), spec.name)
        app = found if spec.arguments is None else found(*spec.arguments)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - what an application raises may be anything
        return _unusable(spec, error, base)
    if isinstance(app, Flask):
        return Loaded(app, Sources(base, own_modules(base)))
    return Finding(
        "app-not-flask",
        f"{spec} is a {type(app).__name__}, not a Flask application",
        "only a Flask application can be looked at",
        "name the application, --app module:app, or call its factory, --app 'module:create_app()'",
    )


def _unusable(spec: Spec, error: BaseException, base: Path) -> Finding:
    """Say why there is no application."""
    where = raised_at(error, base)
    if isinstance(error, InvalidSetting):
        return of_setting(error, where)
    if isinstance(error, RuntimeError) and _TWICE in str(error):
        return _twice(where, Sources(base, own_modules(base)))
    if isinstance(error, ModuleNotFoundError) and not where:
        change = "run it in the application's folder, with the Python of its environment, or correct --app"
        return Finding("app-missing", f"there is no module {error.name}", "the application cannot be imported", change)
    if isinstance(error, AttributeError) and not where:
        change = "name it as --app module:name, or 'module:create_app()' for a factory"
        return Finding("app-missing", f"{spec.module} has no {spec.name}", "there is nothing to look at", change)
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return Finding(
        "app-raises",
        f"{spec} raises {said}",
        "the application does not start, so nothing of it can be traced",
        "set what it needs in the environment of this command, or correct the line",
        where,
    )


def of_setting(error: InvalidSetting, where: str = "") -> Finding:
    """Say which setting has a value that cannot be used."""
    what = f"{error.key}={error.value!r} cannot be used"
    return Finding("setting-invalid", what, "tracelog refuses it when the application starts", error.expected, where)


def _twice(where: str, sources: Sources) -> Finding:
    first = sources.where("TraceLog", "init_app")
    earlier = f"; it is on the application since {first}" if first and first != where else ""
    return Finding(
        "traced-twice",
        f"the extension is added to the application a second time{earlier}",
        "tracelog refuses that when the application starts: each request would be two spans",
        "remove this call: TraceLog(app) or trace.init_app(app), once",
        where,
    )

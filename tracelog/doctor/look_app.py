"""Looks at an application without sending it a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from flask import Flask, Request, request
from werkzeug.routing import BuildError, Rule

from tracelog.assembly import Settings, read_settings
from tracelog.doctor.judge_app import AppSeen
from tracelog.doctor.sources import Sources
from tracelog.errors import InvalidSetting
from tracelog.tracer import Tracer

_KEY = "tracelog"

#: Trace ids to ask a sampler about, evenly over all there are.
_ASKED = 128

#: How far into a stack of middleware is looked.
_DEPTH = 12
_LAYERS = 5000
_STATIC = "static"


def tracer_of(app: Flask) -> Tracer | None:
    """Return the tracer that the extension gave the application."""
    return getattr(app.extensions.get(_KEY), "tracer", None)


def look_at_app(app: Flask, settings: Settings | None, sources: Sources) -> AppSeen:
    """Describe how *app* is traced."""
    traced: object = app.extensions.get(_KEY)
    tracer = tracer_of(app)
    if traced is None or tracer is None:
        return AppSeen(app.name, traced=False, app_where=sources.where("Flask"))
    routes = {rule.rule: path for rule in app.url_map.iter_rules() if (path := _path(app, rule))}
    place = settings.export if settings is not None else None
    return AppSeen(
        app.name,
        traced=True,
        layers=len(_layers(app.wsgi_app, traced.__class__)),
        stack_where=sources.sets("wsgi_app"),
        trace_where=sources.where("TraceLog", "init_app"),
        kept={rule: kept(tracer, f"GET {path}") for rule, path in routes.items()},
        excluded=tuple(rule for rule, path in routes.items() if excluded(app, path)),
        ships=tracer.workshop.ship is not None,
        keeps=place is not None and place.keeps_lines,
        threads=sources.threads(),
    )


def settings_of(app: Flask) -> Settings | None:
    """
    Find the settings that the application's tracer was made of.

    Its pipeline keeps them, to open its back end anew in each process; without one they are read from the
    application's configuration and the environment. None where the back end is an object of the application's own.
    """
    tracer = tracer_of(app)
    opener: object = getattr(tracer.sink, "open_exporter", None) if tracer is not None else None
    if opener is None:
        return _read(app.config)
    bound: tuple[object, ...] = getattr(opener, "args", ())
    return next((part for part in bound if isinstance(part, Settings)), None)


def environment_settings() -> Settings | None:
    """Read the settings that the other commands use here."""
    return _read({})


def _read(config: Mapping[str, Any]) -> Settings | None:
    """Read settings; those that cannot be used are of no use here, or were refused before."""
    try:
        return read_settings({}, config)
    except InvalidSetting:
        return None


def kept(tracer: Tracer, operation: str) -> float:
    """Measure the share of traces beginning with *operation* that the tracer keeps."""
    ids = (f"{place * (2**64 // _ASKED):032x}" for place in range(_ASKED))
    return sum(tracer.sampler(trace_id, operation, None) > 0 for trace_id in ids) / _ASKED


def excluded(app: Flask, path: str) -> bool:
    """Tell whether a request of *path* makes no span because a rule says so."""
    rules: tuple[Callable[[Request], bool], ...] = getattr(app.extensions[_KEY], "exclusions", ())
    with app.test_request_context(path):
        for rule in rules:
            # A callable of the application's own may want more of a request.
            with suppress(Exception):
                if rule(request):
                    return True
    return False


def _path(app: Flask, rule: Rule) -> str:
    """Write a path that *rule* fits, ``""`` for static files and where that takes more than we know."""
    if "GET" not in (rule.methods or ()) or rule.endpoint == _STATIC:
        return ""
    arguments: Iterable[str] = getattr(rule, "arguments", ())
    values = dict.fromkeys(arguments, "1")
    with suppress(BuildError, ValueError):
        return app.url_map.bind("localhost").build(rule.endpoint, values).partition("?")[0]
    return ""


def _layers(stack: Any, kind: type) -> list[Any]:
    """Find the objects of *kind* in a stack of WSGI middleware, going by attributes and closures."""
    seen: dict[int, Any] = {}
    waiting: list[tuple[Any, int]] = [(stack, 0)]
    while waiting and len(seen) < _LAYERS:
        layer, depth = waiting.pop()
        if id(layer) in seen or depth > _DEPTH or isinstance(layer, (Flask, type)) or not callable(layer):
            continue
        seen[id(layer)] = layer
        waiting += [(inner, depth + 1) for inner in _inner(layer)]
    return [layer for layer in seen.values() if type(layer) is kind]


def _inner(layer: Any) -> list[Any]:
    """List what a layer may call: an attribute, a name in its closure or of its module."""
    found = list(getattr(layer, "__dict__", {}).values())
    names = getattr(getattr(layer, "__code__", None), "co_names", ())
    found += [getattr(layer, "__globals__", {}).get(name) for name in names]
    for cell in getattr(layer, "__closure__", None) or ():
        with suppress(ValueError):
            found.append(cell.cell_contents)
    return [*found, *(getattr(layer, name, None) for name in ("__self__", "__func__", "__wrapped__", "func"))]

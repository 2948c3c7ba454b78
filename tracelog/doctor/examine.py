"""Examines an application, or a destination alone: gathers, judges, and puts everything into one report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextvars import copy_context
from pathlib import Path

from flask import Flask

from tracelog.assembly import Settings, read_settings
from tracelog.assembly.build import UNCONFIGURED
from tracelog.doctor.destination import look_at_destination
from tracelog.doctor.finding import FAULT, NOTE, Finding, Report
from tracelog.doctor.judge_app import MISSING, REPLACED, judge_app
from tracelog.doctor.judge_logging import judge_logging
from tracelog.doctor.judge_probe import NO_SPAN, NOT_ARRIVED, ProbeSeen, judge_probe, lost
from tracelog.doctor.judge_structlog import judge_structlog
from tracelog.doctor.loading import Loaded, Spec, load, of_setting
from tracelog.doctor.look_app import environment_settings, look_at_app, settings_of, tracer_of
from tracelog.doctor.look_logging import look_at_logging
from tracelog.doctor.look_structlog import look_at_structlog
from tracelog.doctor.probe import probe
from tracelog.doctor.quiet import heard, quiet
from tracelog.errors import InvalidSetting
from tracelog.lines import mute
from tracelog.pipeline.courier import EXIT_SECONDS
from tracelog.tracer import Nowhere, default_tracer, has_default

_MISSPELT = "is no setting"

Looked = tuple[str, str]


def examine(settings: Settings | None = None) -> Report:
    """Look at the destination of *settings* alone, by default at that of the environment."""
    with quiet(), heard() as said:
        try:
            chosen = settings or read_settings({})
        except InvalidSetting as error:
            return _report([("settings", "of the environment")], [of_setting(error), *_misspelt(said)])
        return _report([_destination(chosen)], [*_misspelt(said), *look_at_destination(chosen)])


def examine_application(spec: Spec, base: Path, *, path: str = "", settings: Settings | None = None) -> Report:
    """
    Import an application from *base*, and look at it, at logging, and at where its spans go.

    With a *path* one request is made. *settings* say where to look in place of the application's own destination.
    What the application prints meanwhile is thrown away.
    """
    with quiet(), heard() as said:
        loaded = load(spec, base)
        if isinstance(loaded, Finding):
            return _report([("application", str(spec))], [loaded, *_misspelt(said)])
        own = _own_settings(loaded.app, said)
        looked, findings = _application(spec, loaded, own)
        findings += _misspelt(said)
        if path:
            seen = probe(loaded.app, path, loaded.sources)
            looked.append(("request", _told(seen)))
            findings = _corrected(findings, seen)
        findings = _once(findings)
        target = settings or own
        if target is not None:
            looked.append(_destination(target))
            findings = [*_with_reasons(findings, copy_context().run(_unheard, target)), *_namespaces(target)]
        _end(loaded.app)
        return _report(looked, findings)


def _unheard(settings: Settings) -> list[Finding]:
    """Look at a destination, and ship nothing of what is logged on the way."""
    mute()
    return list(look_at_destination(settings))


def _with_reasons(findings: list[Finding], reasons: list[Finding]) -> list[Finding]:
    """Add what is wrong with the destination; it is the reason why nothing arrives there."""
    explained = any(reason.kind == FAULT for reason in reasons)
    return [*(finding for finding in findings if not (explained and finding.name == NOT_ARRIVED)), *reasons]


def _end(app: Flask) -> None:
    """Send what the application logged while it was looked at, as at the end of its process, which this is."""
    tracers = {tracer for tracer in (tracer_of(app), default_tracer() if has_default() else None) if tracer is not None}
    for tracer in tracers:
        tracer.sink.close(EXIT_SECONDS)


def _report(looked: list[Looked], findings: list[Finding]) -> Report:
    return Report(tuple(looked), tuple(_gravest_first(findings)))


def _application(spec: Spec, loaded: Loaded, own: Settings | None) -> tuple[list[Looked], list[Finding]]:
    """Look at everything that is there before a request is made."""
    app, sources = loaded
    tracer = tracer_of(app)
    traced = tracer is not None
    chain, lines = look_at_structlog(sources), look_at_logging(sources)
    findings = [
        *judge_app(look_at_app(app, own, sources)),
        *judge_structlog(chain),
        *judge_logging(lines, traced=traced),
    ]
    service = f", service {tracer.workshop.resource.service}" if tracer is not None else ""
    shown = " → ".join(chain.processors) if chain.configured else "not configured" if chain.used else "not used"
    handlers = ", ".join(handler.name for handler in lines.handlers) or "none"
    looked = [
        ("application", f"{spec}{service}"),
        ("structlog", shown),
        ("logging", f"records carry {'ids' if lines.binds else 'no ids'}, handlers: {handlers}"),
    ]
    return looked, findings


def _corrected(findings: list[Finding], seen: ProbeSeen) -> list[Finding]:
    """Add what a request showed: it knows better whether there is a span, and not why there is none."""
    if seen.inside:
        findings = [finding for finding in findings if finding.name != REPLACED]
    known = {finding.name for finding in findings}
    more = judge_probe(seen)
    return [*findings, *(one for one in more if one.name != NO_SPAN or known.isdisjoint({REPLACED, MISSING}))]


def _own_settings(app: Flask, said: list[str]) -> Settings | None:
    """Find the application's settings; None where it has no tracer, or one that was asked to export nothing."""
    tracer = tracer_of(app)
    if tracer is None:
        return None
    own = settings_of(app)
    said_none = isinstance(tracer.sink, Nowhere) and UNCONFIGURED not in said
    asked = own is not None and own.export is not None and own.export.kind == "none"
    return None if said_none and not asked else own


def _misspelt(said: list[str]) -> list[Finding]:
    """Repeat what tracelog said about keys that look like settings."""
    why = "nobody reads it, and what it was to say is left at its default"
    change = "correct the name: the table of settings is in the README"
    return [Finding("setting-misspelt", line, why, change) for line in said if _MISSPELT in line]


def _namespaces(settings: Settings) -> Iterator[Finding]:
    """Compare the namespace that is written with the one that other commands read here."""
    other = environment_settings()
    elastic = settings.export is not None and settings.export.kind == "elasticsearch"
    if elastic and other is not None and other.namespace != settings.namespace:
        what = f"the application writes into namespace {settings.namespace}, and {other.namespace} is read here"
        why = "tracelog show reads one namespace, that of its environment"
        yield Finding("namespace-apart", what, why, f"TRACELOG_NAMESPACE={settings.namespace} tracelog show", kind=NOTE)


def _destination(settings: Settings) -> Looked:
    place = settings.export
    shown = "not set" if place is None else repr(place)
    elastic = place is not None and place.kind == "elasticsearch"
    return "destination", f"{shown}, namespace {settings.namespace}" if elastic else shown


def _told(seen: ProbeSeen) -> str:
    trace = f", trace {seen.trace_id}" if seen.trace_id else ""
    waiting = f", {told}" if (told := lost(seen)) else ""
    lines = f"{len(seen.lines)} line{'' if len(seen.lines) == 1 else 's'}"
    return f"GET {seen.path} {seen.status}, {lines}{waiting}{trace}"


def _once(findings: list[Finding]) -> list[Finding]:
    """Say each thing once: what a request shows may have been seen before it, in more detail or as less grave."""
    kept: list[Finding] = []
    for finding in _gravest_first(findings):
        known = [other for other in kept if other.name == finding.name]
        if not known or (finding.kind != NOTE and finding.where not in ("", *(other.where for other in known))):
            kept.append(finding)
    return kept


def _gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.kind == NOTE)

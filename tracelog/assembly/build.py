"""Wires settings, tracer, pipeline and back end together: the one place that knows both sides."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, cast

from tracelog import factory
from tracelog.assembly.destination import Destination
from tracelog.assembly.settings import PREFIX, Settings, read_settings
from tracelog.cleaning import SECRET_NAMES, Cleaner
from tracelog.context import Propagator
from tracelog.dotted import DottedIds
from tracelog.errors import InvalidSetting
from tracelog.ids import Ids
from tracelog.pipeline.courier import Courier
from tracelog.pipeline.exporter import Exporter
from tracelog.propagation import PROPAGATORS, Composite
from tracelog.record import Resource
from tracelog.tracer import Tracer, set_default

log = logging.getLogger("tracelog")

UNCONFIGURED = (
    "no TRACELOG_EXPORT is set: log lines carry ids, but nothing is exported. "
    "Set it to your Elasticsearch (https://host:9200) or to sqlite: for the embedded store; none: says it is meant."
)


def configure(*, exporter: Exporter | None = None, **settings: Any) -> Tracer:
    """
    Set tracing up for this process, and return its tracer.

    *settings* are those of the README's table in lower case (``service="worker"``, ``export="https://es:9200"``); what
    is not given is read from ``TRACELOG_…`` in the environment. An *exporter* of your own takes the place of
    ``export``. Puts ids on every LogRecord, too. Called again, it replaces the tracer of before, which gets two seconds
    to send what it has. Raises InvalidSetting.
    """
    tracer = build(read_settings(settings), exporter=exporter)
    before = set_default(tracer)
    if before is not None:
        before.sink.close(2.0)
    factory.install()
    return tracer


def build(settings: Settings, *, exporter: Exporter | None = None) -> Tracer:
    """Make the tracer that *settings* describe, with a pipeline of its own."""
    place = settings.export
    if exporter is None and place is None:
        log.warning(UNCONFIGURED)
    opener = _opener(settings, exporter)
    kept = exporter is not None or (place is not None and place.keeps_lines)
    return Tracer(
        resource=_resource(settings, settings.service or _host()),
        sink=None if opener is None else _courier(opener, settings),
        sampler=settings.sample,
        propagator=_propagator(settings.propagators),
        ids=_ids(settings),
        ship_lines=opener is not None and (kept if settings.ship_logs is None else settings.ship_logs),
        ship_level=settings.ship_level,
        trust=settings.trust_incoming,
    )


def build_beside(other: Tracer, settings: Settings) -> Tracer:
    """Make a tracer that sends through the pipeline of *other*, and names, samples and reads as *settings* say."""
    shared = other.workshop
    shipping = shared.ship is not None
    return Tracer(
        resource=_resource(settings, settings.service or shared.resource.service),
        sink=other.sink,
        sampler=settings.sample,
        propagator=_propagator(settings.propagators),
        clock=shared.clock,
        ids=_ids(settings) or shared.ids,
        ship_lines=shipping if settings.ship_logs is None else settings.ship_logs,
        ship_level=settings.ship_level,
        # What the other one distrusts is not believed for want of a word.
        trust=settings.trust_incoming or other.trust,
    )


def _ids(settings: Settings) -> Ids | None:
    """Choose how spans are numbered; None leaves it to whoever is asked."""
    return DottedIds() if settings.ids == "dotted" else None


def _resource(settings: Settings, service: str) -> Resource:
    """Describe this process."""
    return Resource(service, settings.service_version, settings.environment, _host())


def _host() -> str:
    """Name this machine."""
    # Loaded when asked for, as the edges are: it costs a sixth of importing tracelog.
    return str(import_module("socket").gethostname())


def _courier(opener: Callable[[], Exporter], settings: Settings) -> Courier:
    return Courier(
        opener,
        cleaner=Cleaner([*SECRET_NAMES, *settings.redact], settings.redact_with),
        room=settings.backlog_max_records,
        max_bytes=settings.backlog_max_bytes,
    )


def _propagator(formats: tuple[str | Propagator, ...]) -> Composite:
    """Put the formats together, in the order given."""
    for name in formats:
        if isinstance(name, str) and name not in PROPAGATORS:
            raise InvalidSetting(PREFIX + "PROPAGATORS", name, f"use {', '.join(PROPAGATORS)}, or module:name")
    return Composite([PROPAGATORS[one] if isinstance(one, str) else one for one in formats])


def _opener(settings: Settings, exporter: Exporter | None) -> Callable[[], Exporter] | None:
    """Choose the back end; each process opens it anew."""
    if exporter is not None:
        return lambda: exporter
    if settings.export is None or settings.export.kind == "none":
        return None
    return partial(_OPENERS[settings.export.kind], settings.export, settings)


def _load(module: str, name: str) -> Any:
    """Load an edge when it is asked for, so that nobody pays for a back end they do not use."""
    return getattr(import_module(f"tracelog.{module}"), name)


def elastic_address(place: Destination, settings: Settings) -> Any:
    """Put together what it takes to reach an Elasticsearch: an ``ElasticAddress``."""
    return _load("elastic.address", "ElasticAddress")(
        nodes=place.nodes,
        api_key=settings.api_key,
        username=settings.username,
        password=settings.password,
        ca_certs=settings.ca_certs,
        namespace=settings.namespace,
    )


def _elasticsearch(place: Destination, settings: Settings) -> Exporter:
    return cast("Exporter", _load("elastic.exporter", "ElasticExporter")(elastic_address(place, settings)))


def _sqlite(place: Destination, settings: Settings) -> Exporter:
    return cast("Exporter", _load("local.exporter", "LocalExporter")(place.path or None))


def _lines(place: Destination, settings: Settings) -> Exporter:
    return cast("Exporter", _load("exporters.lines", "LinesExporter")(place.path or None))


_OPENERS: dict[str, Callable[[Destination, Settings], Exporter]] = {
    "elasticsearch": _elasticsearch,
    "sqlite": _sqlite,
    "console": _lines,
    "file": _lines,
}

"""Looks at how structlog is set up, and sends one event through its chain."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import structlog
from structlog.stdlib import ProcessorFormatter, render_to_log_kwargs

from tracelog.doctor.judge_structlog import LoggerSeen, StructlogSeen
from tracelog.doctor.sources import Sources
from tracelog.doctor.trial import SAID, trial
from tracelog.integrations.structlog import bind_ids

#: Passes every filter by level.
_METHOD = "critical"

_RAW = (structlog.PrintLogger, structlog.WriteLogger, structlog.BytesLogger)

Processor = Callable[[Any, str, Any], Any]


class _Run(NamedTuple):
    """How an event fared: where its ids came from, which processor rendered it, and which one raised what."""

    binds: int | None
    renders: int | None
    raised: tuple[str, str] | None


def look_at_structlog(sources: Sources) -> StructlogSeen:
    """Describe structlog's set-up as *sources* left it."""
    configured = structlog.is_configured()
    if not configured and not _uses(sources):
        return StructlogSeen(used=False, configured=False)
    config = structlog.get_config()
    chain: list[Processor] = list(config["processors"])
    logger = _made(config["logger_factory"])
    run = _run(chain, logger)
    bypass = _bypass(config["wrapper_class"])
    return StructlogSeen(
        used=True,
        configured=configured,
        processors=tuple(map(called, chain)),
        binds=run.binds,
        renders=run.renders,
        raised=run.raised,
        hands_on=ProcessorFormatter.wrap_for_formatter in chain or render_to_log_kwargs in chain,
        standard=isinstance(logger, (logging.Logger, logging.LoggerAdapter)) or logger is None,
        factory=called(config["logger_factory"]),
        bypass=bypass.__qualname__ if bypass else "",
        bypass_where=sources.of_class(bypass) if bypass else "",
        loggers=tuple(_apart(sources, chain)),
        where=sources.last("structlog.configure") or sources.last("configure"),
    )


def called(thing: Any) -> str:
    """
    Name a processor or a factory as one would write it.

    >>> called(structlog.processors.JSONRenderer()), called(structlog.stdlib.add_logger_name)
    ('JSONRenderer()', 'add_logger_name')
    """
    name = getattr(thing, "__name__", "")
    return name or f"{type(thing).__name__}()"


def _uses(sources: Sources) -> bool:
    """Tell whether a module of the application's has structlog, a function of it, or one of its loggers."""
    values = [value for module in sources.modules.values() for value in tuple(vars(module).values())]
    homes = (str(getattr(value, "__module__", None) or type(value).__module__) for value in values)
    return structlog in values or any(home.partition(".")[0] == "structlog" for home in homes)


def _made(factory: Callable[..., Any]) -> Any:
    """Make a logger as structlog would; None where the factory asks for more than we know."""
    try:
        return factory()
    except Exception:  # noqa: BLE001 - a factory of the application's own may raise anything
        return None


def _run(chain: list[Processor], logger: Any) -> _Run:
    """Send an event through *chain*, up to the one that makes something else of it."""
    event: Any = {"event": SAID}
    bound = next((place for place, processor in enumerate(chain) if processor is bind_ids), None)
    with trial() as span:
        for place, processor in enumerate(chain):
            try:
                event = processor(logger, _METHOD, event)
            except structlog.DropEvent:
                break
            except Exception as error:  # noqa: BLE001 - what raises is what is looked for
                return _Run(bound, None, (called(processor), f"{type(error).__name__}: {error}"))
            if not isinstance(event, Mapping) or processor is render_to_log_kwargs:
                return _Run(bound, place, None)
            values = cast("Mapping[str, Any]", event)
            if bound is None and values.get("traceId") == span.trace_id:
                # A processor of the application's own that calls ours.
                bound = place
    return _Run(bound, None, None)


def _bypass(wrapper: Any) -> type | None:
    """Return the class of loggers if a log call runs no processor."""
    ran: list[bool] = []

    def note(logger: Any, method: str, event: Any) -> Any:
        ran.append(True)
        raise structlog.DropEvent

    try:
        answer = getattr(structlog.wrap_logger(_Deaf(), processors=[note]), _METHOD)(SAID)
    except Exception:  # noqa: BLE001 - a class of the application's own may want more of a logger
        return None
    if inspect.iscoroutine(answer):
        answer.close()
        return None
    return None if ran or not isinstance(wrapper, type) else wrapper


class _Deaf:
    """A logger that writes nothing, whatever it is called."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return _nothing


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Write nothing."""


def _apart(sources: Sources, chain: list[Processor]) -> Iterator[LoggerSeen]:
    """Find the loggers that modules of the application's make, and that use another chain, without our processor."""
    for module, loaded in sources.modules.items():
        for name, value in tuple(vars(loaded).items()):
            where = sources.assigned(module, name)
            if not where:
                # Made elsewhere, and imported from there.
                continue
            if isinstance(value, _RAW):
                yield LoggerSeen(f"{module}.{name}", where, raw=True)
            elif (own := _chain_of(value)) is not None and own != chain and bind_ids not in own:
                yield LoggerSeen(f"{module}.{name}", where)


def _chain_of(value: Any) -> list[Processor] | None:
    """Return the processors of a structlog logger."""
    if isinstance(value, type) or not hasattr(value, "_processors"):
        return None
    try:
        return list(value.bind()._processors)  # noqa: SLF001 - structlog has no public name for them
    except Exception:  # noqa: BLE001 - it only looks like a logger
        return None

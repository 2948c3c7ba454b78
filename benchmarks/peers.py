"""Those who are measured, each behind the same few methods; a peer whose packages are not there is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tracelog.pipeline.exporter import Exporter, Line, Outcome
from tracelog.record import Record

#: More than any of the measured steps needs.
FLUSH_SECONDS = 60.0

_ROOM = 1 << 20


class Bare:
    """Nobody: what the application costs by itself."""

    def __init__(self) -> None:
        self.flush: Callable[[], object] = int

    def root(self) -> AbstractContextManager[Any]:
        """Open the first span of a trace."""
        return nullcontext()

    def span(self, operation: str, attributes: dict[str, Any]) -> AbstractContextManager[Any]:
        """Open a child of the active span."""
        return nullcontext()

    def instrument(self, app: Any) -> None:
        """Trace the requests of a Flask application."""

    def processors(self) -> Sequence[Any]:
        """Return what puts ids on the events of structlog."""
        return ()


class Discarding:
    """A back end that takes everything and keeps nothing."""

    def encode(self, record: Record, /) -> bytes:
        """Make nothing of *record*."""
        return b"{}"

    def send(self, lines: Sequence[Line], /) -> Outcome:
        """Forget *lines*."""
        return Outcome(stored=len(lines))

    def close(self) -> None:
        """Have nothing to close."""


class Tracelog(Bare):
    """Our own, as configured by default; log lines are not shipped, since no peer ships any."""

    #: Whether log lines are shipped.
    ship = False

    def __init__(self, exporter: Exporter | None = None) -> None:
        tracelog: Any = import_module("tracelog")
        kept = exporter or Discarding()
        tracelog.configure(service="bench", exporter=kept, ship_logs=self.ship, backlog_max_records=_ROOM)
        self._span = tracelog.span
        self.flush = lambda: tracelog.flush(FLUSH_SECONDS)

    def root(self) -> AbstractContextManager[Any]:
        """Open a span where none is active."""
        return self.span("root", {})

    def span(self, operation: str, attributes: dict[str, Any]) -> AbstractContextManager[Any]:
        """Open a span."""
        block: AbstractContextManager[Any] = self._span(operation, **attributes)
        return block

    def instrument(self, app: Any) -> None:
        """Add the extension; it sends through the default tracer."""
        import_module("tracelog.integrations.flask").TraceLog(app, ship_logs=self.ship)

    def processors(self) -> Sequence[Any]:
        """Return the processor of step two."""
        return (import_module("tracelog.integrations.structlog").bind_ids,)


class Shipping(Tracelog):
    """Our own, with log lines shipped, as it is by default."""

    ship = True


class OpenTelemetry(Bare):
    """OpenTelemetry's SDK with its batching processor and an exporter that discards."""

    def __init__(self) -> None:
        sdk, export = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.export")
        api: Any = import_module("opentelemetry.trace")
        done = export.SpanExportResult.SUCCESS
        discarding = type("Discarding", (export.SpanExporter,), {"export": lambda *_: done})
        provider = sdk.TracerProvider()
        provider.add_span_processor(export.BatchSpanProcessor(discarding(), max_queue_size=_ROOM))
        api.set_tracer_provider(provider)
        self._start = api.get_tracer("bench").start_as_current_span
        self._current = api.get_current_span
        self._hex = api.format_trace_id, api.format_span_id
        self.flush = provider.force_flush

    def root(self) -> AbstractContextManager[Any]:
        """Open a span where none is active."""
        return self.span("root", {})

    def span(self, operation: str, attributes: dict[str, Any]) -> AbstractContextManager[Any]:
        """Open a span."""
        block: AbstractContextManager[Any] = self._start(operation, attributes=attributes)
        return block

    def instrument(self, app: Any) -> None:
        """Add its instrumentation."""
        import_module("opentelemetry.instrumentation.flask").FlaskInstrumentor().instrument_app(app)

    def processors(self) -> Sequence[Any]:
        """Return the processor that structlog's documentation shows."""

        def add_ids(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
            context = self._current().get_span_context()
            event["trace_id"], event["span_id"] = self._hex[0](context.trace_id), self._hex[1](context.span_id)
            return event

        return (add_ids,)


class ElasticAPM(Bare):
    """The agent of Elastic, told not to send."""

    def __init__(self) -> None:
        self._agent: Any = import_module("elasticapm")
        self._config = {
            "SERVICE_NAME": "bench",
            "DISABLE_SEND": True,
            "CENTRAL_CONFIG": False,
            "CLOUD_PROVIDER": "none",
        }
        self._client: Any = None
        super().__init__()

    def root(self) -> AbstractContextManager[Any]:
        """Begin a transaction."""
        self._client = self._client or self._agent.Client(self._config)
        return _Transaction(self._client)

    def span(self, operation: str, attributes: dict[str, Any]) -> AbstractContextManager[Any]:
        """Open a span."""
        block: AbstractContextManager[Any] = self._agent.capture_span(operation, labels=attributes)
        return block

    def instrument(self, app: Any) -> None:
        """Add its extension."""
        app.config["ELASTIC_APM"] = self._config
        import_module("elasticapm.contrib.flask").ElasticAPM(app)

    def processors(self) -> Sequence[Any]:
        """Return its own processor."""
        return (import_module("elasticapm.handlers.structlog").structlog_processor,)


class _Transaction:
    """A transaction of elastic-apm as a block."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __enter__(self) -> None:
        self._client.begin_transaction("bench")

    def __exit__(self, *error: object) -> None:
        self._client.end_transaction("root", "ok")


_NEEDED: dict[type[Bare], tuple[str, ...]] = {
    Bare: (),
    Tracelog: (),
    Shipping: (),
    OpenTelemetry: ("opentelemetry.sdk", "opentelemetry.instrumentation.flask"),
    ElasticAPM: ("elasticapm",),
}


def installed() -> dict[str, type[Bare]]:
    """Find the peers whose packages are there, by name."""
    return {peer.__name__.lower(): peer for peer, needed in _NEEDED.items() if all(map(_is_there, needed))}


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False

"""
tracelog as a peer among the peers of a benchmark: the documented way, with default settings.

The harness brings ``adapters.base.Base`` and the address of a sink that answers like Elasticsearch. It reads this file
in its own process, too, where tracelog is not installed: what is measured is loaded by ``prepare``. Only
``ship_logs`` is not the default: what is compared is the cost of spans and of ids on lines, which is all that the
peers do.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from adapters.base import Base

#: More than any slice takes; running into it fails the run, because the figures would leave work out.
FLUSH_SECONDS = 60.0


class Adapter(Base):
    """Traces the benchmark's Flask application, or plain spans where it has none."""

    VENV = "tracelog"
    IDS = ("traceId", "spanId")
    #: A subclass that says True measures what shipping the lines costs on top.
    SHIP_LOGS = False

    def __init__(self, sink_url: str) -> None:
        super().__init__(sink_url)
        self._settings: dict[str, Any] = {"service": "bench", "export": sink_url, "ship_logs": self.SHIP_LOGS}
        self._configured = False

    def prepare(self) -> None:
        """Load tracelog."""
        self._tracelog = import_module("tracelog")

    def instrument(self, app: Any) -> None:
        """Add the extension to the application."""
        import_module("tracelog.integrations.flask").TraceLog(app, **self._settings)
        self._configured = True

    def id_processors(self) -> list[Any]:
        """Return the processor that puts the ids on events."""
        return [import_module("tracelog.integrations.structlog").bind_ids]

    def span(self, name: str, attributes: dict[str, Any]) -> Any:
        """Open a span with attributes given at its start."""
        return self._tracelog.span(name, **attributes)

    def root(self) -> Any:
        """Open a span that begins a trace, outside of Flask."""
        if not self._configured:
            self._tracelog.configure(**self._settings)
            self._configured = True
        return self._tracelog.span("root")

    def flush(self) -> None:
        """Export all that is queued, in the measured time."""
        if pending := self._tracelog.flush(FLUSH_SECONDS):
            message = f"{pending} records are still pending after {FLUSH_SECONDS:.0f} s"
            raise RuntimeError(message)

    def dropped(self) -> int:
        """Count what was lost; a run that loses anything is no measurement."""
        counts = self._tracelog.stats()
        return counts.refused + sum(counts.dropped.values())

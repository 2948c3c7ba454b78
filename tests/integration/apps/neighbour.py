"""
One of three services in a row: the outer two are OpenTelemetry's, with its own packages, the one in the middle is ours.

``ROLE``, ``FOLLOWING`` and ``SPANS`` in the environment say which, whom it calls, and where OpenTelemetry's spans go.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from tracelog.integrations.flask import TraceLog
from tracelog.integrations.requests import install

SECONDS = 20


def ours(following: str) -> Flask:
    """Call the next service, traced by tracelog."""
    app = Flask("ours")
    TraceLog(app)
    install()

    @app.get("/")
    def pass_on() -> dict[str, Any]:
        return requests.get(following, timeout=SECONDS).json()

    return app


def observed(role: str) -> Flask:
    """Make an application that OpenTelemetry traces."""
    out = Path(os.environ["SPANS"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - as long as the process lives
    exporter = ConsoleSpanExporter(out=out, formatter=lambda span: f"{span.to_json(indent=None)}\n")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    app = Flask(role)
    FlaskInstrumentor().instrument_app(app)
    RequestsInstrumentor().instrument()
    return app


def front(following: str) -> Flask:
    """Begin a trace with a pair of baggage."""
    app = observed("front")

    @app.get("/")
    def begin() -> dict[str, Any]:
        token = context.attach(baggage.set_baggage("tenant", "Amélie & Co"))
        try:
            return requests.get(following, timeout=SECONDS).json()
        finally:
            context.detach(token)

    return app


def back(following: str) -> Flask:
    """Be the end, and tell what arrived."""
    app = observed("back")

    @app.get("/")
    def end() -> dict[str, Any]:
        seen = trace.get_current_span().get_span_context()
        return {
            "trace": f"{seen.trace_id:032x}",
            "sampled": seen.trace_flags.sampled,
            "baggage": dict(baggage.get_all()),
        }

    return app


app = {"front": front, "ours": ours, "back": back}[os.environ["ROLE"]](os.environ["FOLLOWING"])

if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)

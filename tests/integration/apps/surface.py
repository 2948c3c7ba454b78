"""Answers with what it saw of a trace, and with what it would send on: ``surface.py SERVER PORT``."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask

import tracelog
from tracelog.integrations.flask import TraceLog

app = Flask("surface")
TraceLog(app, export="none:", request_line=False)


@app.get("/")
def look() -> dict[str, Any]:
    """Tell the ids of the request, and the headers of a call that it would make."""
    seen = tracelog.current()
    sent: dict[str, str] = {}
    tracelog.inject(sent)
    return {"trace": seen.trace_id, "parent": seen.parent_id, "span": seen.span_id, "sent": sent}


if __name__ == "__main__":
    if sys.argv[1] == "waitress":
        import waitress

        waitress.serve(app, listen=f"127.0.0.1:{sys.argv[2]}", threads=2)
    else:
        app.run("127.0.0.1", int(sys.argv[2]), threaded=True)

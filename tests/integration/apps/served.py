"""An application for the servers of test_servers.py; TRACELOG_EXPORT says where its spans and lines go."""

import logging
import time

import structlog
from flask import Flask, Response, send_file

from tracelog.integrations.flask import TraceLog
from tracelog.integrations.structlog import bind_ids

structlog.configure(processors=[bind_ids, structlog.processors.JSONRenderer()])
log = structlog.get_logger()
std = logging.getLogger("served")

app = Flask("served")
app.config["PROPAGATE_EXCEPTIONS"] = False
TraceLog(app)


@app.before_request
def before():
    """Log before the view."""
    std.warning("before")


@app.teardown_request
def teardown(error):
    """Log after the view."""
    std.warning("teardown")


@app.get("/plain")
def plain():
    """Answer at once."""
    log.info("in view")
    return "plain"


@app.get("/stream")
def stream():
    """Answer in three chunks."""

    def chunks():
        for number in range(3):
            log.info("chunk", number=number)
            time.sleep(0.02)
            yield f"{number}\n"

    return Response(chunks(), mimetype="text/plain")


@app.get("/endless")
def endless():
    """Answer until the client hangs up, 20 seconds at most."""

    def chunks():
        try:
            for _ in range(2000):
                time.sleep(0.01)
                yield "x" * 65536
        finally:
            std.warning("hung up")

    return Response(chunks(), mimetype="text/plain")


@app.get("/fails")
def fails():
    """Raise what Flask answers with 500."""
    raise ValueError("no such thing")


@app.get("/escapes")
def escapes():
    """Raise what nothing but the server catches."""
    app.config["PROPAGATE_EXCEPTIONS"] = True
    try:
        raise ValueError("escaped")
    finally:
        app.after_request_funcs.clear()


@app.get("/file")
def file():
    """Answer with a file, which some servers send by themselves."""
    return send_file(__file__, mimetype="text/plain")


if __name__ == "__main__":
    import sys

    if sys.argv[2] == "waitress":
        import waitress

        waitress.serve(app, listen=f"127.0.0.1:{sys.argv[1]}", threads=4)
    else:
        app.run("127.0.0.1", int(sys.argv[1]), threaded=True)

"""What the Flask extension promises, met through Flask's own test client."""

import asyncio
import logging
import threading

import pytest
import structlog
from flask import Blueprint, Flask, Response, abort, copy_current_request_context, request, stream_with_context
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import tracelog
from tracelog.active import active
from tracelog.integrations.flask import TraceLog
from tracelog.integrations.structlog import bind_ids
from tracelog.record import Entry, Kind, Resource, Status
from tracelog.testing import recording

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def rec():
    """Record what is traced, and leave structlog as it was."""
    structlog.configure(
        processors=[bind_ids, structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    with recording() as recorder:
        yield recorder
    assert active() is None
    structlog.reset_defaults()


@pytest.fixture
def app(rec):
    """Make an application with one route of each kind."""
    app = Flask("shop")
    log = structlog.get_logger()

    @app.get("/orders/<int:order_id>")
    def order(order_id):
        log.info("looked up", order_id=order_id)
        return {"id": order_id}

    @app.get("/fails")
    def fails():
        raise ValueError("no such thing")

    @app.get("/stream")
    def stream():
        def chunks():
            for number in range(3):
                log.info("chunk", number=number)
                yield f"{number}\n"

        return Response(stream_with_context(chunks()))

    @app.get("/answers/<int:status>")
    def answers(status):
        return "", status

    return app


def traced(app, **settings):
    """Add the extension, and return a client."""
    TraceLog(app, **settings)
    return app.test_client()


def messages(rec):
    """Return (message, traceId, spanId) of each line."""
    return [(line.message, line.trace_id, line.span_id) for line in rec.lines]


def test_a_request_becomes_one_server_span(app, rec):
    """A request leaves one server span with method, route, path and status."""
    traced(app).get("/orders/7?token=secret")
    (span,) = rec.spans
    assert (span.operation, span.kind, span.status) == ("GET /orders/<int:order_id>", Kind.SERVER, Status.SUCCESS)
    assert span.attributes["http.route"] == "/orders/<int:order_id>"
    assert span.attributes["url.path"] == "/orders/7"
    assert span.attributes["http.response.status_code"] == 200
    assert "secret" not in str(span)


def test_the_service_is_named_after_the_application(app):
    """Without a setting the service has the application's name; a setting wins."""
    TraceLog(app, export="none:")
    other = Flask("other")
    TraceLog(other, export="none:", service="till")
    assert app.extensions["tracelog"].tracer.workshop.resource.service == "shop"
    assert other.extensions["tracelog"].tracer.workshop.resource.service == "till"


def test_a_request_continues_the_callers_trace(app, rec):
    """A traceparent that came in is the parent, its trace id is kept, and the answer names it."""
    answer = traced(app).get("/orders/7", headers={"traceparent": TRACEPARENT})
    (span,) = rec.spans
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)
    assert span.span_id != PARENT
    assert answer.headers["X-Trace-Id"] == TRACE


@pytest.mark.parametrize("bad", ["", "00-zz-1-01", TRACEPARENT.upper(), f"{TRACEPARENT},{TRACEPARENT}", "x" * 5000])
def test_a_malformed_traceparent_begins_a_new_trace(app, rec, bad):
    """What is no traceparent is ignored, and the request is answered as ever."""
    answer = traced(app).get("/orders/7", headers={"traceparent": bad})
    (span,) = rec.spans
    assert answer.status_code == 200
    assert span.parent_id == ""
    assert span.trace_id != TRACE


def test_every_line_of_a_request_carries_its_ids(app, rec):
    """Hooks, view, structlog and standard logging, teardown: each line has the ids of the request."""
    log = logging.getLogger("hooks")
    app.before_request(lambda: log.warning("before"))
    app.teardown_request(lambda error: log.warning("teardown"))

    @app.after_request
    def after(response):
        log.warning("after")
        return response

    traced(app).get("/orders/7")
    (span,) = rec.spans
    assert [line[0] for line in messages(rec)] == [
        "before",
        "looked up",
        "after",
        "teardown",
        "GET /orders/<int:order_id> 200 in 1.0 ms",
    ]
    assert {line[1:] for line in messages(rec)} == {(span.trace_id, span.span_id)}


def test_an_unhandled_exception_is_on_the_span_and_its_line_has_ids(app, rec):
    """An exception in a view fails the span with type, message and stack; Flask's own line has the ids."""
    assert traced(app).get("/fails").status_code == 500
    (span,) = rec.spans
    assert (span.status, span.failure.type, span.failure.message) == (Status.FAILURE, "ValueError", "no such thing")
    assert "in fails" in span.failure.stack()
    (line,) = [line for line in rec.lines if line.message.startswith("Exception on")]
    assert (line.trace_id, line.span_id, line.failure.type) == (span.trace_id, span.span_id, "ValueError")


def test_an_exception_of_a_span_inside_is_told_there_alone(app, rec):
    """The request fails with it too, but one exception is one error: where it was raised, in this transaction."""

    @app.get("/inside")
    def inside():
        with tracelog.span("ask the bank"):
            raise ValueError("no such thing")

    traced(app).get("/inside")
    bank, request = rec.spans
    assert (bank.failure.entry, request.failure.entry) == (Entry("GET /inside", Kind.SERVER), None)
    assert (bank.failure.type, request.failure.type, request.status) == ("ValueError", "ValueError", Status.FAILURE)


def test_an_exception_that_escapes_finishes_once_and_detaches(app, rec):
    """Where exceptions propagate to the caller the span fails, finishes once, and is not left behind."""
    app.testing = True
    client = traced(app)
    with pytest.raises(ValueError, match="no such thing"):
        client.get("/fails")
    (span,) = rec.spans
    assert span.failure.type == "ValueError"
    assert active() is None


def test_an_error_handler_runs_inside_of_the_span(app, rec):
    """What an error handler logs has the ids; an exception that it answers is no failure below 500."""

    @app.errorhandler(ValueError)
    def handle(error):
        logging.getLogger("handler").warning("handled")
        return "sorry", 409

    assert traced(app).get("/fails").status_code == 409
    (span,) = rec.spans
    assert span.status is Status.SUCCESS
    assert ("handled", span.trace_id, span.span_id) in messages(rec)


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, Status.SUCCESS), (404, Status.SUCCESS), (500, Status.FAILURE), (503, Status.FAILURE)]
)
def test_failure_is_5xx(app, rec, status, outcome):
    """5xx is a failure, 4xx is not."""
    traced(app).get(f"/answers/{status}")
    assert rec.spans[0].status is outcome


def test_4xx_is_a_failure_if_so_set(app, rec):
    """CLIENT_ERRORS_FAIL counts 4xx as failures."""
    traced(app, client_errors_fail=True).get("/answers/404")
    assert rec.spans[0].status is Status.FAILURE


def test_each_chunk_of_a_stream_is_inside_of_the_span(app, rec):
    """Lines of a streamed body have the ids, and the span ends after the last chunk."""
    answer = traced(app).get("/stream")
    assert rec.spans == []
    assert answer.data == b"0\n1\n2\n"
    (span,) = rec.spans
    chunks = [line for line in messages(rec) if line[0] == "chunk"]
    assert chunks == [("chunk", span.trace_id, span.span_id)] * 3


def test_a_stream_that_is_closed_early_finishes_once(app, rec):
    """Closing the answer before its end finishes the span."""
    answer = traced(app).get("/stream")
    answer.close()
    answer.close()
    assert len(rec.spans) == 1


def test_a_stream_that_fails_is_a_failure(app, rec):
    """An exception in the middle of a body fails the span, though the status was 200."""

    @app.get("/breaks")
    def breaks():
        def chunks():
            yield "a"
            raise RuntimeError("half way")

        return Response(chunks())

    answer = traced(app).get("/breaks")
    with pytest.raises(RuntimeError, match="half way"):
        _ = answer.data
    (span,) = rec.spans
    assert (span.status, span.failure.message) == (Status.FAILURE, "half way")


def test_a_body_closed_in_another_thread_finishes_without_error(app, rec):
    """close() in another context finishes the span and leaves nothing active there."""
    app.add_url_rule("/plain", view_func=lambda: Response(iter(["a", "b"])))
    answer = traced(app).get("/plain")
    left = []
    thread = threading.Thread(target=lambda: (answer.close(), left.append(active())))
    thread.start()
    thread.join(10)
    assert left == [None]
    assert len(rec.spans) == 1


def test_a_span_opened_inside_a_stream_stays_active_between_chunks(app, rec):
    """A span opened inside a generator is active there from chunk to chunk."""

    @app.get("/nested")
    def nested():
        def chunks():
            with tracelog.span("export") as span:
                for _ in range(2):
                    logging.getLogger("nested").warning(span.span_id)
                    yield "x"

        return Response(chunks())

    assert traced(app).get("/nested").data == b"xx"
    inner = rec.spans[0]
    lines = [line for line in rec.lines if line.logger == "nested"]
    assert inner.operation == "export"
    assert [line.span_id for line in lines] == [line.message for line in lines] == [inner.span_id] * 2


@pytest.mark.parametrize("path", ["/orders/7", "/stream"])
def test_head_finishes_once(app, rec, path):
    """HEAD makes one span; no chunk is ever asked for."""
    traced(app).head(path)
    assert [span.operation.partition(" ")[0] for span in rec.spans] == ["HEAD"]


def test_unknown_routes_share_one_name(app, rec):
    """Paths without a route make one name, whoever scans them."""
    client = traced(app)
    client.get("/wp-admin")
    client.get("/.env")
    assert {span.operation for span in rec.spans} == {"GET unknown route"}


def test_unknown_methods_share_one_name(app, rec):
    """A method that HTTP does not know is named _OTHER, so that names stay few."""
    traced(app).open("/orders/7", method="BREW")
    assert rec.spans[0].operation == "_OTHER unknown route"
    assert rec.spans[0].attributes["http.request.method_original"] == "BREW"


def test_names_hold_blueprint_and_mount_prefix(rec):
    """The name has the blueprint's prefix and the path the application is mounted at."""
    app = Flask("inner")
    blueprint = Blueprint("admin", __name__, url_prefix="/admin")
    blueprint.add_url_rule("/users/<name>", view_func=lambda name: name, endpoint="user")
    app.register_blueprint(blueprint)
    TraceLog(app)
    outer = Client(DispatcherMiddleware(Flask("outer"), {"/shop": app}))
    outer.get("/shop/admin/users/ann")
    assert rec.spans[0].operation == "GET /shop/admin/users/<name>"


def test_a_second_init_is_refused_with_a_sentence(app, rec):
    """Adding the extension twice says what to do."""
    extension = TraceLog(app)
    with pytest.raises(RuntimeError, match="call TraceLog"):
        extension.init_app(app)


def test_one_extension_serves_several_applications(rec):
    """The factory pattern: one object, several applications, no application kept."""
    extension = TraceLog()
    apps = [Flask("one"), Flask("two")]
    for app in apps:
        extension.init_app(app)
        app.test_client().get("/")
    assert len(rec.spans) == 2
    assert not any(isinstance(value, Flask) for value in vars(extension).values())


@pytest.mark.parametrize(
    "rule",
    ["/orders/*", "endpoint:order", lambda request: request.path == "/orders/7"],
    ids=["glob", "endpoint", "callable"],
)
def test_excluded_requests_make_no_span_but_have_ids(app, rec, rule):
    """An excluded request leaves no span, and its lines still carry ids."""
    answer = traced(app, exclude=[rule]).get("/orders/7")
    assert rec.spans == []
    (looked_up,) = [line for line in rec.lines if line.message == "looked up"]
    assert looked_up.trace_id == answer.headers["X-Trace-Id"] != ""


def test_a_blueprint_can_be_excluded(rec):
    """EXCLUDE=blueprint:name leaves out every request of a blueprint, and no other."""
    app = Flask("shop")
    blueprint = Blueprint("health", __name__)
    blueprint.add_url_rule("/live", view_func=lambda: "ok", endpoint="live")
    app.register_blueprint(blueprint)
    app.add_url_rule("/", view_func=lambda: "ok", endpoint="index")
    client = traced(app, exclude="blueprint:health")
    client.get("/live")
    client.get("/")
    assert [span.operation for span in rec.spans] == ["GET /"]


def test_an_unsampled_caller_is_honoured_and_lines_have_ids(app, rec):
    """A caller's "not sampled" means no span here, ids on the lines, and the same word to the next service."""
    handed_on = {}
    app.before_request(lambda: tracelog.inject(handed_on))
    traced(app).get("/orders/7", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert rec.spans == []
    assert {line.trace_id for line in rec.lines} == {TRACE}
    assert handed_on["traceparent"].startswith(f"00-{TRACE}-")
    assert handed_on["traceparent"].endswith("-00")


def test_the_request_line_tells_method_route_status_and_duration(app, rec):
    """One line a request on tracelog.request at INFO; its fields can be searched."""
    traced(app).get("/orders/7")
    (line,) = [line for line in rec.lines if line.logger == "tracelog.request"]
    assert line.level == "info"
    assert line.fields["http.request.method"] == "GET"
    assert line.fields["http.route"] == "/orders/<int:order_id>"
    assert line.fields["http.response.status_code"] == 200
    assert line.fields["event.duration"] == rec.spans[0].duration_ns


def test_the_request_line_is_shown_where_info_is(app, rec, caplog):
    """A level that the application sets decides about the line: INFO shows it, WARNING silences it altogether."""
    client = traced(app)
    client.get("/orders/7")
    assert caplog.records == []
    with caplog.at_level(logging.INFO, logger="tracelog.request"):
        client.get("/orders/7")
    assert [record.getMessage() for record in caplog.records] == ["GET /orders/<int:order_id> 200 in 1.0 ms"]
    with caplog.at_level(logging.WARNING, logger="tracelog.request"):
        client.get("/orders/7")
    assert len([line for line in rec.lines if line.logger == "tracelog.request"]) == 2


def test_the_request_line_can_be_switched_off(app, rec):
    """REQUEST_LINE=false writes none."""
    traced(app, request_line=False).get("/orders/7")
    assert [line.logger for line in rec.lines if line.logger == "tracelog.request"] == []


def test_the_response_header_can_be_renamed_and_left_out(app, rec):
    """RESPONSE_HEADER names the header with the trace id; empty means none; the application's own value wins."""
    assert "X-Trace-Id" not in traced(app, response_header="").get("/orders/7").headers
    other = Flask("other")
    other.add_url_rule("/", view_func=lambda: ("", 200, {"x-trace-id": "mine"}))
    assert traced(other).get("/").headers.getlist("X-Trace-Id") == ["mine"]


def test_async_views_are_inside_of_the_span(app, rec):
    """What an async view logs, before and after it waited, has the ids of its request."""

    @app.get("/async")
    async def wait():
        logging.getLogger("async").warning("before")
        await asyncio.sleep(0)
        logging.getLogger("async").warning("after")
        return "ok"

    assert traced(app).get("/async").data == b"ok"
    (span,) = rec.spans
    assert ("before", span.trace_id, span.span_id) in messages(rec)
    assert ("after", span.trace_id, span.span_id) in messages(rec)


def test_a_copied_request_context_does_no_harm(app, rec):
    """A thread with the copied request context runs, and the request finishes once."""
    seen = []

    @app.get("/thread")
    def threaded():
        thread = threading.Thread(target=copy_current_request_context(lambda: seen.append(request.path)))
        thread.start()
        thread.join(10)
        return "ok"

    traced(app).get("/thread")
    assert seen == ["/thread"]
    assert len(rec.spans) == 1


def test_a_test_request_context_is_left_alone(app, rec):
    """test_request_context runs no server: no span, no error, hooks included."""
    TraceLog(app)
    with app.test_request_context("/orders/7"):
        assert app.full_dispatch_request().status_code == 200
        assert tracelog.current().trace_id == ""
    assert rec.spans == []


def test_a_hook_that_ends_the_request_finds_it_named(app, rec):
    """A before_request hook that aborts, registered before the extension, leaves a named span."""
    app.before_request(lambda: abort(401))
    assert traced(app).get("/orders/7").status_code == 401
    assert rec.spans[0].operation == "GET /orders/<int:order_id>"


def test_a_context_that_is_kept_does_no_harm(app, rec):
    """`with client:` keeps Flask's context; the span has finished all the same, once."""
    client = traced(app)
    with client:
        client.get("/orders/7")
        assert request.path == "/orders/7"
        client.get("/orders/8")
    assert len(rec.spans) == 2


def test_requests_nested_in_requests_keep_apart(app, rec):
    """A request made inside of a view ends with the outer request's span active again."""
    inner = Flask("inner")
    inner.add_url_rule("/", view_func=lambda: "inner")
    inner_client = traced(inner)
    seen = []

    @app.get("/outer")
    def outer():
        before = tracelog.current().span_id
        inner_client.get("/")
        seen.append(before == tracelog.current().span_id)
        return "ok"

    traced(app).get("/outer")
    assert seen == [True]
    assert [span.operation for span in rec.spans] == ["GET /", "GET /outer"]


def test_the_applications_own_tracer_wins_inside_a_request(app, rec):
    """A span begun inside a request belongs to the application's service, not to the process's default."""
    with recording(resource=Resource("own")) as own:
        tracer = tracelog.tracer.default_tracer()

    @app.get("/inner")
    def inner():
        with tracelog.span("inner"):
            return "ok"

    TraceLog(app, tracer=tracer)
    app.test_client().get("/inner")
    assert rec.spans == []
    assert [(span.operation, span.resource.service) for span in own.spans] == [("inner", "own"), ("GET /inner", "own")]


def test_a_fault_of_ours_never_reaches_the_request(app, rec, caplog):
    """Where tracing itself fails the request is answered, and the fault is reported."""

    def broken(*args):
        raise OSError("sampler fell over")

    client = traced(app, sample=broken)
    assert client.get("/orders/7").status_code == 200
    assert "tracing failed while beginning a request" in caplog.text


def test_a_rule_that_raises_never_reaches_the_request(app, rec, caplog):
    """A request about which ``EXCLUDE`` raises is answered and named, and the fault is reported."""
    client = traced(app, exclude=[lambda request: 1 / 0])
    assert client.get("/orders/7").status_code == 200
    assert [span.operation for span in rec.spans] == ["GET /orders/<int:order_id>"]
    assert "tracing failed while naming a request" in caplog.text

"""Answers of things that are no Elasticsearch, or have a bad day: real HTTP servers on loopback."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from dataclasses import replace

import pytest
from click.testing import CliRunner
from elastic_support import GENUINE, Reply, encoded, failed_span, line, span

from tracelog.cli.setup import setup
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.search import ElasticSearch
from tracelog.errors import DestinationError
from tracelog.pipeline.exporter import Outcome, Refusal

HTML = (("Content-Type", "text/html"),)
JSON = (("Content-Type", "application/json"),)

UNKNOWN_PARAMETER = json.dumps(
    {
        "error": {
            "type": "illegal_argument_exception",
            "reason": "contains unrecognized parameter: [require_data_stream]",
        }
    }
).encode()


def keys(body: bytes) -> list[str]:
    """Read the ids out of the body of a bulk request."""
    return [json.loads(action)["create"]["_id"] for action in gzip.decompress(body).splitlines()[::2]]


def stored(body: bytes) -> Reply:
    """Answer as Elasticsearch does when it stored everything."""
    items = [{"create": {"status": 201}} for _ in keys(body)]
    return Reply(200, json.dumps({"errors": False, "items": items}).encode(), GENUINE)


def sent(url: str, *records) -> Outcome:
    """Send *records* to *url*, two spans unless others are given."""
    exporter = ElasticExporter(ElasticAddress((url,)))
    outcome = exporter.send(encoded(exporter, *(records or (span(), span()))))
    exporter.close()
    return outcome


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, b"<html>log in</html>", HTML), "HTML page"),
        (Reply(502, b"<html>bad gateway</html>", HTML), "status 502"),
        (Reply(404, b"<html>not found</html>", HTML), "check that the URL"),
        (Reply(200, b"", ()), "nothing in place of JSON"),
        (Reply(200, b"\x89PNG", (("Content-Type", "image/png"),)), "not JSON"),
        (Reply(200, b'{"errors":false,"items":[{"create":{"status":201}},{"create":{"sta', GENUINE), "damaged"),
        (
            Reply(200, b'{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]}', GENUINE, 9),
            "broke",
        ),
        (Reply(200, b'{"errors":false,"items":[{"create":{"status":201}}]}', GENUINE), "another number"),
        (Reply(200, b'{"took":1}', JSON), "does not call itself Elasticsearch"),
        (Reply(200, b'{"took":1}', GENUINE), "does not say"),
        (
            Reply(302, b"", (("Location", "http://127.0.0.1:1/login?token=x"),)),
            "redirects to http://127.0.0.1:1/login,",
        ),
        (Reply(400, UNKNOWN_PARAMETER, GENUINE), "≥ 8.13"),
        (Reply(400, UNKNOWN_PARAMETER, JSON), "OpenSearch"),
        (Reply(401, b"{}", JSON), "TRACELOG_API_KEY"),
        (Reply(403, b'{"error":{"type":"security_exception","reason":"no"}}', JSON), "auto_configure and create_doc"),
        (Reply(404, b'{"error":{"type":"index_not_found_exception","reason":"no"}}', GENUINE), "tracelog setup"),
        (Reply(405, b'{"error":"Incorrect HTTP method"}', GENUINE), "status 405 (Incorrect HTTP method)"),
        (Reply(406, b'{"error":"Content-Type header [x] is not supported"}', GENUINE), "≥ 8.13"),
        (Reply(503, b"{}", GENUINE), "not available"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{value.status}-{value.body[:20]!r}",
)
def test_an_answer_that_stores_nothing_keeps_everything_and_is_explained(pretend, reply, said):
    """Whatever answers in place of a healthy Elasticsearch, no line is lost and one sentence says what is wrong."""
    server = pretend(lambda *request: reply)
    outcome = sent(server.url)
    assert outcome.again == (0, 1)
    assert said in outcome.problem
    assert outcome.problem.startswith(server.url)
    assert "token=x" not in outcome.problem


def test_bodies_are_compressed_and_create_each_line_once(pretend):
    """What goes over the wire is gzip: an action with the line's key, then the document as it was encoded."""
    server = pretend(lambda method, path, body: stored(body))
    exporter = ElasticExporter(ElasticAddress((server.url + "/behind/proxy/",), namespace="blue"))
    batch = encoded(exporter, span(), line())
    assert exporter.send(batch) == Outcome(stored=2)
    exporter.close()
    paths = [path for _, path, _ in server.requests]
    query = "?require_data_stream=true&filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
    assert paths == [
        f"/behind/proxy/traces-apm.tracelog-blue/_bulk{query}",
        f"/behind/proxy/logs-tracelog-blue/_bulk{query}",
    ]
    for line_sent, (_, _, body) in zip(batch, server.requests, strict=True):
        action, document = gzip.decompress(body).splitlines()
        assert json.loads(action) == {"create": {"_id": line_sent.key}}
        assert document == line_sent.body


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (201, Outcome(stored=3)),
        (409, Outcome(stored=3)),
        (400, Outcome(stored=2, refused=(Refusal(1, "no"),))),
        (429, Outcome(stored=2, again=(1,))),
        (404, Outcome(stored=2, again=(1,))),
    ],
)
def test_a_failed_span_is_done_with_when_both_its_documents_are(pretend, status, outcome):
    """What becomes of the document of a failure decides about its line, and about no other line."""

    def reply(method: str, path: str, body: bytes) -> Reply:
        item = {"status": status if "/logs-apm." in path else 201}
        if item["status"] == 400:
            item["error"] = {"reason": "no"}
        return Reply(200, json.dumps({"items": [{"create": item} for _ in keys(body)]}).encode(), GENUINE)

    server = pretend(reply)
    told = sent(server.url, span(), failed_span(), line())
    assert replace(told, problem="") == outcome
    (_, _, body) = next(request for request in server.requests if "/logs-apm." in request[1])
    (key,) = keys(body)
    assert key.endswith("-error")


def test_a_failure_waits_with_its_span(pretend):
    """While spans do not get through nothing is asked about their failures; of the others each is made once."""

    def reply(method: str, path: str, body: bytes) -> Reply:
        items = [{"create": {"status": 503 if "/traces" in path and not n else 201}} for n, _ in enumerate(keys(body))]
        return Reply(200, json.dumps({"items": items}).encode(), GENUINE)

    server = pretend(reply)
    assert sent(server.url, failed_span()).again == (0,)
    assert [path for _, path, _ in server.requests if "/logs-apm." in path] == []
    assert replace(sent(server.url, failed_span(), failed_span()), problem="") == Outcome(stored=1, again=(0,))
    (body,) = [body for _, path, body in server.requests if "/logs-apm." in path]
    assert len(keys(body)) == 1


def test_nobody_is_asked_for_its_root(pretend):
    """Sending makes no request but bulk requests: a writer's key may not be allowed any other."""
    server = pretend(lambda method, path, body: stored(body))
    sent(server.url, span(), line())
    assert {(method, path.partition("?")[0].rpartition("/")[2]) for method, path, _ in server.requests} == {
        ("POST", "_bulk")
    }


def test_a_request_too_large_is_halved_until_it_fits(pretend):
    """413 halves the batch; what is too large on its own is refused, and all else is stored."""

    def reply(method, path, body):
        big = b"x" * 5000 in gzip.decompress(body)
        return Reply(413, b"<html>too large</html>", HTML) if big or len(keys(body)) > 3 else stored(body)

    server = pretend(reply)
    records = [span() for _ in range(10)]
    records[6] = span(attributes={"big": "x" * 5000})
    outcome = sent(server.url, *records)
    assert outcome.stored == 9
    assert [(refusal.place, "too large" in refusal.reason) for refusal in outcome.refused] == [(6, True)]
    accepted = [key for _, _, body in server.requests for key in keys(body) if stored(body)]
    assert len(set(accepted)) == 10


def test_an_unreadable_body_is_bisected_down_to_its_culprit(pretend):
    """A parse error of the whole request costs the damaged line alone."""

    def reply(method, path, body):
        damaged = b"damaged" in gzip.decompress(body)
        error = b'{"error":{"type":"x_content_parse_exception","reason":"unexpected"}}'
        return Reply(400, error, GENUINE) if damaged else stored(body)

    server = pretend(reply)
    exporter = ElasticExporter(ElasticAddress((server.url,)))
    batch = encoded(exporter, *(span() for _ in range(9)))
    batch[4] = batch[4]._replace(body=b'{"damaged":')
    outcome = exporter.send(batch)
    exporter.close()
    assert (outcome.stored, [refusal.place for refusal in outcome.refused], outcome.again) == (8, [4], ())


def test_a_good_document_is_never_blamed_for_an_unreadable_body(pretend):
    """Where even one good document is called unreadable, something in between is at fault, and everything is kept."""
    error = b'{"error":{"type":"parsing_exception","reason":"unexpected"}}'
    outcome = sent(pretend(lambda *request: Reply(400, error, GENUINE)).url)
    assert (outcome.again, outcome.refused) == ((0, 1), ())


def test_a_busy_server_says_when_to_come_back(pretend):
    """``Retry-After`` is handed on with everything that is to be sent again."""
    busy = Reply(429, b"{}", (*GENUINE, ("Retry-After", "7")))
    outcome = sent(pretend(lambda *request: busy).url, span(), line())
    assert (outcome.again, outcome.retry_after) == ((0, 1), 7.0)
    assert "busy" in outcome.problem


def test_one_stream_that_is_refused_does_not_hold_the_other_back(pretend):
    """Lines are stored while spans are not."""

    def reply(method, path, body):
        return stored(body) if "logs-" in path else Reply(503, b"{}", GENUINE)

    outcome = sent(pretend(reply).url, span(), line(), span(), line())
    assert (outcome.stored, outcome.again) == (2, (0, 2))


def test_a_server_that_never_ends_its_answer_is_left_in_time():
    """A deadline is that of the wall clock: a byte now and then does not prolong it."""
    with Dripping() as server:
        connection = Connection(ElasticAddress((server.url,)), deadline=0.6)
        with pytest.raises(DestinationError, match=r"no answer within 0\.6 seconds"):
            connection.call("GET", "/")
        connection.close()
        assert server.left.wait(30)


class Dripping:
    """Answers with one byte after the other, faster than a timeout for each read, until the client has left."""

    def __enter__(self):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(30)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.left = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()
        return self

    def _drip(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            for _ in range(600):
                try:
                    connection.sendall(b"x")
                except OSError:
                    self.left.set()
                    return
                self.left.wait(0.05)

    def __exit__(self, *error):
        self._listening.close()
        self._thread.join(30)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, b"<html>", HTML), "HTML page"),
        (Reply(200, b'{"component_templates":[]}', JSON), "does not call itself Elasticsearch"),
        (Reply(404, b'{"error":{"type":"x","reason":"y"}}', JSON), "OpenSearch"),
        (Reply(401, b"{}", JSON), "TRACELOG_API_KEY"),
    ],
)
def test_setup_and_search_refuse_a_pretender(pretend, reply, said):
    """``tracelog setup`` ends with one sentence and exit code 1, a search raises the same sentence."""
    server = pretend(lambda *request: reply)
    result = CliRunner().invoke(setup, ["--elasticsearch", server.url])
    assert (result.exit_code, said in result.output) == (1, True), result.output
    assert result.output.count("\n") == 1
    search = ElasticSearch(ElasticAddress((server.url,)))
    with pytest.raises(DestinationError, match=said):
        search.trace("a" * 32)
    search.close()


def test_a_stream_that_is_just_being_made_is_waited_for(pretend, monkeypatch):
    """A search that comes before the first shard is there asks again; one that never comes is said."""
    monkeypatch.setattr("tracelog.elastic.search._PAUSES", (0.0, 0.0))
    answers = [
        Reply(503, b'{"error":{"type":"search_phase_execution_exception","reason":"all shards failed"}}', GENUINE)
    ]
    nothing = Reply(200, b'{"hits":{"hits":[],"total":{"value":0}}}', GENUINE)
    search = ElasticSearch(ElasticAddress((pretend(lambda *request: answers.pop() if answers else nothing).url,)))
    assert search.recent() == []
    answers += [Reply(503, b"{}", GENUINE)] * 3
    with pytest.raises(DestinationError, match="503"):
        search.recent()
    search.close()


def test_setup_on_an_old_elasticsearch_says_which_is_needed(pretend):
    """A server that does not know a template's keys is too old, and setup says so."""
    unknown = b'{"error":{"type":"illegal_argument_exception","reason":"unknown setting [index.x]"}}'

    def reply(method, path, body):
        return Reply(404, b"{}", GENUINE) if method == "GET" else Reply(400, unknown, GENUINE)

    result = CliRunner().invoke(setup, ["--elasticsearch", pretend(reply).url])
    assert (result.exit_code, "≥ 8.13" in result.output) == (1, True), result.output


def marked(place: str, name: str, **mark) -> Reply:
    """Answer with one of our templates, as an earlier setup left it."""
    body = {"_meta": {"tracelog": {"version": 1, "state": "older", **mark}}}
    listing = {"_component_template": "component_templates", "_index_template": "index_templates"}[place]
    single = listing.removesuffix("s")
    return Reply(200, json.dumps({listing: [{"name": name, single: body}]}).encode(), GENUINE)


def test_what_a_key_may_not_do_to_streams_is_left_to_a_person(pretend):
    """A key for templates alone updates them; requests about streams, whose names it may not see, are printed."""

    def reply(method, path, body):
        _, place, *rest = path.split("/")
        if place in ("_component_template", "_index_template"):
            return marked(place, rest[0]) if method == "GET" else Reply(200, b'{"acknowledged":true}', GENUINE)
        return Reply(403, b'{"error":{"type":"security_exception","reason":"not yours"}}', JSON)

    result = CliRunner().invoke(setup, ["--elasticsearch", pretend(reply).url, "--namespace", "blue"])
    assert result.exit_code == 0
    assert "POST /traces-apm.tracelog-blue/_rollover" in result.output
    assert 'PUT /_data_stream/logs-tracelog-blue/_lifecycle\n{\n  "data_retention": "30d"\n}' in result.output
    assert "not yours" in result.output


@pytest.mark.parametrize(
    ("status", "error", "code", "said"),
    [
        (404, {"type": "resource_not_found_exception", "reason": "missing"}, 0, "not there"),
        (400, {"type": "odd_exception", "reason": "on a whim"}, 1, "odd_exception: on a whim"),
        (400, {"type": "illegal_argument_exception", "reason": "still in use by index templates [x]"}, 1, "in use"),
    ],
)
def test_a_template_that_cannot_be_removed_is_told(pretend, status, error, code, said):
    """What somebody else removed meanwhile is no trouble, and every other refusal is repeated."""

    def reply(method, path, body):
        _, place, name = path.split("/")
        refused = Reply(status, json.dumps({"error": error}).encode(), GENUINE)
        return marked(place, name) if method == "GET" else refused

    result = CliRunner().invoke(setup, ["--elasticsearch", pretend(reply).url, "--remove"])
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_tls_that_fails_for_another_reason_is_explained():
    """A server that breaks the handshake off is told from one whose certificate is not trusted."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def hang_up() -> None:
            listening.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        outcome = sent(f"https://127.0.0.1:{port}")
    assert outcome.again == (0, 1)
    assert "TLS" in outcome.problem or "connection broke" in outcome.problem


def test_credentials_are_shown_nowhere(pretend, caplog):
    """Neither a repr, nor a problem, nor a log line of the client shows a name, a password or a key."""
    caplog.set_level("DEBUG")
    server = pretend(lambda *request: Reply(500, b"{}", GENUINE))
    url = server.url.replace("http://", "http://ann:hush%21@")
    address = ElasticAddress((url,), api_key="hidden-key", password="quiet")  # noqa: S106 - made up
    exporter = ElasticExporter(address)
    outcome = exporter.send(encoded(exporter, span()))
    exporter.close()
    told = repr(address) + str(address) + outcome.problem + caplog.text
    assert not [secret for secret in ("ann", "hush", "hidden-key", "quiet") if secret in told]

"""Answers of things that are no Kibana, or have a bad day: real HTTP servers on loopback."""

from __future__ import annotations

import base64
import json
import ssl
import threading

import pytest
import trustme
from click.testing import CliRunner
from setup_support import Asked, KibanaInMemory, Reply, serving, told

from tracelog.cli.setup import setup
from tracelog.errors import DestinationError
from tracelog.kibana.address import KibanaAddress
from tracelog.kibana.client import Client
from tracelog.kibana.objects import load

HTML = (("Content-Type", "text/html"),)
ELASTIC = (("X-elastic-product", "Elasticsearch"), ("Content-Type", "application/json"))


def refused(status: int, message: str) -> Reply:
    """Answer an error as Kibana does."""
    return told({"statusCode": status, "error": "…", "message": message}, status)


def run(url: str, *options: str):
    """Run ``tracelog setup`` with a Kibana at *url*."""
    return CliRunner().invoke(setup, ["--kibana", url, *options])


def said_of(result) -> str:
    """Read the one sentence of a run that failed."""
    assert result.exit_code == 1, result.output
    assert result.output.startswith("Error: http"), result.output
    assert result.output.count("\n") == 1
    return result.output


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, b"<html>log in</html>", HTML), "an HTML page in place of JSON (status 200); check that the URL"),
        (Reply(404, b"<html>not found</html>", HTML), "an HTML page in place of JSON (status 404)"),
        (Reply(200, b"\x89PNG", (("Content-Type", "image/png"),)), "something else in place of JSON"),
        (told({"took": 1}), "does not call itself Kibana"),
        (Reply(200, b'{"took":1}', ELASTIC), "that is an Elasticsearch; give Kibana's URL, usually port 5601"),
        (Reply(405, b'{"error":"Incorrect HTTP method"}', ELASTIC), "that is an Elasticsearch"),
        (told({"error": {"type": "security_exception", "reason": "who?"}}, 401), "that is an Elasticsearch"),
        (
            Reply(302, b"", (("Location", "http://127.0.0.1:1/login?token=x"),)),
            "redirects to http://127.0.0.1:1/login,",
        ),
        (Reply(304, b"", ()), "something else in place of JSON (status 304)"),
        (refused(401, "Unauthorized"), "the credentials were not accepted (401); check TRACELOG_API_KEY"),
        (refused(403, "Forbidden"), "All on the Kibana features Dashboard, Saved Objects Management, Data View"),
        (refused(404, "Not Found"), "status 404 (Not Found); check that the URL"),
        (refused(500, "no living connections"), "failed with status 500 (no living connections)"),
        (Reply(503, b"Kibana server is not ready yet", HTML), "it is still starting; try again in a minute"),
        (Reply(502, b"<html>bad gateway</html>", HTML), "no Kibana answers there at present (status 502)"),
        (
            told({"version": {"number": "8.11.4"}}),
            "it is Kibana 8.11.4; the dashboards need 8.12, and are promised for",
        ),
        (told({"version": {"number": "7.17.29"}}), "it is Kibana 7.17.29"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(reply, said):
    """Whatever answers in place of a healthy Kibana, one line says what is wrong, and nothing is written."""
    with serving(lambda asked: reply) as (url, requests):
        assert said in said_of(run(url))
    assert [(asked.method, asked.path) for asked in requests] == [("GET", "/api/status")]


@pytest.mark.parametrize(
    "status",
    [
        {"status": {"overall": {"level": "available"}}},
        {"version": {"number": "9.5.0"}, "status": {}},
        {"version": {"number": "8.12.0"}},
        {"version": {"number": "1.0.0", "build_flavor": "serverless"}},
        {"version": {"number": "unknown"}},
        {"version": "9"},
    ],
)
def test_a_version_that_fits_or_is_not_told_is_gone_on_with(status):
    """From 8.12 on, and where Kibana keeps its version to itself, setup goes on."""
    memory = KibanaInMemory()
    with serving(lambda asked: told(status) if asked.path == "/api/status" else memory(asked)) as (url, _):
        assert run(url).exit_code == 0


def with_reply(call: str, reply: Reply):
    """Make a Kibana that answers one of its calls with *reply*."""
    memory = KibanaInMemory()
    return lambda asked: reply if asked.path.rpartition("/")[2].startswith(call) else memory(asked)


TAG = {"type": "tag", "id": "tracelog"}
UNSUPPORTED = {**TAG, "error": {"statusCode": 400, "message": "Unsupported saved object type: 'tag'"}}
BROKEN = {"type": "dashboard", "id": "tracelog-trace", "error": {"type": "unknown", "message": "title is missing"}}
LOST = {
    "type": "search",
    "id": "tracelog-x",
    "error": {"type": "missing_references", "references": [{"type": "index-pattern", "id": "tracelog-spans"}]},
}


@pytest.mark.parametrize(
    ("call", "reply", "said"),
    [
        ("_bulk_get", refused(403, "Unable to bulk_get dashboard"), "Tag Management in this space"),
        ("_bulk_get", told({"saved_objects": [UNSUPPORTED]}), "tag tracelog cannot be read (Unsupported saved object"),
        ("_import", refused(403, "Unable to bulk_create dashboard"), "the credentials do not allow this (403)"),
        ("_import", refused(413, "Payload too large"), "status 413 (Payload too large)"),
        (
            "_import",
            told({"success": False, "errors": [BROKEN]}),
            "dashboard tracelog-trace was not imported (unknown: title is missing)",
        ),
        (
            "_import",
            told({"success": False, "errors": [LOST]}),
            "search tracelog-x was not imported (missing_references: data view tracelog-spans)",
        ),
        (
            "_import",
            told({"success": False, "errors": [{"type": "tag", "id": "a"}]}),
            "tag a was not imported (unknown)",
        ),
        ("_import", told({"success": True, "warnings": [{"message": "look here"}]}), "with a warning: look here"),
        ("_import", told({"success": True, "successCount": 1}), "only 1 of"),
        ("_import", told({"success": "yes"}), "only 0 of"),
    ],
)
def test_what_is_not_taken_is_named(call, reply, said):
    """An import that is not complete is an error which names the object and Kibana's reason."""
    with serving(with_reply(call, reply)) as (url, _):
        assert said in said_of(run(url))


def test_the_tag_is_written_only_after_all_others():
    """A run that broke off leaves no tag that says that all is well."""
    with serving(with_reply("_import", told({"success": False, "errors": [BROKEN]}))) as (url, requests):
        run(url)
    imports = [asked.body for asked in requests if "_import" in asked.path]
    assert len(imports) == 1
    assert b'"type":"tag","id":' not in imports[0]


def test_an_object_that_cannot_be_deleted_is_left_to_a_person():
    """What Kibana keeps is told with its reason, the tag stays as the proof of whose it is, and the exit code is 1."""
    memory = KibanaInMemory()
    why = "Unable to delete saved object that exists in multiple namespaces"

    def shared(asked: Asked) -> Reply:
        if not asked.path.endswith("_bulk_delete"):
            return memory(asked)
        kept = {"success": False, "error": {"statusCode": 400, "message": why}}
        return told({"statuses": [{**item, **kept} for item in json.loads(asked.body)]})

    with serving(shared) as (url, requests):
        run(url)
        result = run(url, "--remove")
    assert (result.exit_code, why in result.output) == (1, True), result.output
    assert [asked.path for asked in requests].count("/api/saved_objects/_bulk_delete") == 1


def test_nobody_there_is_one_sentence():
    """A server that is not there costs one line and exit code 1."""
    said = "Error: http://127.0.0.1:1: nothing listens there; start Kibana, or check host and port of the URL\n"
    assert run("http://127.0.0.1:1").output == said


def test_a_server_that_keeps_silent_is_not_waited_for():
    """A request has a time in which it ends, whatever the server does."""
    over = threading.Event()

    def silent(asked: Asked) -> Reply:
        over.wait()
        return told({})

    with serving(silent) as (url, _):
        client = Client(KibanaAddress(url), deadline=0.05)
        with pytest.raises(DestinationError, match=r"no answer within 0\.05 seconds"):
            client.ask("GET", "/api/status")
        over.set()
        client.close()


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ((), None),
        (("--api-key", "id:key"), "ApiKey " + base64.b64encode(b"id:key").decode()),
        (("--username", "ann", "--password", "hush"), "Basic " + base64.b64encode(b"ann:hush").decode()),
    ],
)
def test_credentials_are_those_of_elasticsearch(options, sent):
    """An API key, or name and password, go with each request, and each says that it comes from no browser."""
    with serving(KibanaInMemory()) as (url, requests):
        assert run(url, *options).exit_code == 0
    assert {asked.headers.get("authorization") for asked in requests} == {sent}
    assert {asked.headers["kbn-xsrf"] for asked in requests} == {"tracelog"}


def test_credentials_in_the_url_win_and_are_shown_nowhere():
    """A URL's own name and password are used in place of those given beside it, and no output repeats any."""
    with serving(KibanaInMemory()) as (url, requests):
        inside = url.replace("http://", "http://ann:hush%21@")
        result = run(inside, "--username", "bob", "--password", "quiet")
        shown = result.output + repr(KibanaAddress(inside, password="quiet"))  # noqa: S106 - made up
    assert result.exit_code == 0
    told_by = {asked.headers["authorization"] for asked in requests}
    assert told_by == {"Basic " + base64.b64encode(b"ann:hush!").decode()}
    assert not [secret for secret in ("ann", "hush", "quiet") if secret in shown]


def test_a_base_path_is_kept():
    """A Kibana behind a proxy has a path of its own before those of its API and of its spaces."""
    memory = KibanaInMemory()
    memory.spaces.add("blue")

    def behind(asked: Asked) -> Reply:
        assert asked.path.startswith("/tools/kibana/")
        return memory(asked._replace(path=asked.path.removeprefix("/tools/kibana")))

    with serving(behind) as (url, _):
        result = run(f"{url}/tools/kibana/", "--space", "blue")
    assert result.exit_code == 0
    assert f"{url}/tools/kibana/s/blue/app/dashboards#/view/" in result.output
    assert {key[0] for key in memory.objects} == {"blue"}


def test_the_default_space_has_the_ids_of_the_file():
    """Without ``--space`` nothing is renamed, and no URL names a space."""
    memory = KibanaInMemory()
    with serving(memory) as (url, requests):
        assert run(url).exit_code == 0
    assert {key[1:] for key in memory.objects} == {(item["type"], item["id"]) for item in load().everything}
    assert not [asked.path for asked in requests if "/s/" in asked.path or "space" in asked.path]


def test_a_space_that_may_not_be_looked_at_names_the_privileges():
    """A space that the credentials do not reach is told from one that is not there."""
    memory = KibanaInMemory()

    def closed(asked: Asked) -> Reply:
        return refused(403, "Forbidden") if "/api/spaces/" in asked.path else memory(asked)

    with serving(closed) as (url, _):
        assert "All on the Kibana features" in said_of(run(url, "--space", "blue"))


def test_tls_is_verified_with_the_authority_that_is_given(tmp_path):
    """A certificate of an unknown authority is refused; with ``--ca-certs`` it is taken."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with serving(KibanaInMemory(), tls=tls) as (url, requests):
        assert "its certificate is not trusted; give the authority's PEM file in TRACELOG_CA_CERTS" in said_of(run(url))
        assert requests == []
        assert run(url, "--ca-certs", str(tmp_path / "ca.pem")).exit_code == 0

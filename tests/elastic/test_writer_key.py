"""``tracelog setup --writer-key``: an API key that may only write."""

from __future__ import annotations

import gzip
import json
import stat

import pytest
from click.testing import CliRunner
from elastic_node import PASSWORD
from elastic_support import GENUINE, Reply

from tracelog.cli.setup import setup
from tracelog.cli.writer_key import REQUEST, STREAMS
from tracelog.elastic.names import DATASETS, stream

ENCODED = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
MADE = Reply(200, json.dumps({"id": "x", "api_key": "y", "encoded": ENCODED}).encode(), GENUINE)


def error(status: int, kind: str, reason: str) -> Reply:
    """Answer an error as Elasticsearch does."""
    return Reply(status, json.dumps({"error": {"type": kind, "reason": reason}}).encode(), GENUINE)


def elasticsearch(key: Reply = MADE, privileges: Reply | None = None):
    """Make an Elasticsearch that has no templates and takes any, and answers *key* where one is asked for."""
    may = privileges or Reply(200, b'{"has_all_requested":true}', GENUINE)

    def reply(method: str, path: str, body: bytes) -> Reply:
        special = {"/_security/api_key": key, "/_security/user/_has_privileges": may}
        return special.get(path) or Reply(404 if method == "GET" else 200, b"{}", GENUINE)

    return reply


def run(server, path, *options: str):
    """Run the command with a file for the key."""
    return CliRunner().invoke(setup, ["--elasticsearch", server.url, "--writer-key", str(path), *options])


def test_the_key_is_written_for_its_owner_alone(pretend, tmp_path):
    """The encoded form stands in the file, and nothing else; nobody but the owner can read it."""
    server, path = pretend(elasticsearch()), tmp_path / "key"
    result = run(server, path)
    assert result.exit_code == 0, result.output
    assert path.read_text() == ENCODED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ENCODED not in result.output


def test_the_key_may_write_and_nothing_else(pretend, tmp_path):
    """What is asked for are the two privileges that writing takes, on all of our data streams and on no others."""
    server = pretend(elasticsearch())
    run(server, tmp_path / "key")
    (body,) = [json.loads(gzip.decompress(body)) for _, path, body in server.requests if path == "/_security/api_key"]
    wanted = {"names": list(STREAMS), "privileges": ["auto_configure", "create_doc"]}
    assert body == {"name": "tracelog writer", "role_descriptors": {"tracelog_writer": {"indices": [wanted]}}}
    assert {stream(kind, "*") for kind in DATASETS} <= set(STREAMS)


def test_a_key_that_is_there_is_kept(pretend, tmp_path):
    """A second run asks for no key, keeps the file and says so: a container can run again."""
    server, path = pretend(elasticsearch()), tmp_path / "key"
    path.write_text("of the first run")
    result = run(server, path)
    assert (result.exit_code, "the file is not empty, and is kept" in result.output) == (0, True), result.output
    assert path.read_text() == "of the first run"
    assert not [path for _, path, _ in server.requests if "_security" in path]


def test_an_empty_file_is_filled(pretend, tmp_path):
    """A file that was prepared for the key is taken, and closed to others."""
    path = tmp_path / "key"
    path.touch(0o644)
    assert run(pretend(elasticsearch()), path).exit_code == 0
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (ENCODED, 0o600)


def test_a_dry_run_makes_no_key(pretend, tmp_path):
    """The request is printed, and neither made nor is there a file."""
    server, path = pretend(elasticsearch()), tmp_path / "key"
    assert str(REQUEST) in run(server, path, "--dry-run").output
    assert not path.exists()
    assert {method for method, _, _ in server.requests} == {"GET"}


DISABLED = error(400, "feature_not_enabled_exception", "api keys are not enabled")
DERIVED = error(400, "illegal_argument_exception", "creating derived api keys requires an explicit role descriptor")
FORBIDDEN = error(403, "security_exception", "action [cluster:admin/xpack/security/api_key/create] is unauthorized")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (DISABLED, "no API key can be made there (api keys are not enabled); switch on security and xpack.security"),
        (DERIVED, "an API key cannot make another one that may do something; give --username and --password"),
        (FORBIDDEN, "they need the privilege manage_own_api_key or manage_api_key"),
        (error(401, "security_exception", "who?"), "the credentials were not accepted (401)"),
        (error(503, "unavailable", "starting"), "not available at present (503)"),
        (Reply(200, b"{}", GENUINE), "no API key can be made there (status 200)"),
        (Reply(200, b"<html>log in</html>", (("Content-Type", "text/html"),)), "an HTML page in place of JSON"),
        (
            Reply(400, b'{"error":"no handler found for uri [/_security/api_key]"}', GENUINE),
            "(no handler found for uri",
        ),
    ],
)
def test_a_key_that_cannot_be_made_is_explained(pretend, tmp_path, key, said):
    """One sentence says why, no file is left behind, and no template is written."""
    server, path = pretend(elasticsearch(key)), tmp_path / "key"
    result = run(server, path)
    assert (result.exit_code, said in result.output) == (1, True), result.output
    assert not path.exists()
    assert "PUT" not in {method for method, _, _ in server.requests}


def test_a_key_that_could_not_write_is_not_made(pretend, tmp_path):
    """A key may do no more than who makes it; who may not write is told so in place of getting a useless key."""
    cannot = Reply(200, b'{"has_all_requested":false}', GENUINE)
    server, path = pretend(elasticsearch(privileges=cannot)), tmp_path / "key"
    result = run(server, path)
    assert (result.exit_code, "these credentials may not write" in result.output) == (1, True), result.output
    assert not [path for _, path, _ in server.requests if path == "/_security/api_key"]


def test_a_file_that_cannot_be_written_is_told_before_a_key_is_made(pretend, tmp_path):
    """A key that cannot be kept is not asked for."""
    server = pretend(elasticsearch())
    result = run(server, tmp_path / "nowhere" / "key")
    assert (result.exit_code, "cannot be written there (No such file" in result.output) == (1, True), result.output
    assert server.requests == []


def test_a_server_that_makes_no_keys_is_explained(secure_node, tmp_path):
    """The core of a real Elasticsearch refuses API keys: the sentence repeats its reason, and no file is left."""
    access = ("--username", "admin", "--password", PASSWORD, "--ca-certs", secure_node.ca_certs)
    result = run(secure_node, tmp_path / "key", *access)
    assert (result.exit_code, "no API key can be made there" in result.output) == (1, True), result.output
    assert not (tmp_path / "key").exists()

"""Which servers ``tracelog setup`` goes to, and how it tells about both."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from setup_support import Asked, KibanaInMemory, Reply, serving, told

from tracelog.cli.setup import setup
from tracelog.elastic.setup import CREATED
from tracelog.elastic.templates import RETENTION, templates
from tracelog.kibana.objects import load

GENUINE = (("X-elastic-product", "Elasticsearch"), ("Content-Type", "application/json"))


def empty_elasticsearch(asked: Asked) -> Reply:
    """Answer as an Elasticsearch that has no templates and takes any."""
    return Reply(404, b"{}", GENUINE) if asked.method == "GET" else Reply(200, b'{"acknowledged":true}', GENUINE)


@pytest.fixture
def servers(monkeypatch):
    """Serve both, and name them in no environment."""
    for name in ("TRACELOG_EXPORT", "TRACELOG_KIBANA"):
        monkeypatch.delenv(name, raising=False)
    with serving(empty_elasticsearch) as elasticsearch, serving(KibanaInMemory()) as kibana:
        yield elasticsearch, kibana


def run(*options: str):
    """Run the command."""
    return CliRunner().invoke(setup, options)


def test_both_are_set_up_elasticsearch_first(servers):
    """With both URLs both are done, in the order in which they depend on each other."""
    (elasticsearch, _), (kibana, _) = servers
    result = run("--elasticsearch", elasticsearch, "--kibana", kibana, "--json")
    told_of = json.loads(result.output)
    assert (told_of["elasticsearch"], told_of["kibana"], told_of["dryRun"]) == (elasticsearch, kibana, False)
    places = [step["place"] for step in told_of["steps"]]
    of_templates, of_objects = len(templates(RETENTION)), len(load().everything)
    assert places == ["elasticsearch"] * of_templates + ["kibana"] * of_objects
    assert {step["status"] for step in told_of["steps"]} == {CREATED}


def test_a_dry_run_prints_the_requests_for_both(servers):
    """Both servers are read and neither is written to; each request is printed once."""
    (elasticsearch, to_elasticsearch), (kibana, to_kibana) = servers
    shown = run("--elasticsearch", elasticsearch, "--kibana", kibana, "--dry-run").output
    assert shown.index(f"# Elasticsearch {elasticsearch}\n") < shown.index(f"# Kibana {kibana}\n")
    assert shown.count("\nPUT /") == len(templates(RETENTION))
    assert shown.count("\nPOST /api/saved_objects/_import?overwrite=true\n") == 1
    assert {asked.method for asked in to_elasticsearch} == {"GET"}
    assert not [asked.path for asked in to_kibana if "_import" in asked.path]


def test_remove_removes_from_both(servers):
    """``--remove`` finds what is there in each."""
    (elasticsearch, _), (kibana, _) = servers
    run("--kibana", kibana)
    result = run("--elasticsearch", elasticsearch, "--kibana", kibana, "--remove")
    assert result.exit_code == 0
    assert result.output.count("removed") == len(load().everything)
    assert result.output.count("not there") == len(templates(RETENTION))


def test_what_was_done_before_a_failure_is_told(servers):
    """Where Kibana fails, what became of Elasticsearch is on the screen before the error."""
    (elasticsearch, _), _ = servers
    result = run("--elasticsearch", elasticsearch, "--kibana", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.output.index(CREATED) < result.output.index("Error: http://127.0.0.1:1: nothing listens there")


@pytest.mark.parametrize("named", ["elasticsearch", "kibana"])
def test_a_server_on_the_command_line_stands_for_itself(servers, monkeypatch, named):
    """What the environment names beside it is left alone."""
    urls = dict(zip(("elasticsearch", "kibana"), (url for url, _ in servers), strict=True))
    monkeypatch.setenv("TRACELOG_EXPORT", urls["elasticsearch"])
    monkeypatch.setenv("TRACELOG_KIBANA", urls["kibana"])
    result = run(f"--{named}", urls[named], "--json")
    assert set(json.loads(result.output)) == {"dryRun", named, "steps"}


def test_the_environment_names_both(servers, monkeypatch):
    """Without options setup goes to all that the environment names."""
    (elasticsearch, _), (kibana, _) = servers
    monkeypatch.setenv("TRACELOG_EXPORT", elasticsearch)
    monkeypatch.setenv("TRACELOG_KIBANA", kibana)
    assert set(json.loads(run("--json").output)) == {"dryRun", "elasticsearch", "kibana", "steps"}


def test_kibana_is_set_up_where_spans_go_elsewhere(servers, monkeypatch):
    """A destination that needs no set-up is no hindrance to naming a Kibana."""
    monkeypatch.setenv("TRACELOG_EXPORT", "sqlite:")
    assert run("--kibana", servers[1][0]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "TRACELOG_KIBANA"),
        (["--kibana", "kibana:5601"], "TRACELOG_KIBANA='kibana:5601' cannot be used"),
        (["--kibana", "ftp://kibana"], "a Kibana is given as https://host:5601"),
        (["--kibana", "http://"], "a Kibana is given as"),
        (["--kibana", "http://k:port"], "a Kibana is given as"),
        (["--kibana", "http://k:5601/s/blue"], "name the space with --space"),
        (["--kibana", "http://k:5601/base/app/dashboards#/list"], "end it before /s/ and /app/"),
        (["--kibana", "http://k", "--space", "Blue"], "--space='Blue' cannot be used"),
        (["--kibana", "http://k", "--space", ""], "--space='' cannot be used"),
        (["--kibana", "http://k", "--retention", "7d"], "--retention needs --elasticsearch URL"),
        (["--kibana", "http://k", "--writer-key", "file"], "--writer-key needs --elasticsearch URL"),
        (["--elasticsearch", "http://e", "--space", "blue"], "--space needs --kibana URL"),
        (["--elasticsearch", "http://e", "--writer-key", "file", "--remove"], "it goes without --writer-key"),
        (["--kibana", "https://k", "--ca-certs", "/no/such/file"], "TRACELOG_CA_CERTS"),
    ],
)
def test_bad_options_are_errors_of_usage(options, said, monkeypatch):
    """What cannot be used, or would do nothing, is named, with exit code 2, before anything is asked."""
    monkeypatch.delenv("TRACELOG_EXPORT", raising=False)
    monkeypatch.delenv("TRACELOG_KIBANA", raising=False)
    result = run(*options)
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_a_destination_that_answers_json_alone_is_not_asked_twice(servers):
    """Each server is asked once for what is there: setup costs few requests."""
    _, (kibana, requests) = servers
    run("--kibana", kibana)
    run("--kibana", kibana)
    assert [asked.path for asked in requests] == [
        "/api/status",
        "/api/saved_objects/_bulk_get",
        "/api/saved_objects/_import?overwrite=true",
        "/api/saved_objects/_import?overwrite=true",
        "/api/status",
        "/api/saved_objects/_bulk_get",
    ]


def test_an_answer_without_what_was_asked_for_is_taken_for_nothing_there(monkeypatch):
    """An empty list of objects means that none is there."""
    memory = KibanaInMemory()

    def forgetful(asked: Asked) -> Reply:
        return told({"saved_objects": None}) if asked.path.endswith("_bulk_get") else memory(asked)

    with serving(forgetful) as (url, _):
        assert run("--kibana", url).output.count(CREATED) == len(load().everything)

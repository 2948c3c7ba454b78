"""``tracelog setup`` against a real Elasticsearch."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from elastic_support import asked, encoded, failed_span, found, span

from tracelog.cli.setup import setup
from tracelog.elastic.connection import Connection
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.names import ERRORS
from tracelog.elastic.setup import BY_HAND, CREATED, IN_USE, REMOVED, ROLLED_OVER, UNCHANGED, UPDATED, install
from tracelog.elastic.templates import COMPONENTS, RETENTION, VERSION, templates
from tracelog.pipeline.exporter import SPANS

FOREIGN = {"template": {"mappings": {"properties": {"mine": {"type": "keyword"}}}}}


@pytest.fixture
def run(fresh_address):
    """Run ``tracelog setup`` on the node and give back its result."""

    def called(*options: str):
        return CliRunner().invoke(setup, ["--elasticsearch", fresh_address.nodes[0], *options])

    return called


def statuses(result) -> list[str]:
    """Read what was done to each object out of JSON."""
    assert result.exit_code in (0, 1), result.output
    return [step["status"] for step in json.loads(result.output)["steps"]]


def written(address, name: str, body: dict) -> None:
    """Write a component template past our own code."""
    asked(address, "PUT", f"/{COMPONENTS}/{name}", body)


def ours(address) -> list[str]:
    """List the templates of our names that are there."""
    names = {template.name for template in templates(RETENTION)}
    component = asked(address, "GET", "/_component_template")["component_templates"]
    index = asked(address, "GET", "/_index_template")["index_templates"]
    return [entry["name"] for entry in (*component, *index) if entry["name"] in names]


def test_the_first_run_writes_and_the_second_changes_nothing(run, without_templates):
    """Setup is idempotent, and says for each object what it did."""
    assert statuses(run("--json")) == [CREATED] * 7
    assert statuses(run("--json")) == [UNCHANGED] * 7
    assert run().output.count("unchanged") == 7


def test_a_dry_run_prints_requests_and_makes_none(run, fresh_address, without_templates):
    """What ``--dry-run`` prints is what would be asked, and nothing is there afterwards."""
    shown = run("--dry-run").output
    for template in templates(RETENTION):
        assert f"PUT /{template.place}/{template.name}\n{{" in shown
    assert ours(fresh_address) == []


def test_remove_takes_away_what_setup_wrote(run, fresh_address, without_templates):
    """After ``--remove`` none of our templates is there; a second time finds nothing, and says so."""
    run()
    assert run("--remove", "--dry-run").output.count("\nDELETE /_") == 7
    assert len(ours(fresh_address)) == 7
    assert statuses(run("--remove", "--json")) == [REMOVED] * 7
    assert ours(fresh_address) == []
    assert statuses(run("--remove", "--json")) == ["not there"] * 7


def test_remove_leaves_streams_and_what_they_stand_on(run, elastic_address):
    """Templates of a stream with documents stay, the documents too; the exit code and the output say so."""
    exporter = ElasticExporter(elastic_address)
    exporter.send(encoded(exporter, span()))
    exporter.close()
    result = run("--remove")
    assert result.exit_code == 1
    assert "DELETE /_data_stream/traces-apm.tracelog-*" in result.output
    assert IN_USE in result.output
    assert len(found(elastic_address, SPANS, "*")) == 1
    assert run().exit_code == 0


def test_an_upgrade_replaces_our_own_and_renews_streams(run, elastic_address):
    """A template of an earlier state is replaced, and a stream that exists begins an index with the new fields."""
    exporter = ElasticExporter(elastic_address)
    exporter.send(encoded(exporter, span()))
    exporter.close()
    before = next(template for template in templates(RETENTION) if template.name == "tracelog-spans")
    older = {**before.body, "_meta": {"tracelog": {"version": VERSION, "state": "older"}}}
    written(elastic_address, before.name, older)
    steps = {step["name"]: step["status"] for step in json.loads(run("--json").output)["steps"]}
    assert steps["component template tracelog-spans"] == UPDATED
    assert steps["component template tracelog-common"] == UNCHANGED
    name = f"traces-apm.tracelog-{elastic_address.namespace}"
    assert steps[f"data stream {name}"] == ROLLED_OVER
    (listed,) = asked(elastic_address, "GET", f"/_resolve/index/{name}")["data_streams"]
    assert len(listed["backing_indices"]) == 2


def test_a_retention_stays_until_another_is_given(run, without_templates):
    """``--retention`` is kept by later runs without it, as after an upgrade."""
    run("--retention", "7d")
    assert statuses(run("--json")) == [UNCHANGED] * 7
    assert statuses(run("--retention", "30d", "--json"))[4:7] == [UPDATED] * 3


def test_a_retention_that_cannot_be_applied_is_left_to_a_person(run, elastic_address):
    """A server without the lifecycle API gets its request printed, never a silence."""
    exporter = ElasticExporter(elastic_address)
    exporter.send(encoded(exporter, span()))
    exporter.close()
    result = json.loads(run("--retention", "9d", "--json").output)
    step = next(step for step in result["steps"] if step["name"].endswith(f"tracelog-{elastic_address.namespace}"))
    assert (step["status"], step["requests"][0]["body"]) == (BY_HAND, {"data_retention": "9d"})
    assert "by hand" in run("--retention", "30d").output


def test_a_template_of_somebody_else_is_left_alone(run, fresh_address, without_templates):
    """A foreign object of one of our names stops setup before it writes anything."""
    written(fresh_address, "tracelog-lines", FOREIGN)
    result = run()
    assert result.exit_code == 1
    assert "component template tracelog-lines already, and it is not tracelog's" in result.output
    assert "not ours" in run("--remove").output
    assert ours(fresh_address) == ["tracelog-lines"]
    (left,) = asked(fresh_address, "GET", "/_component_template/tracelog-lines")["component_templates"]
    assert left["component_template"]["template"] == FOREIGN["template"]
    asked(fresh_address, "DELETE", "/_component_template/tracelog-lines")


def test_a_template_of_a_newer_release_is_left_alone(run, elastic_address):
    """An older tracelog never takes fields away from a newer one."""
    newer = {**FOREIGN, "_meta": {"tracelog": {"version": VERSION + 1, "state": "newer"}}}
    written(elastic_address, "tracelog-lines", newer)
    result = run()
    assert (result.exit_code, "newer tracelog" in result.output) == (1, True)
    written(elastic_address, "tracelog-lines", templates(RETENTION)[2].body)


def test_nobody_there_is_one_sentence():
    """A server that is not there costs one line and exit code 1."""
    result = CliRunner().invoke(setup, ["--elasticsearch", "http://127.0.0.1:1"])
    assert result.exit_code == 1
    assert result.output == (
        "Error: http://127.0.0.1:1: nothing listens there; start Elasticsearch, or check host and port of the URL\n"
    )


def test_remove_leaves_failures_that_are_stored(run, elastic_address):
    """The stream of failures keeps its templates while it has documents, and how to delete them is printed."""
    exporter = ElasticExporter(elastic_address)
    exporter.send(encoded(exporter, failed_span()))
    exporter.close()
    result = run("--remove")
    assert "DELETE /_data_stream/logs-apm.tracelog-*" in result.output
    assert len(found(elastic_address, ERRORS, "*")) == 1
    assert run().exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "TRACELOG_EXPORT"),
        (["--elasticsearch", "sqlite:"], "needs no set-up"),
        (["--elasticsearch", "ftp://es"], "--elasticsearch"),
        (["--elasticsearch", "http://es", "--retention", "soon"], "30d"),
        (["--elasticsearch", "https://es", "--ca-certs", "/no/such/file"], "TRACELOG_CA_CERTS"),
        (["--elasticsearch", "https://es", "--namespace", "A-B"], "TRACELOG_NAMESPACE"),
    ],
)
def test_bad_options_are_errors_of_usage(options, said, monkeypatch):
    """What cannot be used is named, with exit code 2."""
    monkeypatch.delenv("TRACELOG_EXPORT", raising=False)
    result = CliRunner().invoke(setup, options)
    assert result.exit_code == 2
    assert said in result.output


def test_the_environment_says_where(elastic_node, monkeypatch):
    """Without options setup goes where the application sends to."""
    monkeypatch.setenv("TRACELOG_EXPORT", f"elasticsearch+{elastic_node.url}")
    assert CliRunner().invoke(setup, []).exit_code == 0


def test_install_is_safe_to_repeat_from_code(elastic_address):
    """What the fixtures of these tests do themselves, install twice, changes nothing the second time."""
    connection = Connection(elastic_address)
    assert {step.status for step in install(connection)} == {UNCHANGED}
    connection.close()

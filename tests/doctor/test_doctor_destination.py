"""The doctor finds what is wrong with the place that spans go to."""

from __future__ import annotations

import gzip
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elastic_node import free_port
from elastic_support import GENUINE, Reply, encoded, line, span
from planted import HEALTHY

from tracelog.elastic.connection import target
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.names import streams
from tracelog.elastic.setup import install
from tracelog.elastic.templates import COMPONENTS, templates
from tracelog.local import LocalExporter

FORBIDDEN = Reply(403, json.dumps({"error": {"type": "security_exception", "reason": "no"}}).encode(), GENUINE)


def told(**answer: Any) -> Reply:
    """Answer as Elasticsearch does."""
    return Reply(200, json.dumps(answer).encode(), GENUINE)


def writable(method: str, path: str, body: bytes) -> Reply:
    """Answer as an Elasticsearch does to one who may write and nothing else."""
    if path.endswith("_has_privileges"):
        return told(index={})
    return told(items=[{"create": {"status": 400}}]) if "_bulk" in path else FORBIDDEN


def test_nothing_is_wrong_with_a_node_that_setup_was_run_on(ask_as, admin):
    """Who may look at everything finds nothing, and nothing is said."""
    exporter = ElasticExporter(replace(admin.address, namespace="doctor_well"))
    exporter.send(encoded(exporter, span()))
    exporter.close()
    found = ask_as("admin", TRACELOG_NAMESPACE="doctor_well")
    assert (found.report["findings"], found.code) == ([], 0)


def test_a_writer_learns_that_it_may_write(ask_as, admin):
    """With the application's own credentials only the templates stay unseen, and no document is left behind."""
    found = ask_as("writer", TRACELOG_NAMESPACE="doctor_writer")
    assert (found.names, found.code) == (["template-unseen"], 0)
    count = admin.ask("GET", target(",".join(streams("doctor_writer")), "_count", ignore_unavailable="true"))
    assert json.loads(count.body)["count"] == 0


def test_a_wrong_password_is_named(ask_as):
    """Credentials that are not accepted are told from everything else, and the settings are named."""
    found = ask_as("writer", TRACELOG_PASSWORD="wrong")  # noqa: S106 - made up
    assert (found.names, found.code) == (["credentials-refused"], 1)
    assert "TRACELOG_USERNAME and TRACELOG_PASSWORD" in found.finding("credentials-refused")["change"]


def test_a_missing_privilege_is_named_with_its_stream(ask_as):
    """A user without rights learns which ones are missing, where, and what its role needs."""
    found = ask_as("stranger")
    missing = found.finding("privilege-missing")
    assert all(f"auto_configure, create_doc on {stream}" in missing["what"] for stream in streams("default"))
    assert '"privileges": ["auto_configure", "create_doc"]' in missing["change"]
    assert (found.names, found.code) == (["privilege-missing"], 1)


@pytest.mark.parametrize("user", ["admin", "writer"])
@pytest.mark.usefixtures("without_templates")
def test_missing_templates_are_named(ask_as, user):
    """Where setup was never run the command to run is given, also to one who may not look at templates."""
    found = ask_as(user, TRACELOG_NAMESPACE="doctor_missing")
    assert "tracelog setup --elasticsearch https://" in found.finding("template-missing")["change"]
    assert found.code == 1


def test_an_index_in_the_place_of_a_stream_is_named(ask_as, admin, without_templates):
    """An index that something else made under the name of our data stream is found."""
    admin.ask("PUT", "/logs-tracelog-doctor_plain", {})
    try:
        found = ask_as("admin", TRACELOG_NAMESPACE="doctor_plain").finding("plain-index")
    finally:
        admin.ask("DELETE", "/logs-tracelog-doctor_plain")
    assert "DELETE /logs-tracelog-doctor_plain" in found["change"]


def test_templates_of_an_older_release_are_named(ask_as, admin):
    """A template in another state than this release writes it is named, with the command that renews it."""
    template = templates("30d")[2]
    mark = {"tracelog": {**template.mark, "state": "older"}}
    admin.ask("PUT", target(COMPONENTS, template.name), {**template.body, "_meta": mark})
    found = ask_as("admin")
    install(admin)
    assert template.called in found.finding("template-old")["what"]
    assert "tracelog setup --elasticsearch" in found.finding("template-old")["change"]
    assert (found.names[0], found.code) == ("template-old", 1)


def test_somebody_else_s_template_is_named(ask_as, admin):
    """A template of another's under one of our names is not taken for ours."""
    template = templates("30d")[3]
    admin.ask("PUT", target(COMPONENTS, template.name), {**template.body, "_meta": {}})
    found = ask_as("admin")
    admin.ask("PUT", target(COMPONENTS, template.name), template.body)
    assert (found.names[0], found.code) == ("template-foreign", 1)


def test_an_authority_that_is_not_known_is_named(ask_as):
    """A certificate that cannot be verified leads to the setting for its authority."""
    found = ask_as("admin", TRACELOG_CA_CERTS="")
    assert "TRACELOG_CA_CERTS" in found.finding("server-away")["change"]


def test_a_namespace_where_nothing_is_stored_is_noted(ask_as, admin):
    """Somebody who looks into an empty namespace learns where there is something."""
    exporter = ElasticExporter(replace(admin.address, namespace="doctor_used"))
    assert exporter.send(encoded(exporter, span(), line())).stored == 2
    exporter.close()
    found = ask_as("admin", TRACELOG_NAMESPACE="doctor_empty")
    assert "doctor_used" in found.finding("namespace-empty")["what"]
    assert found.code == 0


def test_a_port_where_nobody_listens_is_named(doctor):
    """Without a server the URL to check is named."""
    url = f"http://127.0.0.1:{free_port()}"
    found = doctor("--export", url, "--json")
    assert (found.names, found.code) == (["server-away"], 1)
    assert f"{url}: nothing listens there" in found.finding("server-away")["what"]


def test_one_node_of_several_may_be_away(doctor, pretend):
    """Each node is looked at; one that is away is named, and the others are asked all the same."""
    away, there = f"http://127.0.0.1:{free_port()}", pretend(writable)
    found = doctor("--export", f"{away}|{there}", "--json")
    assert found.names == ["server-away", "template-unseen"]
    assert away in found.finding("server-away")["what"]


def test_credentials_are_never_shown(doctor):
    """A report can be shown to anybody: what a URL or a setting holds as a secret is in none of its forms."""
    url = f"http://till:open-sesame@127.0.0.1:{free_port()}"
    environment = {"TRACELOG_API_KEY": "open-sesame", "TRACELOG_PASSWORD": "open-sesame"}
    told = [doctor(*form, TRACELOG_EXPORT=url, **environment) for form in ((), ("--json",))]
    assert ["open-sesame" in one.out + one.errors for one in told] == [False, False]


@pytest.mark.parametrize(("ahead", "way"), [(300, "behind"), (-7200, "ahead of")])
def test_a_clock_that_is_off_is_named(doctor, pretend, ahead, way):
    """A server whose time is another says so in its answers, and the difference is told."""
    found = doctor("--export", pretend(writable, ahead), "--json")
    assert (found.names, found.code) == (["clock-off", "template-unseen"], 1)
    assert f"{abs(ahead) // 60} min {way}" in found.finding("clock-off")["what"]


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (Reply(200, b"<html>hello</html>"), "not-elasticsearch"),
        (Reply(200, b'{"index":{}}'), "not-elasticsearch"),
        (Reply(404, b"{}"), "not-elasticsearch"),
        (Reply(302, b"", (("Location", "http://127.0.0.1/login"),)), "not-elasticsearch"),
        (Reply(503, b"{}"), "server-unwell"),
        (Reply(429, b"{}", GENUINE), "server-unwell"),
    ],
)
def test_what_is_no_elasticsearch_is_told_from_one_that_is_unwell(doctor, pretend, reply, name):
    """A login page, another product and a server that is not there at present are different faults."""
    found = doctor("--export", pretend(lambda *_: reply), "--json")
    assert (found.names, found.code) == ([name], 1)


def test_a_server_that_stops_answering_is_a_finding(doctor, pretend):
    """A server that breaks off in the middle of the examination is no traceback."""

    def breaking(method: str, path: str, body: bytes) -> Reply:
        return Reply(200, b"x" * 99, GENUINE, cut=50) if "template" in path else writable(method, path, body)

    found = doctor("--export", pretend(breaking), "--json")
    assert (found.names, found.code) == (["server-away"], 1)


def test_another_namespace_than_the_one_that_is_read_is_noted(doctor, pretend, tmp_path):
    """An application that writes elsewhere than tracelog show reads here is told apart, with what to type."""
    (tmp_path / "shop.py").write_text(HEALTHY.replace("TraceLog(app)", 'TraceLog(app, namespace="elsewhere")'))
    found = doctor("--app", "shop:app", "--json", TRACELOG_EXPORT=pretend(writable))
    assert "TRACELOG_NAMESPACE=elsewhere" in found.finding("namespace-apart")["change"]


def test_a_probe_that_does_not_arrive_is_told_with_its_reason(doctor, tmp_path):
    """Records that wait for a server that is away are counted, and the server is what is named."""
    (tmp_path / "shop.py").write_text(HEALTHY)
    url = f"http://127.0.0.1:{free_port()}"
    found = doctor("--app", "shop:app", "--probe", "/health", "--json", TRACELOG_EXPORT=url)
    assert found.names == ["server-away"]
    (request,) = [looked["is"] for looked in found.report["looked"] if looked["at"] == "request"]
    assert "2 waiting to be sent" in request


def test_records_that_are_refused_are_named(doctor, tmp_path, pretend):
    """A server that takes everything but these documents is well, and they are counted as refused."""

    def refusing(method: str, path: str, body: bytes) -> Reply:
        items = [{"create": {"status": 400, "error": {"type": "x", "reason": "y"}}}] * (
            gzip.decompress(body).count(b"\n") // 2
        )
        return told(items=items) if "_bulk" in path else writable(method, path, body)

    (tmp_path / "shop.py").write_text(HEALTHY)
    found = doctor("--app", "shop:app", "--probe", "/health", "--json", TRACELOG_EXPORT=pretend(refusing))
    assert "2 refused" in found.finding("not-arrived")["what"]


def other_program(path: Path) -> None:
    """Make another program's database."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "name", "cure"),
    [
        (lambda path: path.write_text("no database, but long enough to be read as one " * 20), "", "name another one"),
        (other_program, "", "name another file"),
        (lambda path: path.write_text(""), "/traces.sqlite", "name another file"),
        (lambda path: path.mkdir(), "", "another"),
    ],
    ids=["a text", "another program's", "below a file", "a folder"],
)
def test_a_file_that_cannot_be_written_is_named(doctor, tmp_path, make, name, cure):
    """The embedded file must be one of ours, or one that can be made."""
    make(tmp_path / "own")
    found = doctor("--export", f"sqlite://{tmp_path}/own{name}", "--json")
    assert (found.names, found.code) == (["file-unwritable"], 1)
    assert cure in found.finding("file-unwritable")["change"]


def test_a_file_that_can_be_made_is_not_made(doctor, tmp_path):
    """Looking at a destination changes nothing there."""
    found = doctor("--export", f"sqlite://{tmp_path}/new/traces.sqlite", "--json")
    assert (found.names, found.code, list(tmp_path.iterdir())) == ([], 0, [])


def test_a_file_that_is_in_use_is_well(doctor, tmp_path):
    """A file that an application has written is looked at and stays as it is."""
    exporter = LocalExporter(tmp_path / "traces.sqlite")
    exporter.send([])
    exporter.close()
    assert doctor("--json").names == []


def test_a_path_for_lines_that_cannot_be_written_is_named(doctor, tmp_path):
    """A folder takes no lines."""
    found = doctor("--export", f"file:{tmp_path}", "--json")
    assert (found.names, found.code) == (["file-unwritable", "export-lines"], 1)


def test_lines_into_a_file_are_noted(doctor, tmp_path):
    """A file that can be made is no fault; what that means for a search is said."""
    found = doctor("--export", f"file:{tmp_path}/spans.ndjson", "--json")
    assert (found.names, found.code, list(tmp_path.iterdir())) == (["export-lines"], 0, [])


def test_a_bad_setting_of_the_environment_is_a_finding(doctor):
    """What the application would refuse at its start is named with its key."""
    found = doctor("--json", TRACELOG_SAMPLE="often")
    assert (found.names, found.code) == (["setting-invalid"], 1)
    assert "TRACELOG_SAMPLE" in found.finding("setting-invalid")["what"]


def test_a_key_that_nobody_can_send_is_a_finding(doctor):
    """A key with letters that no key has is named before anything is sent."""
    found = doctor("--export", "https://127.0.0.1:9200", "--json", TRACELOG_API_KEY="clé")
    assert (found.names, found.code) == (["setting-invalid"], 1)


def test_a_missing_privilege_answer_is_read_as_it_comes(doctor, pretend):
    """Only the rights that are denied are named."""
    denied = {"logs-tracelog-default": {"auto_configure": True, "create_doc": False}}

    def reply(method: str, path: str, body: bytes) -> Reply:
        return told(index=denied) if path.endswith("_has_privileges") else FORBIDDEN

    found = doctor("--export", pretend(reply), "--json").finding("privilege-missing")
    assert "lack create_doc on logs-tracelog-default" in found["what"]

"""The doctor finds what is wrong with an application: real ones, each run through the real command."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted import ARRIVING, HEALTHY, IDS, PROBE, TRACE, Planted
from well import WELL

from tracelog.local import LocalSearch

ALL = [*IDS, *ARRIVING]


@pytest.mark.parametrize("planted", ALL, ids=lambda planted: f"{planted.name}{''.join(planted.options)}")
def test_every_planted_fault_is_named_with_its_line_and_its_cure(doctor, tmp_path, planted: Planted):
    """The fault, and nothing else, is found by name and line, with what to write there; only a fault ends with 1."""
    (tmp_path / "shop.py").write_text(planted.source)
    told = doctor("--app", "shop:app", *planted.options, "--json", **dict(planted.environment))
    assert told.names == [planted.name]
    found = told.finding(planted.name)
    assert (found["kind"], found["where"] if planted.where else "") == (planted.kind, planted.where)
    assert planted.cure in found["change"]
    assert told.code == (planted.kind == "fault")


def test_at_least_twelve_faults_are_told_apart():
    """The names of the planted faults are many."""
    assert len({planted.name for planted in ALL if planted.kind == "fault"}) >= 12


@pytest.mark.parametrize("options", [(), PROBE], ids=["looked at", "probed"])
def test_a_healthy_application_has_no_findings(doctor, tmp_path, options):
    """Nothing is said of an application in which everything is as it should be."""
    (tmp_path / "shop.py").write_text(HEALTHY)
    told = doctor("--app", "shop:app", *options, "--json")
    assert (told.report["findings"], told.report["well"], told.code) == ([], True, 0)


@pytest.mark.parametrize("way", WELL)
def test_other_ways_are_healthy_too(doctor, tmp_path, way):
    """What is set up otherwise than in the README, and right, is not taken for a fault."""
    old, new = WELL[way]
    assert old in HEALTHY
    (tmp_path / "shop.py").write_text(HEALTHY.replace(old, new, 1))
    told = doctor("--app", "shop:app", "--json")
    assert (told.report["findings"], told.code) == ([], 0)


def test_an_application_without_structlog_is_healthy(doctor, tmp_path):
    """Nothing is asked of a library that is not used."""
    lines = (
        "from flask import Flask",
        "from tracelog.integrations.flask import TraceLog",
        "app = Flask('shop')",
        TRACE,
    )
    source = "\n".join(lines)
    (tmp_path / "shop.py").write_text(source)
    told = doctor("--app", "shop", "--json")
    assert {"at": "structlog", "is": "not used"} in told.report["looked"]
    assert (told.report["findings"], told.code) == ([], 0)


def test_a_view_that_raises_through_the_client_is_a_finding(doctor, tmp_path):
    """Also where the application lets exceptions out, a request for trial ends in words."""
    source = HEALTHY.replace('return "well"', "return 1 / 0").replace(TRACE, "TraceLog(app)\napp.testing = True\n")
    (tmp_path / "shop.py").write_text(source)
    told = doctor("--app", "shop:app", "--probe", "/health", "--json")
    assert "ZeroDivisionError" in told.finding("request-raises")["what"]


def test_an_application_with_what_it_excludes_and_leaves_out_is_told_so(doctor, tmp_path):
    """Routes that are left out by a rule are named, without being taken for a fault."""
    source = HEALTHY.replace(TRACE, 'TraceLog(app, exclude="/health", sample="/orders/*=0,*=1")\n')
    (tmp_path / "shop.py").write_text(source)
    told = doctor("--app", "shop:app", "--json")
    assert "/health" in told.finding("excluded")["what"]
    assert "/orders/<int:number>" in told.finding("sampled-out")["what"]
    assert told.code == 0


def test_a_probed_request_arrives_with_its_lines(doctor, tmp_path):
    """What --probe sends is stored as any other request: the report names the trace that show then finds."""
    (tmp_path / "shop.py").write_text(HEALTHY)
    report = doctor("--app", "shop:app", *PROBE, "--json").report
    (request,) = [looked["is"] for looked in report["looked"] if looked["at"] == "request"]
    search = LocalSearch(Path(tmp_path / "traces.sqlite"))
    found = search.trace(request.rpartition(" ")[2])
    search.close()
    assert {line["message"] for line in found.lines} >= {"charged", "charged 17", "counted"}
    assert len(found.spans) == 2


def test_a_factory_is_called(doctor, tmp_path):
    """An application that is made by a function is looked at as well, arguments included."""
    (tmp_path / "shop.py").write_text(
        f"{HEALTHY}\n\ndef create_app(name):\n    return app if name == 'test' else None\n"
    )
    told = doctor("--app", "shop:create_app('test')", "--json")
    assert (told.report["findings"], told.code) == ([], 0)


def test_what_the_application_prints_stays_out_of_the_report(doctor, tmp_path):
    """Output of the application, by whatever way, spoils neither the JSON nor the picture."""
    noise = 'import sys\nprint("noise")\nprint("noise", file=sys.stderr)\nsys.__stdout__.write("noise")\n'
    (tmp_path / "shop.py").write_text(noise + HEALTHY.replace('return "well"', 'print("noise"); return "well"'))
    told = doctor("--app", "shop:app", "--probe", "/health", "--json")
    assert "noise" not in told.out + told.errors
    assert told.report["findings"] == []

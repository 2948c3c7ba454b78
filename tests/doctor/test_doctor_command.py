"""The command: how it is called, what it prints, how it ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from planted import HEALTHY, IDS

ROOT = Path(__file__).resolve().parents[2]
#: Names in the sources that are written like those of findings.
NO_FINDINGS = {"site-packages", "utf-8"}
#: The one finding whose name is a single word.
ONE_WORD = {"excluded"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--probe", "/orders"),
        ("--app", "shop:app", "--probe", "orders"),
        ("--app", "shop:app.wsgi_app"),
        ("--app", "shop.py"),
        ("--app", "shop/app"),
        ("--app", "shop:create_app("),
        ("--export", "ftp://somewhere"),
        ("--what",),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(doctor, arguments):
    """A call that cannot be carried out ends with 2, which no finding does."""
    told = doctor(*arguments)
    assert (told.code, told.out) == (2, "")
    assert "Usage" in told.errors


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_findings_are_laid_out_for_people(doctor, tmp_path, columns):
    """What, why, change and where are told within the terminal's width, and then how many faults there are."""
    planted = next(planted for planted in IDS if planted.name == "bind-ids-missing")
    (tmp_path / "shop.py").write_text(planted.source)
    told = doctor("--app", "shop:app", COLUMNS=str(columns))
    rows = told.out.splitlines()
    assert max(map(len, rows)) <= columns
    assert "…" not in told.out.replace("[…", "")
    labels = ("because", "change", "where", "called")
    assert tuple(row.split()[0] for row in rows if row.startswith(tuple(f"  {label} " for label in labels))) == labels
    assert rows[-1] == "1 fault"


def test_a_healthy_application_is_called_well(doctor, tmp_path):
    """Where nothing is found that is said, with what was looked at."""
    (tmp_path / "shop.py").write_text(HEALTHY)
    told = doctor("--app", "shop:app")
    assert told.out.splitlines()[-1] == "all is well"
    assert "add_log_level → bind_ids → JSONRenderer()" in told.out


def test_notes_alone_are_no_faults(doctor):
    """What may well be meant is told, and the command ends with 0."""
    told = doctor("--export", "none:")
    assert (told.code, told.out.splitlines()[-1]) == (0, "all is well, with 1 note")


def test_a_terminal_without_signs_gets_letters(doctor):
    """Where the output knows ASCII alone nothing else is printed."""
    told = doctor("--export", "none:", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert told.errors == ""
    assert told.out.isascii()


def test_the_page_of_the_documentation_names_every_finding():
    """Whatever the doctor may call a finding is explained, and nothing else is."""
    sources = [path.read_text() for path in (ROOT / "tracelog" / "doctor").glob("*.py")]
    told = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', "".join(sources))) - NO_FINDINGS | ONE_WORD
    page = (ROOT / "docs" / "doctor.md").read_text()
    cells = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    assert set(re.findall(r"`([a-z-]+)`", "".join(cells))) == told

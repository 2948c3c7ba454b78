"""The documentation as a site: built strictly and without network, whole, and true to the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

import tracelog
from tracelog.assembly.settings import NAMES, PREFIX

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
DRAWINGS = sorted(DOCS.rglob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"

LINK = re.compile(r"\]\(([^)\s:]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTING = re.compile(rf"\b{PREFIX}([A-Z_]*[A-Z])\b")
#: What a page loads by itself, in contrast to where a reader may go.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc="([^"]+)"|<link[^>]*rel="stylesheet"[^>]*href="([^"]+)\""""
)
LOADED_BY_STYLE = re.compile(r"""(?:url\(|@import\s+)["']?(https?:|//)""")

#: Variables of the command line, which the table of settings does not have.
COMMAND_LINE = {"KIBANA"}

#: Sphinx, in a process that cannot connect to anything.
BUILD = """
import sys
from sphinx.cmd.build import main

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise OSError(f"{event} {arguments}")

sys.addaudithook(refuse)
sys.exit(main(["-b", "html", "-n", "-W", "--keep-going", "-q", *sys.argv[1:]]))
"""


def name_of(path: Path) -> str:
    """Name a file the way a person would."""
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Name the headings of a page as links do."""
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the site; a warning is a failure, and so is a link that leads nowhere."""
    pytest.importorskip("furo", reason="the documentation is built with the group docs")
    pytest.importorskip("myst_parser", reason="the documentation is built with the group docs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(DOCS), str(folder / "html"), "-d", str(folder / "doctrees")],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_pages_load_nothing_from_elsewhere(site):
    """A page of the site needs no other host: no fonts, no scripts, no styles, no pictures."""
    pages = list(site.rglob("*.html"))
    loaded = {one or other for page in pages for one, other in LOADED.findall(page.read_text())}
    assert len(pages) > 20
    assert any("furo" in name for name in loaded)
    assert [name for name in loaded if "//" in name] == []
    assert [style.name for style in site.rglob("*.css") if LOADED_BY_STYLE.search(style.read_text())] == []


def test_the_reference_has_every_public_name(site):
    """What the root package exports is explained in the reference."""
    reference = (site / "reference" / "python.html").read_text()
    assert [name for name in tracelog.__all__ if f'id="tracelog.{name}"' not in reference] == []


def test_links_out_of_the_folder_stay_on_the_site(site):
    """Files from elsewhere in the project are pages too, and links to them lead there."""
    assert "Which routes are called" in (site / "kibana.html").read_text()
    assert 'href="reference/dashboards.html"' in (site / "kibana.html").read_text()
    assert 'href="reference/cost.html"' in (site / "comparison.html").read_text()
    assert "BACKLOG_MAX_RECORDS" in (site / "reference" / "settings.html").read_text()
    assert list(site.rglob("_downloads")) == []


@pytest.mark.parametrize("page", SOURCES, ids=name_of)
def test_links_lead_somewhere_on_a_code_host(page):
    """Read as files, pages link to files that are there, and to headings that they have."""
    for link in LINK.findall(page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", SOURCES, ids=name_of)
def test_every_variable_that_is_named_exists(page):
    """A page names no environment variable that tracelog does not read."""
    named = set(SETTING.findall(page.read_text()))
    assert named - {name.upper() for name in NAMES} - COMMAND_LINE == set()


@pytest.mark.parametrize("page", [p for p in SOURCES if "```yaml" in p.read_text()], ids=name_of)
def test_files_of_yaml_can_be_read(page):
    """What a page shows as YAML is YAML."""
    shown = [YAML(typ="safe").load(text) for text in YAML_BLOCK.findall(page.read_text())]
    assert all(isinstance(document, dict) for document in shown)


@pytest.mark.parametrize("drawing", DRAWINGS, ids=name_of)
def test_drawings_say_what_they_show(drawing):
    """A drawing is told to those who cannot see it, and has colours for dark pages."""
    root = ET.parse(drawing).getroot()  # noqa: S314 - our own file
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")


def test_every_page_is_named_on_the_front_page():
    """A reader of the code host finds every page from the folder's README."""
    front = (DOCS / "README.md").read_text()
    brought_in = {"README.md", "index.md", "changelog.md", "contributing.md", "settings.md", "cost.md", "dashboards.md"}
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page.name not in brought_in]
    assert [page for page in pages if f"]({page})" not in front] == []

# ruff: noqa: INP001 - a file that Sphinx reads, no package
"""The documentation as a site: `make docs` builds it into build/docs, without network; pages are named in index.md."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

project = "tracelog"
release = metadata.version("tracelog-elastic")
copyright = "The tracelog authors"  # noqa: A001 - Sphinx's name for it

extensions = ["myst_parser", "sphinx.ext.autodoc"]
# README.md is what a code host shows for this folder; index.md brings it into the site.
exclude_patterns = ["README.md"]
nitpicky = True
# Types of the standard library and of others have no page here, and asking theirs would need the network.
nitpick_ignore_regex = [(r"py:.*", r"(?!tracelog).*"), (r"py:.*", r"tracelog\.(?!current|span$).*")]

# "…" stands in examples of JSON for what is left out.
suppress_warnings = ["misc.highlighting_failure"]

# What names no language is what a terminal shows.
highlight_language = "none"

# The reader of a code host gives each heading an anchor, so links to them work in both places.
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "tracelog"
html_static_path = ["_static"]
html_css_files = ["tracelog.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b64dd", "color-brand-content": "#0b64dd"},
    "dark_css_variables": {"color-brand-primary": "#61a2ff", "color-brand-content": "#61a2ff"},
}

#: Pages of the site that bring in a file from elsewhere in the project; links to such files lead to them.
BROUGHT_IN = {
    "benchmarks/README.md": "reference/cost.md",
    "kibana/README.md": "reference/dashboards.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "reference/settings.md",
}
LINK = re.compile(r"(?<=\]\()(?:\.\./)*([\w./-]+\.md)(?=[)#])")


def stay_on_the_site(source: str) -> str:
    """
    Point links to files that are brought in at their pages.

    >>> stay_on_the_site("see [the dashboards](../kibana/README.md), [Flask](flask.md#one-request)")
    'see [the dashboards](/reference/dashboards.md), [Flask](flask.md#one-request)'
    """
    return LINK.sub(lambda link: f"/{BROUGHT_IN[link[1]]}" if link[1] in BROUGHT_IN else link[0], source)


def setup(app: Any) -> None:
    """Do so for pages, and for what they include."""

    def read(app: Any, name: str, content: list[str]) -> None:
        content[0] = stay_on_the_site(content[0])

    def included(app: Any, path: Path, parent: str, content: list[str]) -> None:
        content[0] = stay_on_the_site(content[0])

    app.connect("source-read", read)
    app.connect("include-read", included)

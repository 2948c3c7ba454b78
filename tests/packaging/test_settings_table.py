"""The README's table of settings and the code say the same."""

from __future__ import annotations

import logging
import re
from dataclasses import Field, fields
from pathlib import Path

import pytest

from tracelog.assembly.settings import PREFIX, Settings, read_settings

README = Path(__file__).resolve().parents[2] / "README.md"
HEAD = "| setting | type | default | example | what it says |"
#: What the README calls the values that each reader takes.
TYPES = {
    "_count": "number",
    "_export": "URL",
    "_file": "path",
    "_formats": "list",
    "_function": "function",
    "_level": "level",
    "_members": "list",
    "_names": "list",
    "_namespace": "text",
    "_numbering": "random, dotted",
    "_sample": "ratio, rules",
    "_secret": "text",
    "_switch": "true, false",
    "_text": "text",
    "_trust": "always, never, function",
}
#: Defaults that are objects, as one would write them.
WRITTEN = {"sample": "`1`", "trust_incoming": "`always`"}
#: Their examples name a file, a module of the reader's own.
NEEDS_SOMETHING = {"ca_certs", "redact_with"}
SETTINGS = fields(Settings)


def shown_default(setting: Field) -> str:
    """Write a default as one would set it."""
    value = setting.default
    if setting.name in WRITTEN:
        return WRITTEN[setting.name]
    if setting.name == "ship_level":
        return f"`{logging.getLevelName(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ",".join(value)
    return "" if value in (None, "") else f"`{value}`"


def row_of(setting: Field) -> str:
    """Write the row that the README has to show."""
    about = setting.metadata
    example = f"`{about['example']}`" if about["example"] else '`""`'
    cells = [
        f"`{setting.name.upper()}`",
        TYPES[about["read"].__name__],
        shown_default(setting),
        example,
        about["meaning"],
    ]
    return re.sub(r"  +", " ", f"| {' | '.join(cells)} |")


def rows_shown() -> list[str]:
    """Cut the table out of the README."""
    lines = README.read_text().splitlines()
    begin = lines.index(HEAD) + 2
    return [line for line in lines[begin : begin + len(SETTINGS) + 1] if line.startswith("|")]


def test_the_table_shows_every_setting():
    """Each setting has its row, with type, default and example of the code, and no other row is there."""
    assert rows_shown() == [row_of(setting) for setting in SETTINGS]


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.name not in NEEDS_SOMETHING], ids=lambda s: s.name)
def test_every_example_can_be_used(setting):
    """What the table gives as an example is accepted from the environment, and is not the default."""
    read = read_settings({}, environ={PREFIX + setting.name.upper(): setting.metadata["example"]})
    assert getattr(read, setting.name) != setting.default

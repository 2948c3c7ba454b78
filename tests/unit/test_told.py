"""What documents tell, in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tracelog.cli.told import end_of, frame

BEFORE, AFTER = '  File "', '", line 9, in pay'


@pytest.mark.parametrize("said", ["ValueError: too much", "    pay(card)", f"{BEFORE}pay.py{AFTER}", ""])
def test_what_fits_or_is_no_frame_stays_as_it_is(said):
    """Only paths are cut, and only where they are too long."""
    assert frame(said, 40) == said


@given(st.text(st.sampled_from("ab/木_."), min_size=1, max_size=80), st.integers(40, 120))
def test_a_path_keeps_its_end(path, room):
    """A frame fits its room; the path is cut at a slash if there is one, and what names the file stays."""
    told = frame(f"{BEFORE}{path}{AFTER}", room)
    assert cell_len(told) <= room
    shown = told.removeprefix(BEFORE).removesuffix(AFTER)
    if shown != path:
        assert shown.startswith("…")
        assert path.endswith(shown.removeprefix("…"))
        assert shown[1] == "/" or "/" not in shown


@given(st.lists(st.sampled_from(['  File "a.py", line 1, in f', "    f()", "E: m"]), max_size=40))
def test_the_end_of_a_stack_trace_is_its_end(lines):
    """What is kept is at the end, no longer than is read at a glance, and begins with a whole frame if there is one."""
    end = end_of(lines)
    assert end == lines[len(lines) - len(end) :]
    assert len(end) <= 9
    if len(end) < len(lines) and any("File" in line for line in end):
        assert "File" in end[0]

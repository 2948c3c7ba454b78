"""Stack traces read out of text, and failures told apart by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.ecs.stack import Frame, culprit_of, frames_of, grouping_key
from tracelog.record import failure_of

#: What Python 3.11 and later write of a group; older ones have none to raise.
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop/cart.py", line 7, in fill
  |     raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/other.py", line 1, in inner
    |     raise ValueError("a")
    | ValueError: a
    +---------------- 2 ----------------
    | KeyError: 'b'
    +------------------------------------
"""

FRAMES = [Frame("/srv/shop/web.py", 3, "view"), Frame("/srv/shop/pay.py", 9, "charge")]


def fail(depth: int) -> None:
    """Raise from that deep."""
    if depth:
        fail(depth - 1)
    raise ValueError("no stock")


def stack_of(function, *args) -> str:
    """Return the stack trace of what *function* raises."""
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - of any kind
        return failure_of(error).stack()
    raise AssertionError("nothing was raised")


def in_place_of() -> None:
    """Raise because of something else."""
    try:
        fail(0)
    except ValueError as error:
        raise KeyError("sku") from error


def test_the_frames_of_a_stack():
    """Path, line, function and source of each call are read, the innermost last."""
    frames = frames_of(stack_of(fail, 1))
    assert [frame.function for frame in frames] == ["stack_of", "fail", "fail"]
    assert {frame.path for frame in frames} == {__file__}
    assert {frame.file for frame in frames} == {"unit/test_ecs_stack.py"}
    assert frames[-1].source == 'raise ValueError("no stock")'
    assert frames[-1].line == frames[-2].line + 1


def test_frames_are_those_of_the_exception_that_was_raised():
    """Of a chain they are those of its last exception, whatever stands behind it."""
    assert [frame.function for frame in frames_of(stack_of(in_place_of))] == ["stack_of", "in_place_of"]


def test_frames_of_a_group_are_those_of_the_group():
    """What lies in an exception group has a stack of its own, which is not that of the group."""
    assert frames_of(GROUP) == [
        Frame("/srv/shop/cart.py", 7, "fill", 'raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])')
    ]


@pytest.mark.parametrize("text", ["", "no stack at all", "Traceback (most recent call last):\nValueError: x\n"])
def test_text_without_frames_has_none(text):
    """A stack that is none, or empty, has no frames and no culprit."""
    assert frames_of(text) == []
    assert culprit_of(frames_of(text)) == ""


def test_a_frame_without_source_is_a_frame():
    """Source that cannot be read is left out, and the next frame is not taken for it."""
    text = '  File "<string>", line 1, in <module>\n  File "<string>", line 2, in f\nZeroDivisionError: x\n'
    assert frames_of(text) == [Frame("<string>", 1, "<module>"), Frame("<string>", 2, "f")]


@given(st.text(alphabet=' |+File"Tracbk:,line 123in\n', max_size=200))
def test_any_text_can_be_read(text):
    """Whatever an exception's message looks like, reading it raises nothing."""
    assert all(frame.path and frame.function for frame in frames_of(text))


@pytest.mark.parametrize(
    ("path", "file", "library"),
    [
        ("/srv/shop/pay.py", "shop/pay.py", False),
        ("pay.py", "pay.py", False),
        (r"C:\shop\pay.py", "shop/pay.py", False),
        ("/srv/.venv/lib/python3.12/site-packages/flask/app.py", "flask/app.py", True),
        ("/usr/lib/python3.12/json/decoder.py", "json/decoder.py", True),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>", True),
    ],
)
def test_a_file_goes_by_the_last_two_parts_of_its_path(path, file, library):
    """The same file has the same name on every machine, and what was installed is told from the application's own."""
    frame = Frame(path, 1, "f")
    assert (frame.file, frame.library) == (file, library)


def test_failures_of_one_cause_have_one_key():
    """Message, line, folder, source and depth of recursion tell no failure from another."""
    elsewhere = [frame._replace(path=f"/opt{frame.path}", line=frame.line + 40, source="new") for frame in FRAMES]
    assert grouping_key("E", "order 1", FRAMES) == grouping_key("E", "order 2", elsewhere)
    assert grouping_key("E", "", FRAMES) == grouping_key("E", "", [*FRAMES, FRAMES[-1], FRAMES[-1]])
    assert grouping_key("E", "a", []) == grouping_key("E", "b", [])


def test_failures_of_other_causes_have_other_keys():
    """Type, file and function do, and a message where it is all there is."""
    keys = [
        grouping_key("E", "a", FRAMES),
        grouping_key("F", "a", FRAMES),
        grouping_key("E", "a", FRAMES[:1]),
        grouping_key("E", "a", [FRAMES[0], FRAMES[1]._replace(function="refund")]),
        grouping_key("E", "a", [FRAMES[0], FRAMES[1]._replace(path="/srv/shop/refund.py")]),
        grouping_key("E", "a", []),
        grouping_key("", "a", []),
        grouping_key("", "b", []),
    ]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}

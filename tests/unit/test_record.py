"""Records: what a failure says."""

from __future__ import annotations

import gc
import weakref

from tracelog.record import Failure, Kind, Status, failure_of


class Rude(Exception):  # noqa: N818 - it is rude
    """An exception whose text raises."""

    def __str__(self):
        raise RuntimeError


class Heavy:
    """Something that a frame holds on to."""


def caught(error):
    """Raise *error* with something heavy in the frame, and take it down."""
    heavy = Heavy()
    try:
        raise error
    except type(error) as raised:
        return failure_of(raised), weakref.ref(heavy)


def test_a_failure_tells_type_message_and_stack():
    """Built-in errors go by their name, others by module and name."""
    failure, _ = caught(ValueError("no stock"))
    assert (failure.type, failure.message) == ("ValueError", "no stock")
    assert failure.stack().startswith("Traceback (most recent call last):\n")
    assert "in caught\n    raise error\n" in failure.stack()
    assert failure.stack().endswith("ValueError: no stock\n")
    own, _ = caught(Rude())
    assert own.type == f"{__name__}.Rude"


def test_a_failure_keeps_no_frame_alive():
    """What the failing function held is freed although the failure is kept."""
    failure, heavy = caught(ValueError("x"))
    gc.collect()
    assert heavy() is None
    assert failure.stack()


def test_an_exception_whose_text_raises_is_told_as_such():
    """Its type is known, and nothing is raised."""
    failure, _ = caught(Rude())
    assert failure.message == f"<{__name__}.Rude: its __str__ raised>"
    assert "Rude" in failure.stack()


def test_an_exception_that_cannot_be_taken_down_keeps_its_message():
    """Where even the traceback cannot be read there is no stack trace, and no error."""
    error = SyntaxError("bad")
    error.__cause__ = UnreadableError()
    failure = failure_of(error)
    assert (failure.type, failure.message, failure.stack()) == ("SyntaxError", "bad", "")


class UnreadableError(SyntaxError):
    """An error whose details raise."""

    @property
    def lineno(self):
        """Fail."""
        raise ZeroDivisionError


def test_a_line_may_bring_its_stack_as_text():
    """Without a traceback the text stands in; without either there is none."""
    assert Failure("E", "m", None, "as text").stack() == "as text"
    assert Failure("E", "m").stack() == ""


def raised_through(error, *functions):
    """Raise *error* through each of *functions*, outermost first, and take it down here."""
    try:
        functions[0](error, *functions[1:])
    except type(error) as passed:
        return failure_of(passed)


def hand_on(error, *functions):
    """Raise *error*, or let others do it."""
    if not functions:
        raise error
    functions[0](error, *functions[1:])


def other(error, *functions):
    """Raise *error* somewhere else."""
    raise error


def test_a_failure_follows_what_it_was_further_in():
    """The exception's stack only grows outwards; one of another type, or by another way, is another."""
    error = ValueError("x")
    inside = raised_through(error, hand_on)
    assert raised_through(error, hand_on, hand_on).follows(inside)
    assert inside.follows(inside)
    assert not raised_through(ValueError("x"), other).follows(inside)
    assert not raised_through(ValueError("x"), hand_on, other).follows(inside)
    assert not raised_through(KeyError("x"), hand_on).follows(inside)


def test_failures_without_stacks_follow_by_their_type():
    """Where neither stack could be taken down nothing else tells them apart."""
    assert Failure("E", "m").follows(Failure("E", "n"))
    assert not Failure("E", "m").follows(Failure("F", "m"))


def test_kinds_and_outcomes_are_words():
    """They compare and encode as the words of OpenTelemetry and ECS."""
    assert [kind.value for kind in Kind] == ["internal", "server", "client", "producer", "consumer"]
    assert [status.value for status in Status] == ["success", "failure"]
    assert Kind.SERVER == "server"

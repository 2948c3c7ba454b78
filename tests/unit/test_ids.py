"""Ids: their shape, and that no two processes draw the same."""

from __future__ import annotations

import os
import random
import runpy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog import ids as ids_module
from tracelog.ids import RandomIds, is_id


class Stuck(random.Random):
    """A generator that only ever draws zeros."""

    def getrandbits(self, bits):
        """Draw zero."""
        return 0


@pytest.mark.parametrize("draw", range(50))
def test_ids_have_their_shape(draw):
    """Trace ids have 32 digits and span ids 16, and are valid in a traceparent."""
    ids = RandomIds()
    assert is_id(ids.trace_id(), 32)
    assert is_id(ids.span_id(), 16)


def test_ids_do_not_repeat():
    """Ten thousand ids are ten thousand different ones."""
    ids = RandomIds()
    assert len({ids.span_id() for _ in range(10_000)} | {ids.trace_id() for _ in range(10_000)}) == 20_000


def test_no_id_is_zero():
    """Should all bits be zero, which means no id, another is taken."""
    ids = RandomIds()
    ids._generator = Stuck()
    ids._bits = ids._generator.getrandbits
    assert (ids.trace_id(), ids.span_id()) == (f"{1:032x}", f"{1:016x}")


def test_the_applications_seed_has_no_say():
    """An application that seeds the global generator gets different ids all the same, and its own numbers."""

    def drawn():
        random.seed(7)
        return RandomIds().trace_id(), random.random()  # noqa: S311 - the application's own use

    (first, number), (second, same) = drawn(), drawn()
    assert first != second
    assert number == same


@given(st.text(max_size=40), st.sampled_from([16, 32]))
def test_an_id_is_lower_case_hexadecimal_and_not_zero(text, digits):
    """The quick check agrees with what is written in the specification."""
    expected = len(text) == digits and all(letter in "0123456789abcdef" for letter in text) and set(text) != {"0"}
    assert is_id(text, digits) == expected


@given(st.integers(0, 2**64 - 1))
def test_every_number_but_zero_is_an_id(number):
    """All 16 digits are used."""
    assert is_id(f"{number:016x}", 16) == (number != 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_draws_other_ids():
    """Neither span ids, below a trace of the parent's, nor trace ids are those that the parent or a sibling draws."""
    ids = RandomIds()
    ids.span_id()
    drawn = [_drawn_in_a_child(ids) for _ in range(2)]
    drawn.append(f"{ids.span_id()} {ids.trace_id()}")
    assert len({word for line in drawn for word in line.split()}) == 6


def _drawn_in_a_child(ids):
    """Fork, draw a span id and a trace id there, and end the child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, f"{ids.span_id()} {ids.trace_id()}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as end:
        line = end.read()
    os.waitpid(child, 0)
    return line


def test_a_fork_without_hooks_is_noticed_with_the_next_trace(monkeypatch):
    """A server that forks on its own (uWSGI) runs no hook; the process id tells when a trace begins."""
    ids = RandomIds()
    state = ids._generator.getstate()
    first = ids.trace_id()
    ids._generator.setstate(state)
    assert ids.trace_id() == first
    ids._generator.setstate(state)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert ids.trace_id() != first


def test_a_system_without_fork_has_ids_too(monkeypatch):
    """Where Python knows no hook for forking there is none to register."""
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    module = runpy.run_path(ids_module.__file__)
    assert is_id(module["RandomIds"]().span_id(), 16)

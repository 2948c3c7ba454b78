"""Errors hold facts and make sentences of them."""

from __future__ import annotations

import pickle

import pytest

from tracelog.errors import DestinationError, InvalidCarrier, InvalidSetting, TracelogError

ERRORS = [
    (InvalidCarrier("http", 5), "format 'http' cannot use a int as its carrier", TypeError),
    (InvalidCarrier("x", {}, ("http", "wsgi")), "unknown format 'x': choose one of http, wsgi", TypeError),
    (InvalidSetting("TRACELOG_SAMPLE", "2", "a ratio"), "TRACELOG_SAMPLE='2' cannot be used: a ratio", ValueError),
    (DestinationError("http://h", "no answer"), "http://h: no answer", OSError),
    (DestinationError("http://h", "no answer", "is it up?"), "http://h: no answer; is it up?", OSError),
]


@pytest.mark.parametrize(("error", "sentence", "builtin"), ERRORS)
def test_errors_say_what_is_wrong(error, sentence, builtin):
    """Each is a TracelogError and of the built-in kind that callers would catch, and reads as a sentence."""
    assert isinstance(error, TracelogError)
    assert isinstance(error, builtin)
    assert str(error) == sentence


@pytest.mark.parametrize(("error", "sentence", "builtin"), ERRORS)
def test_errors_travel_between_processes(error, sentence, builtin):
    """A pickled error comes back as the same error."""
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - it was pickled on this line
    assert (type(back), str(back), vars(back)) == (type(error), sentence, vars(error))

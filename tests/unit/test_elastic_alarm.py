"""The time that a request has, watched over by one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tracelog.elastic.alarm import Alarm

ENOUGH = 30.0
SECONDS = 10.0


class Bell:
    """Counts how often it was rung, and can be waited for."""

    def __init__(self) -> None:
        self.times = 0
        self.rung = threading.Event()

    def __call__(self) -> None:
        """Be rung."""
        self.times += 1
        self.rung.set()


@pytest.fixture
def bell() -> Bell:
    """Give a bell that nobody has rung."""
    return Bell()


@pytest.fixture
def alarm(bell: Bell) -> Iterator[Alarm]:
    """Give an alarm that rings the bell, and end its thread."""
    made = Alarm(bell)
    yield made
    made.close()


def watchers() -> list[threading.Thread]:
    """List the threads of alarms."""
    return [thread for thread in threading.enumerate() if thread.name == "tracelog-alarm"]


def until(seen: Callable[[], bool]) -> None:
    """Wait for what is to be seen."""
    deadline = time.monotonic() + SECONDS
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_request_that_takes_too_long_is_rung_for(alarm, bell):
    """The bell rings while the request still runs, and the watch says so."""
    with alarm.watching(0.01) as watch:
        assert bell.rung.wait(SECONDS)
    assert watch.over


def test_a_request_is_rung_for_once(alarm, bell):
    """A request that goes on after its time is not broken off again."""
    with alarm.watching(0.01):
        assert bell.rung.wait(SECONDS)
        with alarm.watching(ENOUGH):
            pass
    assert bell.times == 1


def test_a_request_that_ends_in_time_is_not_rung_for(alarm, bell):
    """The moment passes without a sound once the request has ended: a later one with less time is what rings."""
    with alarm.watching(0.05) as first:
        pass
    with alarm.watching(0.06) as second:
        assert bell.rung.wait(SECONDS)
    assert (first.over, second.over, bell.times) == (False, True, 1)


def test_a_shorter_time_counts_while_the_thread_sleeps_for_a_longer_one(alarm, bell):
    """The thread that sleeps until the end of an earlier request wakes up for one whose time is over sooner."""
    with alarm.watching(ENOUGH):
        until(lambda: alarm._wakes < float("inf"))
    with alarm.watching(0.01):
        assert bell.rung.wait(SECONDS)


def test_one_thread_watches_over_many_requests(alarm):
    """Requests one after the other start no further thread."""
    before = set(watchers())
    seen: set[threading.Thread] = set()
    for _ in range(50):
        with alarm.watching(ENOUGH):
            seen |= set(watchers()) - before
    assert len(seen) == 1


def test_closing_ends_the_thread(bell):
    """An alarm that is closed leaves no thread behind."""
    before = set(watchers())
    alarm = Alarm(bell)
    with alarm.watching(ENOUGH):
        (mine,) = set(watchers()) - before
    alarm.close()
    mine.join(SECONDS)
    assert not mine.is_alive()


def test_an_exception_of_the_request_passes(alarm):
    """What goes wrong inside of the block is the caller's to see, and is no longer watched over."""
    with pytest.raises(OSError, match="reset"), alarm.watching(ENOUGH):
        raise OSError("reset")
    assert alarm._watched is None

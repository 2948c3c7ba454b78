"""Backlog, spool, writer and sender: nothing is lost but what is counted."""

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracelog.cleaning import Cleaner
from tracelog.exporters.memory import MemoryExporter
from tracelog.pipeline import native, spool
from tracelog.pipeline.courier import EVICTED, Courier, Crew
from tracelog.pipeline.exporter import Line, Outcome, Refusal
from tracelog.pipeline.ledger import Ledger
from tracelog.pipeline.sender import LONGEST_DELAY, Sender, delay
from tracelog.pipeline.spool import MemorySpool
from tracelog.pipeline.writer import UNENCODABLE
from tracelog.record import Resource
from tracelog.stats import Stats
from tracelog.tracer import Tracer

SECONDS = 20.0


class Moody:
    """An exporter that answers as it is told to, and remembers what it settled."""

    def __init__(self, moods=()):
        self.moods = list(moods)
        self.settled = Counter()
        self.sent = []
        self.closed = 0

    def encode(self, record, /):
        """Write the operation's name."""
        if record.operation == "unencodable":
            raise ValueError(record.operation)
        return record.operation.encode()

    def send(self, lines, /):
        """Answer in the next mood: each line stored, there, refused or again; "raise" for all of them."""
        self.sent.append([line.key for line in lines])
        mood = self.moods.pop(0) if self.moods else ["stored"]
        if mood == "raise":
            raise OSError("no route")
        verdicts = [mood[place % len(mood)] for place in range(len(lines))]
        for line, verdict in zip(lines, verdicts, strict=True):
            self.settled[line.key] += verdict != "again"
        places = {word: [place for place, verdict in enumerate(verdicts) if verdict == word] for word in verdicts}
        return Outcome(
            stored=len(places.get("stored", [])),
            already_there=len(places.get("there", [])),
            refused=tuple(Refusal(place, "bad") for place in places.get("refused", [])),
            again=tuple(places.get("again", [])),
        )

    def close(self):
        """Count the calls."""
        self.closed += 1


def finish(courier, *operations):
    """Finish a span of each name."""
    tracer = Tracer(resource=Resource("test"), sink=courier)
    for operation in operations:
        tracer.start_server_span(None, operation).finish()


def balanced(stats):
    """Tell whether the conservation law holds."""
    out = stats.stored + stats.already_there + stats.refused + sum(stats.dropped.values())
    return stats.finished == out + stats.pending


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Retry at once, so that a test needs no patience."""
    monkeypatch.setattr("tracelog.pipeline.sender.FIRST_DELAY", 0.001)


verdicts = st.sampled_from(["stored", "there", "refused", "again"])


@settings(deadline=None, max_examples=30)
@given(
    count=st.integers(0, 60),
    moods=st.lists(st.one_of(st.just("raise"), st.lists(verdicts, min_size=1, max_size=5)), max_size=6),
)
def test_every_record_is_settled_once_whatever_the_back_end_answers(count, moods):
    """The books balance at any time, and each line is settled exactly once."""
    moody = Moody(moods)
    courier = Courier(lambda: moody)
    finish(courier, *(f"op{number}" for number in range(count)))
    assert balanced(courier.stats())
    assert courier.flush(SECONDS) == 0
    stats = courier.stats()
    assert balanced(stats)
    assert stats.finished == count == len(moody.settled)
    assert set(moody.settled.values()) <= {1}
    assert stats.stored + stats.already_there + stats.refused == count
    courier.close(0.0)


def test_counts_are_exact_under_threads():
    """16 threads that finish spans at once: every one is counted and arrives once."""
    moody = Moody()
    courier = Courier(lambda: moody)
    threads = [threading.Thread(target=finish, args=(courier, *["op"] * 250)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert courier.close(SECONDS) == 0
    assert courier.stats() == Stats(finished=4000, stored=4000, retries=courier.stats().retries, dropped={})
    assert len(moody.settled) == 4000


def test_what_finds_no_room_is_counted(monkeypatch):
    """A backlog that is full turns records away, and counts each."""
    monkeypatch.setattr(native, "start", lambda target, name: None)
    courier = Courier(Moody, room=10)
    finish(courier, *["op"] * 25)
    stats = courier.stats()
    assert (stats.finished, stats.pending, stats.dropped) == (25, 10, {"backlog full": 15})
    assert balanced(stats)


def test_a_full_memory_gives_up_its_oldest_segments(monkeypatch):
    """While nothing gets through memory is bounded: whole oldest segments go, counted exactly."""
    monkeypatch.setattr(spool, "SEGMENT_LINES", 10)
    monkeypatch.setattr("tracelog.pipeline.sender.FIRST_DELAY", 30.0)
    moody = Moody(["raise"] * 1000)
    courier = Courier(lambda: moody, max_bytes=50 * 210)
    finish(courier, *["x" * 10] * 200)
    assert courier.flush(1.0) <= 60
    stats = courier.stats()
    assert balanced(stats)
    assert stats.dropped[EVICTED] == 200 - stats.pending
    moody.moods.clear()
    assert courier.flush(SECONDS) == 0
    assert balanced(courier.stats())
    assert courier.stats().stored == len(moody.settled) == stats.pending
    courier.close(0.0)


def test_a_record_that_cannot_be_encoded_costs_no_other(caplog):
    """It is dropped, counted and reported once; the others arrive."""
    moody = Moody()
    courier = Courier(lambda: moody)
    finish(courier, "a", "unencodable", "b", "unencodable")
    assert courier.close(SECONDS) == 0
    stats = courier.stats()
    assert (stats.stored, stats.dropped) == (2, {UNENCODABLE: 2})
    assert caplog.text.count("could not be encoded") == 1


def test_a_flush_waits_for_no_idle_step():
    """Where somebody waits, the step that empties the backlog also closes the segment for the sender."""
    crew = Crew(lambda: Moody(["raise"]), Cleaner(), 16, 1 << 20)
    crew.urgent = 1
    Tracer(sink=crew.backlog).start_server_span(None, "a").finish()
    assert crew.write()
    assert crew.spool.wait() == 0


def test_without_threads_flush_does_the_work(monkeypatch):
    """Where the system gives no thread records wait, and a flush sends them from the caller's."""

    def refuse(target, name):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(native, "start", refuse)
    moody = Moody(["raise"])
    courier = Courier(lambda: moody)
    finish(courier, "a", "b")
    assert courier.stats().pending == 2
    assert courier.flush(SECONDS) == 0
    assert len(moody.settled) == 2


def test_a_problem_is_said_once_until_it_is_over(caplog):
    """However often sending fails, the log says so once, and once more when it works again."""
    moody = Moody(["raise"] * 5)
    courier = Courier(lambda: moody)
    finish(courier, "a")
    assert courier.flush(SECONDS) == 0
    assert caplog.text.count("no route") == 1
    assert caplog.text.count("stored again") == 1
    courier.close(0.0)


def test_a_refusal_is_said_with_its_reason(caplog):
    """Records that will never be stored are counted, and the reason of the first is in the log, once a minute."""
    moody = Moody([["refused"], ["refused"]])
    courier = Courier(lambda: moody)
    finish(courier, "a")
    assert courier.flush(SECONDS) == 0
    finish(courier, "b")
    assert courier.flush(SECONDS) == 0
    assert courier.stats().refused == 2
    assert caplog.text.count("refused for good, the first: bad") == 1
    courier.close(0.0)


def test_close_closes_the_exporter_once():
    """close() lets go of the back end and takes nothing more to it."""
    moody = Moody()
    courier = Courier(lambda: moody)
    finish(courier, "a")
    courier.close(SECONDS)
    finish(courier, "late")
    assert moody.closed == 1
    assert courier.stats().pending == 1


@given(attempts=st.integers(0, 10_000), share=st.floats(0, 1))
def test_delays_are_bounded(attempts, share):
    """However often something failed, the next try is between now and 30 s away."""
    assert 0 <= delay(attempts, share) <= LONGEST_DELAY


def lines(count, size=10):
    """Make lines of *size* bytes."""
    return [Line("spans", str(number), b"x" * size) for number in range(count)]


class Hands:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        """Tell the time."""
        return self.now


def test_the_server_is_not_asked_before_it_allows_it():
    """Retry-After holds everything back, a hurry included; then the lines are sent again."""
    hands, ledger, asked = Hands(), Ledger(), []

    class Busy(Moody):
        """Asks for time at first."""

        def send(self, batch, /):
            """Ask for seven seconds the first time."""
            asked.append(hands.now)
            return Outcome(again=tuple(range(len(batch))), retry_after=7.0) if len(asked) == 1 else super().send(batch)

    queue = MemorySpool(10**6, lambda count: None, hands)
    sender = Sender(queue, ledger, exporter=lambda: busy, now=hands)
    busy = Busy()
    for line in lines(3):
        queue.append(line)
    queue.roll(now=True)
    assert sender.step()
    sender.hurry()
    assert not sender.step()
    hands.now += 6.9
    assert not sender.step()
    hands.now += 0.2
    assert sender.step()
    assert asked == [1000.0, pytest.approx(1007.1)]


def test_one_stream_that_is_refused_holds_back_no_other():
    """Where part of a segment comes back, the segments behind it are sent meanwhile."""
    hands, ledger = Hands(), Ledger()
    moody = Moody([["stored", "again"], ["stored"]])
    queue = MemorySpool(10**6, lambda count: None, hands)
    sender = Sender(queue, ledger, exporter=lambda: moody, now=hands)
    for batch in (lines(2), lines(3)):
        for line in batch:
            queue.append(line)
        queue.roll(now=True)
    assert sender.step()
    assert sender.step()
    assert [len(keys) for keys in moody.sent] == [2, 3]
    hands.now += LONGEST_DELAY
    assert sender.step()
    assert [len(keys) for keys in moody.sent] == [2, 3, 1]


@given(st.lists(st.integers(0, 4000), max_size=80), st.integers(2000, 20_000))
def test_a_spool_keeps_what_it_did_not_give_up(sizes, cap):
    """Lines in = lines out + lines given up, oldest given up first, and never more than the cap is kept."""
    lost = []
    queue = MemorySpool(cap, lost.append, Hands())
    for number, size in enumerate(sizes):
        queue.append(Line("spans", str(number), b"x" * size))
        if number % 7 == 0:
            queue.roll(now=True)
    queue.roll(now=True)
    kept = []
    while (segment := queue.take()) is not None:
        kept += [int(line.key) for line in segment.lines]
        queue.done(segment)
    assert len(kept) + sum(lost) == len(sizes)
    assert kept == sorted(kept)
    assert kept == list(range(len(sizes) - len(kept), len(sizes)))


def test_a_memory_exporter_keeps_what_was_finished():
    """The memory exporter shows the spans that went through a whole pipeline."""
    memory = MemoryExporter()
    courier = Courier(lambda: memory)
    finish(courier, "a", "b")
    assert courier.close(SECONDS) == 0
    assert [span.operation for span in memory.spans] == ["a", "b"]

"""From encoded lines to the back end, as often as it takes."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from tracelog.pipeline.exporter import Exporter, Outcome
from tracelog.pipeline.ledger import Ledger
from tracelog.pipeline.spool import Segment, Spool

FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0
REMIND_SECONDS = 60.0

log = logging.getLogger("tracelog")


def delay(attempts: int, share: float) -> float:
    """
    Return the seconds to wait before the next try: full jitter between 0 and a bound that doubles up to 30 s.

    >>> delay(0, 1.0), delay(3, 0.5), delay(50, 1.0)
    (0.2, 0.8, 30.0)
    """
    return share * min(LONGEST_DELAY, FIRST_DELAY * float(2 ** min(attempts, 20)))


class Sender:
    """Sends closed segments, oldest first; while nothing at all gets through it holds the others back too."""

    def __init__(
        self,
        spool: Spool,
        ledger: Ledger,
        *,
        exporter: Callable[[], Exporter],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._ledger = ledger
        self._exporter = exporter
        self._now = now
        self._share = random.Random().random  # noqa: S311 - spreads retries, guards nothing
        self._held_until = self._asked_until = 0.0
        self._failures = 0
        self._problem = ""
        self._said_at = 0.0
        self._refused_at = float("-inf")

    def step(self) -> bool:
        """Send one segment; return whether there was one to send."""
        if self._held_until > self._now():
            return False
        segment = self._spool.take()
        if segment is None:
            return False
        outcome = self._send(segment)
        self._ledger.settle(outcome)
        self._report(outcome)
        self._keep(segment, outcome)
        return True

    def wait(self) -> float:
        """Return the seconds until there is something to send."""
        return max(self._spool.wait(), self._held_until - self._now())

    def hurry(self) -> None:
        """Try again now, unless the server asked for time."""
        self._held_until = self._asked_until
        self._spool.hurry()

    def _send(self, segment: Segment) -> Outcome:
        try:
            return self._exporter().send(segment.lines)
        except Exception as error:  # noqa: BLE001 - whatever a back end raises, nothing may be lost by it
            problem = f"sending failed, everything is kept: {error or type(error).__name__}"
            return Outcome(again=tuple(range(len(segment.lines))), problem=problem)

    def _keep(self, segment: Segment, outcome: Outcome) -> None:
        """Put what is to be sent again back; hold everything if the whole segment came back."""
        if not outcome.again:
            self._failures = 0
            self._spool.done(segment)
            return
        now = self._now()
        asked = now + (outcome.retry_after or 0.0)
        if len(outcome.again) == len(segment.lines):
            self._asked_until = asked
            self._held_until = max(asked, now + delay(self._failures, self._share()))
            self._failures += 1
        segment.asked_for = asked
        segment.not_before = max(asked, now + delay(segment.attempts, self._share()))
        segment.attempts += 1
        self._spool.put_back(segment, [segment.lines[place] for place in outcome.again])

    def _report(self, outcome: Outcome) -> None:
        """Say a problem once, again when it changes or a minute has passed, and when it is over."""
        if outcome.refused and self._now() - self._refused_at >= REMIND_SECONDS:
            self._refused_at = self._now()
            log.error(
                "%d records were refused for good, the first: %s", len(outcome.refused), outcome.refused[0].reason
            )
        if outcome.problem:
            if outcome.problem != self._problem or self._now() - self._said_at >= REMIND_SECONDS:
                self._problem, self._said_at = outcome.problem, self._now()
                log.error("%s", outcome.problem)
        elif self._problem and outcome.stored + outcome.already_there:
            self._problem = ""
            log.warning("records are stored again")

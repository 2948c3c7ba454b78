"""From records to encoded lines."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from itertools import count
from typing import Any

from tracelog.cleaning import Cleaner
from tracelog.lines import LogRecordLine
from tracelog.pipeline.backlog import Backlog
from tracelog.pipeline.exporter import LINES, SPANS, Exporter, Line
from tracelog.pipeline.ledger import Ledger
from tracelog.pipeline.native import original
from tracelog.pipeline.spool import Spool
from tracelog.record import LineRecord, SpanRecord

BATCH = 256
SETTLING_SECONDS = 0.001
UNENCODABLE = "could not be encoded"

log = logging.getLogger("tracelog")


class Writer:
    """
    Takes records out of the backlog, cleans and encodes them, and gives each the key it keeps for ever.

    The key is a random number of this process and a count, not the ids of the span: those come from outside, and who
    chooses them could hide another's span behind them.
    """

    def __init__(
        self, backlog: Backlog, spool: Spool, ledger: Ledger, *, exporter: Callable[[], Exporter], cleaner: Cleaner
    ) -> None:
        self._backlog = backlog
        self._spool = spool
        self._ledger = ledger
        self._exporter = exporter
        self._cleaner = cleaner
        self._nonce = os.urandom(9).hex()
        self._count = count()
        self._complained = False
        self._pause: Callable[[float], None] = original("time", "sleep")

    def step(self) -> bool:
        """Write one batch; return whether there was anything to write."""
        items = self._backlog.take(BATCH)
        if any(type(item) is LogRecordLine for item in items):
            # The thread that handed a LogRecord over adds what was given as ``extra`` a moment later: let it run.
            self._pause(SETTLING_SECONDS)
        for item in items:
            try:
                line = self._line(item)
            except Exception as error:  # noqa: BLE001 - one record that cannot be written costs no other
                self._ledger.drop(UNENCODABLE)
                self._complain(error)
                continue
            self._spool.append(line)
        return bool(items)

    def _line(self, item: Any) -> Line:
        """Encode one record, or what a record is made of."""
        record: SpanRecord | LineRecord = item if isinstance(item, SpanRecord) else item.record()
        key = f"{self._nonce}{next(self._count):x}"
        exporter = self._exporter()
        if isinstance(record, SpanRecord):
            return Line(SPANS, key, exporter.encode(self._cleaner.span(record)))
        return Line(LINES, key, exporter.encode(self._cleaner.line(record)))

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            log.error("a record could not be encoded and was dropped; more are only counted", exc_info=error)

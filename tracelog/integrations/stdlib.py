"""Standard logging: ids on every LogRecord, and ECS JSON for handlers."""

from __future__ import annotations

import logging

from tracelog.cleaning import Cleaner
from tracelog.ecs.encode import encode
from tracelog.factory import install, installed, uninstall
from tracelog.lines import line_here

__all__ = ["ECSFormatter", "install", "installed", "uninstall"]


class ECSFormatter(logging.Formatter):
    """
    Writes each record as one line of ECS JSON, the same document that is shipped.

    Ids are those of the record where :func:`install` put them there, so that a line that another thread writes out
    (``QueueListener``) keeps those of the thread it was logged in.
    """

    def __init__(self, *, cleaner: Cleaner | None = None) -> None:
        super().__init__()
        self._cleaner = cleaner or Cleaner()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; values that JSON cannot hold are made safe, secrets are left out."""
        return encode(self._cleaner.line(line_here(record))).decode()

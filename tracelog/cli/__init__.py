"""The command line: ``tracelog``, or ``python -m tracelog``."""

from tracelog.cli.main import main

__all__ = ["main"]

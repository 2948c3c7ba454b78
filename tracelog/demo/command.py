"""The command line of each part of the shop: a service, or its customers."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tracelog.demo.customers import come
from tracelog.demo.serving import SERVICES, serve
from tracelog.errors import TracelogError

SHOP_URL = "SHOP_SHOP_URL"


def run(arguments: Sequence[str] | None = None) -> None:
    """Be the part of the shop that the command line names."""
    options = command_line()
    chosen = options.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        if chosen.part == "customers":
            come(os.environ.get(SHOP_URL, "http://127.0.0.1:5000"), chosen.seconds)
        else:
            _take_key(chosen.api_key_file)
            serve(chosen.part, chosen.host, chosen.port, attached=chosen.attached)
    except (TracelogError, OSError) as error:
        options.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        pass


def command_line() -> argparse.ArgumentParser:
    """Describe what can be run, and how."""
    options = argparse.ArgumentParser("python -m tracelog.demo", description="Run one part of the shop.")
    parts = options.add_subparsers(dest="part", required=True, metavar="PART")
    for name in SERVICES:
        service = parts.add_parser(name, help=f"serve the {name} service", description=f"Serve the {name} service.")
        service.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
        service.add_argument("--port", type=int, default=0, help="0 takes a free one")
        service.add_argument("--attached", action="store_true", help="end when standard input does")
        service.add_argument("--api-key-file", type=Path, metavar="FILE", help="read TRACELOG_API_KEY from FILE")
    about = f"Send customers into the shop at {SHOP_URL}, without end."
    customers = parts.add_parser("customers", help="send customers into the shop", description=about)
    customers.add_argument("--seconds", type=float, default=math.inf, help="for so long only")
    return options


def _take_key(file: Path | None) -> None:
    """Set the API key that another container has put into a file."""
    if file is not None:
        os.environ["TRACELOG_API_KEY"] = file.read_text().strip()


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave as a program does that has finished, so that what was traced is still sent."""
    sys.exit(0)

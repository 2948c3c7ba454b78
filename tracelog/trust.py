"""Whether a context that came in from outside is believed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("tracelog")

#: Is shown the request that a context came with, and answers whether its ids are taken over.
Trust = Callable[[Any], object]


def always(request: Any) -> bool:
    """Believe every caller."""
    return True


def never(request: Any) -> bool:
    """Believe no caller."""
    return False


def is_trusted(trust: Trust, request: Any) -> bool:
    """Ask *trust* about *request*; one that raises has not said yes, and the fault is reported."""
    try:
        return bool(trust(request))
    except Exception:
        log.exception("TRUST_INCOMING raised: the ids that came in are not taken over; the request goes on")
        return False

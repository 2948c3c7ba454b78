"""structlog: ids on every event, ECS JSON at the end of the chain, and one call that sets logging up."""

from tracelog.integrations.structlog.events import ECSRenderer, bind_ids
from tracelog.integrations.structlog.setup import configure

__all__ = ["ECSRenderer", "bind_ids", "configure"]

"""The worker of the shop: what ``celery -A celery_worker worker`` loads."""

from celery_shop import app

import tracelog

tracelog.configure(service="worker")

__all__ = ["app"]

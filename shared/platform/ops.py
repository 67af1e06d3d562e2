"""What the people who keep a service running may ask it: progress, dead letters, publishing again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter

from shared.platform.bus import Consumer
from shared.platform.clock import Clock
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.outbox import Outbox

Extra = Callable[[], Awaitable[Mapping[str, Any]]]


def router(
    service: str,
    db: Database,
    clock: Clock,
    kafka: Kafka,
    outbox: Outbox,
    consumer: Consumer,
    *,
    extra: Extra | None = None,
) -> APIRouter:
    """The routes ``ops.progress``, ``ops.dead.list``, ``ops.dead.show``, ``ops.dead.resend`` and ``ops.republish``."""
    raise NotImplementedError

"""The relay: publishes what the outbox holds, in order, at least once."""

from __future__ import annotations

import asyncio

from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox


class Relay:
    """Publishes unsent outbox rows. One relay per service is active; another takes over when it dies."""

    def __init__(
        self, db: Database, kafka: Kafka, outbox: Outbox, metrics: Metrics, *, republish_on_new_cluster: bool = False
    ) -> None: ...

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until ``stop`` is set, then flush what is unsent."""
        raise NotImplementedError

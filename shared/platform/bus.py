"""The consumer of domain events, with its four outcomes: done, transient, parked, poison."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from shared.contracts.base import Event
from shared.platform.cloudevents import Received
from shared.platform.db import Database, Tx
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics

Handler = Callable[[Tx, Received[Any]], Awaitable[None]]
Handlers = Mapping[str, Mapping[type[Event], Handler]]


class Consumer:
    """Hands the events of some topics to handlers, each in one transaction with the inbox and its position."""

    def __init__(
        self,
        db: Database,
        kafka: Kafka,
        group: str,
        handlers: Handlers,
        metrics: Metrics,
        *,
        poison_limit: int = 100,
        awaits: Mapping[str, Collection[str]] | None = None,
    ) -> None: ...

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set, then finish what is held."""
        raise NotImplementedError

    def alive(self) -> str | None:
        """None while it makes progress; else the reason why this process should be restarted."""
        raise NotImplementedError

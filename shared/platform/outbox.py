"""The outbox: an event is stored in the transaction of the change that it tells of; the relay publishes it after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.base import Event, Meta, content_hash
from shared.platform import context
from shared.platform.db import Tx
from shared.platform.ids import uuid7
from shared.platform.kafka import MAX_EVENT_BYTES

_INSERT = """
insert into outbox (key, event_id, topic, type, source, time, correlation_id, causation_id, data, content_hash)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Recorded:
    """An event that is stored and will be published: what it was given, and the hash that evidence binds to."""

    meta: Meta
    event: Event
    content_hash: str


class Outbox:
    """Stores events for one topic. ``source`` is the CloudEvents source, for example ``haukiem/applications``.

    Rows of one key must be added under the lock of that key's state row: their ids then rise in the order of their commits.
    """

    def __init__(self, topic: str, source: str) -> None:
        self.topic = topic
        self.source = source
        self.wake = asyncio.Event()
        """Set after each commit that stored an event; the relay in this process waits for it."""

    async def add(self, tx: Tx, event: Event, *, causation: UUID | None = None) -> Recorded:
        """Store ``event`` in this transaction. The correlation id, and the causation id unless given, come from the context.

        The event is serialised here, once: what is stored is what is hashed and what is sent.
        """
        (recorded,) = await self.add_all(tx, (event,), causation=causation)
        return recorded

    async def add_all(self, tx: Tx, events: Iterable[Event], *, causation: UUID | None = None) -> list[Recorded]:
        """Store ``events`` in their order."""
        recorded = []
        rows = []
        for event in events:
            meta = Meta(
                id=uuid7(),
                type=event.type_name(),
                source=self.source,
                time=event.at,
                correlation_id=context.correlation_id(),
                causation_id=causation or context.causation_id(),
            )
            data = event.data()
            if len(data) > MAX_EVENT_BYTES:
                raise ValueError(
                    f"{meta.type} has {len(data)} bytes, more than Kafka takes ({MAX_EVENT_BYTES}); cut it into parts"
                )
            digest = content_hash(data)
            recorded.append(Recorded(meta, event, digest))
            rows.append(
                (
                    *(event.key, meta.id, self.topic, meta.type, meta.source, meta.time),
                    *(meta.correlation_id, meta.causation_id, data, digest),
                )
            )
        if len(rows) == 1:
            await tx.execute(_INSERT, rows[0])
        elif rows:
            async with tx.cursor() as cursor:
                await cursor.executemany(_INSERT, rows)
        if rows:
            tx.after_commit.append(self.wake.set)
        return recorded

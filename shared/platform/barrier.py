"""Up to which instant all that other services said of before is known here: some clocks must not run out on what is merely not read yet.

An instant is passed when the ends that the topics had at it, or later, have been read. The domain's time comes first, then the ends: what
was published before the instant is then among what was read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from datetime import UTC, datetime

import structlog

from shared.contracts.errors import Transient
from shared.platform import inbox
from shared.platform.clock import Clock
from shared.platform.db import Database
from shared.platform.kafka import Ends, Kafka
from shared.platform.waiting import backoff, wait_for_any

log = structlog.get_logger(__name__)

_TELL_SECONDS = 30.0
_THE_BEGINNING = datetime.min.replace(tzinfo=UTC)


class Barrier:
    """Holds the clocks of ``kinds`` until ``consumer`` (all its workers together) has read ``topics``. It looks only when it is asked, so
    that a quiet service asks Kafka nothing; while Kafka is away, nothing passes."""

    def __init__(
        self, db: Database, kafka: Kafka, clock: Clock, consumer: str, topics: Collection[str], kinds: Collection[str]
    ) -> None:
        self.kinds = tuple(kinds)
        self.passed = _THE_BEGINNING
        """Clocks due at this instant or before may fire."""
        self._db = db
        self._kafka = kafka
        self._clock = clock
        self._consumer = consumer
        self._topics = tuple(topics)
        self._poll = 0.03 if clock.is_sandbox else 0.5
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """A clock is due behind ``passed``: look how far we are."""
        self._asked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look whenever it is asked, until ``stop`` is set."""
        while not stop.is_set():
            if await wait_for_any(stop, self._asked, seconds=60.0) and not stop.is_set():
                self._asked.clear()
                await self._pass(stop)

    async def _pass(self, stop: asyncio.Event) -> None:
        """Sample one instant and wait until it is passed. Kafka is away, or we are behind: that is told now and then."""
        sample: tuple[datetime, Ends] | None = None
        pauses, told = backoff(first=self._poll), time.monotonic()
        while not stop.is_set():
            try:
                sample = sample or await self._sample()
                if await self._read(sample[1]):
                    self.passed = sample[0]
                    return
                pause, why = self._poll, "what others said is not read to its end"
            except Transient as error:
                pause, why = next(pauses), str(error)
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                log.warning("clocks_wait", kinds=self.kinds, topics=self._topics, why=why)
            await wait_for_any(stop, seconds=pause)

    async def _sample(self) -> tuple[datetime, Ends]:
        now = self._clock.now()
        return now, await self._kafka.end_offsets(self._topics)

    async def _read(self, ends: Ends) -> bool:
        cluster = await self._kafka.cluster_id()
        async with self._db.tx() as tx:
            known = await inbox.positions(tx, self._consumer, cluster)
        return all(known.get(place, 0) >= end for place, end in ends.items())

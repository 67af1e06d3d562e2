"""Lets go of what was kept only to be asked for again: requests whose records were read, and records that were rejected."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from services.monitoring.store import aside, intake
from shared.contracts.errors import Transient
from shared.platform.db import Database
from shared.platform.waiting import wait_for_any

log = structlog.get_logger(__name__)

_READ = timedelta(days=1)
_EVERY_SECONDS = 60.0
_AT_ONCE = 2_000


class Tidying:
    """One per process; several do no harm. ``rejected`` is how long a rejected record is kept, in wall time: that it was rejected, and
    why, the pilot's page goes on saying."""

    def __init__(self, db: Database, rejected: timedelta) -> None:
        self._db = db
        self._rejected = rejected

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.once()
            except Transient as error:
                log.warning("tidying_waits", error=str(error))
            await wait_for_any(stop, seconds=_EVERY_SECONDS)

    async def once(self) -> None:
        """All that is old enough, a portion a transaction. Raises ``Transient``."""
        for portion in (self._read_requests, self._rejected_records):
            while await portion() == _AT_ONCE:
                pass

    async def _read_requests(self) -> int:
        async with self._db.tx() as tx:
            return await intake.tidy(tx, _READ, _AT_ONCE)

    async def _rejected_records(self) -> int:
        async with self._db.tx() as tx:
            return await aside.tidy_rejected(tx, self._rejected, _AT_ONCE)

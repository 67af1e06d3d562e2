"""One active worker per service: whoever holds the advisory lock of its schema works, the others stand by and take over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import structlog
from prometheus_client import Gauge
from psycopg.rows import dict_row

from shared.contracts.errors import Transient
from shared.platform.db import Tx, is_transient
from shared.platform.waiting import backoff, wait_for_any

log = structlog.get_logger(__name__)

Work = Callable[[Tx], Awaitable[None]]

STAND_BY_SECONDS = 0.5


async def lead(dsn: str, job: str, work: Work, stop: asyncio.Event, *, active: Gauge | None = None) -> None:
    """Until ``stop`` is set: wait for the lock of ``job``, then ``work`` on the connection that holds it (autocommit).

    When that connection dies the lock is gone with it: ``work`` must use the connection before whatever it does as the leader, so that
    it notices. ``work`` returns when ``stop`` is set; when it raises something transient, the lock is sought again.
    """
    pauses = backoff()
    while not stop.is_set():
        try:
            connection = await Tx.connect(dsn, autocommit=True, row_factory=dict_row)
            async with connection:
                await _wait_for_lock(connection, job, stop)
                if stop.is_set():
                    return
                log.info("leading", job=job)
                if active is not None:
                    active.set(1)
                pauses = backoff()
                await work(connection)
        except (psycopg.Error, Transient) as error:
            if isinstance(error, psycopg.Error) and not is_transient(error):
                raise
            log.warning("leadership_lost", job=job, error=str(error))
            await wait_for_any(stop, seconds=next(pauses))
        finally:
            if active is not None:
                active.set(0)


async def _wait_for_lock(connection: Tx, job: str, stop: asyncio.Event) -> None:
    while not stop.is_set():
        cursor = await connection.execute(
            "select pg_try_advisory_lock(hashtextextended(%s || current_schema(), 0)) as held", (f"haukiem:{job}:",)
        )
        row = await cursor.fetchone()
        if row is not None and row["held"]:
            return
        await wait_for_any(stop, seconds=STAND_BY_SECONDS)

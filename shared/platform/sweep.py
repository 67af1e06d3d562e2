"""The sweep: fires each due deadline exactly once, in the order of due instants, each in a transaction of its own.

A deadline that cannot fire is a defect: it is logged, counted and tried again with growing pauses, never lost. Later deadlines of the
same pilot wait behind it; those of other pilots do not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import structlog

from shared.contracts.errors import Transient
from shared.platform import context
from shared.platform.barrier import Barrier
from shared.platform.clock import Clock
from shared.platform.db import Database, Tx
from shared.platform.deadlines import Deadline
from shared.platform.leader import lead
from shared.platform.metrics import Metrics
from shared.platform.waiting import backoff, wait_for_any

log = structlog.get_logger(__name__)

Fire = Callable[[Tx, Deadline], Awaitable[None]]
"""Does what a deadline demands, in the transaction given; ``deadline.due`` is its ``now``. May arm and disarm, its own too."""

HEARTBEAT = "sweep"

_NEXT = """
select d.pilot_id, d.kind, d.subject, d.due, d.payload, d.armed_at, d.attempts from deadline d
where d.fired_at is null and d.due <= %(now)s and (d.try_at is null or d.try_at <= clock_timestamp())
  and (d.due <= %(passed)s or d.kind <> all(%(held)s))
  and not exists (
    select 1 from deadline e where e.pilot_id = d.pilot_id and e.fired_at is null
      and (e.try_at > clock_timestamp() or (e.due > %(passed)s and e.kind = any(%(held)s)))
      and (e.due, e.kind, e.subject) < (d.due, d.kind, d.subject))
order by d.due, d.pilot_id, d.kind, d.subject limit 1
"""

_FIRED = """
update deadline set fired_at = clock_timestamp()
where pilot_id = %s and kind = %s and subject = %s and fired_at is null and armed_at = %s
"""


class Sweep:
    """Fires due deadlines. One sweep per service is active; ``swept_until`` says how far it has come, in the database and as a metric.
    ``kinds`` are those that the service arms.

    Deadlines of the ``barrier``'s kinds wait until it has passed their due instants; ``swept_until`` stands still at the first of them.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        fire: Fire,
        metrics: Metrics,
        *,
        kinds: Collection[str],
        poll_seconds: float | None = None,
        barrier: Barrier | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._fire = fire
        self._metrics = metrics
        for counter in (metrics.fired, metrics.fire_failures):
            metrics.know(counter, kinds)
        self._barrier = barrier
        self._poll = poll_seconds or (0.03 if clock.is_sandbox else 1.0)
        self._beaten: tuple[datetime, float] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until ``stop`` is set, then finish the deadline in hand."""
        await lead(self._db.dsn, "sweep", lambda tx: self._lead(tx, stop), stop)

    async def _lead(self, lead_tx: Tx, stop: asyncio.Event) -> None:
        # A heartbeat that is lost in a crash is beaten again at once.
        await lead_tx.execute("set synchronous_commit = off")
        pauses = backoff()
        while not stop.is_set():
            now = self._clock.now()
            try:
                while not stop.is_set() and await self._fire_next(lead_tx, now):
                    pass
            except Transient as error:
                log.warning("sweep_waits", error=str(error))
                await wait_for_any(stop, seconds=next(pauses))
                continue
            pauses = backoff()
            await self._beat(lead_tx, now)
            await wait_for_any(stop, seconds=self._poll)

    async def _fire_next(self, lead_tx: Tx, now: datetime) -> bool:
        barrier = self._barrier
        held = {"passed": barrier.passed, "held": list(barrier.kinds)} if barrier else {"passed": now, "held": []}
        row = await (await lead_tx.execute(_NEXT, {"now": now, **held})).fetchone()
        if row is None:
            return False
        deadline = Deadline(row["pilot_id"], row["kind"], row["subject"], row["due"], row["payload"])
        with context.bound():
            try:
                await self._fire_once(deadline, row["armed_at"])
            except Transient as error:
                # Most often a lock that a request holds: it goes on, and we come back in a moment.
                await self._postpone(row, error, pause=0.2)
            except Exception as error:
                self._metrics.fire_failures.labels(deadline.kind).inc()
                log.exception(
                    "deadline_failed", kind=deadline.kind, pilot_id=str(deadline.pilot_id), due=deadline.due.isoformat()
                )
                await self._postpone(row, error, pause=min(60.0, 0.5 * 2.0 ** min(row["attempts"], 10)))
        return True

    async def _fire_once(self, deadline: Deadline, armed_at: datetime) -> None:
        async with self._db.tx() as tx:
            # A handler locks the pilot and then its deadlines, we the other way round: give way before PostgreSQL finds a deadlock
            # (after a second) and ends the handler's transaction instead of ours.
            await tx.execute("set local lock_timeout = '300ms'")
            fired = await tx.execute(_FIRED, (deadline.pilot_id, deadline.kind, deadline.subject, armed_at))
            if fired.rowcount == 0:
                return  # disarmed or armed anew since it was read
            await self._fire(tx, deadline)
        self._metrics.fired.labels(deadline.kind).inc()
        log.info("deadline_fired", kind=deadline.kind, pilot_id=str(deadline.pilot_id), due=deadline.due.isoformat())

    async def _postpone(self, row: dict[str, Any], error: Exception, *, pause: float) -> None:
        async with self._db.tx() as tx:
            await tx.execute(
                "update deadline set attempts = attempts + 1, last_error = %s, try_at = clock_timestamp() + %s "
                "where pilot_id = %s and kind = %s and subject = %s and armed_at = %s",
                (
                    *(f"{type(error).__name__}: {error}"[:500], timedelta(seconds=pause)),
                    *(row["pilot_id"], row["kind"], row["subject"], row["armed_at"]),
                ),
            )

    async def _beat(self, lead_tx: Tx, now: datetime) -> None:
        """Say until when all deadlines have fired: until ``now``, or just before the earliest one that could not. Who waits for an
        instant to be swept must not find it so while one that is due at it stands."""
        cursor = await lead_tx.execute(
            "select min(due) as due from deadline where fired_at is null and due <= %s", (now,)
        )
        row = await cursor.fetchone()
        unfired = row["due"] if row else None
        if self._barrier is not None and unfired is not None:
            self._barrier.ask()
        until = now if unfired is None else unfired - timedelta(microseconds=1)
        wall = time.time()
        self._metrics.swept_until.set(until.timestamp())
        self._metrics.swept_at.set(wall)
        if self._beaten is not None and self._beaten[0] == until and wall - self._beaten[1] < 1.0:
            return
        await lead_tx.execute(
            "insert into heartbeat (name, at) values (%s, %s) "
            "on conflict (name) do update set at = excluded.at, beaten_at = clock_timestamp()",
            (HEARTBEAT, until),
        )
        self._beaten = (until, wall)


async def swept_until(tx: Tx) -> datetime | None:
    """The domain time until which deadlines have fired; None before the first pass."""
    row = await (await tx.execute("select at from heartbeat where name = %s", (HEARTBEAT,))).fetchone()
    return row["at"] if row else None

"""Where each metrics partition stands, and who may write: the fence of the engine.

Whoever claims a partition raises its epoch; a worker that lost it finds another epoch, another offset or another cluster and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from shared.platform.db import Tx


class Fenced(Exception):
    """A partition is no longer this worker's."""


@dataclass(frozen=True)
class Claim:
    partition: int
    epoch: int
    next_offset: int
    swept_until: datetime | None


@dataclass(frozen=True)
class Step:
    """A move of one partition: from ``before`` to ``after`` (equal when no record was read), and how far its clocks have fired."""

    partition: int
    epoch: int
    before: int
    after: int
    swept_until: datetime | None


async def claim(tx: Tx, cluster_id: str, partition: int) -> Claim:
    """Take over ``partition``. On another cluster reading begins at 0 and rests on the identity of reports."""
    cursor = await tx.execute(
        """
        insert into engine_position as p (partition, cluster_id, epoch) values (%(partition)s, %(cluster)s, 1)
        on conflict (partition) do update set epoch = p.epoch + 1, cluster_id = excluded.cluster_id, updated_at = clock_timestamp(),
            next_offset = case when p.cluster_id = excluded.cluster_id then p.next_offset else 0 end
        returning partition, epoch, next_offset, swept_until
        """,
        {"partition": partition, "cluster": cluster_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return Claim(row["partition"], row["epoch"], row["next_offset"], row["swept_until"])


async def restart_past_end(tx: Tx, claim: Claim, end: int) -> Claim:
    """A position past the ``end`` of its partition belongs to data that is gone: reading begins at 0, as on another cluster.

    ``end`` must be asked of Kafka after the claim was committed. Asked before, the worker that is being fenced off could still write
    a position past it. Raises :class:`Fenced` when another worker has claimed the partition since.
    """
    if claim.next_offset <= end:
        return claim
    cursor = await tx.execute(
        "update engine_position set next_offset = 0, updated_at = clock_timestamp() where partition = %s and epoch = %s",
        (claim.partition, claim.epoch),
    )
    if cursor.rowcount != 1:
        raise Fenced(f"partition {claim.partition} is somebody else's")
    return replace(claim, next_offset=0)


async def advance(tx: Tx, cluster_id: str, steps: Collection[Step]) -> None:
    """Compare and set. Raises :class:`Fenced`, and nothing of the transaction may be kept, when any partition is not as we left it."""
    cursor = await tx.execute(
        """
        update engine_position p set next_offset = v.after, updated_at = clock_timestamp(),
            swept_until = greatest(p.swept_until, v.swept_until)
        from unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[])
            as v(partition, epoch, before, after, swept_until)
        where p.partition = v.partition and p.epoch = v.epoch and p.next_offset = v.before and p.cluster_id = %s
        """,
        (
            [step.partition for step in steps],
            [step.epoch for step in steps],
            [step.before for step in steps],
            [step.after for step in steps],
            [step.swept_until for step in steps],
            cluster_id,
        ),
    )
    if cursor.rowcount != len(steps):
        raise Fenced(f"{len(steps) - cursor.rowcount} of {len(steps)} partitions are somebody else's")


async def offsets(tx: Tx, cluster_id: str) -> dict[int, int]:
    """By partition: the offset of the next record on this cluster. One of another cluster says nothing of this one's records."""
    cursor = await tx.execute("select partition, next_offset from engine_position where cluster_id = %s", (cluster_id,))
    return {row["partition"]: row["next_offset"] for row in await cursor.fetchall()}


async def swept(tx: Tx) -> dict[int, datetime | None]:
    """By partition: until when its clocks have fired, on whatever cluster."""
    cursor = await tx.execute("select partition, swept_until from engine_position")
    return {row["partition"]: row["swept_until"] for row in await cursor.fetchall()}

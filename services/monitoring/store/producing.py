"""Which requests Kafka has: a request is produced in a round, and everything that is not read counts as not produced once another begins.

A round is of one cluster. Another cluster begins one, and so do ops: a number moves, and no row is touched however many wait. Who sends marks
the round that he read with the request: what was on its way to a cluster that is gone is not taken for produced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.monitoring.store.intake import Stored
from shared.platform.db import Tx


@dataclass(frozen=True)
class Unproduced:
    """A request that Kafka does not have in ``round``, which is of the cluster ``cluster_id``."""

    stored: Stored
    round: int
    cluster_id: str


async def know_cluster(tx: Tx, cluster_id: str) -> bool:
    """Have the round be one of this cluster; True when it was one of another, so that a new one begins."""
    known = await (await tx.execute("select cluster_id from producing where name = 'reports'")).fetchone()
    if known is not None and known["cluster_id"] == cluster_id:
        return False
    cursor = await tx.execute(
        """
        insert into producing as p (name, round, cluster_id) values ('reports', 1, %s)
        on conflict (name) do update set round = p.round + 1, cluster_id = excluded.cluster_id
        where p.cluster_id <> excluded.cluster_id returning round > 1 as changed
        """,
        (cluster_id,),
    )
    row = await cursor.fetchone()
    return bool(row and row["changed"])


async def begin_round(tx: Tx) -> int:
    """Have every request that is not read produced again. Gives how many that are."""
    cursor = await tx.execute("update producing set round = round + 1 where name = 'reports' returning round")
    row = await cursor.fetchone()
    return 0 if row is None else await count_produced(tx)


async def count_produced(tx: Tx) -> int:
    """How many requests that are not read Kafka had in one round or another."""
    cursor = await tx.execute("select count(*) as n from intake where consumed_at is null and produced_in > 0")
    row = await cursor.fetchone()
    assert row is not None
    return int(row["n"])


async def number_of(tx: Tx, pilot_id: UUID, source: str, sequence: int) -> int | None:
    """Where a request stands in the order of storing; None when it was read."""
    cursor = await tx.execute(
        "select number from intake where pilot_id = %s and source = %s and sequence = %s and consumed_at is null",
        (pilot_id, source, sequence),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row["number"])


async def next_unproduced(tx: Tx, pilot_id: UUID, upto: int) -> Unproduced | None:
    """The earliest of the pilot's requests up to this number that is not produced; None also before any cluster is known."""
    cursor = await tx.execute(
        """
        select i.*, p.round, p.cluster_id from producing p join intake i on i.produced_in < p.round
        where p.name = 'reports' and i.pilot_id = %s and i.number <= %s and i.consumed_at is null order by i.number limit 1
        """,
        (pilot_id, upto),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    stored = Stored(
        pilot_id=row["pilot_id"],
        source=row["source"],
        sequence=row["sequence"],
        correlation_id=row["correlation_id"],
        signatures=row["signatures"],
        records=[bytes(one) for one in row["records"]],
    )
    return Unproduced(stored, row["round"], row["cluster_id"])


async def unproduced(tx: Tx, older_than: timedelta, limit: int) -> list[tuple[UUID, int]]:
    """Pilots with requests that are not produced although some time has passed, and the number of the last such request of each; the pilots
    that wait longest, ``limit`` at most."""
    known = await (await tx.execute("select round from producing where name = 'reports'")).fetchone()
    if known is None:
        return []
    # The round as a value: what the planner knows of the column then says that the index finds few.
    cursor = await tx.execute(
        """
        select pilot_id, max(number) as number from intake
        where consumed_at is null and produced_in < %s and stored_at < clock_timestamp() - %s
        group by pilot_id order by min(number) limit %s
        """,
        (known["round"], older_than, limit),
    )
    return [(row["pilot_id"], row["number"]) for row in await cursor.fetchall()]


async def mark_produced(tx: Tx, one: Unproduced) -> None:
    """Kafka has all of the request, in the round in which it was read."""
    await tx.execute(
        "update intake set produced_in = %s where pilot_id = %s and source = %s and sequence = %s and produced_in < %s",
        (one.round, one.stored.pilot_id, one.stored.source, one.stored.sequence, one.round),
    )

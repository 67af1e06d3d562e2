"""Publishing again what the outbox retains: asked for as a range of ids, worked off by the relay in portions.

A retained outbox has millions of rows, more than one statement may touch. So the range stands in a row, and each portion that is marked
unsent moves its beginning: after a crash the relay goes on there. What lies past that point waits, new events too, so that no event of a key
overtakes an older one that is still to be sent again.
"""

from __future__ import annotations

from shared.platform.db import Tx

PORTION = 10_000
"""Rows that are marked unsent at once: a moment for the database, some rounds for the relay."""

_AHEAD = """
select coalesce(sum((select count(*) from outbox o where o.id between r.next_id and r.last_id)
                  - (select count(*) from outbox o where o.id between r.next_id and r.last_id and o.sent_at is null)), 0)::bigint as rows
from republishing r
"""


async def ahead(tx: Tx) -> int:
    """How many sent rows are still to be marked unsent; an index alone tells. Ask before counting what is unsent: then no row is missed
    that is being marked meanwhile."""
    row = await (await tx.execute(_AHEAD)).fetchone()
    assert row is not None
    return int(row["rows"])


async def republish(tx: Tx, *, from_id: int = 0) -> int:
    """Have the relay send the retained rows from ``from_id`` on again. Returns how many rows of the past it will send again.

    One that is under way is widened, never narrowed. The consumers' inboxes remember at least as long as rows are retained: nothing
    takes effect twice.
    """
    await tx.execute(
        """
        insert into republishing as r (name, next_id, last_id)
        select 'relay', %s, max(id) from outbox having max(id) >= %s
        on conflict (name) do update set next_id = least(r.next_id, excluded.next_id), last_id = greatest(r.last_id, excluded.last_id)
        """,
        (from_id, from_id),
    )
    return await ahead(tx)


async def next_portion(tx: Tx, most: int) -> bool:
    """Mark the next ``most`` rows of what is to be sent again as unsent, whole or not at all. False when nothing is to be.

    Only when nothing below the range is unsent or on its way: the order of ids is then the order of sending.
    """
    async with tx.transaction():
        row = await (await tx.execute("select next_id, last_id from republishing for update")).fetchone()
        if row is None:
            return False
        first, last = row["next_id"], row["last_id"]
        cursor = await tx.execute(
            "select count(*) as n, max(id) as upto "
            "from (select id from outbox where id between %s and %s order by id limit %s) portion",
            (first, last, most),
        )
        portion = await cursor.fetchone()
        assert portion is not None
        await tx.execute(
            "update outbox set sent_at = null where id between %s and %s and sent_at is not null",
            (first, portion["upto"]),
        )
        if portion["n"] < most:
            await tx.execute("delete from republishing")
        else:
            await tx.execute("update republishing set next_id = %s", (portion["upto"] + 1,))
        return True

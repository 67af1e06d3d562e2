"""Pilots that the engine has set aside because judging them failed. A row has the form and the states of a record that was set aside:

*poison* (everything about the pilot waits), *parked* (sent again by ops, the engine takes it up) or *done* (judged to the end). Its number
comes from the same sequence as theirs, so that ops name both alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.contracts.errors import Refused
from shared.platform.db import Tx

CONSUMER = "monitoring.metrics"
"""The name under which ops see what the engine keeps: these pilots, and records that do not count."""

_AS_RECORD = """
select number as id, %(consumer)s as consumer, state, topic, partition, "offset", convert_to(pilot_id::text, 'UTF8') as key, reason,
       set_aside_at, attempts, resent_by, resent_at, done_at, '[]'::jsonb as headers, convert_to(trace, 'UTF8') as value
from pilot_aside
"""


@dataclass(frozen=True)
class Aside:
    pilot_id: UUID
    partition: int
    sent_again: bool


@dataclass(frozen=True)
class Failure:
    """Why a pilot is set aside, and where reading its partition stood."""

    pilot_id: UUID
    topic: str
    partition: int
    offset: int
    reason: str
    trace: str


async def keep(tx: Tx, failure: Failure) -> bool:
    """Set a pilot aside, or say again why it is. True when it was not aside before: then its queue begins."""
    cursor = await tx.execute(
        """
        with before as (select state from pilot_aside where pilot_id = %(pilot)s for update)
        insert into pilot_aside as a (pilot_id, number, topic, partition, "offset", state, reason, trace)
        values (%(pilot)s, nextval(pg_get_serial_sequence('set_aside', 'id')), %(topic)s, %(partition)s, %(offset)s, 'poison',
                %(reason)s, %(trace)s)
        on conflict (pilot_id) do update set state = 'poison', "offset" = excluded."offset", reason = excluded.reason,
            trace = excluded.trace, attempts = a.attempts + 1, done_at = null,
            set_aside_at = case when a.state = 'done' then excluded.set_aside_at else a.set_aside_at end,
            clocks_until = case when a.state = 'done' then null else a.clocks_until end
        returning coalesce((select state from before), 'done') = 'done' as fresh
        """,
        {
            "pilot": failure.pilot_id,
            "topic": failure.topic,
            "partition": failure.partition,
            "offset": failure.offset,
            "reason": _storable(failure.reason[:2000]),
            "trace": _storable(failure.trace[-20_000:]),
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return bool(row["fresh"])


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


async def of_partitions(tx: Tx, partitions: Collection[int]) -> list[Aside]:
    cursor = await tx.execute(
        "select pilot_id, partition, state = 'parked' as sent_again from pilot_aside "
        "where partition = any(%s) and state <> 'done'",
        (list(partitions),),
    )
    return [Aside(**row) for row in await cursor.fetchall()]


async def count(tx: Tx, *, but: UUID | None = None) -> tuple[int, float]:
    """How many pilots are aside, and for how many seconds the first of them has been."""
    cursor = await tx.execute(
        "select count(*) as n, coalesce(extract(epoch from clock_timestamp() - min(set_aside_at)), 0) as age "
        "from pilot_aside where state <> 'done' and pilot_id is distinct from %s",
        (but,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row["n"], float(row["age"])


async def reach(tx: Tx, until: Mapping[UUID, datetime]) -> None:
    """Note until when the clocks of these pilots would have fired."""
    await tx.execute(
        "update pilot_aside a set clocks_until = v.until from unnest(%s::uuid[], %s::timestamptz[]) as v(pilot_id, until) "
        "where a.pilot_id = v.pilot_id and a.clocks_until is distinct from v.until",
        (list(until), list(until.values())),
    )


async def finish(tx: Tx, pilot_ids: Collection[UUID]) -> None:
    """All that waited for these pilots is judged."""
    await tx.execute(
        "update pilot_aside set state = 'done', done_at = clock_timestamp() where pilot_id = any(%s)",
        (list(pilot_ids),),
    )


async def tidy_rejected(tx: Tx, older_than: timedelta, limit: int) -> int:
    """Let go of records rejected longer ago than ``older_than``, in wall time, once others could see them. Gives how many, ``limit`` at
    most."""
    cursor = await tx.execute(
        """
        delete from set_aside where id in (
            select id from set_aside where consumer = %s and state = 'dead' and set_aside_at < clock_timestamp() - %s
                and copied_at is not null order by set_aside_at limit %s)
        """,
        (CONSUMER, older_than, limit),
    )
    return cursor.rowcount


# What ops see and do


async def listed(tx: Tx, states: Collection[str], after: int, limit: int) -> list[dict[str, Any]]:
    """Pilots aside, in the form of records set aside, by number."""
    cursor = await tx.execute(
        _AS_RECORD + "where state = any(%(states)s) and number > %(after)s order by number limit %(limit)s",
        {"consumer": CONSUMER, "states": list(states), "after": after, "limit": limit},
    )
    return await cursor.fetchall()


async def shown(tx: Tx, number: int) -> dict[str, Any] | None:
    """One of them; its value is the traceback."""
    cursor = await tx.execute(_AS_RECORD + "where number = %(number)s", {"consumer": CONSUMER, "number": number})
    return await cursor.fetchone()


async def resend(tx: Tx, number: int, *, by: str) -> bool:
    """Have the engine take the pilot up again; False when there is none of this number. Raises ``Refused`` when that was done already."""
    cursor = await tx.execute("select pilot_id, state from pilot_aside where number = %s for update", (number,))
    row = await cursor.fetchone()
    if row is None:
        return False
    if row["state"] != "poison":
        raise Refused("dead_letter_not_dead", state=row["state"])
    await tx.execute(
        "update pilot_aside set state = 'parked', resent_by = %s, resent_at = clock_timestamp() where pilot_id = %s",
        (by, row["pilot_id"]),
    )
    return True

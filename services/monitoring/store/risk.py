"""What the risk score reads beside facts and gauges: the pilot's own past, and what was judged in all pilots of its operator."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from services.monitoring.core.assessment import Judged, Past
from services.monitoring.core.risk import HISTORY_LENGTH
from shared.platform.db import Tx


async def load(tx: Tx, pilot_id: UUID, enterprise: str) -> tuple[Past, list[Judged]]:
    """The pilot's past, and the newest judgements of its operator, newest first: as many as the formula reads.

    Nothing where nothing was written yet. The pilot is to be locked by who means to save its past.
    """
    cursor = await tx.execute(
        """
        select (select past from risk where pilot_id = %(pilot)s) as past, array(
            select jsonb_build_object('at', at, 'confirmed', confirmed, 'event_id', event_id, 'decision_id', decision_id)
            from judged where enterprise = %(enterprise)s order by at desc, event_id desc, position desc limit %(most)s
        ) as history
        """,
        {"pilot": pilot_id, "enterprise": enterprise, "most": HISTORY_LENGTH},
    )
    row = await cursor.fetchone()
    assert row is not None, "a select without a from gives one row"
    past = Past() if row["past"] is None else Past.model_validate(row["past"])
    return past, [Judged.model_validate(one) for one in row["history"]]


async def save(tx: Tx, pilot_id: UUID, past: Past) -> None:
    await tx.execute(
        "insert into risk (pilot_id, past) values (%s, %s) on conflict (pilot_id) do update set past = excluded.past",
        (pilot_id, Jsonb(past.model_dump(mode="json"))),
    )


async def in_turn(tx: Tx, enterprise: str) -> None:
    """Wait until nobody else writes the operator's history or adds a pilot of it. Held to the end of the transaction; taken after the
    pilot's lock."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('judged ' || %s::text, 0))", (enterprise,))


async def add(tx: Tx, pilot_id: UUID, enterprise: str, judged: Sequence[Judged]) -> None:
    """What was judged about a pilot enters its operator's history."""
    async with tx.cursor() as cursor:
        await cursor.executemany(
            "insert into judged (pilot_id, event_id, position, enterprise, at, confirmed, decision_id) values (%s, %s, %s, %s, %s, %s, %s)",
            [
                (pilot_id, one.event_id, position, enterprise, one.at, one.confirmed, one.decision_id)
                for position, one in enumerate(judged)
            ],
        )


async def take_away(tx: Tx, pilot_id: UUID, decision_id: UUID) -> bool:
    """What a decision about the pilot had judged counts no longer; whether there was any."""
    cursor = await tx.execute("delete from judged where pilot_id = %s and decision_id = %s", (pilot_id, decision_id))
    return cursor.rowcount > 0

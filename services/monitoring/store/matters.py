"""Tips and referrals as they came, and decisions and answers that wait for each other."""

from __future__ import annotations

from uuid import UUID

from psycopg.types.json import Jsonb

from services.monitoring.core.verdicts import Judgement
from shared.contracts.events.monitoring import ReferralReceived, TipReceived
from shared.platform.db import Tx


async def add(tx: Tx, told: TipReceived | ReferralReceived) -> bool:
    """Keep what was told; False when it is known already."""
    matter_id = told.tip_id if isinstance(told, TipReceived) else told.referral_id
    cursor = await tx.execute(
        "insert into matter (pilot_id, matter_id, content_sha256, at, body) values (%s, %s, %s, %s, %s) on conflict do nothing",
        (told.pilot_id, matter_id, told.content_sha256, told.at, Jsonb(told.model_dump(mode="json"))),
    )
    return cursor.rowcount == 1


async def judgement(tx: Tx, pilot_id: UUID, decision_id: UUID) -> Judgement:
    """What has arrived of a decision and its answer. The pilot is to be locked: the other half may be on its way."""
    sql = "select body from judgement where pilot_id = %s and decision_id = %s"
    row = await (await tx.execute(sql, (pilot_id, decision_id))).fetchone()
    return Judgement() if row is None else Judgement.model_validate(row["body"])


async def save_judgement(tx: Tx, pilot_id: UUID, decision_id: UUID, half: Judgement) -> None:
    await tx.execute(
        "insert into judgement (pilot_id, decision_id, body) values (%s, %s, %s) "
        "on conflict (pilot_id, decision_id) do update set body = excluded.body",
        (pilot_id, decision_id, Jsonb(half.model_dump(mode="json"))),
    )


async def forget_judgement(tx: Tx, pilot_id: UUID, decision_id: UUID) -> None:
    """Both are here: nothing waits any more."""
    await tx.execute("delete from judgement where pilot_id = %s and decision_id = %s", (pilot_id, decision_id))

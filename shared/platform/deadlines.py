"""Due clocks: a deadline is armed in the transaction that creates it and fires exactly once, in a transaction of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.platform.db import Database, Tx


@dataclass(frozen=True)
class Deadline:
    """One due clock of a pilot. ``due`` is the ``now`` of everything that it fires, however late the sweep comes by."""

    pilot_id: UUID
    kind: str
    subject: str
    due: datetime
    payload: dict[str, Any] | None = None


async def arm(
    tx: Tx, pilot_id: UUID, kind: str, subject: str, due: datetime, *, payload: dict[str, Any] | None = None
) -> None:
    """Set the deadline ``(pilot_id, kind, subject)``; one that stands, or has fired, is set anew."""
    await tx.execute(
        """
        insert into deadline (pilot_id, kind, subject, due, payload) values (%s, %s, %s, %s, %s)
        on conflict (pilot_id, kind, subject) do update
        set due = excluded.due, payload = excluded.payload, armed_at = clock_timestamp(),
            fired_at = null, attempts = 0, try_at = null, last_error = null
        """,
        (pilot_id, kind, subject, due, None if payload is None else Jsonb(payload)),
    )


async def disarm(tx: Tx, pilot_id: UUID, kind: str, subject: str) -> None:
    """Take the deadline away, if it stands."""
    await tx.execute(
        "delete from deadline where pilot_id = %s and kind = %s and subject = %s", (pilot_id, kind, subject)
    )


async def next_due(db: Database) -> datetime | None:
    """The earliest due instant that has not fired."""
    async with db.tx() as tx:
        row = await (await tx.execute("select min(due) as due from deadline where fired_at is null")).fetchone()
    return row["due"] if row else None

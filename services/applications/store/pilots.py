"""Pilots: their state, and their history as it was published."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.applications.core.model import Pilot
from services.applications.store.applications import Confined
from shared.contracts.errors import NotFound
from shared.contracts.http.applications import HistoryEntry, PilotRow
from shared.contracts.pilot import PilotState
from shared.platform.db import Tx


@dataclass(frozen=True)
class Owner:
    """To whom a pilot belongs, for the question who may see it."""

    tax_code: str
    authorities: tuple[str, ...]


async def owner(tx: Tx, pilot_id: UUID) -> Owner:
    """Raises ``NotFound`` for a pilot that is not known."""
    cursor = await tx.execute("select tax_code, authorities from pilot where pilot_id = %s", (pilot_id,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("pilot")
    return Owner(row["tax_code"], tuple(row["authorities"]))


async def add(tx: Tx, pilot: Pilot, authorities: Iterable[str], tier: int) -> None:
    await tx.execute(
        "insert into pilot (pilot_id, tax_code, authorities, tier, state, start_at, end_at, outcome, body) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (pilot.pilot_id, pilot.tax_code, list(authorities), tier, *_moving(pilot)),
    )


async def save(tx: Tx, pilot: Pilot) -> None:
    await tx.execute(
        "update pilot set state = %s, start_at = %s, end_at = %s, outcome = %s, body = %s where pilot_id = %s",
        (*_moving(pilot), pilot.pilot_id),
    )


async def load(tx: Tx, pilot_id: UUID, *, lock: bool = False) -> Pilot | None:
    """The pilot, or None. ``lock`` orders all that happens to it: take it before anything else about the pilot is read or written."""
    query = "select body::text as body from pilot where pilot_id = %s"
    cursor = await tx.execute(f"{query} for update" if lock else query, (pilot_id,))
    row = await cursor.fetchone()
    return None if row is None else Pilot.model_validate_json(row["body"])


async def page(tx: Tx, seen_by: Confined, state: PilotState | None, cursor: UUID | None, limit: int) -> list[PilotRow]:
    """Newest first, after ``cursor``."""
    after = "and pilot_id < %(cursor)s" if cursor is not None else ""
    standing = "and state = %(state)s" if state is not None else ""
    found = await tx.execute(
        f"""
        select pilot_id, a.code, dossier->'organisation' as organisation, dossier->>'title' as title, dossier->>'sector' as sector,
               dossier->'provinces' as provinces, tier, state, filed->>'lead_authority' as lead_authority, start_at, end_at, outcome
        from pilot p join application a using (pilot_id)
        where {seen_by.condition("p")} {standing} {after} order by pilot_id desc limit %(limit)s
        """,  # noqa: S608 - the conditions are ours, their values are parameters
        {"org": seen_by.org, "authority": seen_by.authority, "state": state, "cursor": cursor, "limit": limit},
    )
    return [PilotRow.model_validate(row) for row in await found.fetchall()]


async def counts(tx: Tx) -> dict[str, int]:
    """How many pilots there are, by state."""
    cursor = await tx.execute("select state, count(*) as n from pilot group by state")
    return {row["state"]: row["n"] for row in await cursor.fetchall()}


async def history(tx: Tx, pilot_id: UUID, after: int, limit: int) -> list[tuple[int, HistoryEntry]]:
    """What was published about the pilot, oldest first, each with its place in the outbox."""
    cursor = await tx.execute(
        "select id, event_id, type, time, content_hash, data from outbox where key = %s and id > %s order by id limit %s",
        (pilot_id, after, limit),
    )
    return [
        (
            row["id"],
            HistoryEntry(
                event_id=row["event_id"],
                type=row["type"],
                at=row["time"],
                content_hash=row["content_hash"],
                data=json.loads(row["data"]),
            ),
        )
        for row in await cursor.fetchall()
    ]


def _moving(pilot: Pilot) -> tuple[object, ...]:
    """What changes in a pilot's life, in the order of the columns."""
    return pilot.state, pilot.start_at, pilot.end_at, pilot.outcome, pilot.model_dump_json()

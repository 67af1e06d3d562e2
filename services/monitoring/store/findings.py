"""Findings as they stand, for people to read; what opens, escalates and clears them is decided in core."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.monitoring.core.people import BY_PEOPLE, OpenFinding
from shared.contracts.base import Event
from shared.contracts.events.monitoring import (
    Evidence,
    FindingCleared,
    FindingEscalated,
    FindingOpened,
    InterimMeasureTaken,
    RuleCode,
)
from shared.platform.db import Tx


async def apply(tx: Tx, events: Iterable[Event]) -> None:
    """Bring the table up to what ``events`` tell, in their order; events that are not about findings are passed over."""
    for event in events:
        match event:
            case FindingOpened():
                await tx.execute(
                    """
                    insert into finding (pilot_id, finding_id, rule, subject, severity, state, opened_at, evidence)
                    values (%s, %s, %s, %s, %s, 'open', %s, %s)
                    """,
                    (
                        *(event.pilot_id, event.finding_id, event.rule, event.subject, event.severity, event.at),
                        _json(event.evidence),
                    ),
                )
            case FindingEscalated():
                await tx.execute(
                    "update finding set severity = %s, escalated_at = %s, evidence = %s where pilot_id = %s and finding_id = %s",
                    (event.severity, event.at, _json(event.evidence), event.pilot_id, event.finding_id),
                )
            case FindingCleared():
                await tx.execute(
                    "update finding set state = 'cleared', cleared_at = %s, clear_reason = %s where pilot_id = %s and finding_id = %s",
                    (event.at, event.reason, event.pilot_id, event.finding_id),
                )
            case InterimMeasureTaken():
                await tx.execute(
                    "update finding set measures = array_append(measures, %s) where pilot_id = %s and finding_id = %s",
                    (event.measure_id, event.pilot_id, event.finding_id),
                )
            case _:
                pass


async def open_by_people(tx: Tx, pilot_id: UUID, finding_ids: Collection[UUID] | None = None) -> list[OpenFinding]:
    """Open incidents, tips and referrals of a pilot, all or those of ``finding_ids``. The pilot is to be locked."""
    cursor = await tx.execute(
        """
        select finding_id, rule, subject, opened_at from finding
        where pilot_id = %s and state = 'open' and rule = any(%s) and (%s::uuid[] is null or finding_id = any(%s))
        order by opened_at, finding_id
        """,
        (
            pilot_id,
            list(BY_PEOPLE),
            None if finding_ids is None else list(finding_ids),
            None if finding_ids is None else list(finding_ids),
        ),
    )
    return [OpenFinding(row["finding_id"], RuleCode(row["rule"]), row["subject"]) for row in await cursor.fetchall()]


async def is_known(tx: Tx, pilot_id: UUID, finding_id: UUID) -> bool:
    """Whether the finding was ever opened."""
    cursor = await tx.execute("select 1 from finding where pilot_id = %s and finding_id = %s", (pilot_id, finding_id))
    return await cursor.fetchone() is not None


async def listed(
    tx: Tx,
    *,
    pilot_id: UUID | None = None,
    authority: str | None = None,
    state: str | None = None,
    rule: str | None = None,
    severity: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Findings with their pilot's code and title, newest first."""
    # Only what is asked for stands in the statement, so that the planner finds the index.
    asked = [
        ("f.pilot_id = %s", pilot_id),
        ("p.authorities @> array[%s::text]", authority),
        ("f.state = %s", state),
        ("f.rule = %s", rule),
        ("f.severity = %s", severity),
    ]
    conditions: list[tuple[str, tuple[object, ...]]] = [
        (condition, (value,)) for condition, value in asked if value is not None
    ]
    if before is not None:
        conditions.append(("(f.opened_at, f.finding_id) < (%s, %s)", before))
    cursor = await tx.execute(
        f"""
        select f.*, p.code as pilot_code, p.facts ->> 'title' as pilot_title
        from finding f join pilot p using (pilot_id)
        where {" and ".join(condition for condition, _ in conditions) or "true"}
        order by f.opened_at desc, f.finding_id desc limit %s
        """,  # noqa: S608 - the conditions are ours, their values are parameters
        (*(value for _, values in conditions for value in values), limit),
    )
    return await cursor.fetchall()


async def count_open(tx: Tx) -> list[tuple[str, str, int]]:
    cursor = await tx.execute(
        "select rule, severity, count(*) as n from finding where state = 'open' group by rule, severity"
    )
    return [(row["rule"], row["severity"], row["n"]) for row in await cursor.fetchall()]


def _json(evidence: Evidence) -> Jsonb:
    return Jsonb(evidence.model_dump(mode="json", exclude_none=True))

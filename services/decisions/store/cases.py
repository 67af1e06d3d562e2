"""Reading about cases: which pilot a case or proposal is about, what stands in it, the pilot's facts, the enterprise's record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.decisions.core.evidence import Fact
from services.decisions.core.life import Proposal
from services.decisions.core.model import Case, Item, Measure
from services.decisions.store.books import CASE, ITEM, MEASURE, PROPOSAL
from shared.platform.db import Tx

MOST_FACTS = 1000


async def pilot_of_case(tx: Tx, case_id: UUID) -> UUID | None:
    return await _id(tx, "select pilot_id as id from case_file where case_id = %s", (case_id,))


async def pilot_of_proposal(tx: Tx, proposal_id: UUID) -> UUID | None:
    return await _id(tx, "select pilot_id as id from proposal where proposal_id = %s", (proposal_id,))


async def pilot_of_decision(tx: Tx, decision_id: UUID) -> UUID | None:
    return await _id(tx, "select pilot_id as id from decision where decision_id = %s", (decision_id,))


async def authorities_of(tx: Tx, pilot_id: UUID) -> tuple[str, ...]:
    """The authorities with a part in the pilot's cases; empty for an unknown pilot."""
    row = await (await tx.execute("select authorities from pilot where pilot_id = %s", (pilot_id,))).fetchone()
    return tuple(row["authorities"]) if row else ()


async def cases_of(tx: Tx, pilot_ids: Collection[UUID]) -> dict[UUID, Case]:
    """The open case of each pilot that has one, by its pilot."""
    cursor = await tx.execute(CASE.select + "where pilot_id = any(%s) and closed_at is null", (list(pilot_ids),))
    return {case.pilot_id: case for case in map(CASE.read, await cursor.fetchall())}


async def of_pilot(tx: Tx, pilot_id: UUID, limit: int, after: tuple[datetime, UUID] | None = None) -> list[Case]:
    """Every case about the pilot, newest first, behind ``after``."""
    behind = "" if after is None else "and (opened_at, case_id) < (%s, %s) "
    sql = CASE.select + f"where pilot_id = %s {behind}order by opened_at desc, case_id desc limit %s"
    cursor = await tx.execute(sql, (pilot_id, *(after or ()), limit))
    return [CASE.read(row) for row in await cursor.fetchall()]


async def items_of(tx: Tx, pilot_ids: Collection[UUID]) -> list[Item]:
    """The open items of some pilots, oldest first."""
    sql = ITEM.select + "where pilot_id = any(%s) and state = 'open' order by opened_at, item_id"
    return [ITEM.read(row) for row in await (await tx.execute(sql, (list(pilot_ids),))).fetchall()]


async def items_in(tx: Tx, pilot_id: UUID, case_id: UUID) -> list[Item]:
    """All items of a case, oldest first."""
    sql = ITEM.select + "where pilot_id = %s and case_id = %s order by opened_at, item_id"
    return [ITEM.read(row) for row in await (await tx.execute(sql, (pilot_id, case_id))).fetchall()]


async def live_proposals(tx: Tx, pilot_ids: Collection[UUID]) -> list[Proposal]:
    sql = PROPOSAL.select + "where pilot_id = any(%s) and state not in ('issued', 'withdrawn')"
    return [PROPOSAL.read(row) for row in await (await tx.execute(sql, (list(pilot_ids),))).fetchall()]


async def proposals_in(tx: Tx, pilot_id: UUID, case_id: UUID) -> list[Proposal]:
    sql = PROPOSAL.select + "where pilot_id = %s and case_id = %s order by drafted_at, proposal_id"
    return [PROPOSAL.read(row) for row in await (await tx.execute(sql, (pilot_id, case_id))).fetchall()]


async def proposal(tx: Tx, pilot_id: UUID, proposal_id: UUID) -> Proposal:
    sql = PROPOSAL.select + "where pilot_id = %s and proposal_id = %s"
    row = await (await tx.execute(sql, (pilot_id, proposal_id))).fetchone()
    assert row is not None, "the caller found its pilot"
    return PROPOSAL.read(row)


async def measures_of(tx: Tx, pilot_id: UUID) -> list[Measure]:
    """Every interim measure that was ever taken on the pilot, oldest first."""
    sql = MEASURE.select + "where pilot_id = %s order by taken_at, measure_id"
    return [MEASURE.read(row) for row in await (await tx.execute(sql, (pilot_id,))).fetchall()]


async def facts(tx: Tx, pilot_id: UUID, ids: Collection[UUID]) -> dict[UUID, Fact]:
    """Those of ``ids`` that are facts of this pilot."""
    cursor = await tx.execute(
        "select event_id, pilot_id, kind, at, sha256, about from fact where pilot_id = %s and event_id = any(%s)",
        (pilot_id, list(ids)),
    )
    return {row["event_id"]: Fact(**row) for row in await cursor.fetchall()}


async def listed_facts(tx: Tx, pilot_id: UUID) -> list[tuple[Fact, bytes | None]]:
    """The pilot's latest facts in their order, with their data where it was kept.

    Usage is not listed: it comes with every report and says nothing by itself. It may be bound like any other fact.
    """
    cursor = await tx.execute(
        """
        select * from (
            select event_id, pilot_id, kind, at, sha256, about, data from fact
            where pilot_id = %s and kind <> 'UsageRolled' order by at desc, event_id desc limit %s
        ) latest order by at, event_id
        """,
        (pilot_id, MOST_FACTS),
    )
    return [(Fact(**{k: v for k, v in row.items() if k != "data"}), row["data"]) for row in await cursor.fetchall()]


async def record_of(tx: Tx, tax_code: str) -> dict[str, Any]:
    """The enterprise's whole record, over all its pilots and all authorities; a branch (three digits more) is no other person."""
    pilots = await _rows(
        tx,
        "select pilot_id, code, title, sector, lead_authority, state, outcome from pilot "
        "where left(tax_code, 10) = left(%s, 10) order by registered_at, pilot_id",
        (tax_code,),
    )
    ids = [row["pilot_id"] for row in pilots]
    verdicts = await _counts(
        tx, "select verdict as name, count(*) as n from finding where pilot_id = any(%s) group by verdict", (ids,)
    )
    cases = await _rows(
        tx, "select count(*) as n from case_file where pilot_id = any(%s) and closed_at is null", (ids,)
    )
    return {
        "pilots": pilots,
        "decisions": await _counts(
            tx, "select kind as name, count(*) as n from decision where pilot_id = any(%s) group by kind", (ids,)
        ),
        "findings_confirmed": verdicts.get("confirmed", 0),
        "findings_rejected": verdicts.get("rejected", 0),
        "measures": await _counts(
            tx, "select state as name, count(*) as n from measure where pilot_id = any(%s) group by state", (ids,)
        ),
        "open_cases": cases[0]["n"],
    }


async def _id(tx: Tx, sql: str, params: Sequence[Any]) -> UUID | None:
    row = await (await tx.execute(sql, params)).fetchone()
    return row["id"] if row else None


async def _rows(tx: Tx, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
    return await (await tx.execute(sql, params)).fetchall()


async def _counts(tx: Tx, sql: str, params: Sequence[Any]) -> dict[str, int]:
    return {row["name"]: row["n"] for row in await _rows(tx, sql, params) if row["name"] is not None}

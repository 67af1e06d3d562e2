"""Decisions as issued, and the chains that they stand in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.decisions.core.chain import Chain
from shared.platform.db import Tx

_CHAIN = "select authority, length, head, numbers from chain where authority = %s"
Place = tuple[datetime, str, int]
"""Where a decision stands among those of its pilot: issued at, authority, place in its chain."""

_LINE = (
    "select d.*, p.code as pilot_code, r.state as remedy_state from decision d join pilot p using (pilot_id) "
    "left join remedy r using (pilot_id, decision_id) "
)


async def lock_chain(tx: Tx, authority: str) -> Chain:
    """The authority's chain, locked: one decision after the other. Taken after the pilot's lock, never before.

    Its length gives the next decision its place. Who issues holds this row until the commit, so no two take one place; the unique index
    on (authority, position) refuses who forgot the lock.
    """
    await tx.execute(
        "insert into chain (authority, length, head, numbers) values (%s, 0, %s, '{}') on conflict do nothing",
        (authority, Chain(authority).head),
    )
    row = await (await tx.execute(_CHAIN + " for update", (authority,))).fetchone()
    assert row is not None, "it was just made sure of"
    return Chain(**row)


async def chain(tx: Tx, authority: str) -> Chain:
    row = await (await tx.execute(_CHAIN, (authority,))).fetchone()
    return Chain(**row) if row else Chain(authority)


async def save_chain(tx: Tx, chain: Chain) -> None:
    await tx.execute(
        "update chain set length = %s, head = %s, numbers = %s where authority = %s",
        (chain.length, chain.head, Jsonb(dict(chain.numbers)), chain.authority),
    )


async def chained(tx: Tx, authority: str, *, batch: int = 500) -> AsyncIterator[Mapping[str, Any]]:
    """The data of the authority's decisions as written, in the order of issue."""
    async with tx.cursor(name="chain") as cursor:
        cursor.itersize = batch
        await cursor.execute("select data from decision where authority = %s order by chain_position", (authority,))
        async for row in cursor:
            yield json.loads(row["data"])


async def one(tx: Tx, pilot_id: UUID, decision_id: UUID) -> dict[str, Any] | None:
    sql = _LINE + "where d.pilot_id = %s and d.decision_id = %s"
    return await (await tx.execute(sql, (pilot_id, decision_id))).fetchone()


async def in_case(tx: Tx, pilot_id: UUID, case_id: UUID) -> list[dict[str, Any]]:
    sql = _LINE + "where d.pilot_id = %s and d.case_id = %s order by d.issued_at, d.authority, d.chain_position"
    return await (await tx.execute(sql, (pilot_id, case_id))).fetchall()


async def of_pilot(tx: Tx, pilot_id: UUID, limit: int, after: Place | None = None) -> list[dict[str, Any]]:
    """Newest first, behind ``after``: by the instant of issue, and at one instant by the place in the authority's chain."""
    behind = "" if after is None else "and (d.issued_at, d.authority, d.chain_position) < (%s, %s, %s) "
    order = "d.issued_at desc, d.authority desc, d.chain_position desc"
    sql = _LINE + f"where d.pilot_id = %s {behind}order by {order} limit %s"
    return await (await tx.execute(sql, (pilot_id, *(after or ()), limit))).fetchall()

"""What the public register reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.decisions.store.words import query
from shared.platform.db import Tx

_COLUMNS = (
    "pilot_id, code, title, organisation, sector, tier, provinces, lead_authority, state, outcome, registered_at, start_at, end_at, "
    "(select count(*) from decision d where d.pilot_id = pilot.pilot_id) as decisions"
)


@dataclass(frozen=True)
class Search:
    """``words`` are compared without case and without Vietnamese marks; the last is a prefix."""

    words: str | None = None
    sector: str | None = None
    province: str | None = None
    state: str | None = None


async def page(tx: Tx, search: Search, limit: int, after: tuple[datetime, UUID] | None) -> list[dict[str, Any]]:
    """Pilots, newest registration first, behind ``after``."""
    where: list[str] = []
    params: list[Any] = []
    for sql, value in (
        ("search @@ to_tsquery('simple', %s)", query(search.words or "") or None),
        ("sector = %s", search.sector),
        ("provinces @> array[%s]", search.province),
        ("state = %s", search.state),
    ):
        if value is not None:
            where.append(sql)
            params.append(value)
    if after is not None:
        where.append("(registered_at, pilot_id) < (%s, %s)")
        params += after
    condition = f"where {' and '.join(where)} " if where else ""
    sql = f"select {_COLUMNS} from pilot {condition}order by registered_at desc, pilot_id desc limit %s"  # noqa: S608
    return await (await tx.execute(sql, (*params, limit))).fetchall()


async def entry(tx: Tx, code: str) -> dict[str, Any] | None:
    """One pilot by its code, with what the register shows of it."""
    sql = (
        f"select {_COLUMNS}, objectives, hypothesis, envelope, held_permits, final_criteria "  # noqa: S608
        "from pilot where code = %s"
    )
    return await (await tx.execute(sql, (code,))).fetchone()


async def decisions(tx: Tx, pilot_id: UUID) -> list[dict[str, Any]]:
    """The pilot's decisions, in the order of issue."""
    sql = (
        "select decision_id, kind, authority, effect, data from decision where pilot_id = %s "
        "order by issued_at, authority, chain_position"
    )
    return await (await tx.execute(sql, (pilot_id,))).fetchall()

"""What the public register reads."""

from __future__ import annotations

from collections.abc import Sequence
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
_ORDER = "order by registered_at desc, pilot_id desc"


@dataclass(frozen=True)
class Search:
    """``words`` are compared without case and without Vietnamese marks; the last is a prefix."""

    words: str | None = None
    sector: str | None = None
    province: str | None = None
    state: str | None = None


NEWEST = 1_000
"""So many of the newest pilots are looked through for words before the index of words is asked."""


async def page(tx: Tx, search: Search, limit: int, after: tuple[datetime, UUID] | None) -> list[dict[str, Any]]:
    """Pilots, newest registration first, behind ``after``.

    Words that many pilots have fill a page from the newest ones; words that few have are few in the index. Neither way is short for both,
    and statistics cannot tell which it is for words that are common alone and rare together. So the first is tried, then the second.
    """
    where, params = _wanted(search)
    behind, place = ("true", ()) if after is None else ("(registered_at, pilot_id) < (%s, %s)", after)
    words = query(search.words or "")
    if not words:
        sql = f"select {_COLUMNS} from pilot where {where} and {behind} {_ORDER} limit %s"  # noqa: S608
        return await _rows(tx, sql, (*params, *place, limit))
    matches = f"search @@ to_tsquery('simple', %s) and {where}"
    newest = f"select * from pilot where {behind} {_ORDER} limit {NEWEST}"  # noqa: S608
    sql = f"select {_COLUMNS} from ({newest}) pilot where {matches} {_ORDER} limit %s"  # noqa: S608
    found = await _rows(tx, sql, (*place, words, *params, limit))
    if len(found) == limit:
        return found
    sql = (
        f"with found as materialized (select pilot_id, registered_at from pilot where {matches} and {behind}) "  # noqa: S608
        f"select {_COLUMNS} from pilot join (select pilot_id from found {_ORDER} limit %s) page using (pilot_id) {_ORDER}"
    )
    return await _rows(tx, sql, (words, *params, *place, limit))


def _wanted(search: Search) -> tuple[str, list[Any]]:
    conditions, params = ["true"], []
    for sql, value in (
        ("sector = %s", search.sector),
        ("provinces @> array[%s]", search.province),
        ("state = %s", search.state),
    ):
        if value is not None:
            conditions.append(sql)
            params.append(value)
    return " and ".join(conditions), params


async def _rows(tx: Tx, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
    return await (await tx.execute(sql, params)).fetchall()


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

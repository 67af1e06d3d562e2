"""What the public register reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.decisions.store.words import begun, kept, query, query_spelt
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
"""So many of the newest pilots are looked through for words and a province before the index of these is asked."""

FURTHER = 16 * NEWEST
"""So many, where the first ones let expect that these fill the page."""

MOST_ENDINGS = 16
"""A word that was begun is spelt out for the index where it can go on in so many ways; otherwise the index takes all that begin so."""


async def page(tx: Tx, search: Search, limit: int, after: tuple[datetime, UUID] | None) -> list[dict[str, Any]]:
    """Pilots, newest registration first, behind ``after``.

    Words that many pilots have fill a page from the newest ones; words that few have are few in the index. Neither way is short for both,
    and statistics cannot tell which it is for words that are common alone and rare together. So the first is tried, then the second. The same
    holds for a province. Sector and state are ranges of indexes in the register's order.
    """
    within, params = _all(
        ("sector = %s", search.sector),
        ("state = %s", search.state),
        ("(registered_at, pilot_id) < (%s, %s)", after),
    )
    if search.province is None and not query(search.words or ""):
        return await _rows(tx, f"select {_COLUMNS} from pilot where {within} {_ORDER} limit %s", (*params, limit))  # noqa: S608
    found = await _sought(tx, within, params, search, limit)
    sql = f"select {_COLUMNS} from pilot where pilot_id = any(%s) {_ORDER}"  # noqa: S608
    return await _rows(tx, sql, (found,)) if found else []


async def _sought(tx: Tx, within: str, params: list[Any], search: Search, limit: int) -> list[UUID]:
    """The first pilots with the words and the province, in the part of the register that ``within`` says."""
    words = query(search.words or "")
    found = await _among(tx, NEWEST, within, params, _matching(words, search.province), limit)
    if len(found) < limit <= len(found) * (FURTHER // NEWEST):
        found = await _among(tx, FURTHER, within, params, _matching(words, search.province), limit)
    if len(found) == limit:
        return found
    matches, asked = _matching(await _spelt(tx, search.words or "") or words, search.province)
    # By words and province, whatever the planner believes: it must not walk the register from its newest pilot.
    sql = (
        f"with found as materialized (select pilot_id, registered_at from pilot where {matches} and {within}) "  # noqa: S608
        f"select pilot_id from found {_ORDER} limit %s"
    )
    return await _ids(tx, sql, (*asked, *params, limit))


async def _among(
    tx: Tx, newest: int, within: str, params: list[Any], matching: tuple[str, list[Any]], limit: int
) -> list[UUID]:
    """What matches of so many of the newest pilots."""
    matches, asked = matching
    window = f"select pilot_id, registered_at, search, provinces from pilot where {within} {_ORDER} limit {newest}"  # noqa: S608
    sql = f"select pilot_id from ({window}) pilot where {matches} {_ORDER} limit %s"  # noqa: S608
    return await _ids(tx, sql, (*params, *asked, limit))


def _matching(words: str, province: str | None) -> tuple[str, list[Any]]:
    return _all(("search @@ to_tsquery('simple', %s)", words or None), ("provinces @> array[%s]", province))


async def _spelt(tx: Tx, text: str) -> str | None:
    """The query with its last word spelt out, None where it can go on in too many ways.

    For a beginning the index gathers every pilot that it could mean before it looks at the other words; for words it skips from one to the
    next.
    """
    if not kept([begun(text)]):
        return None
    sql = "select word from register_word where word between %s and %s || '~' order by word limit %s"
    rows = await _rows(tx, sql, (begun(text), begun(text), MOST_ENDINGS + 1))
    return query_spelt(text, (row["word"] for row in rows)) if 0 < len(rows) <= MOST_ENDINGS else None


def _all(*conditions: tuple[str, Any]) -> tuple[str, list[Any]]:
    """Those conditions that have a value, and their values; a tuple fills as many places as it has."""
    asked = [(sql, value) for sql, value in conditions if value is not None]
    values = [one for _, value in asked for one in (value if isinstance(value, tuple) else (value,))]
    return " and ".join(["true", *(sql for sql, _ in asked)]), values


async def _rows(tx: Tx, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
    return await (await tx.execute(sql, params)).fetchall()


async def _ids(tx: Tx, sql: str, params: Sequence[Any]) -> list[UUID]:
    cursor = await tx.execute(sql, params, prepare=False)  # the plan depends on the words
    return [row["pilot_id"] for row in await cursor.fetchall()]


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

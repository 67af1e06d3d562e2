"""The contribution of pilots by sector, province and quarter, summed in PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from services.decisions.store import statistics
from shared.platform.db import Tx
from tests import decisions_kit as kit
from tests.handlers.decisions_office import opened

ONE_BY_ONE, AT_ONCE = {"audience_live": True, "visitors": True}, {"crowd_peak": False, "participants_active": False}
NOW = kit.at("2026-11-01 00:00")


async def use(tx: Tx, pilot_id: UUID, quarter: str, total: dict[str, str] | None = None, **peaks: int) -> None:
    for metric, value in (total or {}).items():
        await statistics.keep_total(tx, pilot_id, metric, quarter, Decimal(value))
    for metric, peak in peaks.items():
        await statistics.keep_peak(tx, pilot_id, metric, quarter, Decimal(peak))


async def figures(tx: Tx) -> dict[tuple[str, str], tuple[Any, ...]]:
    persons = dict.fromkeys(await statistics.rules_in_use(tx), ONE_BY_ONE | AT_ONCE)
    rows = await statistics.contribution(tx, persons, NOW)
    names = ("pilots", "participants", "revenue_vnd", "jobs")
    assert [row["province"] for row in rows] == sorted(row["province"] for row in rows)
    return {(row["province"], row["quarter"]): tuple(row[name] for name in names) for row in rows}


async def test_contributions_are_added_by_sector_province_and_quarter(postgres_admin_dsn: str) -> None:
    async with opened(postgres_admin_dsn) as office:
        one, other, many = [await office.running() for _ in range(3)]
        async with office.db.tx() as tx:
            await tx.execute("update pilot set provinces = '{79}', start_at = %s", (kit.at("2026-07-14 00:00"),))
            await tx.execute("update pilot set ended_at = %s where pilot_id = %s", (kit.at("2026-10-01 00:00"), other))
            await tx.execute(
                "update pilot set provinces = '{01,79}', winding_since = %s, ended_at = %s where pilot_id = %s",
                (kit.at("2026-09-30 23:59"), NOW, many),
            )
            await use(tx, one, "2026Q3", {"audience_live": "1000", "revenue_vnd": "2.5"}, crowd_peak=9000, jobs=40)
            await use(tx, one, "2026Q4", {"audience_live": "1010", "visitors": "7"})
            await use(tx, other, "2026Q3", {"audience_live": "5", "revenue_vnd": "1"}, unknown=9)
            await use(tx, other, "2026Q4", crowd_peak=900, participants_active=7)
            found = await figures(tx)
    assert found == {
        ("79", "2026Q3"): (2, 1005, Decimal("3.5"), 40),
        ("79", "2026Q4"): (2, 910, None, None),
        ("many", "2026Q3"): (1, None, None, None),
    }


async def test_a_peak_that_comes_late_counts_in_its_own_quarter_and_a_late_total_where_the_book_stands(
    postgres_admin_dsn: str,
) -> None:
    async with opened(postgres_admin_dsn) as office:
        one = await office.running()
        async with office.db.tx() as tx:
            await tx.execute("update pilot set provinces = '{79}', start_at = %s", (kit.at("2026-07-14 00:00"),))
            await use(tx, one, "2026Q4", {"revenue_vnd": "10"}, jobs=5)
            await use(tx, one, "2026Q3", {"revenue_vnd": "12"}, jobs=7)
            await use(tx, one, "2026Q3", jobs=6)
            found = await figures(tx)
    assert found == {("79", "2026Q3"): (1, None, None, 7), ("79", "2026Q4"): (1, None, 12, 5)}


async def test_a_pilot_that_was_over_before_it_started_ran_in_no_quarter(postgres_admin_dsn: str) -> None:
    async with opened(postgres_admin_dsn) as office:
        await office.running()
        async with office.db.tx() as tx:
            await tx.execute(
                "update pilot set start_at = %s, ended_at = %s",
                (kit.at("2026-10-01 00:00"), kit.at("2026-09-30 23:59")),
            )
            assert await figures(tx) == {}

"""What the statistics read: counts, lead times, the contribution of pilots by quarter, the law-reform list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.decisions.core.quarters import JOBS, MANY, REVENUE
from shared.contracts.events.applications import FinalReportFiled
from shared.platform.db import Tx

COUNTS = {
    "pilots_by_state": "select state as name, count(*) as n from pilot group by state",
    "pilots_by_outcome": "select outcome as name, count(*) as n from pilot where outcome is not null group by outcome",
    "items_open": "select kind as name, count(*) as n from item where state = 'open' group by kind",
    "decisions_by_kind": "select kind as name, count(*) as n from decision group by kind",
    "measures_by_state": "select state as name, count(*) as n from measure group by state",
}
_LEAD_TIMES = {
    "receipt_to_start": "select start_at - received_at as took from pilot where end_at is not null",
    "case": "select closed_at - opened_at as took from case_file where closed_at is not null",
    "finding_to_decision": (
        "select resolved_at - opened_at as took from item "
        "where resolution = 'decided' and kind in ('finding', 'tip', 'referral')"
    ),
    "permit_to_decision": "select resolved_at - opened_at as took from item where resolution = 'decided' and kind = 'permit'",
    "measure_to_decision": "select resolved_at - opened_at as took from item where resolution = 'decided' and kind = 'measure'",
    "draft_to_issue": (
        "select d.issued_at - p.drafted_at as took from decision d join proposal p using (pilot_id, proposal_id)"
    ),
}


async def counts(tx: Tx, name: str) -> dict[str, int]:
    """One of :data:`COUNTS`."""
    return {row["name"]: row["n"] for row in await (await tx.execute(COUNTS[name])).fetchall()}


async def totals(tx: Tx) -> dict[str, int]:
    row = await (
        await tx.execute(
            """
            select (select count(*) from case_file where closed_at is null) as cases_open,
                   (select count(*) from item where state = 'open' and overdue) as items_overdue,
                   (select count(*) from item where overdue) as overdue_ever,
                   (select count(*) from decision where effect = 'without_effect') as decisions_without_effect
            """
        )
    ).fetchone()
    assert row is not None, "a select without a from gives one row"
    return row


async def oldest_open(tx: Tx) -> Any:
    """When the oldest case in the queue was opened, None when the queue is empty."""
    row = await (await tx.execute("select min(opened_at) as at from queue_entry where lead and kind = ''")).fetchone()
    return row["at"] if row else None


async def lead_times(tx: Tx) -> list[dict[str, Any]]:
    """Each with its count, and median and ninth decile in hours."""
    found = []
    for name, sql in _LEAD_TIMES.items():
        cursor = await tx.execute(
            "select count(*) as count, "  # noqa: S608 - our own statements
            "percentile_cont(0.5) within group (order by extract(epoch from took) / 3600.0) as median_hours, "
            "percentile_cont(0.9) within group (order by extract(epoch from took) / 3600.0) as p90_hours "
            f"from ({sql}) measured"
        )
        row = await cursor.fetchone()
        assert row is not None, "an aggregate gives one row"
        found.append({"name": name, **row})
    return found


# The contribution of pilots


async def keep_total(tx: Tx, pilot_id: UUID, metric: str, quarter: str, total: Decimal) -> None:
    """A total as it stood in a quarter: the latest that was told.

    One that is corrected later counts in the latest quarter that is known: what earlier quarters were told stays.
    """
    await tx.execute(
        """
        insert into usage (pilot_id, metric, quarter, total)
        select %(pilot)s, %(metric)s, greatest(%(quarter)s, (
            select max(quarter) from usage where pilot_id = %(pilot)s and metric = %(metric)s
        )), %(total)s
        on conflict (pilot_id, metric, quarter) do update set total = excluded.total
        """,
        {"pilot": pilot_id, "metric": metric, "quarter": quarter, "total": total},
    )


async def keep_peak(tx: Tx, pilot_id: UUID, metric: str, quarter: str, peak: Decimal) -> None:
    """A value of a gauge in a quarter: the highest stands, in whatever order they are told."""
    await tx.execute(
        "insert into usage (pilot_id, metric, quarter, peak) values (%s, %s, %s, %s) "
        "on conflict (pilot_id, metric, quarter) do update set peak = greatest(excluded.peak, usage.peak)",
        (pilot_id, metric, quarter, peak),
    )


async def rules_in_use(tx: Tx) -> list[str]:
    """The rule rows under which started pilots run or ran."""
    cursor = await tx.execute("select distinct rules_id from pilot where end_at is not null")
    return [row["rules_id"] for row in await cursor.fetchall()]


async def contribution(tx: Tx, persons: Mapping[str, Mapping[str, bool]], now: datetime) -> list[dict[str, Any]]:
    """Sums over the pilots of each sector, province and quarter in which they ran, from the start to the end or until ``now``; None where
    nobody reported. ``persons`` by rule rows: their metrics that count persons, and whether one by one.

    A total brings what was added to it since the quarter before. Metrics may count the same person, so the largest stands, not their sum;
    the number at one time where none counts one by one.
    """
    counted = [(rules_id, metric, adds) for rules_id, found in persons.items() for metric, adds in found.items()]
    cursor = await tx.execute(
        """
        with term as (
            select pilot_id, sector, case when cardinality(provinces) = 1 then provinces[1] else %(many)s end as province,
                   start_at at time zone interval '7 hours' as since,
                   coalesce(winding_since, ended_at, %(now)s) at time zone interval '7 hours' as until
            from pilot where end_at is not null
        ), ran as (
            select pilot_id, sector, province, to_char(start, 'YYYY"Q"Q') as quarter
            from term cross join lateral generate_series(date_trunc('quarter', since), until, interval '3 months') start
        ), used as (
            select pilot_id, metric, quarter, peak,
                   total - coalesce(lag(total) over (partition by pilot_id, metric order by quarter), 0) as accrued
            from usage
        ), brought as (
            select u.pilot_id, u.quarter,
                   coalesce(max(u.accrued) filter (where c.adds), max(u.peak) filter (where not c.adds)) as participants,
                   sum(u.accrued) filter (where u.metric = %(revenue)s) as revenue_vnd,
                   sum(u.peak) filter (where u.metric = %(jobs)s) as jobs
            from used u join pilot p using (pilot_id)
                left join unnest(%(rules)s::text[], %(metrics)s::text[], %(adds)s::boolean[]) as c(rules_id, metric, adds)
                on c.rules_id = p.rules_id and c.metric = u.metric
            group by u.pilot_id, u.quarter
        )
        select sector, province, quarter, count(*) as pilots, sum(participants) as participants, sum(revenue_vnd) as revenue_vnd,
               sum(jobs) as jobs
        from ran left join brought using (pilot_id, quarter)
        group by sector, province, quarter order by sector collate "C", province collate "C", quarter
        """,
        {
            "many": MANY,
            "now": now,
            "revenue": REVENUE,
            "jobs": JOBS,
            "rules": [one[0] for one in counted],
            "metrics": [one[1] for one in counted],
            "adds": [one[2] for one in counted],
        },
    )
    return await cursor.fetchall()


# The law-reform list


async def keep_rules_in_the_way(tx: Tx, event: FinalReportFiled, sector: str) -> None:
    """What the pilot's final report says; a later one takes its place."""
    await tx.execute("delete from rule_in_the_way where pilot_id = %s", (event.pilot_id,))
    rows: Iterable[tuple[Any, ...]] = [
        (event.pilot_id, n, event.report_id, rule.legal_basis, rule.article, rule.text, sector)
        for n, rule in enumerate(event.rules_in_the_way)
    ]
    async with tx.cursor() as cursor:
        await cursor.executemany(
            "insert into rule_in_the_way (pilot_id, position, report_id, legal_basis, article, text, sector) "
            "values (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


async def rules_in_the_way(tx: Tx) -> list[dict[str, Any]]:
    """Over all pilots, what stood in most pilots' way first."""
    cursor = await tx.execute(
        """
        select legal_basis, article, count(distinct pilot_id) as pilots,
               array_agg(distinct sector order by sector) as sectors, (array_agg(text order by pilot_id, position))[1:50] as texts
        from rule_in_the_way group by legal_basis, article
        order by pilots desc, legal_basis, article nulls first
        """
    )
    return await cursor.fetchall()

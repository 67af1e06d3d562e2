"""Quarters of the year in Vietnam, and what pilots brought in each: the contribution that the state wants to measure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from shared.contracts.rules import Metric, MetricKind
from shared.reference.calendar import local_day

MANY = "many"
"""The province of a pilot that spans several: its figures cannot be divided among them."""
PERSONS = "person"
JOBS = "jobs"
REVENUE = "revenue_vnd"
_ADDING = (MetricKind.DELTA, MetricKind.COUNTER)


def quarter_of(instant: datetime) -> str:
    """``2026Q3`` for an instant in July, August or September 2026 (+07:00). Quarters compare as text."""
    day = local_day(instant)
    return f"{day.year}Q{(day.month + 2) // 3}"


def quarters(first: datetime, last: datetime) -> Iterable[str]:
    """The quarters from that of ``first`` to that of ``last``, both included."""
    day, end = local_day(first), quarter_of(last)
    year, number = day.year, (day.month + 2) // 3
    while (found := f"{year}Q{number}") <= end:
        yield found
        year, number = (year, number + 1) if number < 4 else (year + 1, 1)


@dataclass(frozen=True)
class Used:
    """A pilot's metric in a quarter: what was added to its total, or its highest value at one time."""

    pilot_id: UUID
    metric: str
    quarter: str
    accrued: Decimal | None = None
    peak: Decimal | None = None


@dataclass(frozen=True)
class Term:
    """When a pilot ran, and where. ``until`` is None while it runs."""

    pilot_id: UUID
    sector: str
    provinces: tuple[str, ...]
    start: datetime
    until: datetime | None

    @property
    def province(self) -> str:
        return self.provinces[0] if len(self.provinces) == 1 else MANY


@dataclass
class Figures:
    """Sums over the pilots of one sector, province and quarter; None where nobody reported."""

    pilots: int = 0
    participants: Decimal | None = None
    revenue_vnd: Decimal | None = None
    jobs: Decimal | None = None


Cell = tuple[str, str, str]


def contribution(
    terms: Iterable[Term], used: Iterable[Used], metrics: Mapping[UUID, Mapping[str, Metric]], now: datetime
) -> dict[Cell, Figures]:
    """By sector, province and quarter. ``metrics`` are each pilot's own rows: they say what counts persons and what adds up."""
    by_place: dict[tuple[UUID, str], list[Used]] = defaultdict(list)
    for use in used:
        by_place[use.pilot_id, use.quarter].append(use)
    found: dict[Cell, Figures] = defaultdict(Figures)
    for term in terms:
        for quarter in quarters(term.start, term.until or now):
            cell = found[term.sector, term.province, quarter]
            uses = by_place.get((term.pilot_id, quarter), ())
            cell.pilots += 1
            cell.participants = _plus(cell.participants, participants(uses, metrics.get(term.pilot_id, {})))
            cell.revenue_vnd = _plus(cell.revenue_vnd, _sum(u.accrued for u in uses if u.metric == REVENUE))
            cell.jobs = _plus(cell.jobs, _sum(u.peak for u in uses if u.metric == JOBS))
    return dict(found)


def participants(uses: Iterable[Used], metrics: Mapping[str, Metric]) -> Decimal | None:
    """Persons that a pilot reached in a quarter: the largest of the metrics that count persons one by one (audience, visitors); where
    none is reported, the largest number at one time. Metrics may count the same person, so they are not added."""
    persons = [
        (use, metrics[use.metric].kind in _ADDING)
        for use in uses
        if use.metric in metrics and metrics[use.metric].unit == PERSONS and use.metric != JOBS
    ]
    counted = [use.accrued for use, adds in persons if adds and use.accrued is not None]
    at_once = [use.peak for use, adds in persons if not adds and use.peak is not None]
    return max(counted or at_once, default=None)


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal()) if known else None


def _plus(so_far: Decimal | None, more: Decimal | None) -> Decimal | None:
    return so_far if more is None else (so_far or Decimal()) + more

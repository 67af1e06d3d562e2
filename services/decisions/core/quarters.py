"""Quarters of the year in Vietnam, and what of pilots' figures counts in them: the contribution that the state wants to measure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shared.contracts.rules import Metric, MetricKind
from shared.reference.calendar import local_day

MANY = "many"
"""The province of a pilot that spans several: its figures cannot be divided among them."""
PERSONS = "person"
JOBS = "jobs"
REVENUE = "revenue_vnd"


def quarter_of(instant: datetime) -> str:
    """``2026Q3`` for an instant in July, August or September 2026 (+07:00). Quarters compare as text."""
    day = local_day(instant)
    return f"{day.year}Q{(day.month + 2) // 3}"


def persons(metrics: Mapping[str, Metric]) -> dict[str, bool]:
    """The metrics that count persons a pilot reached: True for those that count them one by one (audience, visitors), False for the number
    at one time."""
    return {
        name: row.kind in (MetricKind.DELTA, MetricKind.COUNTER)
        for name, row in metrics.items()
        if row.unit == PERSONS and name != JOBS
    }

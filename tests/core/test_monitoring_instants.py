"""Instants, days and periods in Vietnam."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.core import instants
from services.monitoring.core.instants import day_end, day_of, day_start, first_period, instant_of, moment, period_of
from services.monitoring.core.view import view_of
from shared.contracts.pilot import Period
from tests.monitoring_samples import CALENDAR, at, facts, registered, view

MOMENTS = st.integers(10_000 * 86_400, 45_000 * 86_400).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(MOMENTS)
def test_an_instant_and_its_moment_are_one(when: datetime) -> None:
    assert moment(instant_of(when)) == when


@given(MOMENTS)
def test_a_day_is_the_date_in_vietnam(when: datetime) -> None:
    day = day_of(instant_of(when))
    assert instants.date_of(day) == moment(instant_of(when)).date()
    assert day_start(day) <= instant_of(when) < day_end(day)
    assert instants.day_number(instants.date_of(day)) == day


@given(MOMENTS, st.sampled_from(Period))
def test_every_instant_lies_in_its_period_and_periods_join(when: datetime, period: Period) -> None:
    start, end = period_of(instant_of(when), period)
    assert start <= instant_of(when) < end
    assert period_of(end, period)[0] == end
    assert period_of(start, period) == (start, end)
    assert first_period(instant_of(when), period) in (start, end)


@pytest.mark.parametrize(
    ("when", "period", "start", "end"),
    [
        ("2026-07-26 23:00", Period.WEEK, "2026-07-20 00:00", "2026-07-27 00:00"),
        ("2026-07-27 00:00", Period.WEEK, "2026-07-27 00:00", "2026-08-03 00:00"),
        ("2026-12-31 12:00", Period.MONTH, "2026-12-01 00:00", "2027-01-01 00:00"),
        ("2028-02-29 12:00", Period.MONTH, "2028-02-01 00:00", "2028-03-01 00:00"),
        ("2026-07-26 23:00", Period.DAY, "2026-07-26 00:00", "2026-07-27 00:00"),
    ],
)
def test_periods_by_example(when: str, period: Period, start: str, end: str) -> None:
    assert period_of(instant_of(at(when)), period) == (instant_of(at(start)), instant_of(at(end)))


@pytest.mark.parametrize(
    ("end", "due"),
    [
        ("2026-07-27 00:00", "2026-07-29 00:00"),  # an ordinary week: Wednesday 00:00
        ("2026-11-23 00:00", "2026-11-26 00:00"),  # 24 November is Vietnam Culture Day
        ("2027-02-08 00:00", "2027-02-13 00:00"),  # Tết 2027
    ],
)
def test_a_report_is_due_two_working_days_after_its_period(end: str, due: str) -> None:
    assert moment(instants.silence_due(instant_of(at(end)), 2, CALENDAR)) == at(due)


def test_a_day_number_is_counted_from_1970() -> None:
    assert instants.day_number(date(1970, 1, 2)) == 1


def test_a_pilot_is_to_start_by_an_instant_when_its_registration_set_it_and_nothing_else_was_told() -> None:
    waits, begun, unset = view(begin=False), view(), facts(registered(start_at=None))
    due = waits.facts.start_at
    assert due is not None
    assert waits.is_to_start_by(instant_of(due)) and not waits.is_to_start_by(instant_of(due) - 1)
    assert not begun.is_to_start_by(instant_of(due))
    assert not view_of(unset, CALENDAR).is_to_start_by(instant_of(due))

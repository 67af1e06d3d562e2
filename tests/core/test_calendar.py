"""The working-day calendar: the worked examples, how limits are counted, pauses, what is left, and what nobody knows yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from shared.contracts.base import Due
from shared.contracts.rules import SupplementClock
from shared.reference.calendar import (
    VIETNAM,
    AfterHours,
    Calendar,
    DayRow,
    DayStatus,
    DayType,
    PauseSpan,
    anniversaries,
    anniversary,
    end_of,
    last_day,
    local_day,
    midnight,
)
from shared.reference.load import load_calendar

CALENDAR = load_calendar()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def until(day: str) -> datetime:
    """24:00 of the day, as the exclusive instant that a due is."""
    return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), VIETNAM)


def with_rows(*rows: DayRow, without: tuple[date, ...] = ()) -> Calendar:
    """The calendar with other rows: what a notice would make of it."""
    kept = tuple(row for row in CALENDAR.days if row.date not in without)
    return Calendar("another", (*kept, *rows), CALENDAR.years)


def off(day: str, kind: DayType = DayType.HOLIDAY, status: DayStatus = DayStatus.CONFIRMED) -> DayRow:
    return DayRow(date.fromisoformat(day), kind, "by notice", status)


TET_OPTION_2 = with_rows(
    *(off(f"2027-02-{day:02}", status=DayStatus.PROPOSED) for day in range(5, 15)),
    without=tuple(date(2027, 2, day) for day in range(4, 11)),
)

WORKING_DAYS = [
    # the worked examples 1, 2, 5, 6, 8 (without a supplement), 9, 10, then the extra ones
    ("2026-02-13T16:40", 5, "2026-02-27"),
    ("2026-02-12T09:00", 3, "2026-02-24"),
    ("2026-08-19T10:00", 5, "2026-08-25"),
    ("2026-08-28T15:05", 3, "2026-09-07"),
    ("2027-01-18T08:30", 20, "2027-02-22"),
    ("2027-01-29T14:00", 10, "2027-02-19"),
    ("2027-04-28T10:00", 5, "2027-05-07"),
    ("2026-08-20T15:00", 7, "2026-08-28"),
    ("2026-11-20T09:00", 2, "2026-11-25"),
    ("2026-02-14T10:00", 3, "2026-02-25"),
    ("2026-12-31T11:00", 2, "2027-01-05"),
    # a standstill of the season: filed on Monday 6 July 2026, starting by itself on Tuesday 14 July
    ("2026-07-06T09:00", 5, "2026-07-13"),
]


@pytest.mark.parametrize(("start", "n", "day"), WORKING_DAYS)
def test_a_limit_in_working_days_ends_at_24_00_of_its_last_day(start: str, n: int, day: str) -> None:
    assert CALENDAR.due_working_days(at(start), n).instant == until(day)


def test_which_days_are_counted_is_what_the_examples_say() -> None:
    august = [CALENDAR.add_working_days(date(2026, 8, 19), n) for n in range(1, 6)]
    assert [day.day for day in august] == [20, 21, 22, 24, 25]
    february = [CALENDAR.add_working_days(date(2027, 1, 29), n) for n in range(1, 11)]
    assert [day.day for day in february] == [1, 2, 3, 11, 12, 15, 16, 17, 18, 19]


def test_a_limit_ends_a_day_later_where_a_made_up_saturday_is_not_known() -> None:
    ignorant = with_rows(without=(date(2026, 8, 22),))
    assert ignorant.due_working_days(at("2026-08-19T10:00"), 5).instant == until("2026-08-26")


def test_the_other_option_for_tet_moves_the_limit() -> None:
    assert TET_OPTION_2.due_working_days(at("2027-01-29T14:00"), 10).instant == until("2027-02-22")


def test_the_swap_of_23_november_would_move_the_limit_if_it_were_confirmed() -> None:
    swapped = with_rows(off("2026-11-23", DayType.SWAP_OFF), off("2026-11-28", DayType.MAKEUP_WORK))
    assert swapped.due_working_days(at("2026-11-20T09:00"), 2).instant == until("2026-11-26")


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-02-15T22:30", 72, "2026-02-18T22:30"),
        ("2027-04-29T18:15", 72, "2027-05-02T18:15"),
        ("2026-09-01T20:00", 24, "2026-09-02T20:00"),
    ],
)
def test_a_limit_in_hours_runs_through_nights_and_holidays(start: str, hours: int, due: str) -> None:
    assert CALENDAR.due_hours(at(start), hours) == Due(instant=at(due), calendar_version=CALENDAR.version)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-02-07T08:00", 10, "2026-02-23"),  # the raw end is the first day of Tết
        ("2026-11-27T10:00", 90, "2027-02-25"),
        ("2026-07-06T10:00", 4, "2026-07-10"),
        ("2026-07-06T10:00", 5, "2026-07-13"),
    ],
)
def test_a_limit_in_calendar_days_ends_with_a_working_day(start: str, days: int, due: str) -> None:
    assert CALENDAR.due_calendar_days(at(start), days).instant == until(due)


@pytest.mark.parametrize(
    ("start", "months", "due"),
    [
        ("2026-08-31T10:00", 6, "2027-03-01"),  # 28 February 2027 is a Sunday
        ("2026-07-14T10:00", 12, "2027-07-14"),
        ("2027-11-30T10:00", 3, "2028-02-29"),
    ],
)
def test_a_limit_in_months_by_the_civil_code_ends_with_a_working_day(start: str, months: int, due: str) -> None:
    assert CALENDAR.due_months(at(start), months).instant == until(due)


def test_a_pilot_ends_at_the_same_wall_clock_instant_and_is_not_moved() -> None:
    end = anniversary(at("2026-07-14T00:00"), 12)
    assert end == at("2027-07-14T00:00")
    assert last_day(end) == date(2027, 7, 13)
    assert anniversary(at("2026-08-31T09:30"), 6) == at("2027-02-28T09:30")
    assert anniversary(at("2026-08-31T09:30"), -6) == at("2026-02-28T09:30")
    assert last_day(at("2027-07-14T09:30")) == date(2027, 7, 14)
    assert anniversary(datetime(2026, 7, 13, 17, tzinfo=UTC), 12) == at("2027-07-14T00:00")


def test_the_final_report_is_due_by_24_00_of_the_15th_day_before_the_last_day() -> None:
    end = at("2027-07-14T00:00")
    assert CALENDAR.due_days_before(end, 15).instant == until("2027-06-28")
    sunday = at("2027-08-10T00:00")  # the last day is 9 August, 15 days before it Sunday 25 July: not moved
    assert CALENDAR.due_days_before(sunday, 15).instant == until("2027-07-25")


def test_an_extension_is_filed_at_least_15_working_days_before_the_last_day() -> None:
    assert CALENDAR.last_filing_day(date(2026, 9, 10), 15) == date(2026, 8, 18)
    assert CALENDAR.due_working_days_before(at("2026-09-11T00:00"), 15).instant == until("2026-08-18")


def test_periodic_reports_fall_due_from_the_start_and_none_at_the_end() -> None:
    start, end = at("2026-07-14T00:00"), at("2027-07-14T00:00")
    assert anniversaries(start, 6, end) == (at("2027-01-14T00:00"),)
    assert anniversaries(start, 3, end) == tuple(
        at(f"{day}T00:00") for day in ("2026-10-14", "2027-01-14", "2027-04-14")
    )
    assert anniversaries(at("2026-08-31T00:00"), 3, at("2027-07-01T00:00")) == tuple(
        at(f"{day}T00:00") for day in ("2026-11-30", "2027-02-28", "2027-05-31")
    )
    assert anniversaries(start, 24, end) == ()
    with pytest.raises(ValueError, match="at least one month"):
        anniversaries(start, 0, end)


SUPPLEMENT = PauseSpan(at("2027-01-25T10:00"), at("2027-02-03T16:00"))


@pytest.mark.parametrize(
    ("how", "due"), [(SupplementClock.PAUSE, "2027-03-04"), (SupplementClock.RESTART, "2027-03-10")]
)
def test_a_supplement_pauses_the_limit_or_starts_it_again(how: SupplementClock, due: str) -> None:
    assert CALENDAR.due_after_supplement(at("2027-01-18T08:30"), 20, SUPPLEMENT, how).instant == until(due)


def test_both_days_of_a_pause_do_not_count() -> None:
    one_day = PauseSpan(at("2026-07-07T08:00"), at("2026-07-07T17:00"))
    assert CALENDAR.due_working_days(at("2026-07-06T09:00"), 5, [one_day]).instant == until("2026-07-14")
    assert CALENDAR.due_calendar_days(at("2026-07-06T09:00"), 3, [one_day]).instant == until("2026-07-10")


def test_two_pauses_that_overlap_do_not_count_twice() -> None:
    first = PauseSpan(at("2026-07-07T08:00"), at("2026-07-08T17:00"))
    second = PauseSpan(at("2026-07-08T08:00"), at("2026-07-09T17:00"))
    assert CALENDAR.due_working_days(at("2026-07-06T09:00"), 1, [first, second]).instant == until("2026-07-10")


def test_a_limit_of_no_days_is_due_at_once() -> None:
    now = at("2026-07-04T23:59")
    assert CALENDAR.due_working_days(now, 0).instant == CALENDAR.due_calendar_days(now, 0).instant == now
    assert CALENDAR.add_working_days(now.date(), 0) == now.date()


@pytest.mark.parametrize("count", [-1, 0])
def test_a_limit_has_at_least_one_unit(count: int) -> None:
    now = at("2026-07-06T09:00")
    for limit in (CALENDAR.due_hours, CALENDAR.due_months, CALENDAR.due_days_before, CALENDAR.due_working_days_before):
        with pytest.raises(ValueError, match="at least one unit"):
            limit(now, count)
    with pytest.raises(ValueError, match="not negative"):
        CALENDAR.due_working_days(now, -1)
    with pytest.raises(ValueError, match="at least one unit"):
        CALENDAR.due_calendar_days(now, -1)


def test_the_date_of_an_event_is_that_of_vietnam() -> None:
    late = datetime(2026, 7, 5, 17, 30, tzinfo=UTC)  # 00:30 on Monday 6 July in Vietnam
    assert local_day(late) == date(2026, 7, 6)
    due = CALENDAR.due_working_days(late, 5)
    assert due.instant == until("2026-07-13")
    assert due.instant.isoformat() == "2026-07-14T00:00:00+07:00"
    with pytest.raises(ValueError, match="offset"):
        local_day(datetime(2026, 7, 6))  # noqa: DTZ001
    assert (midnight(date(2026, 7, 6)), end_of(date(2026, 7, 6))) == (at("2026-07-06T00:00"), at("2026-07-07T00:00"))


def test_a_receipt_on_a_day_off_may_count_on_the_next_working_day() -> None:
    strict = Calendar(CALENDAR.version, CALENDAR.days, CALENDAR.years, after_hours=AfterHours.NEXT_WORKING_DAY)
    saturday, night = at("2026-02-14T10:00"), at("2026-07-06T22:00")
    assert CALENDAR.due_working_days(saturday, 3).instant == until("2026-02-25")
    assert strict.due_working_days(saturday, 3).instant == until("2026-02-26")
    assert strict.due_working_days(night, 5) == CALENDAR.due_working_days(night, 5)


# What nobody knows yet


def test_a_limit_that_counts_over_an_unconfirmed_row_is_provisional() -> None:
    assert CALENDAR.due_working_days(at("2027-01-29T14:00"), 10).provisional
    assert not CALENDAR.due_working_days(at("2027-01-29T14:00"), 3).provisional
    assert not CALENDAR.due_working_days(at("2026-02-13T16:40"), 5).provisional
    assert CALENDAR.due_calendar_days(at("2027-01-30T14:00"), 8).provisional
    assert CALENDAR.due_working_days_before(at("2027-02-13T00:00"), 5).provisional


def test_an_unconfirmed_holiday_on_a_weekend_makes_nothing_provisional() -> None:
    assert not CALENDAR.is_provisional(date(2027, 2, 7))
    assert CALENDAR.is_provisional(date(2027, 2, 8))


def test_days_of_a_pause_make_nothing_provisional() -> None:
    tet = PauseSpan(at("2027-02-03T10:00"), at("2027-02-12T10:00"))
    assert not CALENDAR.due_working_days(at("2027-02-02T10:00"), 2, [tet]).provisional


def test_in_a_year_without_rows_only_weekends_are_known_and_every_limit_is_provisional() -> None:
    due = CALENDAR.due_working_days(at("2027-12-30T10:00"), 3)
    assert (due.instant, due.provisional) == (until("2028-01-04"), True)
    assert not CALENDAR.due_working_days(at("2027-12-30T10:00"), 1).provisional
    assert not CALENDAR.due_hours(at("2028-01-01T10:00"), 72).provisional


def test_who_runs_it_is_told_90_days_ahead_that_a_year_has_no_rows() -> None:
    assert CALENDAR.unpublished_year(date(2027, 10, 2)) is None
    assert CALENDAR.unpublished_year(date(2027, 10, 3)) == 2028
    assert CALENDAR.unpublished_year(date(2029, 5, 1)) == 2029


def test_a_limit_due_soon_in_a_year_without_rows_is_an_error_to_log() -> None:
    due = at("2028-01-11T00:00")
    assert CALENDAR.rests_on_unpublished(due, date(2027, 11, 11))
    assert not CALENDAR.rests_on_unpublished(due, date(2027, 11, 10))
    assert not CALENDAR.rests_on_unpublished(at("2028-01-01T00:00"), date(2027, 12, 31))


# What is left


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("2026-07-10T07:00", timedelta(hours=16)),  # Friday and Monday whole
        ("2026-07-10T09:00", timedelta(hours=15)),
        ("2026-07-10T12:30", timedelta(hours=12)),
        ("2026-07-10T14:00", timedelta(hours=11, minutes=30)),
        ("2026-07-10T20:00", timedelta(hours=8)),
        ("2026-07-11T10:00", timedelta(hours=8)),  # Saturday
        ("2026-07-13T16:45", timedelta(minutes=45)),
        ("2026-07-13T17:30", timedelta()),
    ],
)
def test_what_remains_is_working_time(now: str, left: timedelta) -> None:
    found = CALENDAR.remaining(at(now), until("2026-07-13"))
    assert (found.working, found.until_midnight, found.overdue) == (left, not left, False)


def test_what_remains_ends_at_the_exclusive_instant() -> None:
    due = until("2026-07-13")
    assert CALENDAR.remaining(due - timedelta(seconds=1), due).until_midnight
    over = CALENDAR.remaining(due, due)
    assert (over.working, over.until_midnight, over.overdue) == (timedelta(), False, True)


def test_what_remains_until_an_instant_within_a_day_stops_there() -> None:
    assert CALENDAR.remaining(at("2026-07-10T08:00"), at("2026-07-13T10:00")).working == timedelta(hours=10)
    assert CALENDAR.remaining(at("2026-07-10T09:00"), at("2026-07-10T14:30")).working == timedelta(hours=4)


def test_what_remains_skips_tet_and_counts_made_up_saturdays() -> None:
    assert CALENDAR.remaining(at("2026-02-13T18:00"), until("2026-02-24")).working == timedelta(hours=16)
    assert CALENDAR.remaining(at("2026-08-21T18:00"), until("2026-08-24")).working == timedelta(hours=16)


def test_a_known_instant_can_be_carried_as_a_due() -> None:
    end = at("2027-07-14T00:00")
    assert CALENDAR.due_instant(end) == Due(instant=end, calendar_version="vn-public-2026-11-22")

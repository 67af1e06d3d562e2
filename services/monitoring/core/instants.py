"""Instants as whole microseconds since 1970 (UTC), days as day numbers in Vietnam: exact, small, and quick to compare and to add."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from shared.contracts.pilot import Period
from shared.reference.calendar import VIETNAM, Calendar

Instant = int
"""Microseconds since 1970-01-01T00:00Z."""
Day = int
"""Days since 1970-01-01, counted at +07:00."""

MILLISECOND = 1_000
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
OFFSET = 7 * HOUR
"""Of Vietnam from UTC, all year."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


def instant_of(at: datetime) -> Instant:
    """``at`` must be aware."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at: Instant) -> datetime:
    """The aware datetime of an instant, in Vietnam."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(VIETNAM)


def day_of(at: Instant) -> Day:
    return (at + OFFSET) // DAY


def day_start(day: Day) -> Instant:
    """00:00 of ``day`` at +07:00."""
    return day * DAY - OFFSET


def day_end(day: Day) -> Instant:
    """24:00 of ``day`` at +07:00, exclusive."""
    return day_start(day + 1)


def quarter_of(at: Instant) -> int:
    """The quarter of the year in which ``at`` lies, at +07:00, counted on from year to year."""
    return _quarter_of_day(day_of(at))


@lru_cache(maxsize=1024)
def _quarter_of_day(day: Day) -> int:
    on = date_of(day)
    return on.year * 4 + (on.month - 1) // 3


def date_of(day: Day) -> date:
    return date.fromordinal(_EPOCH_ORDINAL + day)


def day_number(day: date) -> Day:
    return day.toordinal() - _EPOCH_ORDINAL


def period_of(at: Instant, period: Period) -> tuple[Instant, Instant]:
    """The reporting period in which ``at`` lies, as [start, end). Weeks run Monday 00:00 to Monday 00:00, all at +07:00."""
    day = day_of(at)
    if period is Period.DAY:
        return day_start(day), day_end(day)
    if period is Period.WEEK:
        monday = day - (day + 3) % 7  # day 0 was a Thursday
        return day_start(monday), day_start(monday + 7)
    first = date_of(day).replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return day_start(day_number(first)), day_start(day_number(following))


def first_period(at: Instant, period: Period) -> Instant:
    """The start of the first period that begins at ``at`` or later."""
    start, end = period_of(at, period)
    return start if start == at else end


def silence_due(end: Instant, grace_working_days: int, calendar: Calendar) -> Instant:
    """When a report of the period that ends at ``end`` is due: the end of the n-th working day after the period's last day."""
    last = moment(end - 1)
    return instant_of(calendar.due_working_days(last, grace_working_days).instant)

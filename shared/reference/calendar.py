"""Working days in Vietnam and how limits are counted on them. Pure: every function takes the time that it needs.

Law: Civil Code (91/2015/QH13) arts 145–148, named below by article; Labour Code (45/2019/QH14) arts 111–112 for holidays;
Resolution 28/2026/QH16 for 24 November. The regulator's calendar is the public-sector one, for both sides' limits.

- A limit in days or months starts the day after its event; the event's day is never counted (147.2–3). One in hours starts at the
  stated moment and runs through nights, weekends and holidays (147.1).
- The last day D ends at 24:00 (148.6). A due instant is written as an exclusive bound, ``D+1T00:00+07:00``: an act counts when its own
  time is before it.
- A calendar limit whose last day is a weekend day or a holiday ends with the next working day (148.5). Limits in months that this
  system sets run to the same wall-clock instant and are not moved: :func:`anniversary`.

A due instant names its calendar version and says whether it is provisional: whether a day that it counted or skipped rests on a
row not yet confirmed, or lies in a year that has no rows yet (there only weekends are known, and only the calendar date is promised).
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from itertools import accumulate

from shared.contracts.base import Due
from shared.contracts.rules import SupplementClock

VIETNAM = timezone(timedelta(hours=7), "+07:00")
"""Asia/Ho_Chi_Minh: UTC+7 all year, no daylight saving."""

_DAY = timedelta(days=1)
_SATURDAY = 5


class DayType(StrEnum):
    HOLIDAY = "holiday"
    COMPENSATORY = "compensatory"
    SWAP_OFF = "swap_off"
    MAKEUP_WORK = "makeup_work"


class DayStatus(StrEnum):
    """A published act; announced and not issued; computed and waiting for the yearly notice."""

    CONFIRMED = "confirmed"
    PROPOSED = "proposed"
    ASSUMED = "assumed"


class AfterHours(StrEnum):
    """What a receipt on a non-working day counts as: received that day, or on the next working day."""

    AS_STAMPED = "as_stamped"
    NEXT_WORKING_DAY = "next_working_day"


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day that is not what its weekday says."""

    date: date
    kind: DayType
    name: str
    status: DayStatus

    @property
    def working(self) -> bool:
        return self.kind is DayType.MAKEUP_WORK

    @property
    def changes(self) -> bool:
        """Whether the row makes the day other than its weekday would; a holiday on a Sunday does not."""
        return self.working == (self.date.weekday() >= _SATURDAY)


@dataclass(frozen=True, slots=True)
class PauseSpan:
    """The other side held the ball from ``asked`` to ``answered``; both their days, and those between, do not count."""

    asked: datetime
    answered: datetime

    def covers(self, day: date) -> bool:
        return local_day(self.asked) <= day <= local_day(self.answered)


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left until a due instant. ``working`` is working time; ``until_midnight`` says that it is used up, and the day is not."""

    working: timedelta
    until_midnight: bool
    overdue: bool


def local_day(instant: datetime) -> date:
    """The date in Vietnam at ``instant``, which must be aware."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    return instant.astimezone(VIETNAM).date()


def midnight(day: date) -> datetime:
    """00:00 in Vietnam at the beginning of ``day``."""
    return datetime.combine(day, time(), VIETNAM)


def end_of(day: date) -> datetime:
    """24:00 of ``day``: the exclusive bound of a limit whose last day it is."""
    return midnight(day + _DAY)


def last_day(end: datetime) -> date:
    """The last day that has time before the exclusive instant ``end``: 13 July for 14 July 00:00, 14 July for 14 July 09:30."""
    return local_day(end - timedelta(microseconds=1))


def add_months(day: date, months: int) -> date:
    """The same day number ``months`` on; if that month has none, its last day (148.3)."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(day.day, monthrange(year, month0 + 1)[1]))


def anniversary(start: datetime, months: int) -> datetime:
    """The same wall-clock instant in Vietnam ``months`` on, not moved by weekends or holidays: when a pilot ends, when a report is due.

    14 July 2026 00:00 and 12 months give 14 July 2027 00:00, exclusive: the last day is 13 July.
    """
    local = start.astimezone(VIETNAM)
    return datetime.combine(add_months(local.date(), months), local.time(), VIETNAM)


def anniversaries(start: datetime, every_months: int, end: datetime) -> tuple[datetime, ...]:
    """The due instants of a periodic report: every ``every_months`` from the start, each counted from the start; none at the end itself."""
    if every_months < 1:
        raise ValueError("a period has at least one month")
    found: list[datetime] = []
    while (due := anniversary(start, every_months * (len(found) + 1))) < end:
        found.append(due)
    return tuple(found)


@dataclass(frozen=True)
class Calendar:
    """Which days are worked, by dated rows. ``years`` are those whose rows are complete; elsewhere only weekends are known."""

    version: str
    days: Sequence[DayRow]
    years: frozenset[int]
    working_hours: tuple[tuple[time, time], ...] = ((time(8), time(12)), (time(13, 30), time(17, 30)))
    after_hours: AfterHours = AfterHours.AS_STAMPED
    _rows: dict[date, DayRow] = field(init=False, repr=False, compare=False)
    _changed: list[date] = field(init=False, repr=False, compare=False)
    _shift: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        changing = sorted((row for row in self.days if row.changes), key=lambda row: row.date)
        object.__setattr__(self, "_rows", {row.date: row for row in self.days})
        object.__setattr__(self, "_changed", [row.date for row in changing])
        object.__setattr__(self, "_shift", [0, *accumulate(1 if row.working else -1 for row in changing)])

    # Days

    def is_working_day(self, day: date) -> bool:
        row = self._rows.get(day)
        return row.working if row is not None else day.weekday() < _SATURDAY

    def is_provisional(self, day: date) -> bool:
        """Whether what we say of ``day`` may still change: a row that is not confirmed decides it, or its year has no rows yet."""
        row = self._rows.get(day)
        if row is not None and row.changes and row.status is not DayStatus.CONFIRMED:
            return True
        return day.year not in self.years and day.weekday() < _SATURDAY

    def add_working_days(self, day: date, n: int) -> date:
        """The ``n``-th working day after ``day``, which is not counted; ``n`` = 0 is ``day`` itself."""
        return self._walk(day, n, 1)[0]

    def subtract_working_days(self, day: date, n: int) -> date:
        """The ``n``-th working day before ``day``, which is not counted; ``n`` = 0 is ``day`` itself."""
        return self._walk(day, n, -1)[0]

    def next_working_day(self, day: date) -> date:
        """``day`` if it is worked, else the first worked day after it (148.5)."""
        return self._roll(day)[0]

    def working_days_between(self, after: date, until: date) -> int:
        """How many working days d there are with after < d ≤ until; 0 when ``until`` is not later."""
        return self._worked_until(until) - self._worked_until(after) if until > after else 0

    # Limits

    def due_working_days(self, start: datetime, n: int, pauses: Iterable[PauseSpan] = ()) -> Due:
        """Due instant of ``n`` working days from the event at ``start``; days of a pause do not count. ``n`` = 0 is due at once."""
        if n == 0:
            return self._due(start, False)
        return self._end_of(*self._walk(self._received(start), n, 1, tuple(pauses)))

    def due_calendar_days(self, start: datetime, n: int, pauses: Iterable[PauseSpan] = ()) -> Due:
        """Due instant of ``n`` calendar days from the event at ``start``, moved to a working day (148.5). ``n`` = 0 is due at once."""
        if n == 0:
            return self._due(start, False)
        spans, day, left = tuple(pauses), local_day(start), _positive(n)
        while left:
            day += _DAY
            left -= not any(span.covers(day) for span in spans)
        return self._end_of(*self._roll(day))

    def due_months(self, start: datetime, n: int) -> Due:
        """Due instant of ``n`` months by the Civil Code: same day number, moved to a working day. Not for ends: :func:`anniversary`."""
        return self._end_of(*self._roll(add_months(local_day(start), _positive(n))))

    def due_hours(self, start: datetime, n: int) -> Due:
        """Due instant of ``n`` hours from ``start``: never moved, whatever day it falls on."""
        return self._due(start + timedelta(hours=_positive(n)), False)

    def due_after_supplement(self, start: datetime, n: int, span: PauseSpan, how: SupplementClock) -> Due:
        """``n`` working days interrupted by a supplement: its time does not count, or all is counted again from the answer."""
        if how is SupplementClock.RESTART:
            return self.due_working_days(span.answered, n)
        return self.due_working_days(start, n, (span,))

    def due_instant(self, instant: datetime) -> Due:
        """An instant that is known as it stands, with this calendar's version."""
        return self._due(instant, False)

    # Limits counted back

    def last_filing_day(self, before: date, n: int) -> date:
        """At least ``n`` working days before ``before``, not counted: the ``n``-th day back is the last permitted, until 24:00."""
        return self.subtract_working_days(before, _positive(n))

    def due_working_days_before(self, end: datetime, n: int) -> Due:
        """By 24:00 of the ``n``-th working day before the last day of something that ends at ``end``: an extension's request."""
        return self._end_of(*self._walk(last_day(end), _positive(n), -1))

    def due_days_before(self, end: datetime, n: int) -> Due:
        """By 24:00 of the ``n``-th calendar day before the last day of something that ends at ``end``, not moved: the final report.

        An end at 14 July 2027 00:00 has the last day 13 July; 15 days before it is 28 June, due 29 June 00:00 exclusive.
        """
        return self._due(end_of(last_day(end) - timedelta(days=_positive(n))), False)

    # Looking ahead

    def remaining(self, now: datetime, due: datetime) -> Remaining:
        """Working time left before ``due``; when none is left and ``due`` is ahead, it runs "until 24:00"."""
        if now >= due:
            return Remaining(timedelta(), until_midnight=False, overdue=True)
        first, last = local_day(now), local_day(due)
        whole = sum((_length(*hours) for hours in self.working_hours), timedelta())
        between = self.working_days_between(first, last) - (last > first and self.is_working_day(last))
        left = between * whole
        for day in {first, last}:
            if self.is_working_day(day):
                left += sum((_overlap(day, hours, now, due) for hours in self.working_hours), timedelta())
        return Remaining(left, until_midnight=not left, overdue=False)

    def unpublished_year(self, today: date, ahead: int = 90) -> int | None:
        """The first year without rows that begins within ``ahead`` days of ``today``, or that ``today`` lies in; None when there is none."""
        year = today.year
        while year in self.years:
            year += 1
        return year if date(year, 1, 1) <= today + timedelta(days=ahead) else None

    def rests_on_unpublished(self, due: datetime, today: date, within: int = 60) -> bool:
        """Whether a limit falls due within ``within`` days in a year without rows: an error to log, not to wait for."""
        day = last_day(due)
        return day.year not in self.years and day <= today + timedelta(days=within)

    # Parts

    def _received(self, start: datetime) -> date:
        day = local_day(start)
        return self.next_working_day(day) if self.after_hours is AfterHours.NEXT_WORKING_DAY else day

    def _walk(self, day: date, n: int, step: int, pauses: Sequence[PauseSpan] = ()) -> tuple[date, bool]:
        """Count ``n`` working days outside the pauses; also whether a day passed over or counted is provisional."""
        if n < 0:
            raise ValueError("a number of days is not negative")
        provisional = False
        while n:
            day += step * _DAY
            if any(span.covers(day) for span in pauses):
                continue
            provisional = provisional or self.is_provisional(day)
            n -= self.is_working_day(day)
        return day, provisional

    def _roll(self, day: date) -> tuple[date, bool]:
        provisional = self.is_provisional(day)
        while not self.is_working_day(day):
            day += _DAY
            provisional = provisional or self.is_provisional(day)
        return day, provisional

    def _worked_until(self, day: date) -> int:
        """Working days from 1 January of year 1 (a Monday) to ``day``, both counted: weekdays, corrected by the rows."""
        weeks, rest = divmod(day.toordinal(), 7)
        return weeks * 5 + min(rest, 5) + self._shift[bisect_right(self._changed, day)]

    def _end_of(self, day: date, provisional: bool) -> Due:
        return self._due(end_of(day), provisional)

    def _due(self, instant: datetime, provisional: bool) -> Due:
        return Due(instant=instant.astimezone(VIETNAM), calendar_version=self.version, provisional=provisional)


def _positive(n: int) -> int:
    if n < 1:
        raise ValueError("a limit has at least one unit")
    return n


def _length(start: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)


def _overlap(day: date, hours: tuple[time, time], now: datetime, due: datetime) -> timedelta:
    start, end = (datetime.combine(day, bound, VIETNAM) for bound in hours)
    return max(timedelta(), min(end, due) - max(start, now))

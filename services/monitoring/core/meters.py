"""What a metric amounts to, by kind, in scaled integers: sums are exact, and the same in whatever order samples arrive."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.monitoring.core.instants import Day, Instant, day_of

KEPT_DAYS = 8
"""Days with samples that a delta's meter keeps at hand; older ones stand in the rollup alone."""
KEPT_RUNS = 40
"""Days with samples that a counter keeps. What an older sample would move from day to day is settled by then; the total never moves."""
KEPT_POINTS = 8
"""Newest instants of which a gauge keeps the values."""

Gains = tuple[tuple[Day, int], ...]
"""By how much each day's sum moves."""


class Fall(ValueError):
    """A counter fell without a reset. ``known`` is the value that it may not pass, scaled."""

    def __init__(self, known: int) -> None:
        self.known = known
        super().__init__(f"the counter stood at {known}")


class LateReset(ValueError):
    """A reset lies before samples that were counted already: what was counted between can no longer be told apart."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A delta: the sum since the start, and those of the newest days with samples, in order. ``cut`` says that older days exist."""

    total: int = 0
    days: tuple[tuple[Day, int], ...] = ()
    cut: bool = False

    def day(self, day: Day) -> int | None:
        """The sum of ``day``; None when it is older than what is kept."""
        if self.days and day < self.days[0][0]:
            return None if self.cut else 0
        return next((value for kept, value in reversed(self.days) if kept == day), 0)

    def add(self, day: Day, value: int) -> Sum:
        """With ``value`` more on ``day``. A day older than those kept moves the total alone."""
        if self.days and self.days[-1][0] == day:
            return Sum(self.total + value, (*self.days[:-1], (day, self.days[-1][1] + value)), self.cut)
        days = dict(self.days)
        if day not in days and self.cut and day < self.days[0][0]:
            return replace(self, total=self.total + value)
        days[day] = days.get(day, 0) + value
        kept = sorted(days.items())
        return Sum(self.total + value, tuple(kept[-KEPT_DAYS:]), self.cut or len(kept) > KEPT_DAYS)


@dataclass(frozen=True, slots=True)
class Run:
    """The samples of one day of a counter without a reset between them: only the first and the last matter to a sum."""

    day: Day
    reset: bool
    first_at: Instant
    first: int
    last_at: Instant
    last: int


@dataclass(frozen=True, slots=True)
class Counter:
    """A cumulative metric. ``floor`` is the value before the oldest run kept, ``floor_at`` its instant (None: nothing is older)."""

    total: int = 0
    runs: tuple[Run, ...] = ()
    floor: int = 0
    floor_at: Instant | None = None

    def day(self, day: Day) -> int:
        """What the counter gained on ``day``, as far as it is kept."""
        return sum(run.last - self._base(i) for i, run in enumerate(self.runs) if run.day == day)

    def days(self) -> tuple[Day, ...]:
        """The days with samples that are kept whole."""
        return tuple(dict.fromkeys(run.day for run in self.runs if self.keeps(run.day)))

    def keeps(self, day: Day) -> bool:
        """Whether :meth:`day` is all of ``day``: nothing of it is older than what is kept."""
        return self.floor_at is None or day > day_of(self.floor_at)

    def put(self, at: Instant, value: int, reset: bool) -> tuple[Counter, Gains]:
        """With a sample, and what it adds to the days. Raises :class:`Fall` or :class:`LateReset`."""
        index = bisect_right(self.runs, at, key=lambda run: run.first_at) - 1
        before = self.runs[index] if index >= 0 else None
        after = self.runs[index + 1] if index + 1 < len(self.runs) else None
        settled = before is None and self.floor_at is not None and at <= self.floor_at
        within = before is not None and at <= before.last_at
        if reset:
            if settled or within:
                raise LateReset
            return self._insert(index, Run(day_of(at), True, at, value, at, value), 0, after)
        if before is not None and within:
            return self._pass(value, before.first, before.last)
        if settled:
            return self._pass(value, 0, self.floor)
        base = before.last if before is not None else self.floor
        if value < base:
            raise Fall(base)
        return self._extend(index, at, value, base, before, after)

    def _pass(self, value: int, low: int, high: int) -> tuple[Counter, Gains]:
        """A sample between two that are known: it must fit between them, and adds nothing."""
        if not low <= value <= high:
            raise Fall(low if value < low else high)
        return self, ()

    def _extend(
        self, index: int, at: Instant, value: int, base: int, before: Run | None, after: Run | None
    ) -> tuple[Counter, Gains]:
        if after is not None and not after.reset and value > after.first:
            raise Fall(after.first)
        day = day_of(at)
        if after is not None and not after.reset and after.day == day and (before is None or before.day != day):
            runs = (*self.runs[: index + 1], replace(after, first_at=at, first=value), *self.runs[index + 2 :])
            return replace(self, runs=runs), ()
        if before is not None and before.day == day:
            runs = (*self.runs[:index], replace(before, last_at=at, last=value), *self.runs[index + 1 :])
            return self._with(runs, day, value - base, after)
        return self._insert(index, Run(day, False, at, value, at, value), base, after)

    def _insert(self, index: int, run: Run, base: int, after: Run | None) -> tuple[Counter, Gains]:
        if after is not None and not after.reset and run.last > after.first:
            raise Fall(after.first)
        runs = (*self.runs[: index + 1], run, *self.runs[index + 1 :])
        if not run.reset:
            return self._with(runs, run.day, run.last - base, after)
        # The run after a reset counts from the reset on, no longer from the run before it.
        before = self.runs[index].last if index >= 0 else self.floor
        moved = before - run.last if after is not None and not after.reset else 0
        return self._kept(runs, ((run.day, run.last), *(((after.day, moved),) if after is not None and moved else ())))

    def _with(self, runs: tuple[Run, ...], day: Day, gain: int, after: Run | None) -> tuple[Counter, Gains]:
        """What a day gains is what the next one, which counted from further down, loses."""
        lost = ((after.day, -gain),) if after is not None and not after.reset and gain else ()
        return self._kept(runs, ((day, gain), *lost))

    def _kept(self, runs: tuple[Run, ...], gains: Gains) -> tuple[Counter, Gains]:
        total = self.total + sum(gain for _, gain in gains)
        cut = len(runs) - KEPT_RUNS
        if cut <= 0:
            return replace(self, total=total, runs=runs), gains
        oldest = runs[cut - 1]
        return Counter(total, runs[cut:], oldest.last, oldest.last_at), gains

    def _base(self, index: int) -> int:
        if self.runs[index].reset:
            return 0
        return self.runs[index - 1].last if index else self.floor


class Point(NamedTuple):
    """A value at an instant, with the sequence of the report that brought it. ``source`` is that of a gauge; other kinds are one series, whoever
    reports them. ``level`` is what a counter stood at, where its value counts from the sample before; None of a reset and of other kinds."""

    at: Instant
    sequence: int
    value: int
    source: str = ""
    level: int | None = None

    def corrects(self, known: Point) -> bool:
        """Whether this takes the place of ``known``, a gauge's value of the same source and instant: the later sequence does, and of one
        sequence the larger value."""
        return (self.sequence, self.value) > (known.sequence, known.value)


def place(point: Point) -> tuple[Instant, str]:
    """What a value stands under: one for each source at an instant."""
    return point.at, point.source


@dataclass(frozen=True, slots=True)
class Gauge:
    """The values of the newest instants, in order; at one instant each source has its own, and the gauge stands at the largest."""

    points: tuple[Point, ...] = ()

    @property
    def latest(self) -> Point | None:
        if not self.points:
            return None
        last = self.points[-1]
        if len(self.points) > 1 and self.points[-2].at == last.at:
            return max((known for known in self.points if known.at == last.at), key=lambda known: known.value)
        return last

    def instants(self) -> list[tuple[Instant, int]]:
        """What the gauge stood at, by instant, oldest first."""
        found: dict[Instant, int] = {}
        for known in self.points:
            found[known.at] = max(known.value, found.get(known.at, known.value))
        return list(found.items())

    def put(self, point: Point) -> Gauge | None:
        """With ``point``; None when its source has told of its instant in a later sequence. Sources do not correct one another: the values,
        and what the gauge stands at, are the same in whatever order samples arrive."""
        points = self.points
        if not points or points[-1].at < point.at:
            return Gauge(_newest((*points, point)))
        index = bisect_left(points, place(point), key=place)
        if index < len(points) and place(points[index]) == place(point):
            if not point.corrects(points[index]):
                return None
            return Gauge((*points[:index], point, *points[index + 1 :]))
        return Gauge(_newest((*points[:index], point, *points[index:])))


def _newest(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Without those of the oldest instant, when there are more instants than are kept."""
    if len(points) <= KEPT_POINTS or len({known.at for known in points}) <= KEPT_POINTS:
        return points
    oldest = points[0].at
    return points[1:] if points[1].at > oldest else tuple(known for known in points if known.at > oldest)

"""Sums, counters and gauges: exact, and the same in whatever order samples arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.core.instants import DAY, HOUR, day_of, day_start
from services.monitoring.core.meters import (
    KEPT_DAYS,
    KEPT_POINTS,
    KEPT_RUNS,
    Counter,
    Fall,
    Gauge,
    LateReset,
    Point,
    Sum,
)

FIRST = day_start(20_000)


def at(day: int, hour: int = 0) -> int:
    return FIRST + day * DAY + hour * HOUR


def filled(*samples: tuple[int, int]) -> Counter:
    counter = Counter()
    for when, value in samples:
        counter, _ = counter.put(when, value, False)
    return counter


# Sums


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-(10**20), 10**20)), max_size=60), st.randoms())
def test_a_total_does_not_depend_on_the_order_of_samples(samples: list[tuple[int, int]], random: object) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Sum(), Sum()
    for day, value in samples:
        one = one.add(day, value)
    for day, value in shuffled:
        other = other.add(day, value)
    assert one.total == other.total == sum(value for _, value in samples)


@given(st.lists(st.tuples(st.integers(0, KEPT_DAYS - 1), st.integers(-100, 100)), max_size=40))
def test_days_that_are_kept_hold_their_own_sums(samples: list[tuple[int, int]]) -> None:
    meter = Sum()
    for day, value in samples:
        meter = meter.add(day, value)
    for day in range(KEPT_DAYS):
        assert meter.day(day) == sum(value for on, value in samples if on == day)


def test_a_day_older_than_those_kept_is_not_known_and_moves_the_total_alone() -> None:
    meter = Sum()
    for day in range(1, KEPT_DAYS + 2):
        meter = meter.add(day, 1)
    assert meter.cut
    assert meter.day(1) is None
    late = meter.add(1, 5)
    assert (late.total, late.days) == (meter.total + 5, meter.days)
    assert meter.day(99) == 0
    assert Sum().add(3, 1).day(2) == 0


# Counters


def test_a_counter_gains_its_differences_on_the_day_of_the_later_sample() -> None:
    counter, gains = Counter().put(at(0, 10), 40, False)
    assert gains == ((day_of(at(0)), 40),)
    counter, gains = counter.put(at(1, 9), 55, False)
    assert gains == ((day_of(at(1)), 15),)
    assert (counter.total, counter.day(day_of(at(0))), counter.day(day_of(at(1)))) == (55, 40, 15)
    assert counter.days() == (day_of(at(0)), day_of(at(1)))


def test_a_late_sample_moves_gains_between_days_and_leaves_the_total() -> None:
    counter = filled((at(0, 10), 40), (at(1, 10), 60))
    after, gains = counter.put(at(0, 23), 45, False)
    assert gains == ((day_of(at(0)), 5), (day_of(at(1)), -5))
    assert after.total == counter.total == 60


def test_a_late_sample_before_a_days_first_changes_nothing_but_the_first() -> None:
    counter = filled((at(0, 10), 40), (at(1, 10), 60))
    after, gains = counter.put(at(1, 5), 50, False)
    assert gains == ()
    assert after.total == 60
    with pytest.raises(Fall):
        after.put(at(0, 23), 51, False)


def test_a_sample_between_two_known_ones_must_fit_and_adds_nothing() -> None:
    counter = filled((at(0, 8), 10), (at(0, 20), 30))
    assert counter.put(at(0, 12), 20, False) == (counter, ())
    for value in (9, 31):
        with pytest.raises(Fall) as fall:
            counter.put(at(0, 12), value, False)
        assert fall.value.known == (10 if value == 9 else 30)


def test_a_fall_is_refused_unless_the_sample_says_reset() -> None:
    counter = filled((at(0), 40))
    with pytest.raises(Fall):
        counter.put(at(1), 39, False)
    after, gains = counter.put(at(1), 3, True)
    assert (after.total, gains) == (43, ((day_of(at(1)), 3),))
    after, gains = after.put(at(1, 2), 5, False)
    assert (after.total, gains) == (45, ((day_of(at(1)), 2),))


def test_a_late_value_may_not_pass_the_one_that_follows_it() -> None:
    counter = filled((at(0), 40), (at(3), 60))
    with pytest.raises(Fall):
        counter.put(at(2), 61, False)
    after, _ = counter.put(at(2), 60, False)
    assert after.total == 60


def test_after_a_later_reset_a_late_value_may_be_any_higher_one() -> None:
    counter, _ = filled((at(0), 40)).put(at(3), 3, True)
    after, gains = counter.put(at(2), 100, False)
    assert (after.total, gains) == (103, ((day_of(at(2)), 60),))
    same_day, gains = after.put(at(2, 5), 110, False)
    assert (same_day.total, gains) == (113, ((day_of(at(2)), 10),))


def test_a_late_reset_between_days_moves_what_the_next_day_counts_from() -> None:
    counter = filled((at(0), 40), (at(3), 60))
    after, gains = counter.put(at(1), 10, True)
    # 40, then anew 10, then 60: 40 + 10 + 50.
    assert after.total == 100
    assert sum(gain for _, gain in gains) == 40
    assert after.day(day_of(at(3))) == 50
    first, gains = filled((at(3), 60)).put(at(1), 60, True)
    assert (first.total, gains) == (60, ((day_of(at(1)), 60), (day_of(at(3)), -60)))
    with pytest.raises(Fall):
        counter.put(at(1), 61, True)
    unmoved, gains = filled((at(0), 40), (at(3), 60)).put(at(1), 40, True)
    assert (unmoved.total, gains) == (100, ((day_of(at(1)), 40),))


def test_a_reset_within_what_was_counted_is_refused() -> None:
    counter = filled((at(0, 8), 10), (at(0, 20), 30))
    with pytest.raises(LateReset):
        counter.put(at(0, 12), 1, True)
    with pytest.raises(LateReset):
        counter.put(at(0, 20), 1, True)


def test_what_is_older_than_the_runs_kept_is_settled() -> None:
    counter = filled(*((at(day), 10 * day) for day in range(KEPT_RUNS + 3)))
    assert len(counter.runs) == KEPT_RUNS
    assert counter.floor == 20
    assert counter.total == 10 * (KEPT_RUNS + 2)
    assert counter.put(at(1), 15, False) == (counter, ())
    with pytest.raises(Fall):
        counter.put(at(1), 21, False)
    with pytest.raises(LateReset):
        counter.put(at(1), 5, True)
    between, gains = counter.put(at(2, 5), 25, False)
    assert between.total == counter.total
    assert sum(gain for _, gain in gains) == 0
    assert counter.day(counter.runs[0].day) == 10


@given(st.lists(st.tuples(st.integers(0, 20 * 24), st.integers(0, 50)), min_size=1, max_size=30), st.randoms())
def test_a_counters_sums_do_not_depend_on_the_order_of_samples(steps: list[tuple[int, int]], random: object) -> None:
    hours = sorted({hour for hour, _ in steps})
    value, samples = 0, []
    for hour, (_, step) in zip(hours, steps, strict=False):
        value += step
        samples.append((at(0) + hour * HOUR, value))
    in_order = filled(*samples)
    random.shuffle(samples)  # type: ignore[attr-defined]
    shuffled = filled(*samples)
    assert shuffled.total == in_order.total == value
    assert {day: shuffled.day(day) for day in shuffled.days()} == {day: in_order.day(day) for day in in_order.days()}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), min_size=1, max_size=40))
def test_what_a_counter_gains_is_what_its_days_and_its_total_show(steps: list[tuple[bool, int]]) -> None:
    counter, days = Counter(), dict[int, int]()
    value = 0
    for number, (reset, step) in enumerate(steps):
        value = step if reset else value + step
        counter, gains = counter.put(at(0) + number * 5 * HOUR, value, reset)
        for day, gain in gains:
            days[day] = days.get(day, 0) + gain
    assert sum(days.values()) == counter.total
    assert all(counter.day(day) == days[day] for day in counter.days())
    assert all(one.first_at <= one.last_at < other.first_at for one, other in pairwise(counter.runs))


# Gauges


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(1, 9), st.integers(0, 99)), max_size=20, unique_by=lambda x: x[:2]
    )
)
def test_the_latest_value_is_that_of_the_newest_instant_and_its_highest_sequence(
    told: list[tuple[int, int, int]],
) -> None:
    gauge = Gauge()
    for when, sequence, value in told:
        gauge = gauge.put(Point(when, sequence, value)) or gauge
    best = max(told, default=None)
    assert gauge.latest == (None if best is None else Point(*best))


def test_a_gauge_keeps_its_newest_points_and_takes_no_older_sequence() -> None:
    gauge = Gauge()
    for when in range(20):
        put = gauge.put(Point(when, 5, when))
        assert put is not None
        gauge = put
    assert [point.at for point in gauge.points] == list(range(12, 20))
    assert gauge.put(Point(15, 4, 99)) is None
    corrected = gauge.put(Point(15, 6, 99))
    assert corrected is not None
    assert corrected.points[3] == Point(15, 6, 99)
    late = gauge.put(Point(3, 7, 1))
    assert late is not None
    assert late.points == gauge.points


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(1, 3), st.integers(0, 5), st.sampled_from(["main", "gate", "door"])),
        max_size=40,
    ),
    st.randoms(),
)
def test_a_gauge_stands_at_the_largest_of_its_sources_last_words_in_whatever_order(
    told: list[tuple[int, int, int, str]], random: object
) -> None:
    last: dict[tuple[int, str], tuple[int, int]] = {}
    for when, sequence, value, source in told:
        last[when, source] = max(last.get((when, source), (0, 0)), (sequence, value))
    stands: dict[int, int] = {}
    for (when, _), (_, value) in sorted(last.items()):
        stands[when] = max(value, stands.get(when, value))
    for _ in range(2):
        gauge = Gauge()
        for one in told:
            gauge = gauge.put(Point(*one)) or gauge
        assert gauge.instants() == list(stands.items())[-KEPT_POINTS:]
        newest = gauge.latest
        assert (newest and (newest.at, newest.value)) == (gauge.instants()[-1] if told else None)
        random.shuffle(told)  # type: ignore[attr-defined]

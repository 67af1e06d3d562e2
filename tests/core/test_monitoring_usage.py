"""Usage as it is told: the last word about a day or a total is its sum, however late the samples came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.core import judge
from services.monitoring.core.book import Report
from services.monitoring.core.instants import DAY, HOUR, date_of, day_of, instant_of, moment
from services.monitoring.core.meters import KEPT_DAYS, KEPT_RUNS
from shared.contracts.events.monitoring import UsageRolled
from shared.contracts.numbers import SCALE, unscaled
from shared.contracts.pilot import Cap, Window
from tests.monitoring_samples import AUDIENCE, CROWD, DAILY, MEMBERS, START, Led, ended, report, sample

FIRST = instant_of(START)
NOW = START + timedelta(days=120)
JOINED = Cap(metric="participants_total", window=Window.DAY, limit=Decimal(100))


def day_after(days: int) -> int:
    """The number of a day, from that of the start on."""
    return day_of(FIRST) + days


def delta(day: int, value: int) -> Any:
    return sample("audience_live", START + timedelta(days=day, hours=8), value)


def counter(day: int, hour: int, value: int, *, reset: bool = False) -> Any:
    return sample("participants_total", START + timedelta(days=day, hours=hour), value, reset=reset)


def send(pilot: Led, one: Report) -> None:
    """As the engine does: what the book does not keep is looked up before."""
    wanted = judge.days_to_look_up(pilot.book, pilot.view, [one])
    past = {key: pilot.gains[key] for key in wanted if key in pilot.gains}
    verdict = pilot.send(one, NOW, past)
    assert verdict.outcome == "accepted", verdict.problems


def roll(pilot: Led) -> None:
    past = {key: pilot.gains[key] for key in judge.usage_to_look_up(pilot.book) if key in pilot.gains}
    pilot.keep(judge.roll_usage(pilot.book, pilot.view, NOW, pilot.book.unrolled, past))


def last_told(pilot: Led) -> dict[tuple[str, Window, Any], Decimal]:
    rolled = [one for one in pilot.told if isinstance(one, UsageRolled)]
    return {(one.metric, one.window, one.bucket): one.value for one in rolled}


def test_a_day_that_the_meter_keeps_no_longer_is_told_by_what_was_recorded() -> None:
    pilot = Led(DAILY)
    send(pilot, report(1, *(delta(day, 5) for day in range(KEPT_DAYS + 2))))
    roll(pilot)
    send(pilot, report(2, delta(0, 3)))
    assert judge.usage_to_look_up(pilot.book) == {("audience_live", day_after(0))}
    roll(pilot)
    assert last_told(pilot)["audience_live", Window.DAY, date_of(day_after(0))] == 8


def test_a_day_of_a_counter_that_is_kept_in_part_is_told_whole() -> None:
    pilot = Led(JOINED)
    # Two runs on the first day, of which the older falls off when the next of many days comes.
    send(pilot, report(1, counter(0, 8, 7), counter(0, 9, 2, reset=True)))
    send(pilot, report(2, *(counter(day, 8, 2 + day) for day in range(1, KEPT_RUNS))))
    send(pilot, report(3, counter(0, 10, 3)))
    assert ("participants_total", day_after(0)) in judge.usage_to_look_up(pilot.book)
    roll(pilot)
    assert pilot.gains["participants_total", day_after(0)] == 10 * SCALE
    assert last_told(pilot)["participants_total", Window.DAY, date_of(day_after(0))] == 10


def test_what_a_late_sample_moves_from_one_day_to_another_is_told_of_both() -> None:
    pilot = Led(JOINED)
    send(pilot, report(1, counter(0, 8, 10), counter(2, 8, 30)))
    roll(pilot)
    send(pilot, report(2, counter(1, 8, 25)))
    roll(pilot)
    days = {key[2]: value for key, value in last_told(pilot).items() if key[1] is Window.DAY}
    assert days == {date_of(day_after(0)): 10, date_of(day_after(1)): 15, date_of(day_after(2)): 5}


def test_a_sample_on_a_settled_day_of_a_counter_moves_nothing_and_the_day_is_told_as_it_was() -> None:
    pilot = Led(JOINED)
    send(pilot, report(1, counter(0, 8, 90)))
    send(pilot, report(2, *(counter(day, 8, 90 + day) for day in range(1, KEPT_RUNS + 1))))
    send(pilot, report(3, counter(0, 9, 90)))
    roll(pilot)
    assert last_told(pilot)["participants_total", Window.DAY, date_of(day_after(0))] == 90


def sampled(pilot: Led) -> list[tuple[str, datetime | None]]:
    """Of the totals told, when their newest sample lies, in the order in which they were told."""
    rolled = [one for one in pilot.told if isinstance(one, UsageRolled) and one.window is Window.TOTAL]
    return [(one.metric, one.sample_at) for one in rolled]


@pytest.mark.parametrize("cap", [AUDIENCE, DAILY], ids=["the total alone", "each sample"])
def test_a_total_says_when_its_newest_sample_lies_however_late_it_is_told(cap: Cap) -> None:
    pilot = Led(cap, MEMBERS)
    send(pilot, report(1, delta(3, 5), delta(1, 5), counter(2, 9, 7), counter(1, 9, 6)))
    roll(pilot)
    send(pilot, report(2, delta(2, 5), counter(1, 10, 6)))
    roll(pilot)
    send(pilot, report(3, delta(1, -1), corrects=1))
    roll(pilot)
    send(pilot, report(4, delta(4, 1)))
    roll(pilot)
    audience, members = (
        [at for metric, at in sampled(pilot) if metric == of] for of in ("audience_live", MEMBERS.metric)
    )
    assert audience == [START + timedelta(days=days, hours=8) for days in (3, 3, 3, 4)]
    assert members == [START + timedelta(days=2, hours=9)] * 2


def test_a_total_of_samples_that_came_when_the_pilot_was_over_counts_to_the_newest_of_them() -> None:
    pilot = Led(AUDIENCE)
    pilot.learn(ended("2026-11-01 00:00"), NOW)
    send(pilot, report(1, delta(1, 5), delta(112, 5)))
    roll(pilot)
    assert sampled(pilot) == [("audience_live", START + timedelta(days=112, hours=8))]


def crowd(when: str, value: int) -> Any:
    return sample("crowd_peak", when, value)


def peaks(pilot: Led) -> list[tuple[int, dict[str, int]]]:
    """What was told of the gauge: its latest value, and the highest by their instants."""
    rolled = [one for one in pilot.told if isinstance(one, UsageRolled)]
    return [(int(one.value), {f"{peak.at:%m-%d %H:%M}": int(peak.value) for peak in one.peaks}) for one in rolled]


def test_the_highest_value_of_a_batch_of_gauges_is_told_beside_the_latest() -> None:
    pilot = Led(CROWD)
    send(pilot, report(1, *(crowd(f"2026-07-20 {hour}:00", value) for hour, value in ((10, 50), (11, 900), (12, 40)))))
    send(pilot, report(2, crowd("2026-07-20 13:00", 30)))
    roll(pilot)
    send(pilot, report(3, crowd("2026-07-20 14:00", 20)))
    roll(pilot)
    assert peaks(pilot) == [(30, {"07-20 11:00": 900}), (20, {"07-20 14:00": 20})]


def test_a_high_value_that_comes_late_is_told_though_the_gauge_stands_elsewhere() -> None:
    pilot = Led(CROWD)
    send(pilot, report(1, crowd("2026-07-20 10:00", 50)))
    roll(pilot)
    send(pilot, report(2, crowd("2026-07-19 10:00", 700), crowd("2026-07-19 11:00", 600)))
    roll(pilot)
    assert peaks(pilot) == [(50, {"07-20 10:00": 50}), (50, {"07-19 10:00": 700})]


def test_each_quarter_has_a_highest_value_of_its_own() -> None:
    pilot = Led(CROWD)
    send(
        pilot,
        report(
            1,
            *(crowd(f"2026-{day}", n) for day, n in (("10-01 00:00", 8), ("09-30 23:59", 5), ("09-29 08:00", 6))),
            *(crowd(f"2026-{day}", n) for day, n in (("10-02 08:00", 7), ("09-28 08:00", 4))),
        ),
    )
    roll(pilot)
    assert peaks(pilot) == [(7, {"09-29 08:00": 6, "10-01 00:00": 8})]


@given(st.lists(st.lists(st.tuples(st.integers(0, 110), st.integers(0, 9)), min_size=1, max_size=4), max_size=6))
def test_what_is_told_of_a_gauge_has_the_highest_value_of_each_quarter(batches: list[list[tuple[int, int]]]) -> None:
    """Days after the start, on both sides of the end of September; never two values at one instant."""
    pilot, sent = Led(CROWD), []
    for number, batch in enumerate(batches):
        some = [(START + timedelta(days=day, minutes=7 * number + n), value) for n, (day, value) in enumerate(batch)]
        send(pilot, report(number + 1, *(sample("crowd_peak", when, value) for when, value in some)))
        sent += some
        if number % 2:
            roll(pilot)
    roll(pilot)
    told = [peak for one in pilot.told if isinstance(one, UsageRolled) for peak in one.peaks]
    assert _by_quarter((one.at, int(one.value)) for one in told) == _by_quarter(sent)
    assert {(one.at, int(one.value)) for one in told} <= set(sent)


def _by_quarter(values: Iterable[tuple[datetime, int]]) -> dict[bool, int]:
    found: dict[bool, int] = {}
    for when, value in values:
        in_autumn = when.month > 9
        found[in_autumn] = max(value, found.get(in_autumn, value))
    return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["delta", "counter", "roll", "clocks"]),
            st.lists(st.tuples(st.integers(0, 60), st.integers(1, 22)), min_size=1, max_size=12),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_the_last_word_about_every_bucket_is_its_sum(steps: list[tuple[str, list[tuple[int, int]]]]) -> None:
    pilot = Led(AUDIENCE, DAILY, MEMBERS, JOINED)
    deltas: dict[int, int] = {}
    for number, (kind, places) in enumerate(steps, 1):
        if kind == "delta":
            send(pilot, report(number, *(delta(day, value) for day, value in places)))
            for day, value in places:
                deltas[day] = deltas.get(day, 0) + value
        elif kind == "counter":
            # It rises with time, so that no order of arrival makes it fall.
            send(pilot, report(number, *(counter(day, hour, 24 * day + hour) for day, hour in places)))
        elif kind == "roll":
            roll(pilot)
        else:
            pilot.until(f"{moment(FIRST + places[0][0] * DAY + HOUR):%Y-%m-%d %H:%M}")
    roll(pilot)
    told = last_told(pilot)
    naive: dict[tuple[str, Window, Any], Decimal] = {
        ("audience_live", Window.DAY, date_of(day_after(day))): Decimal(value) for day, value in deltas.items()
    }
    if deltas:
        naive["audience_live", Window.TOTAL, None] = Decimal(sum(deltas.values()))
    assert {key: value for key, value in told.items() if key[0] == "audience_live"} == naive
    joined = {
        date_of(day): unscaled(value) for (metric, day), value in pilot.gains.items() if metric == "participants_total"
    }
    # Of a settled day in which nothing was counted there is nothing recorded, and 0 is told.
    days = {key[2]: value for key, value in told.items() if key[:2] == ("participants_total", Window.DAY)}
    assert days == {day: joined.get(day, Decimal(0)) for day in days}
    assert joined.keys() <= days.keys()
    if joined:
        assert told["participants_total", Window.TOTAL, None] == sum(joined.values())

"""What is used of each metric, told as ``UsageRolled``: on change, and when a day closes."""

from __future__ import annotations

from collections.abc import Iterable

from services.monitoring.core.book import UsageKey
from services.monitoring.core.desk import Desk
from services.monitoring.core.instants import Day, date_of, day_end, moment
from shared.contracts.events.monitoring import UsageRolled
from shared.contracts.numbers import unscaled
from shared.contracts.pilot import Window


def roll(desk: Desk, keys: Iterable[UsageKey]) -> None:
    """Tell the usage of ``keys`` as it stands, and forget that they had changed."""
    for key in sorted(keys, key=lambda one: (one[0], one[1], one[2] or 0)):
        metric, window, day = key
        tell(desk, metric, window, day)


def tell(desk: Desk, metric: str, window: Window, day: Day | None = None, *, closed: bool = False) -> None:
    desk.unrolled.discard((metric, window, day))
    if window is Window.CONCURRENT:
        latest = desk.gauges[metric].latest
        assert latest is not None, "a gauge that changed has a value"
        value, sampled = latest.value, moment(latest.at)
    else:
        value, sampled = (_total(desk, metric) if day is None else day_value(desk, metric, day)), None
    terms = desk.view.terms[-1] if day is None else desk.view.terms_at(day_end(day) - 1)
    cap = terms.cap(metric, window)
    desk.tell(
        UsageRolled(
            at=desk.now,
            pilot_id=desk.view.pilot_id,
            metric=metric,
            window=window,
            bucket=None if day is None else date_of(day),
            value=unscaled(value),
            limit=None if cap is None else unscaled(cap.limit),
            sample_at=sampled,
            closed=closed,
        )
    )


def day_value(desk: Desk, metric: str, day: Day) -> int:
    """The sum of ``day``, from the meter or from what was loaded of the rollup."""
    counter = desk.counters.get(metric)
    if counter is None:
        return desk.recorded(metric, day)
    return counter.day(day) if counter.keeps(day) else desk.past.get((metric, day), 0)


def _total(desk: Desk, metric: str) -> int:
    return desk.counters[metric].total if metric in desk.counters else desk.sums[metric].total

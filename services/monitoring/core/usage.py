"""What is used of each metric, told as ``UsageRolled``: on change, and when a day closes."""

from __future__ import annotations

from collections.abc import Iterable

from services.monitoring.core.book import Peak, UsageKey
from services.monitoring.core.desk import Desk
from services.monitoring.core.instants import Day, Instant, date_of, day_end, moment, quarter_of
from shared.contracts.events import monitoring as events
from shared.contracts.numbers import unscaled
from shared.contracts.pilot import Window


def reached(desk: Desk, metric: str, at: Instant) -> None:
    """A sum or a counter has a sample ``at``."""
    known = desk.newest.get(metric)
    if known is None or known < at:
        desk.newest[metric] = at


def rose(desk: Desk, metric: str, at: Instant, value: int) -> bool:
    """Note a value of a gauge, if none since the gauge was last told was as high in its quarter; whether that is so."""
    quarter = quarter_of(at)
    peaks = desk.peaks.get(metric, ())
    others = []
    for one in peaks:
        if quarter_of(one.at) != quarter:
            others.append(one)
        elif value <= one.value:
            return False
    desk.peaks[metric] = tuple(sorted((*others, Peak(at, value))))
    return True


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
    elif day is None:
        value, sampled = _total(desk, metric), moment(desk.newest[metric])
    else:
        value, sampled = day_value(desk, metric, day), None
    peaks = desk.peaks.pop(metric, ()) if window is Window.CONCURRENT else ()
    terms = desk.view.terms[-1] if day is None else desk.view.terms_at(day_end(day) - 1)
    cap = terms.cap(metric, window)
    desk.tell(
        events.UsageRolled(
            at=desk.now,
            pilot_id=desk.view.pilot_id,
            metric=metric,
            window=window,
            bucket=None if day is None else date_of(day),
            value=unscaled(value),
            limit=None if cap is None else unscaled(cap.limit),
            sample_at=sampled,
            peaks=tuple(events.Peak(at=moment(one.at), value=unscaled(one.value)) for one in peaks),
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

"""The values that thresholds read, by instant, and what they amount to over sliding windows of event time. Windows are open at their beginning.

Deltas of one instant add up, whoever reports them. Of a gauge each source has its own value. A counter adds at each sample what it grew since
the one before; a late one takes its part from the one after, so that the same samples give the same values in whatever order they arrive.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from operator import attrgetter

from services.monitoring.core.book import Sample, Span
from services.monitoring.core.desk import Desk, Touched
from services.monitoring.core.instants import Instant
from services.monitoring.core.meters import Point, place
from shared.contracts.rules import MetricKind

Points = Sequence[Point]

_AT = attrgetter("at")


def note(desk: Desk, metric: str, kind: MetricKind, point: Point) -> None:
    """Keep a value of a delta or a gauge that thresholds read."""
    known = _known(desk, metric, point)
    if known is not None and kind is MetricKind.GAUGE and not point.corrects(known):
        return
    if known is not None and kind is MetricKind.DELTA:
        point = point._replace(sequence=max(known.sequence, point.sequence), value=known.value + point.value)
    _keep(desk, metric, point)


def count(desk: Desk, sample: Sample, sequence: int, gain: int) -> None:
    """Keep a sample of a counter, which grew by ``gain`` in all. What comes before a known sample was counted there until now."""
    points = desk.spans.get(sample.metric, Span()).points
    index = bisect_left(points, sample.at, key=_AT)
    following = points[index] if index < len(points) else None
    if following is not None and following.at == sample.at:
        return  # the same instant told again, and the counter took it: it says nothing new
    if following is not None and following.level is not None:
        grown = following.level - sample.value
        gain -= grown - following.value
        _keep(desk, sample.metric, following._replace(value=grown))
    level = None if sample.reset else sample.value
    _keep(desk, sample.metric, Point(sample.at, sequence, gain, level=level))


def put(span: Span, point: Point) -> Span:
    """The span with ``point`` in place of what stood there."""
    points = span.points
    if not points or points[-1].at < point.at:
        return replace(span, points=(*points, point))
    index = bisect_left(points, place(point), key=place)
    stands = index < len(points) and place(points[index]) == place(point)
    return replace(span, points=(*points[:index], point, *points[index + stands :]))


def after(points: tuple[Point, ...], since: Instant) -> tuple[Point, ...]:
    """The values later than ``since``."""
    return points[bisect_right(points, since, key=_AT) :]


def ends(spans: Iterable[Points], touched: Iterable[Instant], before: int, behind: int) -> list[Instant]:
    """The instants of known values in [t - ``before``, t + ``behind``) for any t of ``touched``, in order."""
    found: set[Instant] = set()
    for points in spans:
        for start, end in _joined(touched, before, behind):
            first = bisect_left(points, start, key=_AT)
            last = bisect_left(points, end, first, key=_AT)
            found.update(point.at for point in points[first:last])
    return sorted(found)


def amounts(points: Points, kind: MetricKind, ends_: Sequence[Instant], width: int) -> list[int | None]:
    """For each end, which rise, the sum, or of a gauge the highest value, in (end - width, end]; None where there is no value."""
    bounds = [(bisect_right(points, end - width, key=_AT), bisect_right(points, end, key=_AT)) for end in ends_]
    if len(bounds) == 1:  # a live sample
        first, last = bounds[0]
        held = [point.value for point in points[first:last]]
        return [(max(held) if kind is MetricKind.GAUGE else sum(held)) if held else None]
    if kind is MetricKind.GAUGE:
        return _highest(points, bounds)
    low, high = bounds[0][0], bounds[-1][1]
    sums = [0, *accumulate(point.value for point in points[low:high])]
    return [sums[last - low] - sums[first - low] if first < last else None for first, last in bounds]


def _highest(points: Points, bounds: Sequence[tuple[int, int]]) -> list[int | None]:
    """Both bounds rise: each value enters and leaves once."""
    found: list[int | None] = []
    falling: deque[int] = deque()
    read = bounds[0][0]
    for first, last in bounds:
        for index in range(max(read, first), last):
            while falling and points[falling[-1]].value <= points[index].value:
                falling.pop()
            falling.append(index)
        read = max(read, last)
        while falling and falling[0] < first:
            falling.popleft()
        found.append(points[falling[0]].value if falling else None)
    return found


def _joined(touched: Iterable[Instant], before: int, behind: int) -> list[tuple[Instant, Instant]]:
    found: list[tuple[Instant, Instant]] = []
    for at in sorted(touched):
        start, end = at - before, at + behind
        if found and start <= found[-1][1]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def _known(desk: Desk, metric: str, point: Point) -> Point | None:
    points = desk.spans.get(metric, Span()).points
    if not points or points[-1].at < point.at:
        return None
    index = bisect_left(points, place(point), key=place)
    return points[index] if index < len(points) and place(points[index]) == place(point) else None


def _keep(desk: Desk, metric: str, point: Point) -> None:
    span = desk.spans.get(metric, Span())
    touched = desk.touched.get(metric)
    if touched is None:
        touched = desk.touched[metric] = Touched(span.points)
    touched.at.add(point.at)
    desk.spans[metric] = put(span, point)
    desk.points[metric, point.at, point.source] = point

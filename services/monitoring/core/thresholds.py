"""The rule ``threshold``: a sum, or the ratio of two, over the hours that end at a sample.

A delta and a counter add over the window, a gauge gives its highest value there. Windows are open at their beginning: (end - width, end].
Without a denominator, or with one of nothing, there is no evaluation. A finding clears when the window that ends at the newest sample
is at or below 0.80 x the limit, and at the latest when the window empties.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from fractions import Fraction

from services.monitoring.core.book import Span
from services.monitoring.core.desk import Desk, Reason
from services.monitoring.core.instants import HOUR, Instant, moment
from services.monitoring.core.meters import Point
from services.monitoring.core.view import Terms, ThresholdTerm
from shared.contracts.events.monitoring import Evidence, RuleCode
from shared.contracts.numbers import SCALE, scaled, unscaled
from shared.contracts.rules import MetricKind


def note(desk: Desk, metric: str, kind: MetricKind, point: Point) -> None:
    """Keep a value that thresholds read. At one instant deltas add up; of gauges the later sequence wins."""
    span = desk.spans.get(metric, Span())
    index = bisect_left(span.points, point.at, key=lambda known: known.at)
    known = span.points[index] if index < len(span.points) and span.points[index].at == point.at else None
    if known is not None and kind is MetricKind.GAUGE and known.sequence > point.sequence:
        return
    if known is not None and kind is not MetricKind.GAUGE:
        point = Point(point.at, max(known.sequence, point.sequence), known.value + point.value)
    desk.spans[metric] = put(span, point)
    desk.points[metric, point.at] = point


def put(span: Span, point: Point) -> Span:
    """The span with ``point`` in place of what stood at its instant."""
    if not span.points or span.points[-1].at < point.at:
        return replace(span, points=(*span.points, point))
    index = bisect_left(span.points, point.at, key=lambda known: known.at)
    stands = span.points[index].at == point.at
    return replace(span, points=(*span.points[:index], point, *span.points[index + stands :]))


def judge(desk: Desk, terms: Terms, metric: str, at: Instant) -> None:
    """A sample of ``metric`` at ``at`` is an evaluation of every threshold that reads it."""
    for term in terms.thresholds.get(metric, ()):
        _judge_one(desk, terms, term, at)


def empties(desk: Desk, code: str, at: Instant) -> None:
    """The window of ``code`` holds no numerator any more: a value of 0 is at or below every limit."""
    desk.alarm(f"window/{code}", None)
    key = f"{RuleCode.THRESHOLD}/{code}"
    if desk.standing(key).open:
        terms = desk.view.terms_at(at)
        evidence = Evidence(rule_version=desk.rule_version, envelope_version=terms.version, value=unscaled(0))
        desk.clear(RuleCode.THRESHOLD, code, "recovered", evidence)


def prune(desk: Desk) -> None:
    """Let go of values that no window ending at the newest sample can hold; they stand in the table still."""
    newest = max((span.points[-1].at for span in desk.spans.values() if span.points), default=None)
    if newest is None:
        return
    since = newest - desk.view.widest
    for metric, span in desk.spans.items():
        if span.points and span.points[0].at <= since:
            kept = span.points[bisect_right(span.points, since, key=lambda point: point.at) :]
            desk.spans[metric] = Span(kept, since if span.since is None else max(since, span.since))


def _judge_one(desk: Desk, terms: Terms, term: ThresholdTerm, at: Instant) -> None:
    ratio = _ratio(desk, term, at)
    if ratio is None:
        return
    if ratio > term.limit:
        _above(desk, terms, term, at)
        return
    standing = desk.standing(term.key)
    if standing.open:
        _maybe_clear(desk, terms, term)
    elif standing.streak:
        desk.standings[term.key] = replace(standing, streak=0)


def _above(desk: Desk, terms: Terms, term: ThresholdTerm, at: Instant) -> None:
    standing = desk.standing(term.key)
    streak = standing.streak + 1
    desk.standings[term.key] = replace(standing, streak=streak)
    if streak >= desk.view.defaults.threshold_hold:
        desk.raise_(RuleCode.THRESHOLD, term.code, term.severity, _evidence(desk, terms, term, at))
        desk.alarm(f"window/{term.code}", desk.spans[term.numerator].points[-1].at + term.width)


def _maybe_clear(desk: Desk, terms: Terms, term: ThresholdTerm) -> None:
    """An open finding looks at the window that ends at the newest sample, wherever the sample in hand lies."""
    numerators = desk.spans.get(term.numerator, Span()).points
    if numerators:
        desk.alarm(f"window/{term.code}", numerators[-1].at + term.width)
    newest = _newest(desk, term)
    current = _ratio(desk, term, newest)
    clear_at = Fraction(scaled(desk.view.defaults.threshold_clear_ratio) * term.limit, SCALE)
    if current is not None and current <= clear_at:
        desk.alarm(f"window/{term.code}", None)
        reason: Reason = "corrected" if desk.corrects else "recovered"
        desk.clear(RuleCode.THRESHOLD, term.code, reason, _evidence(desk, terms, term, newest))


def _ratio(desk: Desk, term: ThresholdTerm, end: Instant) -> Fraction | None:
    """What is held against the limit, scaled as the limit is; None where it is not evaluated."""
    top = _value(desk, term.numerator, end, term.width)
    if term.denominator is None:
        return Fraction(term.scale * (top or 0))
    bottom = _value(desk, term.denominator, end, term.width)
    if not bottom or bottom < 0:
        return None
    return Fraction(term.scale * SCALE * (top or 0), bottom)


def _value(desk: Desk, metric: str, end: Instant, width: int) -> int | None:
    """The sum, or of a gauge the highest value, in (end - width, end]; None where there is none."""
    span = desk.spans.get(metric)
    if span is None:
        return None
    first = bisect_right(span.points, end - width, key=lambda point: point.at)
    last = bisect_right(span.points, end, key=lambda point: point.at)
    values = [point.value for point in span.points[first:last]]
    if not values:
        return None
    return max(values) if desk.view.kinds[metric] is MetricKind.GAUGE else sum(values)


def _newest(desk: Desk, term: ThresholdTerm) -> Instant:
    spans = (desk.spans.get(metric) for metric in (term.numerator, term.denominator) if metric is not None)
    return max(span.points[-1].at for span in spans if span is not None and span.points)


def _evidence(desk: Desk, terms: Terms, term: ThresholdTerm, at: Instant) -> Evidence:
    top = _value(desk, term.numerator, at, term.width)
    bottom = None if term.denominator is None else _value(desk, term.denominator, at, term.width)
    return Evidence(
        rule_version=desk.rule_version,
        envelope_version=terms.version,
        metric=term.numerator,
        sample_at=moment(at),
        numerator=unscaled(top or 0),
        denominator=None if bottom is None else unscaled(bottom),
        limit=unscaled(term.limit),
        window_hours=term.width // HOUR,
        records=desk.records(),
        facts=desk.facts_at(at, terms),
    )

"""The rule ``threshold``: a sum, or the ratio of two, over the hours that end at a sample.

A delta and a counter add over the window, a gauge gives its highest value there. Windows are open at their beginning: (end - width, end].
Without a denominator, or with one of nothing, there is no evaluation.

The samples of a record are taken together, in whatever order they stand. A sample bears on every window in which it lies, and so on those
that end at later samples too: each is held against the limit again. A window that a record carries above its limit opens the finding; one
that was above it before was told of then, and opens nothing anew. So it cannot be evaded by the order in which values are sent: whatever a
window holds in the end was judged when its last value came. Values that only fall short of the limit with what comes later have opened it
all the same, for findings are not rewritten; how often one opens and clears follows the order of reading.

A finding clears at an evaluation that is not above the limit, when the window that ends there, or at a sample that was known before and is
newer, is at or below 0.80 x the limit; and at the latest when the window holds no numerator any more.

Where the rules hold an opening for several evaluations, it takes as many in a row, none of them a window's width before the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.monitoring.core import windows
from services.monitoring.core.book import Span
from services.monitoring.core.desk import Desk, Reason, Touched
from services.monitoring.core.instants import HOUR, Instant, moment
from services.monitoring.core.meters import Point
from services.monitoring.core.view import Terms, ThresholdTerm
from services.monitoring.core.windows import Points
from shared.contracts.events.monitoring import Evidence, RuleCode
from shared.contracts.numbers import SCALE, scaled, unscaled

_WINDOW = "window/"


def lapse(desk: Desk) -> None:
    """Windows that had emptied when the report in hand was received did so before it, also where their clock has not fired yet."""
    due = [kind for kind, at in desk.alarms.items() if at <= desk.received and kind.startswith(_WINDOW)]
    index, desk.index = desk.index, None
    for kind in sorted(due):
        while (at := desk.alarms.get(kind)) is not None and at <= desk.received:
            empties(desk, kind.removeprefix(_WINDOW), at)
    desk.index = index


def judge(desk: Desk) -> None:
    """Evaluate every window on which the values bear that the record in hand has brought."""
    touched, desk.touched = desk.touched, {}
    if not touched:
        return
    view = desk.view
    first = view.terms_at(min(min(one.at) for one in touched.values()))
    for terms in view.terms[view.terms.index(first) :]:
        for term in _reading(terms, touched):
            _judge_one(desk, terms, term, touched)


def empties(desk: Desk, code: str, at: Instant) -> None:
    """The window of ``code`` holds no numerator any more at ``at``: a value of 0 is at or below every limit."""
    kind = f"{_WINDOW}{code}"
    desk.alarm(kind, None)
    if not desk.standing(f"{RuleCode.THRESHOLD}/{code}").open:
        return
    terms = desk.view.terms_at(at)
    term = next((one for some in terms.thresholds.values() for one in some if one.code == code), None)
    numerators = () if term is None else _points(desk, term.numerator)
    if term is not None and numerators and numerators[-1].at + term.width > at:
        desk.alarm(kind, numerators[-1].at + term.width)  # the envelope has made it wider meanwhile
        return
    evidence = Evidence(
        rule_version=desk.rule_version,
        envelope_version=terms.version,
        metric=None if term is None else term.numerator,
        value=unscaled(0),
        due=moment(at),
    )
    desk.clear(RuleCode.THRESHOLD, code, "recovered", evidence, at)


def prune(desk: Desk) -> None:
    """Let go of values that no window ending at the newest sample can hold; they stand in the table still."""
    newest = max((span.points[-1].at for span in desk.spans.values() if span.points), default=None)
    if newest is None:
        return
    since = newest - desk.view.widest
    for metric, span in desk.spans.items():
        if span.points and span.points[0].at <= since:
            kept = windows.after(span.points, since)
            desk.spans[metric] = Span(kept, since if span.since is None else max(since, span.since))


# One threshold


def _reading(terms: Terms, touched: Iterable[str]) -> Iterable[ThresholdTerm]:
    found = {term.code: term for metric in touched for term in terms.thresholds.get(metric, ())}
    return [found[code] for code in sorted(found)]


def _judge_one(desk: Desk, terms: Terms, term: ThresholdTerm, touched: Mapping[str, Touched]) -> None:
    before = [touched[metric].before if metric in touched else _points(desk, metric) for metric in _metrics(term)]
    now = [_points(desk, metric) for metric in _metrics(term)]
    ends = _ends(desk, terms, term, now, touched)
    evaluated = _evaluated(desk, term, now, ends)
    met = _met(desk, term, evaluated)
    told = _told(desk, terms, term, before, touched) if met else set()
    newest = max((points[-1].at for points in before if points), default=0)
    for end, above in evaluated:
        if end in met:
            if end not in told:
                _raise(desk, terms, term, end)
        elif not above:
            _maybe_clear(desk, terms, term, max(end, newest))
    if now[0] and desk.standing(term.key).open:
        desk.alarm(f"{_WINDOW}{term.code}", now[0][-1].at + term.width)


def _ends(
    desk: Desk, terms: Terms, term: ThresholdTerm, spans: Sequence[Points], touched: Mapping[str, Touched]
) -> list[Instant]:
    """Where the windows end on which the record bears, of those at which these terms and the rules were in force."""
    view, held = desk.view, desk.view.defaults.threshold_hold > 1
    instants = set().union(*(touched[metric].at for metric in _metrics(term) if metric in touched))
    found = windows.ends(spans, instants, term.width if held else 0, 2 * term.width if held else term.width)
    return [end for end in found if view.terms_at(end) is terms and view.runs_at(end)]


def _evaluated(
    desk: Desk, term: ThresholdTerm, spans: Sequence[Points], ends: Sequence[Instant]
) -> list[tuple[Instant, bool]]:
    """Of each end that has an evaluation, whether its window is above the limit."""
    return [(end, over > term.limit * base) for end, over, base in _held(desk, term, spans, ends)]


def _met(desk: Desk, term: ThresholdTerm, evaluated: Iterable[tuple[Instant, bool]]) -> set[Instant]:
    """The ends at which as many evaluations in a row are above the limit as the rules want."""
    wanted = desk.view.defaults.threshold_hold
    found, row = set(), list[Instant]()
    for end, above in evaluated:
        row = [*(one for one in row if one > end - term.width), end][-wanted:] if above else []
        if len(row) >= wanted:
            found.add(end)
    return found


def _told(
    desk: Desk, terms: Terms, term: ThresholdTerm, before: Sequence[Points], touched: Mapping[str, Touched]
) -> set[Instant]:
    """The ends at which it was met without what the record has brought."""
    return _met(desk, term, _evaluated(desk, term, before, _ends(desk, terms, term, before, touched)))


def _raise(desk: Desk, terms: Terms, term: ThresholdTerm, end: Instant) -> None:
    standing = desk.standing(term.key)
    if not standing.open or term.severity.rank > standing.severity.rank:
        desk.raise_(RuleCode.THRESHOLD, term.code, term.severity, _evidence(desk, terms, term, end))


def _maybe_clear(desk: Desk, terms: Terms, term: ThresholdTerm, newest: Instant) -> None:
    """An open finding looks at the newest window, wherever the one in hand ends."""
    if not desk.standing(term.key).open:
        return
    share = scaled(desk.view.defaults.threshold_clear_ratio)
    spans = [_points(desk, metric) for metric in _metrics(term)]
    for _, over, base in _held(desk, term, spans, [newest]):
        if over * SCALE <= share * term.limit * base:
            desk.alarm(f"{_WINDOW}{term.code}", None)
            reason: Reason = "corrected" if desk.corrects else "recovered"
            desk.clear(RuleCode.THRESHOLD, term.code, reason, _evidence(desk, terms, term, newest))


# Values


def _metrics(term: ThresholdTerm) -> tuple[str, ...]:
    return (term.numerator,) if term.denominator is None else (term.numerator, term.denominator)


def _points(desk: Desk, metric: str) -> tuple[Point, ...]:
    return desk.spans.get(metric, Span()).points


def _held(
    desk: Desk, term: ThresholdTerm, spans: Sequence[Points], ends: Sequence[Instant]
) -> list[tuple[Instant, int, int]]:
    """What is held against the limit as (end, over, base): ``over / base``, scaled as the limit is, in whole numbers. Ends without an
    evaluation are left out."""
    if not ends:
        return []
    kinds = [desk.view.kinds[metric] for metric in _metrics(term)]
    values = [windows.amounts(points, kind, ends, term.width) for points, kind in zip(spans, kinds, strict=True)]
    if term.denominator is None:
        return [(end, term.scale * (top or 0), 1) for end, top in zip(ends, values[0], strict=True)]
    return [
        (end, term.scale * SCALE * (top or 0), bottom)
        for end, top, bottom in zip(ends, *values, strict=True)
        if bottom is not None and bottom > 0
    ]


def _evidence(desk: Desk, terms: Terms, term: ThresholdTerm, at: Instant) -> Evidence:
    values = [
        windows.amounts(_points(desk, metric), desk.view.kinds[metric], [at], term.width)[0]
        for metric in _metrics(term)
    ]
    bottom = values[-1] if term.denominator is not None else None
    return Evidence(
        rule_version=desk.rule_version,
        envelope_version=terms.version,
        metric=term.numerator,
        sample_at=moment(at),
        numerator=unscaled(values[0] or 0),
        denominator=None if bottom is None else unscaled(bottom),
        limit=unscaled(term.limit),
        window_hours=term.width // HOUR,
        records=desk.records(),
        facts=desk.facts_at(at, terms),
    )

"""The rules ``cap_warning`` and ``cap_exceeded``. Both look at the same evaluation and stand side by side.

An evaluation that meets a rule opens its finding. One that does not meet it clears an open finding: a total at once; a gauge when none
of its newest samples by event time meets it; a day window when none of its newest closed days does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.monitoring.core.desk import Desk, Reason
from services.monitoring.core.instants import Day, Instant, date_of, day_end, moment
from services.monitoring.core.meters import Counter
from services.monitoring.core.view import CapTerm, Terms
from shared.contracts.events.monitoring import Evidence, RuleCode
from shared.contracts.numbers import unscaled
from shared.contracts.pilot import Severity, Window


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A value held against a cap: at ``at`` it was ``value``, ``before`` the record; ``sampled`` is the sample's own time."""

    value: int
    before: int | None
    at: Instant
    sampled: Instant | None = None
    day: Day | None = None


def judge(
    desk: Desk,
    terms: Terms,
    cap: CapTerm,
    seen: Evaluation,
    reason: Reason,
    *,
    settle: bool = True,
    told: CapTerm | None = None,
    learned: bool = False,
) -> None:
    """One evaluation of ``cap`` under both rules. ``settle`` False: it may open, and clears nothing (a day that is not closed yet).

    ``told`` is the cap by which the value was judged once: what met that was told of then, and does not open anew. ``learned``: of ``terms``
    nothing was known until now.
    """
    for rule, key, met, severity in (
        (RuleCode.CAP_WARNING, cap.warning_key, seen.value >= cap.warn_at, Severity.INFO),
        (RuleCode.CAP_EXCEEDED, cap.exceeded_key, seen.value > cap.limit, cap.severity),
    ):
        if met:
            standing = desk.standings.get(key)
            if standing is None or not standing.open:
                fresh = told is None or not meets(rule, told, seen.value)
            else:
                fresh = severity.rank > standing.severity.rank
            if fresh:
                desk.raise_(rule, cap.subject, severity, _evidence(desk, terms, cap, seen))
        elif settle:
            standing = desk.standings.get(key)
            if standing is not None and standing.open and _settled(desk, rule, cap, terms if learned else None):
                desk.clear(rule, cap.subject, reason, _evidence(desk, terms, cap, seen))


def meets(rule: RuleCode, cap: CapTerm, value: int) -> bool:
    return value >= cap.warn_at if rule is RuleCode.CAP_WARNING else value > cap.limit


def days_of(desk: Desk, metric: str) -> Sequence[tuple[Day, int]]:
    """The days of ``metric`` that have samples, as far as they are kept, oldest first, with their sums."""
    meter = desk.sums.get(metric)
    if meter is not None:
        return meter.days
    counter = desk.counters.get(metric, Counter())
    return [(day, counter.day(day)) for day in counter.days()]


def _settled(desk: Desk, rule: RuleCode, cap: CapTerm, fresh: Terms | None) -> bool:
    """Whether the newest evaluations in a row, as many as the rules ask for, no longer meet the rule; each under the cap of its own time.
    Of envelopes that are learned of together, ``fresh`` is the one in hand: none after it is in force yet."""
    if cap.window is Window.TOTAL:
        return True
    wanted = desk.view.defaults.cap_clear_evaluations
    if cap.window is Window.CONCURRENT:
        newest = desk.gauges[cap.metric].instants()[-wanted:]
    else:
        closed = [(day, value) for day, value in days_of(desk, cap.metric) if day not in desk.open_days]
        newest = [(day_end(day) - 1, value) for day, value in closed[-wanted:]]
    return len(newest) >= wanted and not any(_met(desk, rule, cap, fresh, at, value) for at, value in newest)


def _met(desk: Desk, rule: RuleCode, cap: CapTerm, fresh: Terms | None, at: Instant, value: int) -> bool:
    terms = fresh if fresh is not None and at >= fresh.since else desk.view.terms_at(at)
    then = terms.cap(cap.metric, cap.window)
    return then is not None and meets(rule, then, value)


def _evidence(desk: Desk, terms: Terms, cap: CapTerm, seen: Evaluation) -> Evidence:
    return Evidence(
        rule_version=desk.rule_version,
        envelope_version=terms.version,
        metric=cap.metric,
        window=cap.window,
        sample_at=None if seen.sampled is None else moment(seen.sampled),
        value=unscaled(seen.value),
        before=None if seen.before is None else unscaled(seen.before),
        limit=unscaled(cap.limit),
        bucket=None if seen.day is None else date_of(seen.day),
        records=desk.records(),
        facts=desk.facts_at(seen.at, terms),
    )


def total_of(desk: Desk, metric: str) -> int:
    meter = desk.sums.get(metric) or desk.counters.get(metric)
    return 0 if meter is None else meter.total


def judge_totals(desk: Desk, terms: Terms, at: Instant) -> None:
    """A change of the envelope is an evaluation of every total; a finding about a cap that is gone has nothing left to exceed."""
    for metric, caps in terms.caps.items():
        for cap in caps:
            if cap.window is Window.TOTAL and (metric in desk.sums or metric in desk.counters):
                judge(desk, terms, cap, Evaluation(total_of(desk, metric), None, at), "adjusted")
    _clear_gone(desk, lambda subject: not any(cap.subject == subject for some in terms.caps.values() for cap in some))


def judge_gauges(desk: Desk, before: Terms, terms: Terms) -> None:
    """An envelope that is learned of late is in force since its own instant: what a gauge has stood at since, as far as it is kept, is judged
    by it. Until then it was judged by the envelope ``before``: what broke that one was told of."""
    for metric in terms.caps:
        cap, told = terms.cap(metric, Window.CONCURRENT), before.cap(metric, Window.CONCURRENT)
        if cap is None or cap == told or metric not in desk.gauges:
            continue
        for at, value in desk.gauges[metric].instants():
            if at >= terms.since and desk.view.runs_at(at):
                judge(desk, terms, cap, Evaluation(value, None, at, at), "adjusted", told=told, learned=True)


def _clear_gone(desk: Desk, is_gone: Callable[[str], bool]) -> None:
    for key, standing in list(desk.standings.items()):
        rule, _, subject = key.partition("/")
        if standing.open and rule in (RuleCode.CAP_WARNING, RuleCode.CAP_EXCEEDED) and is_gone(subject):
            desk.clear(RuleCode(rule), subject, "adjusted")

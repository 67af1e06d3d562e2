"""The rule ``silence``: a source that owed a report for a period and had sent nothing when it was due; of a source that did report, a
metric marked ``reported`` that was not among it.

Only periods count in which the pilot was active or restricted throughout, and whose due instant comes before it winds down. The first miss
is mild, the next in a row graver; a report for the missed period, or a later one, clears.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.monitoring.core.book import Source
from services.monitoring.core.desk import Desk
from services.monitoring.core.instants import Instant, first_period, moment, period_of, silence_due
from services.monitoring.core.view import Terms
from shared.contracts.events.monitoring import Evidence, RuleCode

ALARM = "silence"


def arm(desk: Desk) -> None:
    """Set the clock of the next period that may be owed; none while the pilot has not started, or once it is over."""
    view = desk.view
    if view.started is None:
        return
    if desk.silence_from is None:
        desk.silence_from = first_period(view.started, view.terms_at(view.started).period)
    _, due = _bounds(desk, desk.silence_from)
    owing = view.over is None or due <= view.over
    desk.alarm(ALARM, due if owing else None)


def serve(desk: Desk, source: str, metrics: Iterable[tuple[str, Instant]]) -> None:
    """An accepted report of ``source`` serves each period in which one of its samples lies."""
    if desk.silence_from is None:
        return
    known = desk.sources.get(source, Source())
    served, by_metric = set[Instant](), dict[str, set[Instant]]()
    start = end = 0
    for metric, at in metrics:
        if not start <= at < end:
            start, end = period_of(at, desk.view.terms_at(at).period)
        served.add(start)
        if metric in desk.view.terms_at(at).owed.get(source, ()):
            by_metric.setdefault(metric, set()).add(start)
    _end_silence(desk, source, served)
    for metric, starts in by_metric.items():
        _end_silence(desk, f"{source}/{metric}", starts)
    open_ = {at for at in served if at >= desk.silence_from} - known.served
    more = {
        metric: known.metrics.get(metric, frozenset()) | {at for at in starts if at >= desk.silence_from}
        for metric, starts in by_metric.items()
    }
    if open_ or any(more[metric] != known.metrics.get(metric, frozenset()) for metric in more):
        desk.sources[source] = replace(known, served=known.served | open_, metrics={**known.metrics, **more})


def fire(desk: Desk, due: Instant) -> None:
    """Judge the period whose reports were due at ``due``, on facts with a time before it; then wait for the next."""
    start = desk.silence_from
    assert start is not None, "the alarm is armed with the period"
    end, _ = _bounds(desk, start)
    if desk.view.owes_throughout(start, end, due):
        first, last = desk.view.terms_at(start), desk.view.terms_at(end - 1)
        for name in sorted(first.sources & last.sources):
            _judge_source(desk, name, first, last, (start, end, due))
    desk.silence_from = end
    for name, source in desk.sources.items():
        desk.sources[name] = replace(
            source,
            served=_since(source.served, end),
            metrics={metric: _since(starts, end) for metric, starts in source.metrics.items()},
        )
    arm(desk)


def excuse(desk: Desk) -> None:
    """A pilot that was over before a period's reports were due did not owe them."""
    over = desk.view.over
    if over is None:
        return
    for key, standing in list(desk.standings.items()):
        rule, _, subject = key.partition("/")
        if rule == RuleCode.SILENCE and standing.open and over < standing.due:
            desk.clear(RuleCode.SILENCE, subject, "not_owed")


def _bounds(desk: Desk, start: Instant) -> tuple[Instant, Instant]:
    view = desk.view
    _, end = period_of(start, view.terms_at(start).period)
    return end, silence_due(end, view.defaults.silence_grace_working_days, view.calendar)


def _judge_source(desk: Desk, name: str, first: Terms, last: Terms, period: tuple[Instant, Instant, Instant]) -> None:
    source = desk.sources.get(name, Source())
    if period[0] not in source.served:
        _miss(desk, name, None, last, period)
        return
    _reset(desk, name)
    for metric in sorted(first.owed.get(name, frozenset()) & last.owed.get(name, frozenset())):
        if period[0] not in source.metrics.get(metric, frozenset()):
            _miss(desk, f"{name}/{metric}", metric, last, period)
        else:
            _reset(desk, f"{name}/{metric}")


def _miss(desk: Desk, subject: str, metric: str | None, terms: Terms, period: tuple[Instant, Instant, Instant]) -> None:
    start, end, due = period
    key = f"{RuleCode.SILENCE}/{subject}"
    misses = desk.standing(key).misses + 1
    severities = desk.view.defaults.silence_severity
    severity = severities[min(misses, len(severities)) - 1]
    evidence = Evidence(
        rule_version=desk.rule_version,
        envelope_version=terms.version,
        metric=metric,
        period_start=moment(start),
        period_end=moment(end),
        due=moment(due),
        misses=misses,
        facts=desk.facts_at(end - 1, terms),
    )
    desk.raise_(RuleCode.SILENCE, subject, severity, evidence)
    desk.standings[key] = replace(desk.standings[key], misses=misses, period=start, due=due)


def _reset(desk: Desk, subject: str) -> None:
    """Served in time: the next miss is a first one again."""
    key = f"{RuleCode.SILENCE}/{subject}"
    standing = desk.standings.get(key)
    if standing is not None and standing.misses:
        desk.standings[key] = replace(standing, misses=0)


def _end_silence(desk: Desk, subject: str, periods: set[Instant]) -> None:
    standing = desk.standings.get(f"{RuleCode.SILENCE}/{subject}")
    if standing is not None and standing.open and max(periods) >= standing.period:
        evidence = Evidence(rule_version=desk.rule_version, records=desk.records())
        desk.clear(RuleCode.SILENCE, subject, "recovered", evidence)


def _since(starts: frozenset[Instant], end: Instant) -> frozenset[Instant]:
    return starts if not starts or min(starts) >= end else frozenset(at for at in starts if at >= end)

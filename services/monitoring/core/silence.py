"""The rule ``silence``: a source that owed a report for a period and had sent nothing when it was due; of a source that did report, a
metric marked ``reported`` that was not among it.

Only periods count in which the pilot was active or restricted throughout, and whose due instant comes before it winds down. The first miss
is mild, the next in a row graver; periods whose reports are due at one instant are one miss, for only who has been told of it goes on being
silent. A report for the missed period, or a later one, clears.

What counts is when a report was received, not when it was read: one received before the due instant is in time however late it is read, and
one received after it ends the silence that began there, also where it is read before the clock has fired. Such a report waits in the book.
Of several that no clock separates, the first that is read ends the silence: what was told is not taken back, and Kafka keeps their order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from services.monitoring.core.book import Heard, Report, Source
from services.monitoring.core.desk import Desk
from services.monitoring.core.instants import Instant, day_of, first_period, moment, period_of, silence_due
from services.monitoring.core.view import Terms
from shared.contracts.events.monitoring import Evidence, RecordRef, RuleCode

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
    _hear(desk)


def serve(desk: Desk, report: Report) -> None:
    """An accepted report serves each period in which one of its samples lies, and ends a silence about one of them or one before."""
    assert desk.silence_from is not None, "facts are taken in before reports, and none counts before the start"
    source, since = report.source, desk.silence_from
    by_metric = _periods(desk, report)
    periods = set().union(*by_metric.values())
    known = desk.sources.get(source, Source())
    _ends(desk, report, source, max(periods))
    served, metrics = _first(known.served, periods, since, desk.received), known.metrics
    for metric, starts in by_metric.items():
        if any(metric in desk.view.terms_at(at).owed.get(source, ()) for at in starts):
            _ends(desk, report, f"{source}/{metric}", max(starts))
            before = metrics.get(metric, {})
            after = _first(before, starts, since, desk.received)
            if after is not before:
                metrics = {**metrics, metric: after}
    if served is not known.served or metrics is not known.metrics:
        desk.sources[source] = Source(known.sequence, known.part, served, metrics)


def _first(
    known: Mapping[Instant, Instant], starts: Collection[Instant], since: Instant, received: Instant
) -> Mapping[Instant, Instant]:
    """By period not judged yet, when the first report was received; the same mapping when this one is the first for none."""
    fresh = {at: received for at in starts if at >= since and received < known.get(at, received + 1)}
    return {**known, **fresh} if fresh else known


def _periods(desk: Desk, report: Report) -> dict[str, set[Instant]]:
    """By metric, the starts of the periods in which its samples lie."""
    found: dict[str, set[Instant]] = {}
    start = end = 0
    for metric, at, _, _ in report.samples:
        if not start <= at < end:
            start, end = _period_of(desk, at)
        starts = found.get(metric)
        if starts is None:
            found[metric] = {start}
        else:
            starts.add(start)
    return found


def _period_of(desk: Desk, at: Instant) -> tuple[Instant, Instant]:
    """The period of a sample. Most lie in the one that was looked up last; it holds while the envelope does."""
    terms = desk.view.terms_at(at)
    known, start, end = desk.period
    if known is terms and start <= at < end:
        return start, end
    start, end = period_of(at, terms.period)
    desk.period = (terms, start, end)
    return start, end


def fire(desk: Desk, due: Instant) -> None:
    """Judge the periods whose reports were due at ``due``, on facts with a time before it; then wait for the next."""
    assert desk.silence_from is not None, "the alarm is armed with the period"
    missed: dict[str, _Miss] = {}
    served: set[str] = set()
    start = desk.silence_from
    while _bounds(desk, start)[1] == due:
        end, _ = _bounds(desk, start)
        if desk.view.owes_throughout(start, end, due):
            first, last = desk.view.terms_at(start), desk.view.terms_at(end - 1)
            for name in first.sources & last.sources:
                _judge_source(desk, name, _Period(start, end, due, first, last), missed, served)
        start = end
    for subject, miss in sorted(missed.items()):
        _tell(desk, subject, miss)
    for subject in served - missed.keys():
        _reset(desk, subject)
    desk.silence_from = start
    for name, source in desk.sources.items():
        desk.sources[name] = replace(
            source,
            served=_since(source.served, start),
            metrics={metric: _since(starts, start) for metric, starts in source.metrics.items()},
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


class _Period(NamedTuple):
    """A period as [start, end), when its reports are due, and the envelopes at its beginning and at its end."""

    start: Instant
    end: Instant
    due: Instant
    first: Terms
    last: Terms


class _Miss(NamedTuple):
    """The first period of those due at one instant that was missed, the end of the row of them that begins with it, and the start of the
    last."""

    period: _Period
    end: Instant
    metric: str | None
    newest: Instant


def _judge_source(desk: Desk, name: str, period: _Period, missed: dict[str, _Miss], served: set[str]) -> None:
    """Put the source, and where it did report the metrics that it owes, to what was missed or to what was served in time."""
    source = desk.sources.get(name, Source())
    start, _, due, first, last = period
    if source.served.get(start, due) >= due:
        _miss(missed, name, None, period)
        return
    served.add(name)
    for metric in first.owed.get(name, frozenset()) & last.owed.get(name, frozenset()):
        if source.metrics.get(metric, {}).get(start, due) >= due:
            _miss(missed, f"{name}/{metric}", metric, period)
        else:
            served.add(f"{name}/{metric}")


def _miss(missed: dict[str, _Miss], subject: str, metric: str | None, period: _Period) -> None:
    before = missed.get(subject)
    if before is None:
        missed[subject] = _Miss(period, period.end, metric, period.start)
    else:
        end = period.end if before.end == period.start else before.end
        missed[subject] = before._replace(end=end, newest=period.start)


def _tell(desk: Desk, subject: str, miss: _Miss) -> None:
    start, _, due, _, terms = miss.period
    key = f"{RuleCode.SILENCE}/{subject}"
    misses = desk.standing(key).misses + 1
    severities = desk.view.defaults.silence_severity
    severity = severities[min(misses, len(severities)) - 1]
    evidence = Evidence(
        rule_version=desk.rule_version,
        envelope_version=terms.version,
        metric=miss.metric,
        period_start=moment(start),
        period_end=moment(miss.end),
        due=moment(due),
        misses=misses,
        facts=desk.facts_at(miss.period.end - 1, terms),
    )
    desk.raise_(RuleCode.SILENCE, subject, severity, evidence)
    desk.standings[key] = replace(desk.standings[key], misses=misses, period=miss.newest, due=due)


def _reset(desk: Desk, subject: str) -> None:
    """Served in time: the next miss is a first one again."""
    key = f"{RuleCode.SILENCE}/{subject}"
    standing = desk.standings.get(key)
    if standing is not None and standing.misses:
        desk.standings[key] = replace(standing, misses=0)


def _ends(desk: Desk, report: Report, subject: str, newest: Instant) -> None:
    """The report ends an open silence about ``newest`` or a period before; but first fires every clock that was due when it was received."""
    armed, received = desk.alarms.get(ALARM), desk.received
    if armed is not None and received >= armed:
        heard = Heard(received, newest, report.source, report.sequence, report.part, report.sha256)
        desk.heard[subject] = _with(desk.heard.get(subject, ()), heard)
        return
    standing = desk.standings.get(f"{RuleCode.SILENCE}/{subject}")
    if standing is not None and standing.open and newest >= standing.period:
        _end(desk, subject, received, desk.records())


def _hear(desk: Desk) -> None:
    """What waited for clocks that have fired, or will not, has its effect, in the order in which it was received."""
    armed = desk.alarms.get(ALARM)
    for subject, reports in list(desk.heard.items()):
        ready = [one for one in reports if armed is None or one.received < armed]
        for one in ready:
            standing = desk.standing(f"{RuleCode.SILENCE}/{subject}")
            if standing.open and one.period >= standing.period:
                _end(desk, subject, one.received, (one.ref,))
        if len(ready) == len(reports):
            del desk.heard[subject]
        else:
            desk.heard[subject] = reports[len(ready) :]


def _end(desk: Desk, subject: str, received: Instant, records: tuple[RecordRef, ...]) -> None:
    due = desk.standings[f"{RuleCode.SILENCE}/{subject}"].due
    evidence = Evidence(rule_version=desk.rule_version, records=records)
    desk.clear(RuleCode.SILENCE, subject, "recovered", evidence, max(received, due))


def _with(heard: tuple[Heard, ...], late: Heard) -> tuple[Heard, ...]:
    """In the order of receipt, and only those that can matter: every clock is due at a midnight, so that of the reports received on one day
    only those matter that reach a later period than all before them."""
    day = [one for one in heard if day_of(one.received) == day_of(late.received)]
    if any(one.received <= late.received and one.period >= late.period for one in day):
        return heard
    passed = [one for one in day if late.received < one.received and late.period >= one.period]
    return tuple(sorted([*(one for one in heard if one not in passed), late], key=lambda one: one.received))


def _since(served: Mapping[Instant, Instant], end: Instant) -> Mapping[Instant, Instant]:
    return served if not served or min(served) >= end else {at: first for at, first in served.items() if at >= end}

"""The desk on which one pilot is judged: working copies of its book, opened and closed within one call of :mod:`judge`.

The rules change what lies on the desk; nothing of it escapes but the :class:`Judgement` that :meth:`Desk.close` gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from services.monitoring.core.book import (
    Book,
    Judgement,
    Report,
    Standing,
    Told,
    UsageKey,
    Verdict,
    finding_id,
    measure_id,
)
from services.monitoring.core.instants import Day, Instant, instant_of, moment
from services.monitoring.core.meters import Counter, Gains, Point, Sum
from services.monitoring.core.view import Terms, View
from shared.contracts.base import Event
from shared.contracts.events.monitoring import (
    EventRef,
    Evidence,
    FindingCleared,
    FindingEscalated,
    FindingOpened,
    InterimMeasureTaken,
    RecordRef,
    RuleCode,
)
from shared.contracts.pilot import Severity, Window

Reason = Literal["recovered", "corrected", "adjusted", "not_owed", "judged", "pilot_ended"]
CLOSED = Standing()


@dataclass(frozen=True, slots=True)
class Touched:
    """Of a metric that thresholds read: its values before the record in hand, and the instants at which the record brought some."""

    before: tuple[Point, ...]
    at: set[Instant] = field(default_factory=set)


class Desk:
    """``now`` is the domain's time, or the due instant of a clock that fires. ``report`` and ``index`` are those in hand."""

    def __init__(self, book: Book, view: View, now: datetime) -> None:
        self.book = book
        self.view = view
        self.now = now
        self.at: Instant = instant_of(now)
        self.sums = dict(book.sums)
        self.counters = dict(book.counters)
        self.gauges = dict(book.gauges)
        self.spans = dict(book.spans)
        self.sources = dict(book.sources)
        self.standings = dict(book.standings)
        self.alarms = dict(book.alarms)
        self.unrolled: set[UsageKey] = set(book.unrolled)
        self.newest = dict(book.newest)
        self.peaks = dict(book.peaks)
        self.open_days = set(book.open_days)
        self.silence_from = book.silence_from
        self.heard = dict(book.heard)
        self.amended = book.amended
        self.envelope = book.envelope
        self.finished = book.finished
        self.change = book.change
        self.told: list[Told] = []
        self.verdicts: list[Verdict] = []
        self.gains: dict[tuple[str, Day], int] = {}
        self.points: dict[tuple[str, Instant, str], Point] = {}
        self.touched: dict[str, Touched] = {}
        self.past: dict[tuple[str, Day], int] = {}
        """Sums of days that their meters do not keep, as far as they were looked up."""
        self.period: tuple[Terms | None, Instant, Instant] = (None, 0, 0)
        """The reporting period that was looked up last: most samples lie in one."""
        self.report: Report | None = None
        self.index: int | None = None

    def close(self) -> Judgement:
        book = Book(
            change=self.change,
            sums=self.sums,
            counters=self.counters,
            gauges=self.gauges,
            spans=self.spans,
            sources=self.sources,
            standings=self.standings,
            silence_from=self.silence_from,
            heard=self.heard,
            amended=self.amended,
            envelope=self.envelope,
            open_days=frozenset(self.open_days),
            alarms=self.alarms,
            unrolled=frozenset(self.unrolled),
            newest=self.newest,
            peaks=self.peaks,
            finished=self.finished,
        )
        return Judgement(book, tuple(self.told), tuple(self.verdicts), self.gains, self.points)

    def tell(self, event: Event) -> None:
        self.told.append(Told(event, self.index))

    def recorded(self, metric: str, day: Day) -> int:
        """The sum of a delta's day: the meter's, or of a day that it no longer keeps what was looked up."""
        value = self.sums.get(metric, Sum()).day(day)
        return self.past.get((metric, day), 0) if value is None else value

    def add(self, metric: str, day: Day, value: int) -> None:
        """Add to a delta. A day that its meter does not keep, or keeps no longer, stays at hand until the desk is closed."""
        before = self.sums.get(metric, Sum())
        after = self.sums[metric] = before.add(day, value)
        if day < after.days[0][0]:
            self.past[metric, day] = self.past.get((metric, day), 0) + value
        elif before.days and before.days[0][0] < after.days[0][0]:
            oldest, kept = before.days[0]
            self.past[metric, oldest] = kept

    def count(self, metric: str, at: Instant, value: int, reset: bool) -> Gains:
        """Put a sample to a counter; what that adds to the days. A day that the counter keeps no longer stays at hand, as in :meth:`add`."""
        before = self.counters.get(metric, Counter())
        after, gains = before.put(at, value, reset)
        self.counters[metric] = after
        if before.floor_at != after.floor_at:
            self.past |= {(metric, day): before.day(day) for day in before.days() if not after.keeps(day)}
        for day, gain in gains:
            if not after.keeps(day):
                self.past[metric, day] = self.past.get((metric, day), 0) + gain
        return gains

    def gained(self, metric: str, gains: Gains) -> None:
        for day, value in gains:
            key = (metric, day)
            self.gains[key] = self.gains.get(key, 0) + value

    def changed(self, metric: str, window: Window, day: Day | None = None) -> None:
        self.unrolled.add((metric, window, day))

    def alarm(self, kind: str, at: Instant | None) -> None:
        """Set the alarm ``kind``, or take it away."""
        if at is None:
            self.alarms.pop(kind, None)
        else:
            self.alarms[kind] = at

    @property
    def received(self) -> Instant:
        """When the report in hand was taken."""
        received = None if self.report is None else self.report.received
        return self.at if received is None else received

    @property
    def corrects(self) -> bool:
        return self.report is not None and self.report.corrects is not None

    @property
    def rule_version(self) -> str:
        return self.view.facts.binding.rule_set

    def records(self) -> tuple[RecordRef, ...]:
        return () if self.report is None else (self.report.ref(self.received),)

    def facts_at(self, at: Instant, terms: Terms) -> tuple[EventRef, ...]:
        """The facts that said what was in force: the envelope's, and the state's."""
        return tuple(dict.fromkeys((terms.event, self.view.state_event(at))))

    # Findings

    def standing(self, key: str) -> Standing:
        return self.standings.get(key, CLOSED)

    def raise_(self, rule: RuleCode, subject: str, severity: Severity, evidence: Evidence) -> None:
        """Open the finding, or escalate an open one that is milder; nothing when it stands as severe already."""
        key = f"{rule}/{subject}"
        standing = self.standing(key)
        if not standing.open:
            standing = replace(standing, n=standing.n + 1, open=True, severity=severity, opened=self.at, measured=False)
            self._tell_finding(FindingOpened, key, standing, rule, subject, evidence, severity=severity)
        elif severity.rank > standing.severity.rank:
            before, standing = standing.severity, replace(standing, severity=severity)
            self._tell_finding(
                FindingEscalated, key, standing, rule, subject, evidence, severity=severity, severity_before=before
            )
        else:
            return
        if rule is RuleCode.CAP_EXCEEDED and severity is Severity.CRITICAL and not standing.measured:
            standing = replace(standing, measured=True)
            self._measure(key, standing, evidence)
        self.standings[key] = standing

    def clear(
        self, rule: RuleCode, subject: str, reason: Reason, evidence: Evidence | None = None, at: Instant | None = None
    ) -> None:
        """Clear the finding, which must be open, ``at`` an instant (None: now). What comes late never clears it before it opened."""
        key = f"{rule}/{subject}"
        standing = self.standings[key]
        self.standings[key] = replace(standing, open=False, misses=0)
        at = max(self.at if at is None else at, standing.opened)
        found = evidence if evidence is not None else Evidence(rule_version=self.rule_version)
        self._tell_finding(FindingCleared, key, standing, rule, subject, found, at=moment(at), reason=reason)

    def _tell_finding(
        self,
        kind: type[FindingOpened] | type[FindingEscalated] | type[FindingCleared],
        key: str,
        standing: Standing,
        rule: RuleCode,
        subject: str,
        evidence: Evidence,
        **more: object,
    ) -> None:
        fields = {
            "at": self.now,
            "pilot_id": self.view.pilot_id,
            "finding_id": finding_id(self.view.pilot_id, key, standing.n),
            "rule": rule,
            "subject": subject,
            "evidence": evidence,
            **more,
        }
        self.tell(kind.model_validate(fields))

    def _measure(self, key: str, standing: Standing, evidence: Evidence) -> None:
        finding = finding_id(self.view.pilot_id, key, standing.n)
        self.tell(
            InterimMeasureTaken(
                at=self.now,
                pilot_id=self.view.pilot_id,
                measure_id=measure_id(finding),
                finding_id=finding,
                severity=standing.severity,
                evidence=evidence,
            )
        )

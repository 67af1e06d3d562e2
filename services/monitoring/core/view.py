"""A pilot's facts, ready to judge by: what was in force at an instant, with limits as scaled integers and rules sorted by metric."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.monitoring.core.facts import PilotFacts
from services.monitoring.core.instants import DAY, HOUR, Instant, instant_of, moment
from shared.contracts.events.monitoring import EventRef, RuleCode
from shared.contracts.numbers import SCALE, scaled
from shared.contracts.pilot import RUNNING, Cap, Envelope, Period, PilotState, Severity, Threshold, Window
from shared.contracts.rules import MetricKind, RuleDefaults, ThresholdDefault
from shared.reference.calendar import Calendar

OWING = frozenset({PilotState.ACTIVE, PilotState.RESTRICTED})
"""States in which a pilot owes its reports."""
_OVER = frozenset({PilotState.WINDING_DOWN, PilotState.ENDED})


@dataclass(frozen=True, slots=True)
class CapTerm:
    """A cap with its limit scaled. ``warn_at`` is the smallest value that warns; ``*_key`` name its two findings."""

    metric: str
    window: Window
    subject: str
    limit: int
    warn_at: int
    severity: Severity
    warning_key: str
    exceeded_key: str


@dataclass(frozen=True, slots=True)
class ThresholdTerm:
    """``scale`` x numerator / denominator over ``width`` microseconds, above ``limit`` (scaled)."""

    code: str
    numerator: str
    denominator: str | None
    scale: int
    width: int
    limit: int
    severity: Severity
    key: str


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of the envelope. ``owed`` names, by source, the metrics marked ``reported``."""

    since: Instant
    version: int
    event: EventRef
    period: Period
    sources: frozenset[str]
    caps: Mapping[str, tuple[CapTerm, ...]]
    thresholds: Mapping[str, tuple[ThresholdTerm, ...]]
    owed: Mapping[str, frozenset[str]]

    def cap(self, metric: str, window: Window) -> CapTerm | None:
        return next((cap for cap in self.caps.get(metric, ()) if cap.window is window), None)


@dataclass(frozen=True)
class View:
    """The pilot's facts at hand, made by :func:`view_of`. ``started``, ``over`` (no longer running) and ``ended`` are None while it has
    not happened. ``windowed`` are the metrics that a threshold reads, ``widest`` how far back the windows
    reach that a value bears on, in microseconds. ``plain`` are deltas of
    which no version of the envelope looks at more than the total: their samples need not be looked at one by one."""

    facts: PilotFacts
    calendar: Calendar
    kinds: Mapping[str, MetricKind]
    defaults: RuleDefaults
    terms: tuple[Terms, ...]
    started: Instant | None
    over: Instant | None
    ended: Instant | None
    widest: int
    windowed: frozenset[str]
    plain: frozenset[str]
    _runs: Sequence[bool]
    _state_since: Sequence[Instant]
    _terms_since: Sequence[Instant]

    @property
    def pilot_id(self) -> UUID:
        return self.facts.pilot_id

    def is_to_start_by(self, at: Instant) -> bool:
        """Whether the start that the registration set has come, of a pilot of which nothing else has been told since."""
        start = self.facts.start_at
        return len(self.facts.states) == 1 and start is not None and instant_of(start) <= at

    def state_event(self, at: Instant) -> EventRef:
        return self.facts.states[self._state_index(at)].event

    def terms_at(self, at: Instant) -> Terms:
        """The envelope in force at ``at``; before the first, the first."""
        if at >= self._terms_since[-1]:
            return self.terms[-1]
        return self.terms[max(0, bisect_right(self._terms_since, at) - 1)]

    def runs_at(self, at: Instant) -> bool:
        return self._runs[self._state_index(at)]

    def owes_throughout(self, start: Instant, end: Instant, before: Instant) -> bool:
        """Whether, on facts with a time before ``before``, the pilot was active or restricted all of [start, end) and is not over since."""
        known = bisect_right(self._state_since, before - 1)
        first = max(0, bisect_right(self._state_since, start) - 1)
        states = [self.facts.states[i].state for i in range(first, known)]
        within = [
            self.facts.states[i].state for i in range(first, min(known, bisect_right(self._state_since, end - 1)))
        ]
        return bool(within) and all(state in OWING for state in within) and states[-1] not in _OVER

    def latest_sample(self) -> Instant | None:
        """The last instant at which a sample may lie: some days after the end; None while there is no end."""
        return None if self.ended is None else self.ended + self.defaults.late_samples_after_end_days * DAY

    def tidy_at(self) -> Instant | None:
        """When monitoring clears what is left of an ended pilot (clock ``findings_after_end``)."""
        if self.ended is None:
            return None
        days = self.defaults.late_samples_after_end_days
        return instant_of(self.calendar.due_calendar_days(moment(self.ended), days).instant)

    def _state_index(self, at: Instant) -> int:
        since = self._state_since
        return len(since) - 1 if since[-1] <= at else max(0, bisect_right(since, at) - 1)


def view_of(facts: PilotFacts, calendar: Calendar) -> View:
    """Facts, ready to judge by."""
    since = [instant_of(one.at) for one in facts.states]
    terms = tuple(_terms(facts, one.envelope, instant_of(one.at), one.event) for one in facts.envelopes)
    windowed = frozenset(metric for one in terms for metric in one.thresholds)
    daily = {metric for one in terms for metric in one.caps if one.cap(metric, Window.DAY) is not None}
    deltas = {metric for metric, kind in facts.binding.kinds.items() if kind is MetricKind.DELTA}
    read = [term for one in terms for some in one.thresholds.values() for term in some]
    return View(
        facts=facts,
        calendar=calendar,
        kinds=facts.binding.kinds,
        defaults=facts.binding.defaults,
        terms=terms,
        started=next((at for at, one in zip(since, facts.states, strict=True) if one.state in RUNNING), None),
        over=_lasting(facts, since, _OVER),
        ended=_lasting(facts, since, frozenset({PilotState.ENDED})),
        # Where it takes several windows in a row, each may end up to a width before the last.
        widest=max((term.width for term in read), default=0) * (1 if facts.binding.defaults.threshold_hold == 1 else 2),
        windowed=windowed,
        plain=frozenset(deltas - daily - windowed),
        _runs=[one.state in RUNNING for one in facts.states],
        _state_since=since,
        _terms_since=[one.since for one in terms],
    )


def _lasting(facts: PilotFacts, since: Sequence[Instant], states: frozenset[PilotState]) -> Instant | None:
    """Since when the pilot has been in ``states`` to this day; None when it is not."""
    found = None
    for at, one in zip(since, facts.states, strict=True):
        if one.state not in states:
            found = None
        elif found is None:
            found = at
    return found


def _terms(facts: PilotFacts, envelope: Envelope, since: Instant, event: EventRef) -> Terms:
    binding = facts.binding
    caps: dict[str, list[CapTerm]] = {}
    owed: dict[str, set[str]] = {}
    for cap in envelope.caps:
        caps.setdefault(cap.metric, []).append(_cap_term(cap, binding.defaults))
        if cap.reported:
            owed.setdefault(cap.source, set()).add(cap.metric)
    thresholds: dict[str, list[ThresholdTerm]] = {}
    for term in _threshold_terms(binding.thresholds.values(), envelope.thresholds):
        for metric in {term.numerator, term.denominator} - {None}:
            thresholds.setdefault(str(metric), []).append(term)
    return Terms(
        since=since,
        version=envelope.version,
        event=event,
        period=envelope.reporting_period,
        sources=frozenset(envelope.sources),
        caps={metric: tuple(some) for metric, some in caps.items()},
        thresholds={metric: tuple(some) for metric, some in thresholds.items()},
        owed={source: frozenset(metrics) for source, metrics in owed.items()},
    )


def _cap_term(cap: Cap, defaults: RuleDefaults) -> CapTerm:
    limit = scaled(cap.limit)
    critical = cap.critical or cap.metric in defaults.critical_caps
    return CapTerm(
        metric=cap.metric,
        window=cap.window,
        subject=cap.subject,
        limit=limit,
        # At a limit of 0 every value above it is a breach already: nothing can come close to it without exceeding it.
        warn_at=max(1, -(-scaled(defaults.cap_warning_ratio) * limit // SCALE)),
        severity=Severity.CRITICAL if critical else defaults.cap_exceeded_severity,
        warning_key=f"{RuleCode.CAP_WARNING}/{cap.subject}",
        exceeded_key=f"{RuleCode.CAP_EXCEEDED}/{cap.subject}",
    )


def _threshold_terms(defaults: Iterable[ThresholdDefault], own: Iterable[Threshold]) -> Iterable[ThresholdTerm]:
    """The defaults, and the envelope's own. One of a default's code that measures the same may be stricter, in its limit, its severity or
    both; one that measures something else is not stricter for sure."""
    found = {row.code: _threshold_term(row) for row in defaults}
    for row in own:
        term = _threshold_term(row)
        default = found.get(row.code)
        if default is None:
            found[row.code] = term
        elif term == replace(default, limit=term.limit, severity=term.severity):
            severity = max(term.severity, default.severity, key=lambda one: one.rank)
            found[row.code] = replace(default, limit=min(term.limit, default.limit), severity=severity)
    return found.values()


def _threshold_term(row: ThresholdDefault | Threshold) -> ThresholdTerm:
    return ThresholdTerm(
        code=row.code,
        numerator=row.numerator,
        denominator=row.denominator,
        scale=row.scale,
        width=row.window_hours * HOUR,
        limit=scaled(row.limit),
        severity=row.severity,
        key=f"{RuleCode.THRESHOLD}/{row.code}",
    )

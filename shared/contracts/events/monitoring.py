"""Facts that the service monitoring writes to ``haukiem.monitoring.v1``."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract, Event, Instant, PilotEvent
from shared.contracts.errors import Problem
from shared.contracts.numbers import Total
from shared.contracts.pilot import Code, Prose, Severity, Sha256, Window


class _Fact(PilotEvent):
    owner: ClassVar[str] = "monitoring"


class RuleCode(StrEnum):
    CAP_WARNING = "cap_warning"
    CAP_EXCEEDED = "cap_exceeded"
    THRESHOLD = "threshold"
    SILENCE = "silence"
    INCIDENT = "incident"
    TIP = "tip"
    REFERRAL = "referral"
    ANOMALY = "anomaly"


class RecordRef(Contract):
    """A metrics record that a finding stands on, by identity and by the SHA-256 of its value bytes.

    ``received`` is when it was taken, by a witness that its sender cannot forge; an event written before that was told has none.
    """

    source: str
    sequence: int
    part: int
    sha256: Sha256
    received: Instant | None = None


class EventRef(Contract):
    """A fact that a finding or a decision stands on, by id and by the SHA-256 of its data bytes."""

    event_id: UUID
    sha256: Sha256


class Evidence(Contract):
    """What made a finding: enough to judge it and to replay it without the raw stream.

    ``value`` and ``limit`` are in the metric's unit; ``before`` is the rollup before the record. ``bucket`` is the day of a day window.
    ``numerator`` and ``denominator`` are the sums of a threshold's window. ``period_*`` and ``due`` are those of a silence.
    """

    rule_version: str
    envelope_version: int | None = None
    metric: Code | None = None
    window: Window | None = None
    sample_at: Instant | None = None
    value: Total | None = None
    before: Total | None = None
    limit: Total | None = None
    bucket: date | None = None
    numerator: Total | None = None
    denominator: Total | None = None
    window_hours: int | None = None
    period_start: Instant | None = None
    period_end: Instant | None = None
    due: Instant | None = None
    misses: int | None = None
    content: str | None = None
    records: tuple[RecordRef, ...] = ()
    facts: tuple[EventRef, ...] = ()


class _Finding(_Fact):
    """One open thing per (pilot, rule, subject)."""

    finding_id: UUID
    rule: RuleCode
    subject: str
    evidence: Evidence


class FindingOpened(_Finding):
    severity: Severity


class FindingEscalated(_Finding):
    severity: Severity
    severity_before: Severity


class FindingCleared(_Finding):
    """``not_owed``: the pilot had withdrawn or ended before the period's silence counted; ``judged``: by a decision that was not without effect."""

    reason: Literal["recovered", "corrected", "adjusted", "not_owed", "judged", "pilot_ended"]


class InterimMeasureTaken(_Fact):
    """Intake of the pilot is restricted at once. From here on decisions owns the measure."""

    measure_id: UUID
    finding_id: UUID
    kind: Literal["restrict_intake"] = "restrict_intake"
    severity: Severity
    evidence: Evidence


class Peak(Contract):
    """A gauge's value at an instant that was the highest of some time."""

    at: Instant
    value: Total


class UsageRolled(_Fact):
    """The value of a metric in a window: on change, and ``closed`` at the bucket's end. ``bucket`` is the day of a day window.

    ``sample_at`` is the instant of a gauge's latest sample, or of a total's newest: the total belongs to the quarter in which that lies.
    ``peaks`` are the highest values of a gauge since it was last told, one for each quarter (+07:00) in which samples of it lie; one that
    was told is not taken back.
    """

    metric: Code
    window: Window
    bucket: date | None = None
    value: Total
    limit: Total | None = None
    sample_at: Instant | None = None
    closed: bool = False
    peaks: tuple[Peak, ...] = ()


class MetricsReportRejected(_Fact):
    """A report that does not count, whole, with every error located. ``partition`` and ``offset`` are where its record stood,
    ``signature_sha256`` is that of the header ``hk-signature`` that it bore: None when it bore none. One that comes again is not told again."""

    source: str | None = None
    sequence: int | None = None
    part: int | None = None
    partition: int | None = None
    offset: int | None = None
    record_sha256: Sha256
    signature_sha256: Sha256 | None = None
    problems: tuple[Problem, ...]


class TipReceived(_Fact):
    """From the public: a matter to look at, not yet a fact."""

    tip_id: UUID
    content_sha256: Sha256
    text: Prose


class ReferralReceived(_Fact):
    """From another authority: title, timecode and the hash of what was seen."""

    referral_id: UUID
    from_authority: str
    title: str
    timecode: str | None = None
    content_sha256: Sha256
    text: Prose


class RiskInput(Contract):
    """One input of a score, with its value in words and the event that it was read from."""

    name: str
    value: str
    level: float
    event_id: UUID | None = None


class RiskAssessed(_Fact):
    """Orders the queue; never evidence. Score and components are 1.00 to 4.00; rounded only for display."""

    formula: str
    score: float = Field(ge=1, le=4)
    band: Literal["low", "medium", "high", "very_high"]
    impact: float
    probability: float
    detectability: float
    inputs: tuple[RiskInput, ...]
    changed: tuple[str, ...] = ()
    would_lower_most: str | None = None


EVENTS: tuple[type[Event], ...] = (
    FindingOpened,
    FindingEscalated,
    FindingCleared,
    InterimMeasureTaken,
    UsageRolled,
    MetricsReportRejected,
    TipReceived,
    ReferralReceived,
    RiskAssessed,
)

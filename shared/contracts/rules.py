"""The rule rows that events carry: what binds one pilot, frozen at the receipt of its application.

Law is data. The rows stand in the dated files of :mod:`shared.reference`; an application is governed by those in force on the day it was
received, and :class:`FrozenRules` in ``PilotRegistered`` carries them, so that no service ever looks a version up again. Ratios and
limits are decimals (strings in JSON), so that a comparison with a limit is exact.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.numbers import Exact
from shared.contracts.pilot import Criterion, Severity, StartMode, Window


class GateRequires(StrEnum):
    """What the law asks before a declared activity may begin, mildest first: compare with :attr:`strictness`."""

    NONE = "none"
    NOTICE_ONLY = "notice_only"
    NOTICE_SILENCE = "notice_silence"
    PERMIT = "permit"

    @property
    def strictness(self) -> int:
        return list(GateRequires).index(self)


class GatePhase(StrEnum):
    """``start`` gates bear on the start; ``exit`` gates add duties at the end only."""

    START = "start"
    EXIT = "exit"


class DayKind(StrEnum):
    WORKING = "working"
    CALENDAR = "calendar"


class MetricKind(StrEnum):
    """``delta`` adds; ``counter`` is cumulative and may fall only with ``reset``; ``gauge`` is the value now."""

    DELTA = "delta"
    COUNTER = "counter"
    GAUGE = "gauge"


WINDOWS_OF: dict[MetricKind, tuple[Window, ...]] = {
    MetricKind.DELTA: (Window.TOTAL, Window.DAY),
    MetricKind.COUNTER: (Window.TOTAL, Window.DAY),
    MetricKind.GAUGE: (Window.CONCURRENT,),
}


class ClockUnit(StrEnum):
    INSTANT = "instant"
    WORKING_DAY = "working_day"
    CALENDAR_DAY = "calendar_day"
    HOUR = "hour"
    MONTH = "month"


class ClockCode(StrEnum):
    """Every clock that a service runs. The rules file must have a row for each, and for no other."""

    PILOT_START = "pilot_start"
    PILOT_END = "pilot_end"
    PERIODIC_REPORT = "periodic_report"
    FINAL_REPORT = "final_report"
    SILENCE = "silence"
    DAY_CLOSE = "day_close"
    REMEDY_VERIFY = "remedy_verify"
    FINDINGS_AFTER_END = "findings_after_end"
    STANDSTILL = "standstill"
    PERMIT = "permit"
    SUPPLEMENT_ANSWER = "supplement_answer"
    CASE_CRITICAL = "case_critical"
    CASE_MAJOR = "case_major"
    CASE_MINOR = "case_minor"
    MEASURE_CONFIRM = "measure_confirm"
    REPLY = "reply"
    CORRECTION = "correction"
    TAKEDOWN = "takedown"
    OPINION = "opinion"
    REFERRAL_ANSWER = "referral_answer"
    INCIDENT_REPORT = "incident_report"
    EXTENSION_DECISION = "extension_decision"
    COMPLETION = "completion"
    WIND_DOWN = "wind_down"
    BAR_AFTER_TERMINATION = "bar_after_termination"
    APPEAL_FILE_1 = "appeal_file_1"
    APPEAL_ACCEPT = "appeal_accept"
    APPEAL_RESOLVE_1 = "appeal_resolve_1"
    APPEAL_FILE_2 = "appeal_file_2"
    APPEAL_RESOLVE_2 = "appeal_resolve_2"
    SNOOZE_MAX = "snooze_max"


class DecisionKind(StrEnum):
    """Every kind of decision whose effect the services know. The rules file must have a row for each, and for no other."""

    PERMIT = "permit"
    OBJECT = "object"
    REFUSE = "refuse"
    REFUSE_EXTENSION = "refuse_extension"
    CONTINUE = "continue"
    WARN = "warn"
    ORDER_CORRECTION = "order_correction"
    ORDER_TAKEDOWN = "order_takedown"
    ADJUST = "adjust"
    SUSPEND = "suspend"
    LIFT_SUSPENSION = "lift_suspension"
    CONFIRM_MEASURE = "confirm_measure"
    LIFT_MEASURE = "lift_measure"
    EXTEND = "extend"
    TERMINATE = "terminate"
    COMPLETE = "complete"
    REFUSE_COMPLETION = "refuse_completion"
    REFER_SANCTION = "refer_sanction"
    OPEN_CHECK_ONSITE = "open_check_onsite"
    OPEN_CHECK_OVER_BUDGET = "open_check_over_budget"
    UPHOLD = "uphold"
    VARY = "vary"
    OVERTURN = "overturn"


class Pause(StrEnum):
    """What stops a clock while it lasts."""

    SUPPLEMENT = "supplement"
    REPLY = "reply"
    APPEAL_STAY = "appeal_stay"


class SupplementClock(StrEnum):
    """What a supplement does to the limit it interrupts: the time does not count, or it is counted again from the answer."""

    PAUSE = "pause"
    RESTART = "restart"


class FourEyes(StrEnum):
    """When a decision needs a second signer: where the policy row lists it, always, or as the decision of an appeal."""

    ROW = "row"
    ALWAYS = "always"
    APPEAL = "appeal"


class SecondSigner(StrEnum):
    ANY = "any"
    SUPERVISOR = "supervisor"


class PolicyRow(Contract):
    """Admission policy of one sector and tier, in force for receipts from ``effective_from`` until before ``effective_to``."""

    sector: str
    tier: int
    start: StartMode
    standstill_working_days: int
    permit_decision_working_days: int
    max_duration_months: int
    max_extensions: int
    extension_max_months: int
    report_every_months: int
    incident_report_hours: int
    supplement_requests_max: int
    supplement_clock: SupplementClock
    four_eyes: tuple[str, ...]
    legal_basis: tuple[str, ...]
    effective_from: date
    effective_to: date | None = None
    review_by: date | None = None


class Gate(Contract):
    """A statutory gate: what the law asks for an activity whatever the tier. ``authority`` is a pattern ({p} province, {w} commune)."""

    code: str
    sector: str
    activity_vi: str
    activity_en: str
    phase: GatePhase
    requires: GateRequires
    days: int
    day_kind: DayKind
    authority: str
    legal_basis: str
    detail: str


class Authority(Contract):
    """A competent authority by its expanded code, such as ``prov_79_culture``."""

    code: str
    name_vi: str
    name_en: str
    level: str
    agency_code: str | None = None


class Metric(Contract):
    """A metric that pilots of ``scope`` (a sector, or ``common``) may report; ``cap`` says whether an envelope may cap it."""

    code: str
    scope: str
    unit: str
    kind: MetricKind
    cap: bool
    name_vi: str
    meaning_en: str


class ClockRow(Contract):
    """A clock: who owns it, how long it runs, what pauses it.

    ``amount`` is in ``unit``. It is None where the length is no number of the frozen rows: for a ``unit`` of instant, and where
    ``amount_from`` points at the decision type (``decision_type.x``). ``amount_from`` keeps what the rules file says, for people.
    """

    code: str
    owner: str
    unit: ClockUnit
    amount: int | None = None
    amount_complex: int | None = None
    amount_from: str | None = None
    pauses: tuple[Pause, ...] = ()
    basis: str


class DecisionType(Contract):
    """What a kind of decision resolves, needs and who signs it. ``reply_working_days`` and ``appeal_days`` of 0 mean none."""

    code: str
    name_vi: str
    name_en: str
    resolves: tuple[str, ...]
    evidence: bool
    reply_working_days: int
    four_eyes: FourEyes
    second_signer: SecondSigner
    appeal_days: int


class PolicyDefaults(Contract):
    """Limits that hold for every sector and tier alike."""

    extension_request_min_working_days: int
    extension_decision_working_days: int
    final_report_min_days_before_end: int
    completion_certificate_working_days: int
    transition_months_max: int


class RuleDefaults(Contract):
    """Defaults of the monitoring rules. An envelope may be stricter, never looser."""

    cap_warning_ratio: Exact
    cap_clear_evaluations: int
    cap_exceeded_severity: Severity
    critical_caps: tuple[str, ...]
    threshold_hold: int
    threshold_clear_ratio: Exact
    silence_grace_working_days: int
    silence_severity: tuple[Severity, ...]
    anomaly_findings_per_pilot_month: int
    anomaly_severity: Severity
    incident_severity: Severity
    tip_severity: Severity
    referral_severity: Severity
    late_samples_after_end_days: int


class ThresholdDefault(Contract):
    """``scale`` × numerator ÷ denominator (or the numerator alone) over the last ``window_hours`` above ``limit`` is a finding."""

    code: str
    numerator: str
    denominator: str | None = None
    scale: int = 1
    window_hours: int
    limit: Exact
    severity: Severity
    sectors: tuple[str, ...]
    basis: str


class CapMaximum(Contract):
    """The largest cap that a tier may declare for a metric (None: no maximum), and when an envelope must cap it at all.

    ``required_when``: None (never), ``always``, or ``<criterion input> > n``. ``window`` None means any window of the metric's kind.
    """

    metric: str
    tier1: Exact | None = None
    tier2: Exact | None = None
    tier3: Exact | None = None
    required_when: str | None = None
    window: Window | None = None

    def of(self, tier: int) -> Exact | None:
        """The maximum for ``tier`` (1, 2 or 3), None when there is none."""
        return (self.tier1, self.tier2, self.tier3)[tier - 1]


class CriterionAnswer(Criterion):
    """One tier criterion as it was answered, in words, and the level that the answer reaches. ``decisive``: this level is the tier."""

    question_vi: str
    question_en: str
    answer_vi: str
    answer_en: str
    decisive: bool


class LegalBasis(Contract):
    """An act as it stood when the rules were frozen. A date that is not known is None."""

    code: str
    number: str
    title_vi: str
    title_en: str
    status: str
    effective_from: date | None = None
    effective_to: date | None = None

    def in_force(self, on: date) -> bool:
        """Whether the act may be cited on ``on``. A date that is not known does not speak against it; ``effective_to`` is the last day."""
        begun = self.effective_from is None or self.effective_from <= on
        over = self.effective_to is not None and self.effective_to < on
        return self.status != "superseded" and begun and not over


class FrozenRules(Contract):
    """Everything of the reference data that binds one pilot, as in force when its application was received.

    ``rule_set`` is the SHA-256 of the files. Rows are keyed by their code; ``metrics`` are those of the sector and the common ones,
    ``legal_bases`` those that the rows here cite.
    """

    rule_set: str
    received_on: date
    policy: PolicyRow
    defaults: PolicyDefaults
    clocks: dict[str, ClockRow]
    rule_defaults: RuleDefaults
    thresholds: dict[str, ThresholdDefault]
    decision_types: dict[str, DecisionType]
    cap_maxima: dict[str, CapMaximum]
    metrics: dict[str, Metric]
    sector_level: int = Field(ge=1, le=4)
    priority_default: int = Field(ge=1, le=4)
    asset_level: dict[str, int]
    legal_bases: dict[str, LegalBasis]

    def needs_second_signer(self, decision: str) -> bool:
        """Whether a decision of this kind is signed by two. Raises ``KeyError`` for a kind that these rules do not know."""
        kind = self.decision_types[decision]
        return kind.four_eyes is not FourEyes.ROW or decision in self.policy.four_eyes

    def amount(self, clock: str, decision: str | None = None) -> int:
        """How long ``clock`` runs, in its unit; where the length stands in the decision type, ``decision`` names it.

        Raises ``KeyError`` for an unknown clock or kind of decision, ``ValueError`` for a clock that is an instant and has no length.
        """
        row = self.clocks[clock]
        if row.amount is not None:
            return row.amount
        if row.amount_from == "decision_type.reply_working_days" and decision is not None:
            return self.decision_types[decision].reply_working_days
        raise ValueError(f"the clock {clock!r} has no length of its own: {row.amount_from}")

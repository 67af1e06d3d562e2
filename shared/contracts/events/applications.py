"""Facts that the service applications writes to ``haukiem.applications.v1``."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract, Due, Event, Instant, PilotEvent, Whole
from shared.contracts.errors import Problem
from shared.contracts.pilot import (
    Cause,
    Code,
    Envelope,
    HeldPermit,
    Line,
    Organisation,
    Outcome,
    PilotState,
    Prose,
    Sha256,
    StartMode,
)
from shared.contracts.rules import CriterionAnswer, FrozenRules


class _Fact(PilotEvent):
    owner: ClassVar[str] = "applications"


class ApplicationSubmitted(_Fact):
    """A dossier was received; ``at`` is the receipt that freezes the rules."""

    code: str
    organisation: Organisation
    title: Line
    sector: Code
    provinces: tuple[str, ...]
    dossier_sha256: Sha256


class SupplementRequested(_Fact):
    """Everything that the enterprise can mend, at once, with the clock of its answer."""

    problems: tuple[Problem, ...]
    due: Due


class SupplementFiled(_Fact):
    dossier_sha256: Sha256


class ApplicationRefused(_Fact):
    """Refused by the automatic check: reasons with their legal basis."""

    problems: tuple[Problem, ...]


class ApplicationWithdrawn(_Fact):
    """Withdrawn by the enterprise before registration, or lapsed when the supplement clock ran out."""

    reason: Literal["withdrawn", "lapsed"]
    text: str | None = None


class CohortOpened(Event):
    """A call by an innovation centre or an authority; an application may name it."""

    owner: ClassVar[str] = "applications"

    cohort_id: UUID
    name: Line
    sector: Code
    opens: Instant
    closes: Instant
    places: int = Field(ge=1)
    opened_by: Code

    @property
    def key(self) -> UUID:
        return self.cohort_id


class PilotGate(Contract):
    """What the law asks for one declared activity of this pilot (one entry per declared province where the province decides).

    ``due`` is the instant at which a notice or silence gate opens, or by which a permit is to be decided (which opens nothing).
    ``notice_days``: of a gate of the exit, how many calendar days before the end its notice is due.
    """

    gate: Code
    requires: Literal["none", "notice_only", "notice_silence", "permit"]
    phase: Literal["start", "exit"]
    authority: str
    queue: str
    legal_basis: str
    due: Due | None = None
    held: HeldPermit | None = None
    notice_days: int | None = None

    @property
    def subject(self) -> str:
        """The subject of its item ``permit`` and of the decision that satisfies it, for example ``show_live_other/prov_01_pc``."""
        return f"{self.gate}/{self.authority}"

    @property
    def needs_permit(self) -> bool:
        """The pilot may not start before a written yes that it does not already hold."""
        return self.phase == "start" and self.requires == "permit" and self.held is None


class PilotRegistered(_Fact):
    """An admitted application: all that binds the pilot, so that no service looks a version up again.

    ``start_at`` is the instant at which the pilot starts by itself, None while a permit is outstanding. ``permit_due`` is the due
    instant of the row's own permit (start mode ``permit``), whose subject is ``pilot``.
    """

    code: str
    organisation: Organisation
    title: Line
    sector: Code
    provinces: tuple[str, ...]
    objectives: Prose
    hypothesis: Prose
    received_at: Instant
    tier: Literal[1, 2, 3]
    criteria: tuple[CriterionAnswer, ...]
    lead_authority: str
    authorities: tuple[str, ...]
    start_mode: StartMode
    planned_start: Instant
    duration_months: int
    standstill_due: Due | None
    permit_due: Due | None
    gates: tuple[PilotGate, ...]
    start_at: Instant | None
    envelope: Envelope
    declared: dict[Code, str | int]
    documents: tuple[Code, ...]
    cohort_id: UUID | None = None
    rules: FrozenRules


class _Moved(_Fact):
    """The pilot's state after the fact, with every cause then in force."""

    state_after: PilotState
    causes: tuple[Cause, ...]


class PilotStarted(_Moved):
    """The start instant passed with every gate satisfied. ``end_at`` is exclusive: the last day is the day before."""

    end_at: Instant


class PilotStateChanged(_Moved):
    """A cause appeared or went. ``ref`` is the measure's or decision's id."""

    state_before: PilotState
    reason: Literal[
        "measure_taken",
        "measure_lifted",
        "measure_lapsed",
        "suspended",
        "suspension_lifted",
        "objected",
        "permitted",
        "overturned",
    ]
    ref: UUID


class PilotAmended(_Moved):
    """A new version of the envelope is in force from ``at`` on."""

    envelope: Envelope
    decision_id: UUID


class PilotWindingDown(_Moved):
    """No new activity; duties of the exit plan. ``due`` ends it, unless a final report filed in time is still open."""

    cause: Outcome
    due: Due
    final_report_id: UUID | None = None


class PilotEnded(_Moved):
    outcome: Outcome
    ref: UUID | None = None


class ReplyFiled(_Fact):
    """The enterprise's answer (giải trình); counts by ``at``, however late it arrives.

    ``answers`` is the proposal of a ``ReplyRequested`` or the request of a ``CaseSupplementRequested``.
    """

    reply_id: UUID
    answers: UUID
    text: Prose


class AppealFiled(_Fact):
    appeal_id: UUID
    decision_id: UUID
    stage: Literal[1, 2]
    grounds: Prose


class ExtensionRequested(_Fact):
    request_id: UUID
    months: int = Field(ge=1)
    reasons: Prose


class PeriodicReportFiled(_Fact):
    """``number`` counts the periods from 1; decisions owns the due instants and says whether it came late."""

    report_id: UUID
    number: int = Field(ge=1)
    summary: Prose


class FinalCriterion(Contract):
    """One of the seven criteria of a final report, 1 (poor) to 5 (excellent), with its evidence in words."""

    code: Literal[
        "creativity", "identity", "uniqueness", "professionalism", "healthiness", "competition", "sustainability"
    ]
    score: Whole = Field(ge=1, le=5)
    evidence: Prose


class RuleInTheWay(Contract):
    """A rule that stood in the pilot's way: the ministry's law-reform list is made of these."""

    legal_basis: str
    article: Line | None = None
    text: Prose


class FinalReportFiled(_Fact):
    report_id: UUID
    results: Prose
    criteria: tuple[FinalCriterion, ...] = Field(min_length=7, max_length=7)
    rules_in_the_way: tuple[RuleInTheWay, ...] = ()


class IncidentReported(_Fact):
    """``known_at`` is when the enterprise learned of it; the report is late after the row's hours."""

    incident_id: UUID
    known_at: Instant
    kind: Line
    description: Prose


class DecisionApplied(_Moved):
    """The decision took its effect on the pilot (for some kinds: none beyond being noted).

    ``gate`` is the subject that a permit satisfied. ``start_at`` and ``end_at`` are the pilot's after it; None: not known yet.
    """

    decision_id: UUID
    kind: Code
    gate: str | None = None
    start_at: Instant | None = None
    end_at: Instant | None = None


class DecisionNotApplied(_Fact):
    """The pilot had moved on; the register then shows "without effect"."""

    decision_id: UUID
    kind: Code
    state_found: PilotState
    why: str


EVENTS: tuple[type[Event], ...] = (
    ApplicationSubmitted,
    SupplementRequested,
    SupplementFiled,
    ApplicationRefused,
    ApplicationWithdrawn,
    CohortOpened,
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotAmended,
    PilotWindingDown,
    PilotEnded,
    ReplyFiled,
    AppealFiled,
    ExtensionRequested,
    PeriodicReportFiled,
    FinalReportFiled,
    IncidentReported,
    DecisionApplied,
    DecisionNotApplied,
)

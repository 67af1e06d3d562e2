"""What the service applications is asked and answers over HTTP.

A dossier is sent as :class:`shared.contracts.pilot.Dossier` itself; in every request a field that we do not know is an error, at any depth.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from shared.contracts.base import Due, Instant, Request, Whole
from shared.contracts.errors import Problem
from shared.contracts.events.applications import FinalCriterion, PilotGate, RuleInTheWay
from shared.contracts.http.answers import Answer
from shared.contracts.http.strict import no_unknown_field
from shared.contracts.numbers import Total
from shared.contracts.pilot import (
    Cause,
    Code,
    Dossier,
    Envelope,
    Line,
    Organisation,
    Outcome,
    PilotState,
    Prose,
    Severity,
    StartMode,
    Window,
)
from shared.contracts.rules import CriterionAnswer

Tier = Literal[1, 2, 3]


class ApplicationStatus(StrEnum):
    """Where an application rests. There is no "submitted" to rest in: the admissibility check is part of the receipt."""

    SUPPLEMENT_REQUESTED = "supplement_requested"
    REGISTERED = "registered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Holder(StrEnum):
    """Who has to act next. ``nobody``: what comes next happens by itself."""

    STARTUP = "startup"
    OFFICER = "officer"
    NOBODY = "nobody"


# What a caller sends


class DraftSent(Request):
    """POST /drafts and PUT /drafts/{pilot_id}: a dossier in the making, as far as it has come."""

    content: dict[str, JsonValue]


class WithdrawalSent(Request):
    """POST /applications/{pilot_id}/withdraw and POST /pilots/{pilot_id}/withdraw."""

    reason: Prose


class ReplySent(Request):
    """POST /pilots/{pilot_id}/replies. ``answers`` is the id of one of the pilot's open requests."""

    answers: UUID
    text: Prose


class IncidentSent(Request):
    """POST /pilots/{pilot_id}/incidents. ``known_at`` is when the enterprise learned of it."""

    known_at: Instant
    kind: Line
    description: Prose


class PeriodicReportSent(Request):
    """POST /pilots/{pilot_id}/periodic-reports. ``number`` counts the reporting periods of the pilot from 1."""

    number: Whole = Field(ge=1, le=1000)
    summary: Prose


class FinalReportSent(Request):
    """POST /pilots/{pilot_id}/final-report. Each of the seven criteria once."""

    results: Prose
    criteria: tuple[FinalCriterion, ...] = Field(max_length=7)
    rules_in_the_way: tuple[RuleInTheWay, ...] = Field(default=(), max_length=100)


StrictDossier = Annotated[Dossier, no_unknown_field(Dossier)]
"""POST /applications and POST /applications/{pilot_id}/supplement: the whole dossier."""
StrictFinalReport = Annotated[FinalReportSent, no_unknown_field(FinalReportSent)]


# What a caller is answered


class Filed(Answer):
    """What became of a dossier. With ``registered`` everything that binds is here; else ``problems`` lists all that is wrong, at once."""

    pilot_id: UUID
    code: str
    status: ApplicationStatus
    received_at: Instant
    problems: tuple[Problem, ...] = ()
    supplement_due: Due | None = None
    tier: Tier | None = None
    criteria: tuple[CriterionAnswer, ...] = ()
    lead_authority: str | None = None
    authorities: tuple[str, ...] = ()
    start_mode: StartMode | None = None
    standstill_due: Due | None = None
    permit_due: Due | None = None
    gates: tuple[PilotGate, ...] = ()
    start_at: Instant | None = None


class DraftView(Answer):
    """A draft and everything that would be wrong if it were submitted now."""

    pilot_id: UUID
    content: dict[str, Any]
    problems: tuple[Problem, ...]
    updated_at: Instant


class ApplicationRow(Answer):
    pilot_id: UUID
    code: str
    status: ApplicationStatus
    organisation: Organisation
    title: str
    sector: str
    provinces: tuple[str, ...]
    received_at: Instant
    lead_authority: str | None = None
    supplement_due: Due | None = None


class ApplicationPage(Answer):
    """Newest first. ``next`` is the cursor of the following page, None on the last."""

    items: tuple[ApplicationRow, ...]
    next: str | None = None


class ApplicationView(ApplicationRow):
    """An application with its dossier as last filed and, where it was not admitted, all that was wrong with it."""

    dossier: Dossier
    authorities: tuple[str, ...]
    tier: Tier | None = None
    problems: tuple[Problem, ...] = ()
    withdrawn_reason: str | None = None


class Withdrawn(Answer):
    """``status`` is the application's or pilot's state after the withdrawal."""

    pilot_id: UUID
    status: str
    at: Instant


class ReplyTaken(Answer):
    pilot_id: UUID
    reply_id: UUID
    answers: UUID
    at: Instant


class IncidentTaken(Answer):
    """``late``: reported later than the row's hours after it was known."""

    pilot_id: UUID
    incident_id: UUID
    at: Instant
    late: bool


class PeriodicReportTaken(Answer):
    pilot_id: UUID
    report_id: UUID
    number: int
    due: Instant
    at: Instant


class FinalReportTaken(Answer):
    """``in_time``: it keeps the pilot winding down until somebody decides on it."""

    pilot_id: UUID
    report_id: UUID
    due: Instant
    at: Instant
    in_time: bool


class PilotRow(Answer):
    pilot_id: UUID
    code: str
    organisation: Organisation
    title: str
    sector: str
    provinces: tuple[str, ...]
    tier: Tier
    state: PilotState
    lead_authority: str
    start_at: Instant | None = None
    end_at: Instant | None = None
    outcome: Outcome | None = None


class PilotPage(Answer):
    """Newest first. ``next`` is the cursor of the following page, None on the last."""

    items: tuple[PilotRow, ...]
    next: str | None = None


class NextStep(Answer):
    """What comes next, when, and who has to act. ``due`` is None where no date is known."""

    what: Code
    text_vi: str
    text_en: str
    holder: Holder
    due: Instant | None = None
    subject: str | None = None


class Duty(Answer):
    """Something the enterprise owes, by the row. ``done_at``: when it was filed; ``late``: after ``due``.

    What is done outside this system (a notice before the end, the exit plan) has neither.
    """

    kind: Literal["periodic_report", "final_report", "case_supplement", "remedy", "exit_notice", "wind_down"]
    subject: str
    due: Instant
    text_vi: str
    text_en: str
    done_at: Instant | None = None
    late: bool = False


class CapLeft(Answer):
    """What remains of a cap, as monitoring last told. ``value`` None: nothing was reported yet. ``bucket`` is the day of a day window."""

    metric: str
    window: Window
    limit: Total
    value: Total | None = None
    remaining: Total | None = None
    bucket: date | None = None
    sample_at: Instant | None = None


class RequestView(Answer):
    """What an officer asked of the enterprise: an answer to a proposal (``reply``) or something that a case lacks (``supplement``).

    It can be answered until ``due``, unless nobody waits for it any more: ``withdrawn_at``.
    """

    request_id: UUID
    kind: Literal["reply", "supplement"]
    decision_kind: str | None = None
    text: str
    asked_at: Instant
    due: Due
    answered_at: Instant | None = None
    reply_id: UUID | None = None
    withdrawn_at: Instant | None = None


class FindingRow(Answer):
    finding_id: UUID
    rule: str
    subject: str
    severity: Severity
    opened_at: Instant
    escalated_at: Instant | None = None
    cleared_at: Instant | None = None
    clear_reason: str | None = None


class RejectedReport(Answer):
    """A metric report that did not count, whole, with every error located."""

    at: Instant
    source: str | None = None
    sequence: int | None = None
    part: int | None = None
    problems: tuple[Problem, ...]


class DecisionRow(Answer):
    """A decision about the pilot as its enterprise sees it. ``applied`` False: without effect, and ``why``."""

    decision_id: UUID
    number: str
    kind: str
    authority: str
    at: Instant
    public_reasons: str
    remedy: str | None = None
    remedy_due: Instant | None = None
    remedy_done: bool | None = None
    appeal_by: Instant | None = None
    applied: bool
    why: str | None = None


class PilotView(PilotRow):
    """Everything that an enterprise can always read of its pilot."""

    received_at: Instant
    objectives: str
    hypothesis: str
    planned_start: Instant
    duration_months: int
    started_at: Instant | None = None
    criteria: tuple[CriterionAnswer, ...]
    start_mode: StartMode
    authorities: tuple[str, ...]
    standstill_due: Due | None = None
    permit_due: Due | None = None
    permits_outstanding: tuple[str, ...] = ()
    gates: tuple[PilotGate, ...]
    causes: tuple[Cause, ...]
    winding_down_cause: Outcome | None = None
    winding_down_due: Due | None = None
    final_report_id: UUID | None = None
    envelope: Envelope
    next: NextStep | None = None
    steps: tuple[NextStep, ...] = ()
    caps: tuple[CapLeft, ...]
    requests: tuple[RequestView, ...] = ()
    duties: tuple[Duty, ...] = ()
    findings: tuple[FindingRow, ...] = ()
    rejected_reports: tuple[RejectedReport, ...] = ()
    decisions: tuple[DecisionRow, ...] = ()


class HistoryEntry(Answer):
    """A fact as it was published; ``content_hash`` is the SHA-256 of its data bytes."""

    event_id: UUID
    type: str
    at: Instant
    content_hash: str
    data: dict[str, Any]


class History(Answer):
    """Oldest first. ``next`` is the cursor of the following page, None on the last."""

    pilot_id: UUID
    items: tuple[HistoryEntry, ...]
    next: str | None = None

"""What officers see: the queue, a case and all that it is decided upon, a chain."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from shared.contracts.base import Due, Instant
from shared.contracts.events.decisions import (
    DecisionIssued,
    ItemKind,
    VerdictOnFinding,
)
from shared.contracts.events.monitoring import EventRef
from shared.contracts.http.answers import Answer
from shared.contracts.pilot import (
    Cap,
    Cause,
    Code,
    Organisation,
    Outcome,
    PilotState,
    Severity,
    Sha256,
)
from shared.contracts.rules import LegalBasis

MAX_PAGE = 200
"""Rows of one page."""


class ItemView(Answer):
    """An item of a case. ``due`` is when its clock runs out, None without a clock and while it is ``paused``.

    ``reply_id``: a reply in time that the decision before had not heard; it is to be heard now.
    """

    item_id: UUID
    kind: ItemKind
    subject: str
    subject_id: UUID | None = None
    severity: Severity | None = None
    clock: str | None = None
    due: Due | None = None
    paused: bool = False
    overdue: bool = False
    late: bool = False
    holder: Literal["officer", "startup", "other_authority"] = "officer"
    authority: str
    assignee: str | None = None
    state: Literal["open", "resolved"]
    opened_at: Instant
    resolved_at: Instant | None = None
    resolution: str | None = None
    decision_id: UUID | None = None
    reply_id: UUID | None = None


class RankReason(Answer):
    """Why a case stands where it stands, in words."""

    code: str
    vi: str
    en: str


Awaiting = Literal["reply", "supplement", "second_signer"]
Group = Literal["overdue", "due_soon", "by_risk", "awaiting", "snoozed"]


class QueueRow(Answer):
    """A case in the queue. ``due`` is the earliest running clock of its open items; ``reasons`` say why it ranks here, strongest first."""

    case_id: UUID
    code: str
    pilot_id: UUID
    pilot_code: str
    title: str
    organisation: str
    sector: str
    tier: int
    pilot_state: PilotState
    lead_authority: str
    state: Literal["open", "claimed"]
    assignee: str | None = None
    awaiting: tuple[Awaiting, ...] = ()
    snoozed_until: Instant | None = None
    opened_at: Instant
    due: Due | None = None
    risk: float | None = None
    risk_band: str | None = None
    severity: Severity | None = None
    items: tuple[ItemView, ...]
    group: Group
    reasons: tuple[RankReason, ...]


class QueuePage(Answer):
    """``total`` counts the whole queue under the same filters, up to 1,000; ``next`` is the cursor of the following page, None on the last."""

    rows: tuple[QueueRow, ...]
    total: int
    next: str | None = None


class FactView(Answer):
    """An event about the pilot, as received. ``about`` is the finding, measure, report, proposal … that it tells of."""

    event_id: UUID
    type: str
    at: Instant
    sha256: Sha256
    about: UUID | None = None
    bindable: bool
    data: dict[str, Any] | None = None


class TimelineEntry(Answer):
    """One line of what happened: the event's name, such as ``FindingOpened``, and in words."""

    at: Instant
    event_id: UUID
    what: str
    vi: str
    en: str


class Reply(Answer):
    """The enterprise's answer to a proposal or to a supplement request."""

    reply_id: UUID
    answers: UUID
    at: Instant
    in_time: bool
    text: str


ProposalState = Literal["draft", "awaiting_reply", "awaiting_second", "returned", "issued", "withdrawn"]


class ProposalView(Answer):
    """A proposal. ``reply_over``: the reply is in or its time has passed, so that it may be submitted on. ``signer``: who may sign second."""

    proposal_id: UUID
    case_id: UUID
    pilot_id: UUID
    kind: Code
    state: ProposalState
    authority: str
    proposer: str
    drafted_at: Instant
    submitted_at: Instant | None = None
    items: tuple[UUID, ...]
    reasons: str
    public_reasons: str
    legal_bases: tuple[str, ...]
    evidence: tuple[EventRef, ...]
    evidence_hash: Sha256
    verdicts: tuple[VerdictOnFinding, ...] = ()
    caps: tuple[Cap, ...] = ()
    remedy_text: str | None = None
    gate: str | None = None
    measure_id: UUID | None = None
    lifts: UUID | None = None
    reply_by: Due | None = None
    reply_over: bool = False
    reply_id: UUID | None = None
    together: tuple[UUID, ...] = ()
    needs_second: bool
    signer: Literal["any", "supervisor"] | None = None
    closed_reason: str | None = None
    decision_id: UUID | None = None


class DecisionView(Answer):
    """A decision as issued, with what the pilot answered. ``event_id`` and ``sha256`` are those of its event."""

    decision: DecisionIssued
    event_id: UUID
    sha256: Sha256
    effect: Literal["awaited", "applied", "without_effect"]
    effect_at: Instant | None = None
    why: str | None = None
    remedy_state: Literal["ordered", "done", "not_done"] | None = None


class DecisionLine(Answer):
    """A decision in a list."""

    decision_id: UUID
    pilot_id: UUID
    pilot_code: str
    number: str
    kind: Code
    authority: str
    at: Instant
    public_reasons: str
    effect: Literal["awaited", "applied", "without_effect"]
    hash: Sha256


class DecisionPage(Answer):
    """Newest first."""

    rows: tuple[DecisionLine, ...]
    next: str | None = None


class MeasureView(Answer):
    """An interim measure. ``due`` is when it lapses unless confirmed."""

    measure_id: UUID
    finding_id: UUID | None
    state: Literal["taken", "confirmed", "lifted", "lapsed"]
    taken_at: Instant
    due: Due
    ended_at: Instant | None = None
    decision_id: UUID | None = None


class RecordedPilot(Answer):
    """A pilot of the enterprise, whichever authority leads it."""

    pilot_id: UUID
    code: str
    title: str
    sector: str
    lead_authority: str
    state: PilotState
    outcome: Outcome | None = None


class EnterpriseRecord(Answer):
    """The enterprise's whole record, across pilots and authorities, its branches' pilots too."""

    organisation: Organisation
    pilots: tuple[RecordedPilot, ...]
    decisions: dict[str, int]
    findings_confirmed: int
    findings_rejected: int
    measures: dict[str, int]
    open_cases: int


class Supplement(Answer):
    request_id: UUID
    text: str
    asked_at: Instant
    due: Due
    answered_at: Instant | None = None


class PilotBrief(Answer):
    """What decisions knows of the pilot, from its events."""

    pilot_id: UUID
    code: str
    title: str
    organisation: Organisation
    sector: str
    tier: int
    provinces: tuple[str, ...]
    lead_authority: str
    authorities: tuple[str, ...]
    state: PilotState
    causes: tuple[Cause, ...]
    envelope_version: int
    start_at: Instant | None = None
    end_at: Instant | None = None
    outcome: Outcome | None = None
    risk: float | None = None
    risk_band: str | None = None


class DecisionOption(Answer):
    """A kind of decision that could be proposed in this case now, from the rows that bind the pilot, and the items it may name."""

    kind: Code
    name_vi: str
    name_en: str
    items: tuple[UUID, ...]
    evidence: bool
    reply_working_days: int
    needs_second: bool
    signer: Literal["any", "supervisor"] | None = None


class CaseView(Answer):
    """A case. ``options`` are the decisions possible now, ``legal_bases`` the acts that any of them may cite by their ``code``: those that
    the rules binding the pilot stand on, and that are in force. Both are empty once the case is closed."""

    case_id: UUID
    code: str
    state: Literal["open", "claimed", "closed"]
    opened_at: Instant
    closed_at: Instant | None = None
    claims: dict[str, str]
    awaiting: tuple[Awaiting, ...] = ()
    snoozed_until: Instant | None = None
    snooze_reason: str | None = None
    supplement: Supplement | None = None
    pilot: PilotBrief
    items: tuple[ItemView, ...]
    measures: tuple[MeasureView, ...]
    proposals: tuple[ProposalView, ...]
    decisions: tuple[DecisionView, ...]
    replies: tuple[Reply, ...]
    facts: tuple[FactView, ...]
    timeline: tuple[TimelineEntry, ...]
    record: EnterpriseRecord
    options: tuple[DecisionOption, ...] = ()
    legal_bases: tuple[LegalBasis, ...] = ()


class CaseLine(Answer):
    """A case in a list. ``claims`` says who holds it, by authority."""

    case_id: UUID
    code: str
    pilot_id: UUID
    state: Literal["open", "claimed", "closed"]
    opened_at: Instant
    closed_at: Instant | None = None
    claims: dict[str, str]


class CasePage(Answer):
    """Newest first."""

    rows: tuple[CaseLine, ...]
    next: str | None = None


class ChainView(Answer):
    """The chain of an authority's decisions, recomputed from what is stored. ``broken_at`` names the first decision that does not fit."""

    authority: str
    length: int
    head: Sha256
    intact: bool
    broken_at: str | None = None
    why: str | None = None

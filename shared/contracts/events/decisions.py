"""Facts that the service decisions writes to ``haukiem.decisions.v1``."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Contract, Due, Event, PilotEvent
from shared.contracts.events.monitoring import EventRef
from shared.contracts.pilot import Cap, Cause, Code, PilotState, Prose, Severity, Sha256


class _Fact(PilotEvent):
    owner: ClassVar[str] = "decisions"


class _CaseFact(_Fact):
    case_id: UUID


class ItemKind(StrEnum):
    FINDING = "finding"
    STANDSTILL = "standstill"
    PERMIT = "permit"
    MEASURE = "measure"
    REPORT = "report"
    FINAL_REPORT = "final_report"
    EXTENSION = "extension"
    AMENDMENT = "amendment"
    APPEAL = "appeal"
    CHECK = "check"
    SUSPENSION = "suspension"
    REFERRAL = "referral"
    TIP = "tip"


class CaseOpened(_CaseFact):
    """All that needs a person about one pilot; at most one open case per pilot."""

    code: str
    lead_authority: str
    authorities: tuple[str, ...]


class CaseClosed(_CaseFact):
    """No item is open any more."""


class ItemOpened(_CaseFact):
    """``subject`` names what it is about within its kind; ``subject_id`` is the id of the finding, measure, report … where it has one.

    ``reply_id``: what it is about was decided, and a reply in time that the decision had not heard brought it back.
    """

    item_id: UUID
    kind: ItemKind
    subject: str
    subject_id: UUID | None = None
    severity: Severity | None = None
    clock: Code | None = None
    due: Due | None = None
    holder: Literal["officer", "startup", "other_authority"] = "officer"
    authority: str
    reply_id: UUID | None = None


class ItemResolved(_CaseFact):
    """``reason``: by a decision, by an act of an officer, or by itself (the finding cleared, the standstill passed …).

    ``not_owed``: a report was missing when its time was over, and then came a withdrawal or end that was earlier than that.
    """

    item_id: UUID
    kind: ItemKind
    reason: Literal[
        "decided",
        "reviewed",
        "cleared",
        "standstill_over",
        "measure_lapsed",
        "measure_ended",
        "filed",
        "ended",
        "verified",
        "not_owed",
    ]
    decision_id: UUID | None = None


class ReplyRequested(_CaseFact):
    """The enterprise may answer a proposal before it is issued."""

    proposal_id: UUID
    kind: Code
    public_reasons: Prose
    reply_by: Due


class CaseSupplementRequested(_CaseFact):
    request_id: UUID
    text: Prose
    due: Due


class RequestWithdrawn(_CaseFact):
    """An answer that was asked for is no longer awaited: its proposal was withdrawn, or the case closed without it.

    ``request_id`` is what an answer would have named: the proposal of a ``ReplyRequested``, the request of a ``CaseSupplementRequested``.
    """

    request_id: UUID
    reason: Literal["proposal_withdrawn", "case_closed"]


class OpinionRequested(_CaseFact):
    opinion_id: UUID
    authority: str
    question: Prose
    due: Due


class OpinionGiven(_CaseFact):
    """``silence``: the clock ran out, which counts as no objection and is shown as such."""

    opinion_id: UUID
    authority: str
    position: Literal["no_objection", "objection", "conditions", "silence"]
    text: str | None = None


class CheckOpened(_CaseFact):
    check_id: UUID
    mode: Literal["remote", "onsite", "inspection"]
    content: Prose
    decision_id: UUID | None = None


class CheckConcluded(_CaseFact):
    check_id: UUID
    mode: Literal["remote", "onsite", "inspection"]
    confirmed_findings: int
    conclusion: Prose


class ReportReviewed(_CaseFact):
    """An officer read a periodic or final report; ``confirmed_findings`` counts what it confirmed."""

    report_id: UUID
    final: bool = False
    officer: str
    note: str
    confirmed_findings: int = 0


class ItemRef(Contract):
    item_id: UUID
    kind: ItemKind
    subject: str
    subject_id: UUID | None = None


class LegalBasisRef(Contract):
    """A cited act, frozen as it stood at the signature."""

    code: str
    number: str
    status: str
    effective_from: date | None = None


class VerdictOnFinding(Contract):
    finding_id: UUID
    verdict: Literal["confirmed", "rejected"]


class Remedy(Contract):
    text: Prose
    due: Due


class MadeUpon(Contract):
    """What the proposer saw of the pilot when the decision was made."""

    state: PilotState
    causes: tuple[Cause, ...]
    envelope_version: int


class DecisionIssued(_CaseFact):
    """A decision in force. Immutable; ``hash`` covers every other field, ``previous_hash`` chains it to the authority's decision before.

    ``caps`` are the changed caps of an ``adjust``; ``gate`` is the subject of a permit or refusal; ``measure_id`` that of a confirm or lift;
    ``lifts`` is the suspension that a ``lift_suspension`` ends, or the objection that a ``permit`` answers.
    """

    decision_id: UUID
    number: str
    kind: Code
    authority: str
    items: tuple[ItemRef, ...]
    reasons: Prose
    public_reasons: Prose
    legal_bases: tuple[LegalBasisRef, ...]
    evidence: tuple[EventRef, ...]
    evidence_hash: Sha256
    findings: tuple[VerdictOnFinding, ...] = ()
    caps: tuple[Cap, ...] = ()
    gate: str | None = None
    measure_id: UUID | None = None
    lifts: UUID | None = None
    remedy: Remedy | None = None
    reply_by: Due | None = None
    reply_id: UUID | None = None
    appeal_by: Due | None = None
    overturns: UUID | None = None
    rule_set: Sha256
    proposer: str
    second_signer: str | None = None
    made_upon: MadeUpon
    previous_hash: Sha256
    hash: Sha256

    def sealed(self) -> dict[str, Any]:
        """The fields that ``hash`` covers, as JSON values."""
        return self.model_dump(mode="json", exclude={"hash"})


class RemedyVerified(_CaseFact):
    """An officer looked whether the remedy was done; not done brings the item back one severity higher."""

    decision_id: UUID
    done: bool
    officer: str
    note: str


class AppealAccepted(_CaseFact):
    appeal_id: UUID
    decision_id: UUID
    stage: Literal[1, 2]
    due: Due


class AppealRejected(_CaseFact):
    appeal_id: UUID
    decision_id: UUID
    stage: Literal[1, 2]
    reasons: Prose


class _MeasureFact(_Fact):
    measure_id: UUID
    finding_id: UUID | None = None


class MeasureConfirmed(_MeasureFact):
    """The measure stays until lifted."""

    decision_id: UUID


class MeasureLifted(_MeasureFact):
    """By decision, or because the pilot ended."""

    reason: Literal["decision", "pilot_ended"]
    decision_id: UUID | None = None


class MeasureLapsed(_MeasureFact):
    """Nobody confirmed it in time."""


class ReferralAnswered(_CaseFact):
    referral_id: UUID
    answer: Prose


EVENTS: tuple[type[Event], ...] = (
    CaseOpened,
    CaseClosed,
    ItemOpened,
    ItemResolved,
    ReplyRequested,
    CaseSupplementRequested,
    RequestWithdrawn,
    OpinionRequested,
    OpinionGiven,
    CheckOpened,
    CheckConcluded,
    ReportReviewed,
    DecisionIssued,
    RemedyVerified,
    AppealAccepted,
    AppealRejected,
    MeasureConfirmed,
    MeasureLifted,
    MeasureLapsed,
    ReferralAnswered,
)

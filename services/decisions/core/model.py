"""What decisions keeps of one pilot: the pilot as its events tell it, its open case, items, proposals, measures, remedies.

Everything is frozen: a change makes a new :class:`Book`. All instants are aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from services.decisions.core.life import Proposal
from shared.contracts.base import Due
from shared.contracts.events.applications import FinalCriterion
from shared.contracts.events.decisions import ItemKind, ItemRef
from shared.contracts.events.monitoring import RuleCode
from shared.contracts.pilot import (
    Cause,
    Envelope,
    HeldPermit,
    Organisation,
    Outcome,
    PilotState,
    Severity,
)
from shared.contracts.rules import FrozenRules
from shared.reference.calendar import PauseSpan

Resolution = Literal[
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

OBJECTION = "objection"
"""Subject of the item ``permit`` that an objection opens."""
PILOT = "pilot"
"""Subject of the item ``permit`` that the policy row itself asks for."""
STANDSTILL = "standstill"
CONFIRMED = "confirmed"
"""Subject of the item ``measure`` that keeps a confirmed measure in sight until it is lifted."""
SUSPENSION = "suspension"
REMEDY = "remedy"
TAKEDOWN = "takedown"
"""Clock of a remedy by the hour."""
FINAL = "final"
FINAL_MISSING = "final/missing"


def report_subject(number: int) -> str:
    return f"report/{number}"


def missing_subject(number: int) -> str:
    return f"report/{number}/missing"


@dataclass(frozen=True)
class Actor:
    """An officer or supervisor, acting for the authority that the token names."""

    sub: str
    authority: str
    supervisor: bool = False


@dataclass(frozen=True)
class OwedReport:
    """A periodic report: when it falls due, when it was filed, whether the due instant passed without it."""

    number: int
    due: datetime
    filed_at: datetime | None = None
    missed: bool = False


@dataclass(frozen=True)
class OwedFinal:
    """The final report: as :class:`OwedReport`."""

    due: datetime
    filed_at: datetime | None = None
    missed: bool = False


@dataclass(frozen=True)
class Pilot:
    """A pilot as its events tell it. ``authorities`` have a part in its cases; ``cases`` counts the cases opened so far.

    ``told_at`` is the latest instant of what this service told of it (:meth:`not_before`).
    """

    pilot_id: UUID
    code: str
    title: str
    organisation: Organisation
    sector: str
    tier: int
    provinces: tuple[str, ...]
    objectives: str
    hypothesis: str
    lead_authority: str
    authorities: tuple[str, ...]
    registered_at: datetime
    received_at: datetime
    told_at: datetime
    state: PilotState
    causes: tuple[Cause, ...]
    envelope: Envelope
    held_permits: tuple[HeldPermit, ...]
    rules: FrozenRules
    start_at: datetime | None = None
    end_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    winding_since: datetime | None = None
    reports: tuple[OwedReport, ...] = ()
    final: OwedFinal | None = None
    final_criteria: tuple[FinalCriterion, ...] = ()
    risk: float | None = None
    risk_band: str | None = None
    cases: int = 0

    @property
    def ended(self) -> bool:
        return self.state is PilotState.ENDED

    def not_before(self, at: datetime) -> datetime:
        """The instant of an officer's act ``at`` this one, read before the pilot was locked or on another machine's clock: acts on one
        pilot are told in the order in which they were done. A fact keeps its own instant, however late it comes."""
        return max(at, self.told_at)


class CaseState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"
    CLOSED = "closed"


@dataclass(frozen=True)
class SupplementAsked:
    """What was asked for once in a case. ``over``: answered, or its time has passed."""

    request_id: UUID
    text: str
    asked_at: datetime
    due: Due
    answered_at: datetime | None = None
    over: bool = False


@dataclass(frozen=True)
class Case:
    """All that needs a person about one pilot. ``claims``: who holds it, by authority; ``items`` counts those opened in it."""

    case_id: UUID
    pilot_id: UUID
    code: str
    state: CaseState
    opened_at: datetime
    closed_at: datetime | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    snoozed_until: datetime | None = None
    snooze_reason: str | None = None
    supplement: SupplementAsked | None = None
    supplements: int = 0
    items: int = 0


class ItemState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Hold:
    """The other side holds the ball since ``asked``: a reply or a supplement is awaited. ``ref`` is the proposal or the request."""

    ref: UUID
    asked: datetime


@dataclass(frozen=True)
class Item:
    """One thing that needs a person. ``due`` is when its clock runs out; while ``holds`` stand, the clock does not run.

    ``overdue``: the due instant has passed and was counted. ``late``: what it is about was filed after its time. ``reply_id``: a reply in
    time that the decision before had not heard, and that must be heard now.
    """

    item_id: UUID
    case_id: UUID
    pilot_id: UUID
    kind: ItemKind
    subject: str
    authority: str
    opened_at: datetime
    subject_id: UUID | None = None
    severity: Severity | None = None
    clock: str | None = None
    clock_from: datetime | None = None
    due: Due | None = None
    holds: tuple[Hold, ...] = ()
    pauses: tuple[PauseSpan, ...] = ()
    overdue: bool = False
    late: bool = False
    state: ItemState = ItemState.OPEN
    resolved_at: datetime | None = None
    resolution: Resolution | None = None
    decision_id: UUID | None = None
    reply_id: UUID | None = None

    @property
    def open(self) -> bool:
        return self.state is ItemState.OPEN

    @property
    def running_due(self) -> datetime | None:
        """When its clock runs out, None without a clock and while it stands still."""
        return self.due.instant if self.open and self.due is not None and not self.holds else None

    @property
    def ref(self) -> ItemRef:
        return ItemRef(item_id=self.item_id, kind=self.kind, subject=self.subject, subject_id=self.subject_id)


class MeasureState(StrEnum):
    TAKEN = "taken"
    CONFIRMED = "confirmed"
    LIFTED = "lifted"
    LAPSED = "lapsed"


@dataclass(frozen=True)
class Measure:
    """An interim measure. From its taking on it is decided here: confirmed, lifted, lapsed, whichever comes first."""

    measure_id: UUID
    pilot_id: UUID
    finding_id: UUID | None
    taken_at: datetime
    due: Due
    state: MeasureState = MeasureState.TAKEN
    ended_at: datetime | None = None
    decision_id: UUID | None = None

    @property
    def in_force(self) -> bool:
        return self.state in (MeasureState.TAKEN, MeasureState.CONFIRMED)


@dataclass(frozen=True)
class Finding:
    """A finding as monitoring tells it, and what was held of it. ``judged_by`` is the decision that holds."""

    finding_id: UUID
    pilot_id: UUID
    rule: RuleCode
    subject: str
    severity: Severity
    opened_at: datetime
    cleared_at: datetime | None = None
    judged_by: UUID | None = None
    verdict: Literal["confirmed", "rejected"] | None = None


class RemedyState(StrEnum):
    ORDERED = "ordered"
    TO_VERIFY = "to_verify"
    DONE = "done"
    NOT_DONE = "not_done"


@dataclass(frozen=True)
class OrderedRemedy:
    """What an ``order_correction`` or ``order_takedown`` asks, and until when. ``clock`` is the one that it runs on."""

    decision_id: UUID
    pilot_id: UUID
    case_id: UUID
    authority: str
    clock: str
    due: Due
    items: tuple[ItemRef, ...]
    severity: Severity
    state: RemedyState = RemedyState.ORDERED

    @property
    def open(self) -> bool:
        return self.state in (RemedyState.ORDERED, RemedyState.TO_VERIFY)


Effect = Literal["awaited", "applied", "without_effect"]


@dataclass(frozen=True)
class Issued:
    """A decision in force, as far as the pilot's answer to it matters. ``chain_position``: its place in the authority's chain, from 1."""

    decision_id: UUID
    pilot_id: UUID
    case_id: UUID
    proposal_id: UUID
    kind: str
    authority: str
    items: tuple[ItemRef, ...]
    issued_at: datetime
    chain_position: int
    effect: Effect = "awaited"
    effect_at: datetime | None = None
    why: str | None = None


@dataclass(frozen=True)
class Book:
    """Everything about one pilot that a change may touch: what is open, and what the change names besides.

    ``items`` holds the open items of the open case, and those that a decision in hand resolved; ``proposals`` the live ones, ``measures`` those in
    force, ``remedies`` the open ones; ``findings`` those that the items are about, that a decision in hand judged or that a fact names.
    """

    pilot: Pilot
    case: Case | None = None
    items: Mapping[UUID, Item] = field(default_factory=dict)
    proposals: Mapping[UUID, Proposal] = field(default_factory=dict)
    measures: Mapping[UUID, Measure] = field(default_factory=dict)
    findings: Mapping[UUID, Finding] = field(default_factory=dict)
    remedies: Mapping[UUID, OrderedRemedy] = field(default_factory=dict)
    decisions: Mapping[UUID, Issued] = field(default_factory=dict)

    @property
    def open_items(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items.values() if item.open)

    def open_item(self, kind: ItemKind, *, subject: str | None = None, subject_id: UUID | None = None) -> Item | None:
        """The open item of this kind about this subject or subject id, if there is one."""
        for item in self.open_items:
            same_subject = subject is None or item.subject == subject
            if item.kind is kind and same_subject and (subject_id is None or item.subject_id == subject_id):
                return item
        return None

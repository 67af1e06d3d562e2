"""Evidence: facts of the pilot, bound by id and by the SHA-256 of their bytes as received."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.base import Event
from shared.contracts.errors import Refused
from shared.contracts.events import applications as a
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.events.monitoring import EventRef

NEVER_EVIDENCE = frozenset({m.RiskAssessed.__name__})
"""Risk orders the queue; nobody is judged by it."""


@dataclass(frozen=True)
class Fact:
    """An event about a pilot that this service received or wrote: what evidence may bind. ``kind`` is the event's name."""

    event_id: UUID
    pilot_id: UUID
    kind: str
    at: datetime
    sha256: str
    about: UUID | None = None

    @property
    def bindable(self) -> bool:
        return self.kind not in NEVER_EVIDENCE

    @property
    def ref(self) -> EventRef:
        return EventRef(event_id=self.event_id, sha256=self.sha256)


def bind(ids: Sequence[UUID], facts: Mapping[UUID, Fact], pilot_id: UUID) -> tuple[Fact, ...]:
    """The facts to bind, named by ``ids``. Refused: an event of another pilot or of nobody, and what is never evidence."""
    bound = []
    for n, event_id in enumerate(ids):
        fact = facts.get(event_id)
        if fact is None or fact.pilot_id != pilot_id:
            raise Refused("evidence_unknown", f"/evidence/{n}", status=422, event_id=event_id)
        if not fact.bindable:
            raise Refused("evidence_not_allowed", f"/evidence/{n}", status=422, kind=fact.kind)
        bound.append(fact)
    return tuple(bound)


def subjects(bound: Iterable[Fact]) -> tuple[UUID, ...]:
    """What the facts tell of, each once."""
    return tuple(dict.fromkeys(fact.about for fact in bound if fact.about is not None))


def check_unchanged(bound: Sequence[EventRef], facts: Mapping[UUID, Fact]) -> None:
    """Refused unless every bound fact is still there with the bytes that were bound."""
    for n, ref in enumerate(bound):
        fact = facts.get(ref.event_id)
        if fact is None or fact.sha256 != ref.sha256:
            raise Refused("evidence_changed", f"/evidence/{n}", event_id=ref.event_id)


def evidence_hash(bound: Sequence[EventRef]) -> str:
    """SHA-256 over the sorted lines ``event_id sha256``, each ended by a newline: the same set gives the same hash in any order."""
    lines = sorted(f"{ref.event_id} {ref.sha256}\n" for ref in bound)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def about(event: Event) -> UUID | None:
    """The thing that an event tells of within its pilot: a finding, measure, report, proposal, decision."""
    match event:
        case m.InterimMeasureTaken() | d.MeasureConfirmed() | d.MeasureLifted() | d.MeasureLapsed():
            return event.measure_id
        case m.FindingOpened() | m.FindingEscalated() | m.FindingCleared():
            return event.finding_id
        case a.PeriodicReportFiled() | a.FinalReportFiled() | d.ReportReviewed():
            return event.report_id
        case a.ReplyFiled():
            return event.answers
        case a.IncidentReported():
            return event.incident_id
        case m.TipReceived():
            return event.tip_id
        case m.ReferralReceived():
            return event.referral_id
        case a.DecisionApplied() | a.DecisionNotApplied() | d.DecisionIssued() | d.RemedyVerified():
            return event.decision_id
        case d.ReplyRequested():
            return event.proposal_id
        case d.CaseSupplementRequested() | d.RequestWithdrawn():
            return event.request_id
        case d.ItemOpened() | d.ItemResolved():
            return event.item_id
        case d.CaseOpened() | d.CaseClosed():
            return event.case_id
        case _:
            return None

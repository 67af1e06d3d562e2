"""The life of a proposal: what it says, the states that it passes through, and the one table of its moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.contracts.base import Due
from shared.contracts.events.decisions import VerdictOnFinding
from shared.contracts.events.monitoring import EventRef
from shared.contracts.pilot import Cap


class ProposalState(StrEnum):
    DRAFT = "draft"
    AWAITING_REPLY = "awaiting_reply"
    AWAITING_SECOND = "awaiting_second"
    RETURNED = "returned"
    ISSUED = "issued"
    WITHDRAWN = "withdrawn"


MOVES: dict[ProposalState, frozenset[ProposalState]] = {
    ProposalState.DRAFT: frozenset(
        {
            ProposalState.AWAITING_REPLY,
            ProposalState.AWAITING_SECOND,
            ProposalState.ISSUED,
            ProposalState.WITHDRAWN,
        }
    ),
    ProposalState.AWAITING_REPLY: frozenset(
        {ProposalState.AWAITING_SECOND, ProposalState.ISSUED, ProposalState.WITHDRAWN}
    ),
    ProposalState.AWAITING_SECOND: frozenset({ProposalState.RETURNED, ProposalState.ISSUED, ProposalState.WITHDRAWN}),
    ProposalState.RETURNED: frozenset(
        {
            ProposalState.AWAITING_REPLY,
            ProposalState.AWAITING_SECOND,
            ProposalState.ISSUED,
            ProposalState.WITHDRAWN,
        }
    ),
    ProposalState.ISSUED: frozenset(),
    ProposalState.WITHDRAWN: frozenset(),
}
"""The life of a proposal: every move that is legal. Nothing leaves ``issued`` or ``withdrawn``."""

EDITABLE = frozenset({ProposalState.DRAFT, ProposalState.RETURNED})


@dataclass(frozen=True)
class Content:
    """What a proposal says. ``evidence`` was bound by hash when it was written; ``about`` is what it tells of: ids of findings, measures …"""

    kind: str
    items: tuple[UUID, ...]
    reasons: str
    public_reasons: str
    legal_bases: tuple[str, ...]
    evidence: tuple[EventRef, ...] = ()
    about: tuple[UUID, ...] = ()
    verdicts: tuple[VerdictOnFinding, ...] = ()
    caps: tuple[Cap, ...] = ()
    remedy_text: str | None = None
    gate: str | None = None
    measure_id: UUID | None = None
    lifts: UUID | None = None


@dataclass(frozen=True)
class Asked:
    """The enterprise was asked to reply. ``digest`` is of what was put to it: a proposal changed since must be put to it again."""

    digest: str
    at: datetime
    reply_by: Due


@dataclass(frozen=True)
class Proposal:
    """``reply_over``: the reply is in, or its time has passed. ``together``: the proposals that move and are issued with it."""

    proposal_id: UUID
    case_id: UUID
    pilot_id: UUID
    authority: str
    proposer: str
    drafted_at: datetime
    content: Content
    state: ProposalState = ProposalState.DRAFT
    submitted_at: datetime | None = None
    asked: Asked | None = None
    reply_over: bool = False
    reply_id: UUID | None = None
    together: tuple[UUID, ...] = ()
    closed_reason: str | None = None
    decision_id: UUID | None = None

    @property
    def awaits_reply(self) -> bool:
        """The enterprise was asked, has not replied, and its time is not over."""
        return self.state is ProposalState.AWAITING_REPLY and not self.reply_over

    @property
    def live(self) -> bool:
        return bool(MOVES[self.state])

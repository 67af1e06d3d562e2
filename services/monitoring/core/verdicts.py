"""When a decision has judged what it names: once the pilot has answered it.

Every decision that is issued is answered, applied or not (:mod:`services.applications.core.decisions`). One without effect has judged
nothing while its pilot goes on: what it was about stands before an officer again, so its verdicts neither clear a finding nor enter the
risk's history. About a pilot that has ended there is nothing left to move; the verdict stands.

The decision and its answer come on two topics, in either order. Neither waits parked for the other: facts of the pilot would wait behind it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.contracts.base import Contract, Instant
from shared.contracts.events.applications import DecisionApplied, DecisionNotApplied
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.events.monitoring import EventRef
from shared.contracts.pilot import PilotState

Heard = DecisionIssued | DecisionApplied | DecisionNotApplied


class Answer(Contract):
    """What the pilot answered. ``stands``: the decision's verdicts hold."""

    stands: bool
    at: Instant
    event: EventRef


class Standing(Contract):
    """A decision whose verdicts hold, with its event and the answer."""

    decision: DecisionIssued
    event: EventRef
    answer: Answer

    @property
    def names(self) -> frozenset[UUID]:
        """The findings and other subjects that it is about."""
        items = (item.subject_id for item in self.decision.items)
        return frozenset(one.finding_id for one in self.decision.findings) | {one for one in items if one is not None}

    @property
    def known_at(self) -> datetime:
        """Since when it is known to hold."""
        return max(self.decision.at, self.answer.at)


class Judgement(Contract):
    """A decision and the answer to it, as far as they have arrived."""

    decision: DecisionIssued | None = None
    event: EventRef | None = None
    answer: Answer | None = None

    def standing(self) -> Standing | None:
        """What holds, None while one of the two is missing and for a decision without effect."""
        if self.decision is None or self.event is None or self.answer is None or not self.answer.stands:
            return None
        return Standing(decision=self.decision, event=self.event, answer=self.answer)

    @property
    def complete(self) -> bool:
        return self.decision is not None and self.answer is not None


def heard(before: Judgement, event: Heard, ref: EventRef) -> Judgement:
    """The judgement with what was heard. The same told twice changes nothing."""
    if isinstance(event, DecisionIssued):
        return before.model_copy(update={"decision": event, "event": ref})
    stands = isinstance(event, DecisionApplied) or event.state_found is PilotState.ENDED
    return before.model_copy(update={"answer": Answer(stands=stands, at=event.at, event=ref)})

"""What officers ask of a case: to put it off, to draft, to sign, to review."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from shared.contracts.base import Instant, Request, Truth, Whole
from shared.contracts.numbers import Limit
from shared.contracts.pilot import (
    Cap,
    Code,
    Line,
    Prose,
    SourceName,
    Window,
)


class SnoozeRequest(Request):
    """POST /cases/{case_id}/snooze: out of the queue until then; never past a running clock, at most the row's working days."""

    until: Instant
    reason: Line


class SupplementRequest(Request):
    """POST /cases/{case_id}/supplement-request: once a case; the clocks that the rules name stand still until it is answered."""

    text: Prose


class CapChange(Request):
    """A cap as an ``adjust`` sets it. It takes the place of the cap with the same metric and window, or is new.

    ``critical``, ``reported`` and ``source`` stay as they are in the cap in force where they are left out; of a new cap they are false,
    false and ``main``. The source must be one of the envelope's. The answer shows each cap whole, as it will be.
    """

    metric: Code
    window: Window
    limit: Limit = Field(ge=0)
    critical: Truth | None = None
    reported: Truth | None = None
    source: SourceName | None = None

    def whole(self, in_force: Cap | None) -> Cap:
        """The cap as it will be; what is not said is taken from ``in_force``."""
        said = self.model_dump(exclude_none=True)
        return Cap(**({} if in_force is None else in_force.model_dump()) | said)


class Verdict(Request):
    """What the decision holds of one finding."""

    finding_id: UUID
    verdict: Literal["confirmed", "rejected"]


class ProposalWrite(Request):
    """POST /cases/{case_id}/proposals and PUT /proposals/{proposal_id}: one kind of decision about one or more open items.

    ``legal_bases`` are codes of :attr:`CaseView.legal_bases`.
    ``evidence`` are ids of facts of this pilot (:class:`FactView`); their hashes are bound when the draft is written. Every item that
    is about a finding needs a verdict; ``confirmed`` needs evidence about that very finding, and ``continue`` confirms none. ``caps``
    belong to ``adjust``, ``remedy_text`` to ``order_correction`` and ``order_takedown``.
    ``gate``, ``measure_id`` and ``lifts`` follow from the item; where given, they must agree with it.
    """

    kind: Code
    items: tuple[UUID, ...] = Field(min_length=1, max_length=100)
    reasons: Prose
    public_reasons: Prose
    legal_bases: tuple[str, ...] = Field(min_length=1, max_length=50)
    evidence: tuple[UUID, ...] = Field(default=(), max_length=500)
    verdicts: tuple[Verdict, ...] = Field(default=(), max_length=100)
    caps: tuple[CapChange, ...] = Field(default=(), max_length=50)
    remedy_text: Prose | None = None
    gate: str | None = Field(default=None, max_length=200)
    measure_id: UUID | None = None
    lifts: UUID | None = None

    @field_validator("items", "evidence", "legal_bases")
    @classmethod
    def _once(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(value)) != len(value):
            raise PydanticCustomError("named_twice", "must not name the same one twice")
        return value


class SubmitRequest(Request):
    """POST /proposals/{proposal_id}/submit. ``together``: other proposals of the case, by the same proposer, to be issued with it.

    The first submission of a kind with a reply window asks the enterprise; once the reply is in or its time is over, the next one
    moves on: to the second signer, or into force where one signature is enough.
    """

    together: tuple[UUID, ...] = Field(default=(), max_length=20)


class ReturnRequest(Request):
    """POST /proposals/{proposal_id}/return: the second signer sends it back to the proposer."""

    reason: Prose


class WithdrawRequest(Request):
    """POST /proposals/{proposal_id}/withdraw."""

    reason: Prose


class ReviewRequest(Request):
    """POST /cases/{case_id}/items/{item_id}/review: the report was read."""

    note: Prose
    confirmed_findings: Whole = Field(default=0, ge=0, le=1000)


class VerifyRemedyRequest(Request):
    """POST /decisions/{decision_id}/verify-remedy: the officer looked."""

    done: Truth
    note: Prose

"""What anyone sees: the register and the statistics."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from shared.contracts.base import Due, Instant
from shared.contracts.events.applications import FinalCriterion
from shared.contracts.events.decisions import (
    LegalBasisRef,
    MadeUpon,
    Remedy,
)
from shared.contracts.http.answers import Answer
from shared.contracts.numbers import Total
from shared.contracts.pilot import (
    Cap,
    Code,
    HeldPermit,
    Organisation,
    Outcome,
    PilotState,
    Sha256,
)


class RegisterDecision(Answer):
    decision_id: UUID
    number: str
    kind: Code
    authority: str
    at: Instant
    public_reasons: str
    legal_bases: tuple[LegalBasisRef, ...]
    remedy: Remedy | None = None
    appeal_by: Due | None = None
    made_upon: MadeUpon
    without_effect: bool
    hash: Sha256


class RegisterLine(Answer):
    """A pilot in the public register: no contact, no evidence, nothing of an open case."""

    code: str
    title: str
    organisation: Organisation
    sector: str
    tier: int
    provinces: tuple[str, ...]
    lead_authority: str
    state: PilotState
    outcome: Outcome | None = None
    registered_at: Instant
    start_at: Instant | None = None
    end_at: Instant | None = None
    decisions: int


class RegisterPage(Answer):
    """Newest registration first."""

    rows: tuple[RegisterLine, ...]
    next: str | None = None


class RegisterEntry(RegisterLine):
    pilot_id: UUID
    objectives: str
    hypothesis: str
    caps: tuple[Cap, ...]
    held_permits: tuple[HeldPermit, ...]
    certificate: str | None = None
    final_criteria: tuple[FinalCriterion, ...] = ()
    issued: tuple[RegisterDecision, ...]


class LeadTime(Answer):
    """How long something took, in hours of wall time: how many were measured, and their median and ninth decile."""

    name: str
    count: int
    median_hours: float | None = None
    p90_hours: float | None = None


class SectorFigures(Answer):
    """What the pilots of a sector, in a province and a quarter (``2026Q3``), brought. ``province`` is ``many`` for a pilot that spans several.

    ``pilots`` ran in the quarter. ``participants`` are the persons that each reached, counted one by one (audience, visitors) or, where
    nobody was, the largest number at one time; ``revenue_vnd`` accrued in the quarter; ``jobs`` is the largest number at one time. All are
    added over pilots; None: nobody reported it.

    A total belongs to the quarter of its newest sample, whenever it was reported; what a later report adds to an earlier quarter counts in
    the quarter of the newest. A number at one time belongs to the quarter of its own sample.
    """

    sector: str
    province: str
    quarter: str
    pilots: int
    participants: Total | None = None
    revenue_vnd: Total | None = None
    jobs: Total | None = None


class LawReformRow(Answer):
    """A rule that stood in the way, over all final reports: in how many pilots, in which sectors, and in whose words."""

    legal_basis: str
    article: str | None = None
    pilots: int
    sectors: tuple[str, ...]
    texts: tuple[str, ...]


class Statistics(Answer):
    """``at`` is when it was counted: a service counts at most once in some seconds, and gives everybody the same until then."""

    at: Instant
    pilots_by_state: dict[str, int]
    pilots_by_outcome: dict[str, int]
    cases_open: int
    items_open: dict[str, int]
    items_overdue: int
    overdue_ever: int
    decisions_by_kind: dict[str, int]
    decisions_without_effect: int
    measures_by_state: dict[str, int]
    lead_times: tuple[LeadTime, ...]
    figures: tuple[SectorFigures, ...]
    law_reform: tuple[LawReformRow, ...]
    since: date | None = None

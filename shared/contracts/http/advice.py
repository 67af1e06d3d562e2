"""What anyone may ask the service applications before filing, without a token: does this apply to me, and what a form needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import Due, Instant, Request, Whole
from shared.contracts.errors import Problem
from shared.contracts.events.applications import PilotGate
from shared.contracts.http.answers import Answer
from shared.contracts.http.strict import no_unknown_field
from shared.contracts.numbers import Total
from shared.contracts.pilot import Code, HeldPermit, StartMode, Window
from shared.contracts.rules import CriterionAnswer, LegalBasis

Tier = Literal[1, 2, 3]


class CheckSent(Request):
    """POST /check: "does this apply to me?", with the answers alone. Nothing is kept. Without ``planned_start``: as soon as may be."""

    sector: Code
    provinces: tuple[str, ...] = Field(min_length=1, max_length=34)
    communes: tuple[str, ...] = Field(default=(), max_length=100)
    answers: dict[Code, str | Whole]
    activities: tuple[Code, ...] = Field(default=(), max_length=100)
    held_permits: tuple[HeldPermit, ...] = Field(default=(), max_length=100)
    planned_start: Instant | None = None
    duration_months: Whole = Field(default=12, ge=1, le=60)


StrictCheck = Annotated[CheckSent, no_unknown_field(CheckSent)]


class DocumentNeeded(Answer):
    code: str
    name_vi: str
    name_en: str


class DutyAhead(Answer):
    """A duty that would fall to the pilot; ``due`` where it can be computed from today."""

    kind: str
    text_vi: str
    text_en: str
    due: Instant | None = None


class CapRequired(Answer):
    """A cap that the envelope must set, and the largest that the tier allows (None: no maximum)."""

    metric: str
    window: Window | None = None
    required: bool
    maximum: Total | None = None


class LawBehind(Answer):
    code: str
    number: str
    title_vi: str
    title_en: str
    status: str


class CheckAnswer(Answer):
    """What would hold if the application were sent at ``at``. ``admissible`` False: ``problems`` says why."""

    at: Instant
    rule_set: str
    admissible: bool
    problems: tuple[Problem, ...] = ()
    tier: Tier | None = None
    criteria: tuple[CriterionAnswer, ...] = ()
    start_mode: StartMode | None = None
    start_at: Instant | None = None
    end_at: Instant | None = None
    standstill_due: Due | None = None
    permit_due: Due | None = None
    lead_authority: str | None = None
    authorities: tuple[str, ...] = ()
    gates: tuple[PilotGate, ...] = ()
    caps: tuple[CapRequired, ...] = ()
    documents: tuple[DocumentNeeded, ...] = ()
    duties: tuple[DutyAhead, ...] = ()
    law: tuple[LawBehind, ...] = ()


class Named(Answer):
    code: str
    name_vi: str
    name_en: str


class OptionView(Answer):
    code: str
    level: Tier
    vi: str
    en: str


class CriterionView(Answer):
    """A question of the form. ``sectors`` None: asked everywhere."""

    code: str
    input: str
    kind: Literal["choice", "number"]
    question_vi: str
    question_en: str
    options: tuple[OptionView, ...] = ()
    level1_max: int | None = None
    level2_max: int | None = None
    sectors: tuple[str, ...] | None = None
    note: str | None = None


class GateView(Answer):
    code: str
    sector: str
    activity_vi: str
    activity_en: str
    phase: Literal["start", "exit"]
    requires: Literal["none", "notice_only", "notice_silence", "permit"]
    days: int
    day_kind: Literal["working", "calendar"]
    authority: str
    legal_basis: str
    detail: str


class MetricView(Answer):
    code: str
    scope: str
    unit: str
    kind: Literal["delta", "counter", "gauge"]
    cap: bool
    windows: tuple[Window, ...]
    name_vi: str
    meaning_en: str


class DocumentView(DocumentNeeded):
    """``needed``: always | held_permit | <tier or criterion code> >= n, joined by or."""

    needed: str


class ReferenceView(Answer):
    """What a form needs: sectors, questions, gates, metrics, documents, and the acts that rows name by their code, as in force at ``at``."""

    at: Instant
    rule_set: str
    sectors: tuple[Named, ...]
    provinces: tuple[Named, ...]
    criteria: tuple[CriterionView, ...]
    gates: tuple[GateView, ...]
    metrics: tuple[MetricView, ...]
    documents: tuple[DocumentView, ...]
    legal_bases: tuple[LegalBasis, ...] = ()

"""What the service monitoring is asked and answers over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.contracts.base import Instant, Request, Whole
from shared.contracts.errors import Problem
from shared.contracts.events.metrics import Sample
from shared.contracts.events.monitoring import Evidence, RiskInput, RuleCode
from shared.contracts.http.answers import Answer
from shared.contracts.numbers import Total
from shared.contracts.pilot import Line, Prose, Severity, Sha256, SourceName, Window

MAX_REPORT_SAMPLES = 50_000
"""Samples in one request; it is cut into parts of :data:`shared.contracts.events.metrics.MAX_SAMPLES`."""

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"


class ReportSent(Request):
    """POST /pilots/{pilot_id}/reports as JSON. ``corrects`` names the sequence whose differences these samples are.

    As NDJSON the body is one sample a line; as CSV it has the header ``metric,at,value[,province][,reset]``. ``source`` and
    ``corrects`` are then query parameters.
    """

    source: SourceName = "main"
    corrects: Whole | None = Field(default=None, ge=1, le=2**53)
    samples: tuple[Sample, ...] = Field(min_length=1, max_length=MAX_REPORT_SAMPLES)


class ReportTaken(Answer):
    """202: the report is stored and will count. The sequence names it from now on, for example in a correction."""

    pilot_id: UUID
    source: SourceName
    sequence: int
    parts: int


class ReportRow(Answer):
    """One record of a report. ``pending``: taken, not yet read by the engine. ``at`` is the latest sample's time of an accepted one,
    ``taken_at`` when we first knew of it."""

    source: str | None
    sequence: int | None
    part: int | None
    parts: int | None = None
    corrects: int | None = None
    state: Literal["accepted", "rejected", "pending"]
    samples: int = 0
    at: Instant | None = None
    taken_at: Instant
    record_sha256: Sha256 | None = None
    problems: tuple[Problem, ...] = ()


class ReportPage(Answer):
    """Newest first. ``next`` is the cursor of the following page, None on the last."""

    items: tuple[ReportRow, ...]
    next: str | None = None


class SourceSecret(Answer):
    """The secret that signs a source's own records (``hk-signature``): 32 bytes in hexadecimal. Shown once; issuing again replaces it."""

    pilot_id: UUID
    source: SourceName
    secret: str
    issued_at: Instant


class FindingView(Answer):
    """A finding as it stands. ``evidence`` is that of its opening or last escalation, ``measures`` the interim measures taken on it."""

    finding_id: UUID
    pilot_id: UUID
    pilot_code: str
    pilot_title: str
    rule: RuleCode
    subject: str
    severity: Severity
    state: Literal["open", "cleared"]
    opened_at: Instant
    escalated_at: Instant | None = None
    cleared_at: Instant | None = None
    clear_reason: str | None = None
    evidence: Evidence
    measures: tuple[UUID, ...] = ()


class FindingPage(Answer):
    """Newest first. ``next`` is the cursor of the following page, None on the last."""

    items: tuple[FindingView, ...]
    next: str | None = None


class UsageRow(Answer):
    """What is used of one metric in one window. ``bucket`` is the day of a day window; ``remaining`` is None where nothing limits it,
    and negative where the limit is exceeded."""

    metric: str
    window: Window
    bucket: date | None = None
    value: Total
    limit: Total | None = None
    remaining: Total | None = None
    critical: bool = False
    sample_at: Instant | None = None


class Usage(Answer):
    pilot_id: UUID
    envelope_version: int
    rows: tuple[UsageRow, ...]


class RiskView(Answer):
    """The risk as it is at ``at``: it ages when it is read. Components and score lie between 1.00 and 4.00."""

    pilot_id: UUID
    at: Instant
    formula: str
    score: float
    band: Literal["low", "medium", "high", "very_high"]
    impact: float
    probability: float
    detectability: float
    inputs: tuple[RiskInput, ...]
    would_lower_most: str | None = None


PilotName = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
"""A pilot by its id or by its code ``HK-G16-YY-NNNNNN``, as people quote it."""


class TipSent(Request):
    """POST /tips: from the public, without a name. The same text about the same pilot is one tip."""

    pilot: PilotName
    text: Prose


class TipTaken(Answer):
    tip_id: UUID
    content_sha256: Sha256


class ReferralSent(Request):
    """POST /referrals: from an officer of another authority. ``content_sha256`` is the hash of what was seen (a recording, a page)."""

    pilot: PilotName
    title: Line
    timecode: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(:[0-5][0-9]){1,2}$")] | None = None
    content_sha256: Sha256
    text: Prose


class ReferralTaken(Answer):
    referral_id: UUID

"""Words that every service shares: states, causes, outcomes, envelopes and dossiers of controlled pilots."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.contracts.base import Contract, Instant, Truth, Whole
from shared.contracts.numbers import Exact, Limit

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A stable code of the reference data."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
TaxCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{10}(-[0-9]{3})?$")]
"""Mã số thuế: ten digits, and three more for a branch. It names the enterprise everywhere, also in tokens (claim ``org``)."""
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)]


class PilotState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    RESTRICTED = "restricted"
    SUSPENDED = "suspended"
    WINDING_DOWN = "winding_down"
    ENDED = "ended"


RUNNING = frozenset({PilotState.ACTIVE, PilotState.RESTRICTED, PilotState.SUSPENDED})
"""States in which the rules of monitoring run."""


class Outcome(StrEnum):
    """How a pilot ended. All but ``completed`` also name the cause of a winding-down."""

    COMPLETED = "completed"
    TERMINATED = "terminated"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REFUSED = "refused"


class CauseKind(StrEnum):
    MEASURE = "measure"
    SUSPENSION = "suspension"
    OBJECTION = "objection"


class Cause(Contract):
    """A cause in force that restricts or suspends a pilot. ``ref`` is the measure's id, or the decision's."""

    kind: CauseKind
    ref: UUID
    since: Instant


class Severity(StrEnum):
    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info to 3 for critical."""
        return list(Severity).index(self)

    def higher(self) -> Severity:
        """One severity higher; critical stays."""
        return list(Severity)[min(self.rank + 1, 3)]


class Window(StrEnum):
    """What a cap limits: the sum since the start, the sum of one day (+07:00), or the value at one time."""

    TOTAL = "total"
    DAY = "day"
    CONCURRENT = "concurrent"


class Period(StrEnum):
    """How often each source owes a report. Weeks run Monday 00:00 to Monday 00:00, all in +07:00."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Cap(Contract):
    """A limit of the envelope. ``reported`` marks a metric that ``source`` owes in every reporting period."""

    metric: Code
    window: Window
    limit: Limit = Field(ge=0)
    critical: Truth = False
    reported: Truth = False
    source: SourceName = "main"

    @property
    def subject(self) -> str:
        """The subject of findings about this cap, for example ``crowd_peak/concurrent``."""
        return f"{self.metric}/{self.window}"


class Threshold(Contract):
    """A limit on a metric, or on ``scale`` x the ratio of two, over a sliding window of hours."""

    code: Code
    numerator: Code
    denominator: Code | None = None
    scale: Whole = Field(default=1, ge=1, le=1_000_000)
    window_hours: Whole = Field(ge=1, le=24 * 31)
    limit: Exact = Field(ge=0)
    severity: Severity = Severity.MAJOR


class Envelope(Contract):
    """What a pilot may do and what it owes: caps, reporting, thresholds. A new version never changes an old one."""

    version: Whole = Field(default=1, ge=1)
    caps: tuple[Cap, ...]
    reporting_period: Period = Period.WEEK
    sources: tuple[SourceName, ...] = ("main",)
    thresholds: tuple[Threshold, ...] = ()


class Organisation(Contract):
    name: Line
    tax_code: TaxCode


class Contact(Contract):
    """Personal data: kept by the service applications alone, never in an event."""

    name: Line
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")]
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 ().-]{6,24}$")] | None = None


class Attachment(Contract):
    """A document of the closed list: its name, size in bytes and SHA-256. The file itself stays with its holder."""

    document: Code
    name: Line
    size: Whole = Field(ge=1, le=2**40)
    sha256: Sha256


class HeldPermit(Contract):
    """A permit that the enterprise already holds for a gate: shown on the register, checked after the start like all else."""

    gate: Code
    number: Line
    date: date
    issuer: Line


class Safeguards(Contract):
    """What protects participants: the notice to them, the channel for complaints, and what the tier asks for besides."""

    disclosure: Prose
    complaint_channel: Line
    age_rating: Line | None = None
    insurance: Line | None = None


class Dossier(Contract):
    """What an application files. ``answers`` are keyed by the input names of the tier criteria.

    Lists are bounded so that all that is wrong with a dossier fits into one event.
    """

    organisation: Organisation
    contact: Contact
    title: Line
    sector: Code
    provinces: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")], ...] = Field(min_length=1, max_length=34)
    communes: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")], ...] = Field(default=(), max_length=500)
    objectives: Prose
    hypothesis: Prose
    planned_start: Instant
    duration_months: Whole = Field(ge=1, le=60)
    answers: dict[Code, str | Whole] = Field(max_length=100)
    activities: tuple[Code, ...] = Field(default=(), max_length=100)
    held_permits: tuple[HeldPermit, ...] = Field(default=(), max_length=100)
    envelope: Envelope
    safeguards: Safeguards
    exit_plan: Prose
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=200)
    cohort_id: UUID | None = None


class Criterion(Contract):
    """A tier criterion with the answer given and the level that it reached."""

    code: Code
    input: Code
    answer: str | int
    level: Literal[1, 2, 3]


class StartMode(StrEnum):
    """When a pilot may start; the strictest of the policy row and the gates wins."""

    ON_REGISTRATION = "on_registration"
    STANDSTILL = "standstill"
    PERMIT = "permit"

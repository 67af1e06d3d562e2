"""The two things that this service keeps, under one id: an application, and the pilot that it becomes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from shared.contracts.base import Contract, Due, Instant
from shared.contracts.errors import Problem
from shared.contracts.events.applications import PilotRegistered
from shared.contracts.http.applications import ApplicationStatus, Filed
from shared.contracts.pilot import RUNNING, Cause, CauseKind, Dossier, Envelope, Outcome, PilotState


class Standing(Contract):
    """What is known of an enterprise and its call beyond the dossier, when it is checked."""

    barred_until: Instant | None = None
    cohort_open: bool = False


class Application(Contract):
    """A dossier on its way. ``rule_set`` and the day of ``received_at`` name the rules that govern it for good."""

    pilot_id: UUID
    code: str
    status: ApplicationStatus
    received_at: Instant
    rule_set: str
    dossier: Dossier
    filed: Filed
    supplements_asked: int = 0
    asked_at: Instant | None = None
    withdrawn_reason: str | None = None

    def not_before(self, at: datetime) -> datetime:
        """As of a pilot: nothing is told of an application behind what was told last while it was open."""
        return max(at, self.asked_at or self.received_at)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.filed.problems

    @property
    def supplement_due(self) -> Due | None:
        return self.filed.supplement_due


class Terms(Contract):
    """The limits of the frozen rules that a pilot's own moves need. Months, days and hours as their names say."""

    report_every_months: int
    final_report_days: int
    incident_hours: int
    wind_down_days: int
    bar_months: int

    @classmethod
    def of(cls, event: PilotRegistered) -> Terms:
        return cls(
            report_every_months=event.rules.policy.report_every_months,
            final_report_days=event.rules.defaults.final_report_min_days_before_end,
            incident_hours=event.rules.policy.incident_report_hours,
            wind_down_days=event.rules.amount("wind_down"),
            bar_months=event.rules.amount("bar_after_termination"),
        )


class FinalReport(Contract):
    report_id: UUID
    at: Instant
    in_time: bool


class Early(StrEnum):
    """What became of an interim measure before this service learned of it: topics are not in order with one another."""

    CONFIRMED = "confirmed"
    GONE = "gone"


class Pilot(Contract):
    """A pilot as its history made it.

    Everything here follows from the events of this service, so that replaying them gives the same pilot
    (:func:`services.applications.core.history.rebuild`), but ``tombstones``: what decisions said of measures that have not come yet.

    ``opens_at`` is the earliest start that the law and the plan leave; ``start_at`` is None while a permit or an objection is open.
    ``periodic_reports`` says when the report of a period was filed, by its number;
    ``measures`` says of each measure ever taken whether it is in force; ``objection_until`` until when one may object, by subject.
    ``told_at`` is the instant of what was told last: what is told of a pilot never runs back behind it (:meth:`not_before`).
    """

    pilot_id: UUID
    code: str
    tax_code: str
    state: PilotState
    causes: tuple[Cause, ...]
    measures: dict[UUID, bool]
    tombstones: dict[UUID, Early]
    opens_at: Instant
    objection_until: dict[str, Instant]
    permits_outstanding: tuple[str, ...]
    start_at: Instant | None
    duration_months: int
    started_at: Instant | None = None
    end_at: Instant | None = None
    envelope: Envelope
    periodic_reports: dict[int, Instant]
    final_report: FinalReport | None = None
    winding_since: Instant | None = None
    winding_down_cause: Outcome | None = None
    winding_down_due: Due | None = None
    outcome: Outcome | None = None
    told_at: Instant
    terms: Terms

    def not_before(self, at: datetime) -> datetime:
        """The instant of what happens to the pilot ``at`` this one, read before the pilot was locked or on another machine's clock."""
        return max(at, self.told_at)

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING

    @property
    def objections(self) -> tuple[Cause, ...]:
        return tuple(cause for cause in self.causes if cause.kind is CauseKind.OBJECTION)

    @property
    def awaits_decision_on_report(self) -> bool:
        """A final report filed in time keeps the pilot winding down until somebody decides on it.

        Not after a termination or a refusal: what ended the pilot is then no longer open, and no report can earn it a certificate.
        """
        in_time = self.final_report is not None and self.final_report.in_time
        return in_time and self.winding_down_cause in (Outcome.EXPIRED, Outcome.WITHDRAWN)


ClockKind = Literal["pilot_start", "pilot_end", "wind_down"]

"""What an enterprise sends while its pilot runs: withdrawal, replies, incidents, periodic reports and the final report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import get_args
from uuid import UUID

from services.applications.core.clocks import end, wind_down
from services.applications.core.history import Told, tell
from services.applications.core.model import Pilot
from shared.contracts.base import Contract, Due, Instant
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events.applications import (
    FinalCriterion,
    FinalReportFiled,
    IncidentReported,
    PeriodicReportFiled,
    ReplyFiled,
)
from shared.contracts.http.applications import FinalReportSent, IncidentSent, PeriodicReportSent, ReplySent
from shared.contracts.pilot import Outcome, PilotState
from shared.reference.calendar import Calendar, anniversaries, anniversary

CRITERIA: tuple[str, ...] = get_args(FinalCriterion.model_fields["code"].annotation)
"""The seven criteria of a final report."""


class OpenRequest(Contract):
    """What an officer asked of the enterprise; ``answered_at`` closes it, and ``withdrawn_at``: nobody waits for an answer any more."""

    request_id: UUID
    due: Due
    answered_at: Instant | None = None
    withdrawn_at: Instant | None = None


def withdraw(pilot: Pilot, now: datetime, calendar: Calendar) -> Told:
    """The enterprise gives up: before the start the pilot ends, later it winds down. Raises ``Refused`` when it does so already."""
    if pilot.state is PilotState.PENDING:
        return tell(pilot, end(pilot, Outcome.WITHDRAWN, now))
    if not pilot.is_running:
        raise Refused("pilot_not_running", state=pilot.state)
    return wind_down(pilot, Outcome.WITHDRAWN, now, calendar)


def reply(pilot: Pilot, request: OpenRequest | None, sent: ReplySent, reply_id: UUID, now: datetime) -> ReplyFiled:
    """An answer to one open request; it counts by ``now``, however late it is read.

    Raises ``NotFound`` for a request that this pilot does not have, ``Refused`` when it was answered or withdrawn or its time is over.
    """
    if request is None:
        raise NotFound("request")
    if request.answered_at is not None:
        raise Refused("request_answered", "/answers")
    if request.withdrawn_at is not None:
        raise Refused("request_withdrawn", "/answers")
    if now >= request.due.instant:
        raise Refused("request_over", "/answers", due=request.due.instant.isoformat())
    return ReplyFiled(at=now, pilot_id=pilot.pilot_id, reply_id=reply_id, answers=request.request_id, text=sent.text)


def incident(pilot: Pilot, sent: IncidentSent, incident_id: UUID, now: datetime) -> IncidentReported:
    """Something went wrong. It is late after the row's hours, which monitoring judges. Raises ``Refused``."""
    started = _started(pilot)
    if sent.known_at > now:
        raise Refused("incident_in_future", "/known_at", status=422)
    if sent.known_at < started:
        raise Refused("incident_before_start", "/known_at", status=422, start=started.isoformat())
    return IncidentReported(
        at=now,
        pilot_id=pilot.pilot_id,
        incident_id=incident_id,
        known_at=sent.known_at,
        kind=sent.kind,
        description=sent.description,
    )


def is_late(pilot: Pilot, known_at: datetime, reported_at: datetime) -> bool:
    """Hours run through nights and holidays."""
    return reported_at > known_at + timedelta(hours=pilot.terms.incident_hours)


def periodic_dues(pilot: Pilot) -> tuple[datetime, ...]:
    """When each periodic report is due, known from the start; none falls due at the end itself. Empty before the start."""
    if pilot.started_at is None or pilot.end_at is None:
        return ()
    return anniversaries(pilot.started_at, pilot.terms.report_every_months, pilot.end_at)


def periodic_report(pilot: Pilot, sent: PeriodicReportSent, report_id: UUID, now: datetime) -> PeriodicReportFiled:
    """The report of one period; late or not is judged by decisions. Raises ``Refused``: no such period, not begun, filed already."""
    started, dues = _started(pilot), periodic_dues(pilot)
    if sent.number > len(dues):
        raise Refused("period_unknown", "/number", status=422, periods=len(dues))
    if sent.number in pilot.periodic_reports:
        raise Refused("period_reported", "/number", number=sent.number)
    begins = anniversary(started, pilot.terms.report_every_months * (sent.number - 1))
    if now < begins:
        raise Refused("period_not_begun", "/number", begins=begins.isoformat())
    return PeriodicReportFiled(
        at=now, pilot_id=pilot.pilot_id, report_id=report_id, number=sent.number, summary=sent.summary
    )


def final_report(pilot: Pilot, sent: FinalReportSent, report_id: UUID, now: datetime) -> FinalReportFiled:
    """The report on the whole pilot, once. Raises ``Refused``: not started, ended, filed already, a criterion missing or twice."""
    _started(pilot)
    if pilot.final_report is not None:
        raise Refused("final_report_filed")
    if (fault := _criteria_fault(sent.criteria)) is not None:
        raise fault
    return FinalReportFiled(
        at=now,
        pilot_id=pilot.pilot_id,
        report_id=report_id,
        results=sent.results,
        criteria=sent.criteria,
        rules_in_the_way=sent.rules_in_the_way,
    )


def _criteria_fault(criteria: Sequence[FinalCriterion]) -> Refused | None:
    seen: set[str] = set()
    for index, criterion in enumerate(criteria):
        if criterion.code in seen:
            return Refused("criterion_twice", f"/criteria/{index}/code", status=422, criterion=criterion.code)
        seen.add(criterion.code)
    missing = ", ".join(code for code in CRITERIA if code not in seen)
    return Refused("criterion_missing", "/criteria", status=422, missing=missing) if missing else None


def _started(pilot: Pilot) -> datetime:
    """When the pilot started. Raises ``Refused`` before the start and after the end."""
    if pilot.started_at is None or pilot.state is PilotState.ENDED:
        raise Refused("pilot_not_running", state=pilot.state)
    return pilot.started_at

"""What an enterprise sends about its pilot: withdrawal, replies, incidents, periodic reports and the final report."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.applications.core import filings as core
from services.applications.core.history import Told, final_report_due, tell
from services.applications.core.model import Pilot
from services.applications.handlers import moves
from services.applications.handlers.desk import Desk
from services.applications.store import projections as store
from shared.contracts.http.applications import (
    FinalReportSent,
    FinalReportTaken,
    IncidentSent,
    IncidentTaken,
    PeriodicReportSent,
    PeriodicReportTaken,
    ReplySent,
    ReplyTaken,
    Withdrawn,
)
from shared.platform.db import Tx
from shared.platform.ids import uuid7


async def withdraw(desk: Desk, tx: Tx, pilot_id: UUID, org: str, now: datetime) -> Withdrawn:
    """The enterprise gives its pilot up."""

    def step(pilot: Pilot) -> Told:
        return core.withdraw(pilot, now, desk.calendar)

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    return Withdrawn(pilot_id=pilot_id, status=after.state, at=now)


async def reply(desk: Desk, tx: Tx, pilot_id: UUID, sent: ReplySent, org: str, now: datetime) -> ReplyTaken:
    """The enterprise answers a proposal or a supplement request of its case."""
    await moves.own(tx, pilot_id, org)
    request = await store.request(tx, pilot_id, sent.answers)
    reply_id = uuid7()

    def step(pilot: Pilot) -> Told:
        return tell(pilot, core.reply(pilot, request, sent, reply_id, now))

    await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    await store.answer_request(tx, pilot_id, sent.answers, reply_id, now)
    return ReplyTaken(pilot_id=pilot_id, reply_id=reply_id, answers=sent.answers, at=now)


async def incident(desk: Desk, tx: Tx, pilot_id: UUID, sent: IncidentSent, org: str, now: datetime) -> IncidentTaken:
    incident_id = uuid7()

    def step(pilot: Pilot) -> Told:
        return tell(pilot, core.incident(pilot, sent, incident_id, now))

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    late = core.is_late(after, sent.known_at, now)
    return IncidentTaken(pilot_id=pilot_id, incident_id=incident_id, at=now, late=late)


async def periodic_report(
    desk: Desk, tx: Tx, pilot_id: UUID, sent: PeriodicReportSent, org: str, now: datetime
) -> PeriodicReportTaken:
    report_id = uuid7()

    def step(pilot: Pilot) -> Told:
        return tell(pilot, core.periodic_report(pilot, sent, report_id, now))

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    due = core.periodic_dues(after)[sent.number - 1]
    return PeriodicReportTaken(pilot_id=pilot_id, report_id=report_id, number=sent.number, due=due, at=now)


async def final_report(
    desk: Desk, tx: Tx, pilot_id: UUID, sent: FinalReportSent, org: str, now: datetime
) -> FinalReportTaken:
    report_id = uuid7()

    def step(pilot: Pilot) -> Told:
        return tell(pilot, core.final_report(pilot, sent, report_id, now))

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    due = final_report_due(after)
    return FinalReportTaken(pilot_id=pilot_id, report_id=report_id, due=due, at=now, in_time=now < due)

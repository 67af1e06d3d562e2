"""What an enterprise sends about its pilot: withdrawal, replies, incidents, periodic reports and the final report.

What was told last of the pilot is then what it just sent: its instant is that of the answer.
"""

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

    def step(pilot: Pilot, at: datetime) -> Told:
        return core.withdraw(pilot, at, desk.calendar)

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    return Withdrawn(pilot_id=pilot_id, status=after.state, at=after.told_at)


async def reply(desk: Desk, tx: Tx, pilot_id: UUID, sent: ReplySent, org: str, now: datetime) -> ReplyTaken:
    """The enterprise answers a proposal or a supplement request of its case."""
    await moves.own(tx, pilot_id, org)
    request = await store.request(tx, pilot_id, sent.answers)
    reply_id = uuid7()

    def step(pilot: Pilot, at: datetime) -> Told:
        return tell(pilot, core.reply(pilot, request, sent, reply_id, at))

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    await store.answer_request(tx, pilot_id, sent.answers, reply_id, after.told_at)
    return ReplyTaken(pilot_id=pilot_id, reply_id=reply_id, answers=sent.answers, at=after.told_at)


async def incident(desk: Desk, tx: Tx, pilot_id: UUID, sent: IncidentSent, org: str, now: datetime) -> IncidentTaken:
    incident_id = uuid7()

    def step(pilot: Pilot, at: datetime) -> Told:
        return tell(pilot, core.incident(pilot, sent, incident_id, at))

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    late = core.is_late(after, sent.known_at, after.told_at)
    return IncidentTaken(pilot_id=pilot_id, incident_id=incident_id, at=after.told_at, late=late)


async def periodic_report(
    desk: Desk, tx: Tx, pilot_id: UUID, sent: PeriodicReportSent, org: str, now: datetime
) -> PeriodicReportTaken:
    report_id = uuid7()

    def step(pilot: Pilot, at: datetime) -> Told:
        return tell(pilot, core.periodic_report(pilot, sent, report_id, at))

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    due = core.periodic_dues(after)[sent.number - 1]
    return PeriodicReportTaken(pilot_id=pilot_id, report_id=report_id, number=sent.number, due=due, at=after.told_at)


async def final_report(
    desk: Desk, tx: Tx, pilot_id: UUID, sent: FinalReportSent, org: str, now: datetime
) -> FinalReportTaken:
    report_id = uuid7()

    def step(pilot: Pilot, at: datetime) -> Told:
        return tell(pilot, core.final_report(pilot, sent, report_id, at))

    after = await moves.by_enterprise(desk, tx, pilot_id, org, now, step)
    due = final_report_due(after)
    return FinalReportTaken(
        pilot_id=pilot_id, report_id=report_id, due=due, at=after.told_at, in_time=after.told_at < due
    )

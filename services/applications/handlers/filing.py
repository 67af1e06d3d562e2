"""Applications: filing, supplement, withdrawal, and the lapse of one that nobody mended."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.applications.core import admission
from services.applications.core.clocks import advance
from services.applications.core.history import registered
from services.applications.core.model import Application
from services.applications.handlers.desk import Desk
from services.applications.handlers.moves import set_clock
from services.applications.store import applications as store
from services.applications.store import pilots as pilot_store
from shared.contracts.base import Event
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events.applications import PilotRegistered
from shared.contracts.http.applications import ApplicationStatus, Filed, Withdrawn
from shared.contracts.pilot import Dossier
from shared.platform import deadlines
from shared.platform.db import Tx
from shared.platform.ids import uuid7
from shared.reference.calendar import local_day
from shared.reference.dossier_code import own_code

SUPPLEMENT_ANSWER = "supplement_answer"
MINISTRY = "G16"
"""The level-1 identifier of the ministry of culture, in every code of this system."""


async def file(desk: Desk, tx: Tx, dossier: Dossier, org: str, now: datetime) -> Filed:
    """Receive a dossier, check it and answer at once. Raises ``Refused`` for another enterprise's dossier."""
    return await receive(desk, tx, uuid7(), dossier, org, now)


async def receive(desk: Desk, tx: Tx, pilot_id: UUID, dossier: Dossier, org: str, now: datetime) -> Filed:
    """As :func:`file`, under an id that is known already (a draft's)."""
    if dossier.organisation.tax_code != org:
        raise Refused("organisation_not_yours", "/organisation/tax_code", status=422)
    today = local_day(now)
    standing, number = await store.standing_and_number(tx, dossier.organisation.tax_code, today.year)
    code = own_code(MINISTRY, today, number)
    application, events = admission.receive(pilot_id, code, dossier, standing, desk.law(now), now)
    async with tx.pipeline():
        await desk.keep_rules(tx)
        await store.add(tx, application)
        await _settle(desk, tx, application, events, now)
    return application.filed


async def supplement(desk: Desk, tx: Tx, pilot_id: UUID, dossier: Dossier, org: str, now: datetime) -> Filed:
    """The mended dossier of an open application. Raises ``NotFound`` for another's, and what the check raises."""
    before = await _own(tx, pilot_id, org)
    now = before.not_before(now)
    law = await desk.law_of(tx, before)
    standing = await store.standing(tx, dossier.organisation.tax_code)
    after, events = admission.supplement(before, dossier, standing, law, now)
    await _save(desk, tx, before, after, events, now)
    return after.filed


async def withdraw(desk: Desk, tx: Tx, pilot_id: UUID, reason: str, org: str, now: datetime) -> Withdrawn:
    """Take an open application back. Raises ``NotFound`` for another's, ``Refused`` when it is no longer open."""
    before = await _own(tx, pilot_id, org)
    now = before.not_before(now)
    if before.status is ApplicationStatus.REGISTERED:
        raise Refused("application_registered")
    after, events = admission.withdraw(before, reason, now)
    await _save(desk, tx, before, after, events, now)
    return Withdrawn(pilot_id=pilot_id, status=after.status, at=now)


async def on_due(desk: Desk, tx: Tx, pilot_id: UUID, due: datetime) -> None:
    """The time to answer a supplement request is over."""
    before = await store.load(tx, pilot_id, lock=True)
    assert before is not None, "deadlines are armed with their application"
    after, events = admission.lapse(before, due)
    await _save(desk, tx, before, after, events, due)


async def _own(tx: Tx, pilot_id: UUID, org: str) -> Application:
    found = await store.load(tx, pilot_id, lock=True)
    if found is None or found.dossier.organisation.tax_code != org:
        raise NotFound("application")
    return found


async def _save(
    desk: Desk, tx: Tx, before: Application, after: Application, events: tuple[Event, ...], now: datetime
) -> None:
    if after == before:
        return
    limit = before.supplement_due
    if limit is not None and limit.instant > now:
        await deadlines.disarm(tx, before.pilot_id, SUPPLEMENT_ANSWER, "")
    await store.save(tx, after)
    await _settle(desk, tx, after, events, now)


async def _settle(desk: Desk, tx: Tx, application: Application, events: tuple[Event, ...], now: datetime) -> None:
    """What follows from the answer: the clock of a supplement, or the pilot that the application has become."""
    if application.supplement_due is not None:
        due = application.supplement_due.instant
        await deadlines.arm(tx, application.pilot_id, SUPPLEMENT_ANSWER, "", due)
    registration = events[-1] if events else None
    if isinstance(registration, PilotRegistered):
        pilot, started = advance(registered(registration), now, desk.calendar)
        await pilot_store.add(tx, pilot, registration.authorities, registration.tier)
        await set_clock(tx, None, pilot)
        events = events + started
    await desk.outbox.add_all(tx, events)

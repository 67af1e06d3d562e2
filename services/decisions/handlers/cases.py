"""Acts inside a case."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.decisions.core import cases, remedies, reports
from services.decisions.handlers import showing
from services.decisions.handlers.desk import Act, Desk, actor_of, pilot_of_case, pilot_of_decision
from shared.contracts.errors import NotFound
from shared.contracts.http import decisions as http
from shared.platform.access import Grant
from shared.platform.db import Tx
from shared.platform.ids import uuid7


async def claim(desk: Desk, tx: Tx, grant: Grant, case_id: UUID, now: datetime) -> http.CaseView:
    actor = actor_of(grant)
    return await _act(desk, tx, grant, case_id, lambda book, at: cases.claim(book, actor, at, desk.calendar), now)


async def release(desk: Desk, tx: Tx, grant: Grant, case_id: UUID, now: datetime) -> http.CaseView:
    actor = actor_of(grant)
    return await _act(desk, tx, grant, case_id, lambda book, at: cases.release(book, actor, at, desk.calendar), now)


async def snooze(
    desk: Desk, tx: Tx, grant: Grant, case_id: UUID, sent: http.SnoozeRequest, now: datetime
) -> http.CaseView:
    actor = actor_of(grant)
    return await _act(
        desk,
        tx,
        grant,
        case_id,
        lambda book, at: cases.snooze(book, actor, sent.until, sent.reason, at, desk.calendar),
        now,
    )


async def ask_supplement(
    desk: Desk, tx: Tx, grant: Grant, case_id: UUID, sent: http.SupplementRequest, now: datetime
) -> http.CaseView:
    actor, request_id = actor_of(grant), uuid7()
    return await _act(
        desk,
        tx,
        grant,
        case_id,
        lambda book, at: cases.ask_supplement(book, actor, request_id, sent.text, at, desk.calendar),
        now,
    )


async def review(
    desk: Desk, tx: Tx, grant: Grant, case_id: UUID, item_id: UUID, sent: http.ReviewRequest, now: datetime
) -> http.CaseView:
    """Say that a report was read. The item must be one of this case."""
    actor = actor_of(grant)
    pilot_id = await pilot_of_case(tx, grant, case_id)
    before, at = await desk.open(tx, pilot_id, now, names=(item_id,))
    item = before.items.get(item_id)
    if item is None or item.case_id != case_id:
        raise NotFound("item")
    after, events = reports.review(before, actor, item_id, sent.note, sent.confirmed_findings, at, desk.calendar)
    await desk.books.save(tx, before, after, events)
    return await showing.case(desk, tx, grant, pilot_id, case_id, now)


async def verify_remedy(
    desk: Desk, tx: Tx, grant: Grant, decision_id: UUID, sent: http.VerifyRemedyRequest, now: datetime
) -> http.DecisionView:
    actor = actor_of(grant)
    pilot_id = await pilot_of_decision(tx, grant, decision_id)
    await desk.act(
        tx,
        pilot_id,
        now,
        lambda book, at: remedies.verify(book, actor, decision_id, sent.done, sent.note, at, desk.calendar),
        names=(decision_id,),
    )
    return await showing.decision(tx, pilot_id, decision_id)


async def _act(desk: Desk, tx: Tx, grant: Grant, case_id: UUID, act: Act, now: datetime) -> http.CaseView:
    pilot_id = await pilot_of_case(tx, grant, case_id)
    await desk.act(tx, pilot_id, now, act, case_id=case_id)
    return await showing.case(desk, tx, grant, pilot_id, case_id, now)

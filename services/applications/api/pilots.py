"""Pilots: what their enterprise sends, and what can be read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.applications.api.counter import Counter, Cursor, Limit, confined
from services.applications.handlers import filings, views
from services.applications.store import pilots as store
from shared.contracts.http.applications import (
    FinalReportTaken,
    History,
    IncidentSent,
    IncidentTaken,
    PeriodicReportSent,
    PeriodicReportTaken,
    PilotPage,
    PilotView,
    ReplySent,
    ReplyTaken,
    StrictFinalReport,
    WithdrawalSent,
    Withdrawn,
)
from shared.contracts.pilot import PilotState
from shared.platform.access import Grant, Granted
from shared.platform.db import Tx
from shared.platform.http import router as guarded_router
from shared.platform.idempotency import Idempotent


def router(counter: Counter) -> APIRouter:
    routes = guarded_router("/pilots", tags=["pilots"])
    _reading(routes, counter)
    _answering(routes, counter)
    _reporting(routes, counter)
    return routes


def _reading(routes: APIRouter, counter: Counter) -> None:
    @routes.get("", name="applications.pilots.list", summary="Pilots, newest first")
    async def page(
        grant: Granted, state: PilotState | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> PilotPage:
        async with counter.db.snapshot() as tx:
            rows = await store.page(tx, confined(grant), state, cursor, limit)
        return PilotPage(items=tuple(rows), next=str(rows[-1].pilot_id) if len(rows) == limit else None)

    @routes.get("/{pilot_id}", name="applications.pilots.show", summary="Everything about one pilot")
    async def show(pilot_id: UUID, grant: Granted) -> PilotView:
        async with counter.db.snapshot() as tx:
            await _check(tx, grant, pilot_id)
            return await views.pilot(tx, pilot_id, counter.clock.now())

    @routes.get("/{pilot_id}/history", name="applications.pilots.history", summary="What was published, oldest first")
    async def history(
        pilot_id: UUID, grant: Granted, cursor: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0, limit: Limit = 50
    ) -> History:
        async with counter.db.snapshot() as tx:
            await _check(tx, grant, pilot_id)
            return await views.history(tx, pilot_id, cursor, limit)


def _answering(routes: APIRouter, counter: Counter) -> None:
    @routes.post(
        "/{pilot_id}/withdraw",
        name="applications.pilots.withdraw",
        status_code=201,
        response_model=Withdrawn,
        summary="Give the pilot up",
    )
    async def withdraw(pilot_id: UUID, sent: WithdrawalSent, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> Withdrawn:
            return await filings.withdraw(counter.desk, tx, pilot_id, org, now)

        return await counter.once(grant, once, work, about=pilot_id)

    @routes.post(
        "/{pilot_id}/replies",
        name="applications.replies",
        status_code=201,
        response_model=ReplyTaken,
        summary="Answer one of the pilot's open requests",
    )
    async def reply(pilot_id: UUID, sent: ReplySent, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> ReplyTaken:
            return await filings.reply(counter.desk, tx, pilot_id, sent, org, now)

        return await counter.once(grant, once, work, about=pilot_id)


def _reporting(routes: APIRouter, counter: Counter) -> None:
    @routes.post(
        "/{pilot_id}/incidents",
        name="applications.incidents",
        status_code=201,
        response_model=IncidentTaken,
        summary="Report that something went wrong",
    )
    async def incident(pilot_id: UUID, sent: IncidentSent, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> IncidentTaken:
            return await filings.incident(counter.desk, tx, pilot_id, sent, org, now)

        return await counter.once(grant, once, work, about=pilot_id)

    @routes.post(
        "/{pilot_id}/periodic-reports",
        name="applications.periodic_reports",
        status_code=201,
        response_model=PeriodicReportTaken,
        summary="File the report of one period",
    )
    async def periodic(pilot_id: UUID, sent: PeriodicReportSent, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> PeriodicReportTaken:
            return await filings.periodic_report(counter.desk, tx, pilot_id, sent, org, now)

        return await counter.once(grant, once, work, about=pilot_id)

    @routes.post(
        "/{pilot_id}/final-report",
        name="applications.final_report",
        status_code=201,
        response_model=FinalReportTaken,
        summary="File the report on the whole pilot",
    )
    async def final(pilot_id: UUID, sent: StrictFinalReport, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> FinalReportTaken:
            return await filings.final_report(counter.desk, tx, pilot_id, sent, org, now)

        return await counter.once(grant, once, work, about=pilot_id)


async def _check(tx: Tx, grant: Grant, pilot_id: UUID) -> None:
    """Raise ``NotFound`` unless the pilot is the caller's to see."""
    owner = await store.owner(tx, pilot_id)
    grant.check(org=owner.tax_code, authorities=owner.authorities, what="pilot")

"""Applications: file, supplement, withdraw, read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response

from services.applications.api.counter import Counter, Cursor, Limit, confined, enterprise
from services.applications.handlers import filing, views
from services.applications.store import applications as store
from shared.contracts.http.applications import (
    ApplicationPage,
    ApplicationStatus,
    ApplicationView,
    Filed,
    StrictDossier,
    WithdrawalSent,
    Withdrawn,
)
from shared.platform.access import Granted
from shared.platform.db import Tx
from shared.platform.http import router as guarded_router
from shared.platform.idempotency import Idempotent


def router(counter: Counter) -> APIRouter:
    routes = guarded_router("/applications", tags=["applications"])

    @routes.post(
        "",
        name="applications.file",
        status_code=201,
        response_model=Filed,
        summary="File a full dossier; it is checked and answered at once",
    )
    async def file(dossier: StrictDossier, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> Filed:
            return await filing.file(counter.desk, tx, dossier, org, now)

        return await counter.once(grant, once, work)

    @routes.post(
        "/{pilot_id}/supplement",
        name="applications.supplement",
        status_code=201,
        response_model=Filed,
        summary="The whole dossier again, mended",
    )
    async def supplement(pilot_id: UUID, dossier: StrictDossier, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> Filed:
            return await filing.supplement(counter.desk, tx, pilot_id, dossier, org, now)

        return await counter.once(grant, once, work, about=pilot_id)

    @routes.post("/{pilot_id}/withdraw", name="applications.withdraw", summary="Take an open application back")
    async def withdraw(pilot_id: UUID, sent: WithdrawalSent, grant: Granted) -> Withdrawn:
        async with counter.db.tx() as tx:
            return await filing.withdraw(
                counter.desk, tx, pilot_id, sent.reason, enterprise(grant), counter.clock.now()
            )

    @routes.get("", name="applications.list", summary="Applications, newest first")
    async def page(
        grant: Granted, status: ApplicationStatus | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> ApplicationPage:
        async with counter.db.snapshot() as tx:
            rows = await store.page(tx, confined(grant), status, cursor, limit)
        return ApplicationPage(items=tuple(rows), next=str(rows[-1].pilot_id) if len(rows) == limit else None)

    @routes.get("/{pilot_id}", name="applications.show", summary="One application with its dossier")
    async def show(pilot_id: UUID, grant: Granted) -> ApplicationView:
        async with counter.db.snapshot() as tx:
            view = await views.application(tx, pilot_id)
        grant.check(org=view.organisation.tax_code, authorities=view.authorities, what="application")
        return view

    return routes

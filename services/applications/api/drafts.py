"""Drafts: a dossier in the making."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response

from services.applications.api.counter import Counter, enterprise
from services.applications.handlers import drafts
from shared.contracts.http.applications import DraftSent, DraftView, Filed
from shared.platform.access import Granted
from shared.platform.db import Tx
from shared.platform.http import router as guarded_router
from shared.platform.idempotency import Idempotent


def router(counter: Counter) -> APIRouter:
    routes = guarded_router("/drafts", tags=["drafts"])

    @routes.post("", name="applications.drafts.create", status_code=201, summary="Begin a draft")
    async def create(sent: DraftSent, grant: Granted) -> DraftView:
        async with counter.db.tx() as tx:
            return await drafts.create(counter.desk, tx, sent.content, enterprise(grant), counter.clock.now())

    @routes.put("/{pilot_id}", name="applications.drafts.save", summary="Replace what a draft says")
    async def save(pilot_id: UUID, sent: DraftSent, grant: Granted) -> DraftView:
        async with counter.db.tx() as tx:
            return await drafts.save(counter.desk, tx, pilot_id, sent.content, enterprise(grant), counter.clock.now())

    @routes.get(
        "/{pilot_id}", name="applications.drafts.show", summary="A draft and all that would be wrong with it now"
    )
    async def show(pilot_id: UUID, grant: Granted) -> DraftView:
        async with counter.db.snapshot() as tx:
            return await drafts.show(counter.desk, tx, pilot_id, enterprise(grant), counter.clock.now())

    @routes.delete(
        "/{pilot_id}", name="applications.drafts.discard", summary="Throw a draft away; the answer is what it said"
    )
    async def discard(pilot_id: UUID, grant: Granted) -> DraftView:
        async with counter.db.tx() as tx:
            return await drafts.discard(counter.desk, tx, pilot_id, enterprise(grant), counter.clock.now())

    @routes.post(
        "/{pilot_id}/submit",
        name="applications.drafts.submit",
        status_code=201,
        response_model=Filed,
        summary="File a draft as an application of the same id",
    )
    async def submit(pilot_id: UUID, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, org: str, now: datetime) -> Filed:
            return await drafts.submit(counter.desk, tx, pilot_id, org, now)

        return await counter.once(grant, once, work, about=pilot_id)

    return routes

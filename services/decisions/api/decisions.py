"""Decisions in force, their remedies, and the chains that they stand in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.decisions.api.counter import Counter, Cursor, Limit
from services.decisions.handlers import cases, reading
from shared.contracts.http.decisions import ChainView, DecisionPage, DecisionView, VerifyRemedyRequest
from shared.platform.access import Granted
from shared.platform.db import Tx
from shared.platform.http import router as guarded_router
from shared.platform.idempotency import Idempotent


def router(counter: Counter) -> APIRouter:
    routes = guarded_router(tags=["decisions"])

    @routes.get("/decisions", name="decisions.decisions.list", summary="Decisions about a pilot, newest first")
    async def page(grant: Granted, pilot_id: UUID, cursor: Cursor = None, limit: Limit = 50) -> DecisionPage:
        async with counter.db.snapshot() as tx:
            return await reading.list_decisions(tx, grant, pilot_id, limit, cursor)

    @routes.get("/decisions/{decision_id}", name="decisions.decisions.show", summary="A decision as issued")
    async def show(decision_id: UUID, grant: Granted) -> DecisionView:
        async with counter.db.snapshot() as tx:
            return await reading.show_decision(tx, grant, decision_id)

    @routes.post(
        "/decisions/{decision_id}/verify-remedy",
        name="decisions.decisions.verify_remedy",
        response_model=DecisionView,
        summary="Say whether the remedy was done",
    )
    async def verify(decision_id: UUID, sent: VerifyRemedyRequest, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> DecisionView:
            return await cases.verify_remedy(counter.desk, tx, grant, decision_id, sent, now)

        return await counter.once(grant, once, work, about=decision_id)

    @routes.get("/chains/{authority}", name="decisions.chains.show", summary="An authority's chain, recomputed")
    async def chain(authority: Annotated[str, Path(max_length=64)], grant: Granted) -> ChainView:
        async with counter.db.snapshot() as tx:
            return await reading.show_chain(tx, grant, authority)

    return routes

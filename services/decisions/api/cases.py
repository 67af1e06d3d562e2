"""The queue and the cases in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.decisions.api.counter import Counter, Cursor, Limit
from services.decisions.handlers import cases, proposals, reading
from services.decisions.store.queue import Filter
from shared.contracts.events.decisions import ItemKind
from shared.contracts.http.decisions import (
    CasePage,
    CaseView,
    ProposalView,
    ProposalWrite,
    QueuePage,
    ReviewRequest,
    SnoozeRequest,
    SupplementRequest,
)
from shared.contracts.pilot import Severity
from shared.platform.access import Granted
from shared.platform.db import Tx
from shared.platform.http import router as guarded_router
from shared.platform.idempotency import Idempotent


def router(counter: Counter) -> APIRouter:
    routes = guarded_router(tags=["cases"])
    _reading(routes, counter)
    _holding(routes, counter)
    _working(routes, counter)
    return routes


def _reading(routes: APIRouter, counter: Counter) -> None:
    @routes.get("/queue", name="decisions.queue", summary="The ranked queue, with the reasons of each rank")
    async def queue(
        grant: Granted,
        kind: ItemKind | None = None,
        severity: Severity | None = None,
        sector: Annotated[str | None, Query(max_length=64)] = None,
        mine: bool = False,
        snoozed: bool = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> QueuePage:
        wanted = Filter(
            authority=grant.authority,
            kind=kind and kind.value,
            severity=severity and severity.value,
            sector=sector,
            assignee=grant.caller.sub if mine else None,
            snoozed=snoozed,
        )
        async with counter.db.snapshot() as tx:
            return await reading.show_queue(counter.desk, tx, wanted, limit, cursor, counter.clock.now())

    @routes.get("/cases", name="decisions.cases.list", summary="The cases about a pilot, closed ones too, newest first")
    async def page(grant: Granted, pilot_id: UUID, cursor: Cursor = None, limit: Limit = 50) -> CasePage:
        async with counter.db.snapshot() as tx:
            return await reading.list_cases(tx, grant, pilot_id, limit, cursor)

    @routes.get("/cases/{case_id}", name="decisions.cases.show", summary="A case with all that it is decided upon")
    async def show(case_id: UUID, grant: Granted) -> CaseView:
        async with counter.db.snapshot() as tx:
            return await reading.show_case(counter.desk, tx, grant, case_id, counter.clock.now())


def _holding(routes: APIRouter, counter: Counter) -> None:
    @routes.post("/cases/{case_id}/claim", name="decisions.cases.claim", response_model=CaseView, summary="Take a case")
    async def claim(case_id: UUID, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> CaseView:
            return await cases.claim(counter.desk, tx, grant, case_id, now)

        return await counter.once(grant, once, work, about=case_id)

    @routes.post(
        "/cases/{case_id}/release", name="decisions.cases.release", response_model=CaseView, summary="Give it back"
    )
    async def release(case_id: UUID, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> CaseView:
            return await cases.release(counter.desk, tx, grant, case_id, now)

        return await counter.once(grant, once, work, about=case_id)

    @routes.post(
        "/cases/{case_id}/snooze",
        name="decisions.cases.snooze",
        response_model=CaseView,
        summary="Out of the queue for a while; no running clock is hidden",
    )
    async def snooze(case_id: UUID, sent: SnoozeRequest, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> CaseView:
            return await cases.snooze(counter.desk, tx, grant, case_id, sent, now)

        return await counter.once(grant, once, work, about=case_id)


def _working(routes: APIRouter, counter: Counter) -> None:
    @routes.post(
        "/cases/{case_id}/supplement-request",
        name="decisions.cases.supplement_request",
        response_model=CaseView,
        summary="Ask the enterprise for what is missing, once a case",
    )
    async def supplement(case_id: UUID, sent: SupplementRequest, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> CaseView:
            return await cases.ask_supplement(counter.desk, tx, grant, case_id, sent, now)

        return await counter.once(grant, once, work, about=case_id)

    @routes.post(
        "/cases/{case_id}/proposals",
        name="decisions.cases.propose",
        status_code=201,
        response_model=ProposalView,
        summary="Draft a decision",
    )
    async def propose(case_id: UUID, sent: ProposalWrite, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> ProposalView:
            return await proposals.draft(counter.desk, tx, grant, case_id, sent, now)

        return await counter.once(grant, once, work, about=case_id, status=201)

    @routes.post(
        "/cases/{case_id}/items/{item_id}/review",
        name="decisions.items.review",
        response_model=CaseView,
        summary="Say that a report was read",
    )
    async def review(case_id: UUID, item_id: UUID, sent: ReviewRequest, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> CaseView:
            return await cases.review(counter.desk, tx, grant, case_id, item_id, sent, now)

        return await counter.once(grant, once, work, about=item_id)

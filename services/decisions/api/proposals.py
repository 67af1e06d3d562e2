"""Proposals on their way to a decision."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response

from services.decisions.api.counter import Counter
from services.decisions.handlers import proposals
from shared.contracts.http.decisions import (
    ProposalView,
    ProposalWrite,
    ReturnRequest,
    SubmitRequest,
    WithdrawRequest,
)
from shared.platform.access import Granted
from shared.platform.db import Tx
from shared.platform.http import router as guarded_router
from shared.platform.idempotency import Idempotent

_ALONE = SubmitRequest()
"""A submission without a body."""


def router(counter: Counter) -> APIRouter:
    routes = guarded_router("/proposals/{proposal_id}", tags=["proposals"])
    _drafting(routes, counter)
    _moving(routes, counter)
    _ending(routes, counter)
    return routes


def _drafting(routes: APIRouter, counter: Counter) -> None:
    @routes.get("", name="decisions.proposals.show", summary="A proposal as it stands")
    async def show(proposal_id: UUID, grant: Granted) -> ProposalView:
        async with counter.db.snapshot() as tx:
            return await proposals.show(counter.desk, tx, grant, proposal_id)

    @routes.put("", name="decisions.proposals.edit", summary="Write a draft, or one that came back, anew")
    async def edit(proposal_id: UUID, sent: ProposalWrite, grant: Granted) -> ProposalView:
        async with counter.db.tx() as tx:
            return await proposals.edit(counter.desk, tx, grant, proposal_id, sent, counter.clock.now())


def _moving(routes: APIRouter, counter: Counter) -> None:
    @routes.post(
        "/submit",
        name="decisions.proposals.submit",
        response_model=ProposalView,
        summary="Move on: to the enterprise, to the second signer, or into force",
    )
    async def submit(proposal_id: UUID, grant: Granted, once: Idempotent, sent: SubmitRequest = _ALONE) -> Response:
        async def work(tx: Tx, now: datetime) -> ProposalView:
            return await proposals.submit(counter.desk, tx, grant, proposal_id, sent, now)

        return await counter.once(grant, once, work, about=proposal_id)

    @routes.post(
        "/sign",
        name="decisions.proposals.sign",
        response_model=ProposalView,
        summary="Sign as the second, which issues it",
    )
    async def sign(proposal_id: UUID, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> ProposalView:
            return await proposals.sign(counter.desk, tx, grant, proposal_id, now)

        return await counter.once(grant, once, work, about=proposal_id)


def _ending(routes: APIRouter, counter: Counter) -> None:
    @routes.post(
        "/return",
        name="decisions.proposals.return",
        response_model=ProposalView,
        summary="Send it back to the proposer instead of signing",
    )
    async def send_back(proposal_id: UUID, sent: ReturnRequest, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> ProposalView:
            return await proposals.send_back(counter.desk, tx, grant, proposal_id, sent, now)

        return await counter.once(grant, once, work, about=proposal_id)

    @routes.post(
        "/withdraw",
        name="decisions.proposals.withdraw",
        response_model=ProposalView,
        summary="Take it back",
    )
    async def withdraw(proposal_id: UUID, sent: WithdrawRequest, grant: Granted, once: Idempotent) -> Response:
        async def work(tx: Tx, now: datetime) -> ProposalView:
            return await proposals.withdraw(counter.desk, tx, grant, proposal_id, sent, now)

        return await counter.once(grant, once, work, about=proposal_id)

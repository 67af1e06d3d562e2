"""Tips from anyone, referrals from other authorities, and the document of our topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.monitoring.api.counter import Counter
from services.monitoring.handlers import matters
from shared.contracts.errors import Forbidden
from shared.contracts.http.monitoring import ReferralSent, ReferralTaken, TipSent, TipTaken
from shared.platform.access import Granted
from shared.platform.http import router as guarded_router


def router(counter: Counter, asyncapi: Mapping[str, Any]) -> APIRouter:
    routes = guarded_router(tags=["public"])

    @routes.post(
        "/tips", name="monitoring.tips.send", status_code=201, summary="Tell the authority of something, without a name"
    )
    async def tip(sent: TipSent) -> TipTaken:
        async with counter.db.tx() as tx:
            return await matters.tip(counter.desk, tx, sent, counter.clock.now())

    @routes.post(
        "/referrals",
        name="monitoring.referrals.send",
        status_code=201,
        summary="Refer something to the authority of a pilot that is not your own",
    )
    async def refer(sent: ReferralSent, grant: Granted) -> ReferralTaken:
        authority = grant.caller.authority
        if authority is None:
            raise Forbidden(grant.action)
        async with counter.db.tx() as tx:
            return await matters.refer(counter.desk, tx, sent, authority, counter.clock.now())

    @routes.get("/asyncapi.json", name="asyncapi", summary="The topics that this service writes and reads")
    async def topics() -> JSONResponse:
        return JSONResponse(asyncapi)

    return routes

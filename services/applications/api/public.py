"""For anyone, without a token: does this apply to me, and what a form needs. Nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.applications.api.counter import Counter
from services.applications.core import advice, reference
from shared.contracts.http.advice import CheckAnswer, ReferenceView, StrictCheck
from shared.platform.http import router as guarded_router


def router(counter: Counter, asyncapi: Mapping[str, Any]) -> APIRouter:
    routes = guarded_router(tags=["public"])

    @routes.post("/check", name="applications.check", summary="Does this apply to me? Nothing is kept")
    async def check(asked: StrictCheck) -> CheckAnswer:
        now = counter.clock.now()
        return advice.advise(asked, counter.desk.law(now), now)

    @routes.get("/reference", name="applications.reference", summary="Sectors, questions, gates, metrics, documents")
    async def show() -> ReferenceView:
        now = counter.clock.now()
        return reference.view(counter.desk.law(now).rules, now)

    @routes.get("/asyncapi.json", name="asyncapi", summary="The topics that this service writes and reads")
    async def topics() -> JSONResponse:
        return JSONResponse(asyncapi)

    return routes

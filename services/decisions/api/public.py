"""For anyone, without a token: the register and the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import JSONResponse

from services.decisions.api.counter import Counter, Cursor, Limit
from services.decisions.handlers import public
from services.decisions.store.register import Search
from shared.contracts.http.decisions import RegisterEntry, RegisterPage, Statistics
from shared.contracts.pilot import PilotState
from shared.platform.figures import Kept
from shared.platform.http import router as guarded_router

_KEPT = {name: {"schema": {"type": "string"}} for name in ("ETag", "Cache-Control")}


def router(counter: Counter, asyncapi: Mapping[str, Any]) -> APIRouter:
    routes = guarded_router(tags=["public"])

    @routes.get("/register", name="decisions.register.list", summary="Pilots, newest registration first")
    async def page(
        q: Annotated[str | None, Query(max_length=200, description="words of title, enterprise or code")] = None,
        sector: Annotated[str | None, Query(max_length=64)] = None,
        province: Annotated[str | None, Query(pattern="^[0-9]{2}$")] = None,
        state: PilotState | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> RegisterPage:
        search = Search(words=q, sector=sector, province=province, state=state and state.value)
        async with counter.db.snapshot() as tx:
            return await public.show_register(tx, search, limit, cursor)

    @routes.get("/register/{code}", name="decisions.register.show", summary="One pilot of the register")
    async def entry(code: Annotated[str, Path(max_length=64)]) -> RegisterEntry:
        async with counter.db.snapshot() as tx:
            return await public.show_entry(tx, code)

    async def count() -> Statistics:
        async with counter.db.snapshot() as tx:
            return await public.show_statistics(counter.desk, tx, counter.clock.now())

    kept = Kept(count, seconds=counter.figures_seconds)

    @routes.get(
        "/statistics",
        name="decisions.statistics",
        response_model=Statistics,
        responses={200: {"headers": _KEPT}, 304: {"description": "What the caller has is still so.", "headers": _KEPT}},
        summary="Lead times, decisions, contribution, law reform",
    )
    async def statistics(
        if_none_match: Annotated[str | None, Header(description="ETag of what one has")] = None,
    ) -> Response:
        return await kept.answer(if_none_match)

    @routes.get("/asyncapi.json", name="asyncapi", summary="The topics that this service writes and reads")
    async def topics() -> JSONResponse:
        return JSONResponse(asyncapi)

    return routes

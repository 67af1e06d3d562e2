"""Findings, usage and risk, to read."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from services.monitoring.api.counter import Counter, Cursor, Limit, check
from services.monitoring.handlers import showing
from shared.contracts.events.monitoring import RuleCode
from shared.contracts.http.monitoring import FindingPage, RiskView, Usage
from shared.contracts.pilot import Severity
from shared.platform.access import Granted
from shared.platform.http import router as guarded_router

State = Annotated[Literal["open", "cleared"] | None, Query()]


def router(counter: Counter) -> APIRouter:
    routes = guarded_router(tags=["findings"])

    @routes.get(
        "/pilots/{pilot_id}/findings",
        name="monitoring.findings.of_pilot",
        summary="Findings of one pilot, newest first",
    )
    async def of_pilot(
        pilot_id: UUID, grant: Granted, state: State = None, cursor: Cursor = None, limit: Limit = 50
    ) -> FindingPage:
        async with counter.db.snapshot() as tx:
            await check(tx, grant, pilot_id)
            return await showing.found(tx, pilot_id=pilot_id, state=state, cursor=cursor, limit=limit)

    @routes.get(
        "/findings", name="monitoring.findings.list", summary="Findings of the authority's pilots, newest first"
    )
    async def of_authority(
        grant: Granted,
        state: State = None,
        rule: Annotated[RuleCode | None, Query()] = None,
        severity: Annotated[Severity | None, Query()] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> FindingPage:
        # Who is confined to an authority sees its findings alone; a token that names none sees nothing.
        authority = None if grant.sees_all else grant.authority or ""
        async with counter.db.snapshot() as tx:
            return await showing.found(
                tx, authority=authority, state=state, rule=rule, severity=severity, cursor=cursor, limit=limit
            )

    @routes.get(
        "/pilots/{pilot_id}/usage", name="monitoring.usage", summary="What is used of each cap, and what is left"
    )
    async def usage(pilot_id: UUID, grant: Granted) -> Usage:
        async with counter.db.snapshot() as tx:
            await check(tx, grant, pilot_id)
            return await showing.usage(counter.desk, tx, pilot_id, counter.clock.now())

    @routes.get("/pilots/{pilot_id}/risk", name="monitoring.risk", summary="The explained risk as it is now")
    async def risk(pilot_id: UUID, grant: Granted) -> RiskView:
        async with counter.db.snapshot() as tx:
            await check(tx, grant, pilot_id)
            return await showing.risk(tx, pilot_id, counter.clock.now())

    return routes

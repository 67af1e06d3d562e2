"""Reports: send, list; the secret of a source that sends its own records."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from services.monitoring.api import forms
from services.monitoring.api.counter import Counter, Cursor, Limit, check
from services.monitoring.handlers import reports, showing
from shared.contracts.http.monitoring import CSV, JSON, NDJSON, ReportPage, ReportSent, ReportTaken, SourceSecret
from shared.contracts.pilot import SourceName
from shared.platform.access import Granted
from shared.platform.http import router as guarded_router
from shared.platform.idempotency import Answer, Idempotent, Once

_LARGE = 100_000
"""Bytes above which a body is read in a thread, so that others are answered meanwhile."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": ReportSent.model_json_schema(ref_template="#/components/schemas/{model}")},
            NDJSON: {"schema": {"type": "string", "description": "One sample a line, as JSON"}},
            CSV: {"schema": {"type": "string", "description": "metric,at,value[,province][,reset]"}},
        },
    }
}


def router(counter: Counter) -> APIRouter:
    routes = guarded_router("/pilots/{pilot_id}", tags=["reports"])

    @routes.post(
        "/reports",
        name="monitoring.reports.send",
        status_code=202,
        response_model=ReportTaken,
        summary="Send metrics, at most 50,000 samples; every error is told at once",
        openapi_extra=_BODY,
    )
    async def send(
        pilot_id: UUID,
        request: Request,
        grant: Granted,
        once: Idempotent,
        source: Annotated[SourceName | None, Query()] = None,
        corrects: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    ) -> Response:
        async with counter.db.tx() as tx:
            await check(tx, grant, pilot_id)
        body = await request.body()
        media_type = request.headers.get("content-type", "")
        if len(body) > _LARGE:
            sent = await asyncio.to_thread(forms.read, media_type, body, source, corrects)
        else:
            sent = forms.read(media_type, body, source, corrects)
        whole = Once(once.key, _hash(once.body_hash, source, corrects))
        async with counter.db.tx() as tx:
            await reports.announce(tx, pilot_id)
            now = counter.clock.now()

            async def work() -> Answer:
                return Answer.of(await reports.take(counter.desk, tx, pilot_id, sent, now), 202)

            action = f"{grant.action} {pilot_id}"
            answer = await whole.run(tx, caller=str(grant.org), action=action, work=work)
        taken = ReportTaken.model_validate_json(answer.body)
        await counter.produce(pilot_id, taken.source, taken.sequence)
        return answer.response()

    @routes.get("/reports", name="monitoring.reports.list", summary="Records of a pilot and what became of them")
    async def show(pilot_id: UUID, grant: Granted, cursor: Cursor = None, limit: Limit = 50) -> ReportPage:
        async with counter.db.snapshot() as tx:
            await check(tx, grant, pilot_id)
            return await showing.reports(tx, pilot_id, cursor, limit)

    @routes.post(
        "/sources/{source}/secret",
        name="monitoring.secret.issue",
        status_code=201,
        summary="A new secret for a source that sends its own records; shown once, the one before no longer holds",
    )
    async def issue(pilot_id: UUID, source: Annotated[SourceName, Path()], grant: Granted) -> SourceSecret:
        async with counter.db.tx() as tx:
            await check(tx, grant, pilot_id)
            return await reports.issue_secret(tx, pilot_id, source, counter.clock.now())

    return routes


def _hash(body_hash: str, source: str | None, corrects: int | None) -> str:
    """What was sent is the body and what stands beside it."""
    if source is None and corrects is None:
        return body_hash
    return hashlib.sha256(f"{body_hash} {source} {corrects}".encode()).hexdigest()

"""What the pages of a pilot show of the other services' events: requests, decisions, usage, findings, rejected reports.

Each is written only for a pilot that this service knows; the functions say whether it does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.applications.core.filings import OpenRequest
from services.applications.core.outlook import UsageNow
from shared.contracts.events.decisions import (
    CaseSupplementRequested,
    DecisionIssued,
    RemedyVerified,
    ReplyRequested,
    RequestWithdrawn,
)
from shared.contracts.events.monitoring import (
    FindingCleared,
    FindingEscalated,
    FindingOpened,
    MetricsReportRejected,
    UsageRolled,
)
from shared.contracts.http.applications import DecisionRow, FindingRow, RejectedReport, RequestView
from shared.platform.db import Tx

SHOWN_REJECTED = 20
"""Of rejected reports only the latest are shown; each one is in monitoring's own list."""


async def add_request(tx: Tx, event: ReplyRequested | CaseSupplementRequested) -> bool:
    """A proposal that was changed is put to the enterprise again: a new request under the proposal's id, open for an answer of its own."""
    said: tuple[UUID, str, str | None, str]
    if isinstance(event, ReplyRequested):
        said, due = (event.proposal_id, "reply", event.kind, event.public_reasons), event.reply_by
    else:
        said, due = (event.request_id, "supplement", None, event.text), event.due
    return await _wrote(
        tx,
        "insert into request (pilot_id, request_id, kind, decision_kind, text, asked_at, due) "
        "select pilot_id, %s, %s, %s, %s, %s, %s from pilot where pilot_id = %s "
        "on conflict (pilot_id, request_id) do update set decision_kind = excluded.decision_kind, text = excluded.text, "
        "asked_at = excluded.asked_at, due = excluded.due, "
        "answered_at = case when request.asked_at < excluded.asked_at then null else request.answered_at end, "
        "reply_id = case when request.asked_at < excluded.asked_at then null else request.reply_id end",
        (*said, event.at, due.model_dump_json(), event.pilot_id),
    )


async def withdraw_request(tx: Tx, event: RequestWithdrawn) -> bool:
    """Nobody waits for the answer any more. What was asked stays shown, with what was answered before this was heard of."""
    return await _wrote(
        tx,
        "update request set withdrawn_at = %s where pilot_id = %s and request_id = %s",
        (event.at, event.pilot_id, event.request_id),
    )


async def request(tx: Tx, pilot_id: UUID, request_id: UUID) -> OpenRequest | None:
    cursor = await tx.execute(
        "select request_id, due, answered_at, withdrawn_at from request where pilot_id = %s and request_id = %s",
        (pilot_id, request_id),
    )
    row = await cursor.fetchone()
    return None if row is None else OpenRequest.model_validate(row)


async def answer_request(tx: Tx, pilot_id: UUID, request_id: UUID, reply_id: UUID, at: datetime) -> None:
    await tx.execute(
        "update request set answered_at = %s, reply_id = %s where pilot_id = %s and request_id = %s",
        (at, reply_id, pilot_id, request_id),
    )


async def add_decision(tx: Tx, event: DecisionIssued, *, applied: bool, why: str | None) -> None:
    await tx.execute(
        "insert into decision (pilot_id, decision_id, number, kind, authority, at, public_reasons, remedy, remedy_due, appeal_by, "
        "applied, why) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(event.pilot_id, event.decision_id, event.number, event.kind, event.authority, event.at),
            *(event.public_reasons, event.remedy and event.remedy.text, event.remedy and event.remedy.due.instant),
            *(event.appeal_by and event.appeal_by.instant, applied, why),
        ),
    )


async def has_decision(tx: Tx, pilot_id: UUID, decision_id: UUID) -> bool:
    cursor = await tx.execute(
        "select 1 from decision where pilot_id = %s and decision_id = %s", (pilot_id, decision_id)
    )
    return await cursor.fetchone() is not None


async def verify_remedy(tx: Tx, event: RemedyVerified) -> bool:
    return await _wrote(
        tx,
        "update decision set remedy_done = %s where pilot_id = %s and decision_id = %s",
        (event.done, event.pilot_id, event.decision_id),
    )


async def roll_usage(tx: Tx, event: UsageRolled) -> bool:
    """The value of a cap as last told; of a day window only the latest day is shown, and corrections of earlier days are not."""
    return await _wrote(
        tx,
        """
        insert into usage as u (pilot_id, metric, "window", bucket, value, sample_at)
        select pilot_id, %(metric)s, %(window)s, %(bucket)s, %(value)s, %(sample_at)s from pilot where pilot_id = %(pilot_id)s
        on conflict (pilot_id, metric, "window") do update set
            value = case when excluded.bucket < u.bucket then u.value else excluded.value end,
            sample_at = case when excluded.bucket < u.bucket then u.sample_at else excluded.sample_at end,
            bucket = greatest(excluded.bucket, u.bucket)
        """,
        event.model_dump(include={"pilot_id", "metric", "window", "bucket", "value", "sample_at"}),
    )


async def open_finding(tx: Tx, event: FindingOpened) -> bool:
    return await _wrote(
        tx,
        "insert into finding (pilot_id, finding_id, rule, subject, severity, opened_at) "
        "select pilot_id, %s, %s, %s, %s, %s from pilot where pilot_id = %s",
        (event.finding_id, event.rule, event.subject, event.severity, event.at, event.pilot_id),
    )


async def escalate_finding(tx: Tx, event: FindingEscalated) -> bool:
    return await _wrote(
        tx,
        "update finding set severity = %s, escalated_at = %s where pilot_id = %s and finding_id = %s",
        (event.severity, event.at, event.pilot_id, event.finding_id),
    )


async def clear_finding(tx: Tx, event: FindingCleared) -> bool:
    return await _wrote(
        tx,
        "update finding set cleared_at = %s, clear_reason = %s where pilot_id = %s and finding_id = %s",
        (event.at, event.reason, event.pilot_id, event.finding_id),
    )


async def reject_report(tx: Tx, event_id: UUID, event: MetricsReportRejected) -> bool:
    problems = Jsonb([found.model_dump(mode="json") for found in event.problems])
    return await _wrote(
        tx,
        "insert into rejected_report (pilot_id, event_id, at, source, sequence, part, problems) "
        "select pilot_id, %s, %s, %s, %s, %s, %s from pilot where pilot_id = %s",
        (event_id, event.at, event.source, event.sequence, event.part, problems, event.pilot_id),
    )


async def knows(tx: Tx, pilot_id: UUID) -> bool:
    cursor = await tx.execute("select 1 from pilot where pilot_id = %s", (pilot_id,))
    return await cursor.fetchone() is not None


async def requests(tx: Tx, pilot_id: UUID) -> list[RequestView]:
    cursor = await tx.execute(
        "select request_id, kind, decision_kind, text, asked_at, due, answered_at, reply_id, withdrawn_at from request "
        "where pilot_id = %s order by asked_at, request_id",
        (pilot_id,),
    )
    return [RequestView.model_validate(row) for row in await cursor.fetchall()]


async def decisions(tx: Tx, pilot_id: UUID) -> list[DecisionRow]:
    cursor = await tx.execute("select * from decision where pilot_id = %s order by at, decision_id", (pilot_id,))
    return [DecisionRow.model_validate(row) for row in await cursor.fetchall()]


async def usage(tx: Tx, pilot_id: UUID) -> list[UsageNow]:
    cursor = await tx.execute('select * from usage where pilot_id = %s order by metric, "window"', (pilot_id,))
    return [UsageNow.model_validate(row) for row in await cursor.fetchall()]


async def findings(tx: Tx, pilot_id: UUID) -> list[FindingRow]:
    cursor = await tx.execute("select * from finding where pilot_id = %s order by opened_at, finding_id", (pilot_id,))
    return [FindingRow.model_validate(row) for row in await cursor.fetchall()]


async def rejected_reports(tx: Tx, pilot_id: UUID) -> list[RejectedReport]:
    """The latest, newest first."""
    cursor = await tx.execute(
        "select at, source, sequence, part, problems from rejected_report where pilot_id = %s order by at desc, event_id limit %s",
        (pilot_id, SHOWN_REJECTED),
    )
    return [RejectedReport.model_validate(row) for row in await cursor.fetchall()]


async def _wrote(tx: Tx, query: str, values: Any) -> bool:
    cursor = await tx.execute(query, values)
    return cursor.rowcount > 0

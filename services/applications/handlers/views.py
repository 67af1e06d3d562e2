"""What can be read: applications, pilots and their history."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.applications.core import outlook
from services.applications.core.model import Application, Pilot
from services.applications.store import applications as application_store
from services.applications.store import pilots as pilot_store
from services.applications.store import projections
from shared.contracts.errors import NotFound
from shared.contracts.http.applications import ApplicationView, DecisionRow, History, PilotView, RequestView
from shared.platform.db import Tx


async def application(tx: Tx, pilot_id: UUID) -> ApplicationView:
    """The application. Raises ``NotFound``; whose it is, the caller must check."""
    found = await application_store.load(tx, pilot_id)
    if found is None:
        raise NotFound("application")
    dossier, filed = found.dossier, found.filed
    return ApplicationView(
        pilot_id=pilot_id,
        code=found.code,
        status=found.status,
        organisation=dossier.organisation,
        title=dossier.title,
        sector=dossier.sector,
        provinces=dossier.provinces,
        received_at=found.received_at,
        lead_authority=filed.lead_authority,
        supplement_due=filed.supplement_due,
        dossier=dossier,
        authorities=filed.authorities,
        tier=filed.tier,
        problems=filed.problems,
        withdrawn_reason=found.withdrawn_reason,
    )


async def pilot(tx: Tx, pilot_id: UUID, now: datetime) -> PilotView:
    """Everything that can be read of a pilot ``now``. Raises ``NotFound``; whose it is, the caller must check."""
    found = await pilot_store.load(tx, pilot_id)
    filed = await application_store.load(tx, pilot_id)
    if found is None or filed is None:
        raise NotFound("pilot")
    requests = await projections.requests(tx, pilot_id)
    decisions = await projections.decisions(tx, pilot_id)
    usage = await projections.usage(tx, pilot_id)
    return PilotView.model_validate(
        _registration(filed)
        | _state(found)
        | _ahead(found, filed, requests, decisions, now)
        | {
            "caps": outlook.caps_left(found.envelope, usage),
            "requests": requests,
            "decisions": decisions,
            "findings": await projections.findings(tx, pilot_id),
            "rejected_reports": await projections.rejected_reports(tx, pilot_id),
        }
    )


async def history(tx: Tx, pilot_id: UUID, after: int, limit: int) -> History:
    """What was published about the application and pilot, oldest first."""
    rows = await pilot_store.history(tx, pilot_id, after, limit)
    more = str(rows[-1][0]) if len(rows) == limit else None
    return History(pilot_id=pilot_id, items=tuple(entry for _, entry in rows), next=more)


def _registration(filed: Application) -> dict[str, object]:
    dossier, answer = filed.dossier, filed.filed
    return {
        **{name: getattr(dossier, name) for name in _DOSSIER},
        **{name: getattr(answer, name) for name in _ANSWER},
        "received_at": filed.received_at,
    }


def _state(pilot: Pilot) -> dict[str, object]:
    report = pilot.final_report
    return {name: getattr(pilot, name) for name in _PILOT} | {
        "final_report_id": None if report is None else report.report_id
    }


def _ahead(
    pilot: Pilot, filed: Application, requests: list[RequestView], decisions: list[DecisionRow], now: datetime
) -> dict[str, object]:
    steps = outlook.steps(pilot, filed.filed, requests, decisions, now)
    return {
        "steps": steps,
        "next": steps[0] if steps else None,
        "duties": outlook.duties(pilot, filed.filed, requests, decisions, now),
    }


_DOSSIER = (
    "organisation",
    "title",
    "sector",
    "provinces",
    "objectives",
    "hypothesis",
    "planned_start",
    "duration_months",
)
_ANSWER = (
    "tier",
    "criteria",
    "lead_authority",
    "authorities",
    "start_mode",
    "standstill_due",
    "permit_due",
    "gates",
)
_PILOT = (
    "pilot_id",
    "code",
    "state",
    "causes",
    "start_at",
    "started_at",
    "end_at",
    "outcome",
    "permits_outstanding",
    "winding_down_cause",
    "winding_down_due",
    "envelope",
)

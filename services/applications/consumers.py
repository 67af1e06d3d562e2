"""Which events of the other services this one hears, and what they do here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from services.applications.handlers import events
from services.applications.handlers.desk import Desk
from services.applications.store import projections
from shared.contracts.base import PilotEvent
from shared.contracts.events import decisions, monitoring
from shared.contracts.topics import DECISIONS, MONITORING
from shared.platform.bus import Handler, Handlers
from shared.platform.clock import Clock
from shared.platform.cloudevents import Received
from shared.platform.db import Tx


def handlers(desk: Desk, clock: Clock) -> Handlers:
    """By topic and event type. Types that are not here are not for this service."""
    on_monitoring: dict[type[Any], Handler] = {
        monitoring.InterimMeasureTaken: _moving(desk, clock, events.measure_taken),
        monitoring.UsageRolled: _showing(projections.roll_usage),
        monitoring.FindingOpened: _showing(projections.open_finding),
        monitoring.FindingEscalated: _showing(projections.escalate_finding),
        monitoring.FindingCleared: _showing(projections.clear_finding),
        monitoring.MetricsReportRejected: _on_report_rejected,
    }
    on_decisions: dict[type[Any], Handler] = {
        decisions.DecisionIssued: _moving(desk, clock, events.decision_issued),
        decisions.MeasureConfirmed: _moving(desk, clock, events.measure_confirmed),
        decisions.MeasureLifted: _moving(desk, clock, events.measure_lifted),
        decisions.MeasureLapsed: _moving(desk, clock, events.measure_lapsed),
        decisions.ReplyRequested: _showing(projections.add_request),
        decisions.CaseSupplementRequested: _showing(projections.add_request),
        decisions.RequestWithdrawn: _showing(projections.withdraw_request),
        decisions.RemedyVerified: _showing(projections.verify_remedy),
    }
    return {MONITORING.name: on_monitoring, DECISIONS.name: on_decisions}


Move = Callable[[Desk, Tx, Any, datetime], Awaitable[None]]
Projection = Callable[[Tx, Any], Awaitable[bool]]


def _moving(desk: Desk, clock: Clock, handle: Move) -> Handler:
    async def on(tx: Tx, received: Received[Any]) -> None:
        await handle(desk, tx, received.event, clock.now())

    return on


def _showing(write: Projection) -> Handler:
    async def on(tx: Tx, received: Received[PilotEvent]) -> None:
        await events.shown(tx, received.event.pilot_id, await write(tx, received.event))

    return on


async def _on_report_rejected(tx: Tx, received: Received[monitoring.MetricsReportRejected]) -> None:
    event = received.event
    await events.shown(tx, event.pilot_id, await projections.reject_report(tx, received.meta.id, event))

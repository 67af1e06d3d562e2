"""Which events of the other services this one hears, and what they do here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from services.monitoring.core.facts import FACTS
from services.monitoring.handlers import facts
from services.monitoring.handlers.desk import Desk
from shared.contracts.events import applications, decisions
from shared.contracts.topics import APPLICATIONS, DECISIONS
from shared.platform.bus import Handler, Handlers
from shared.platform.cloudevents import Received
from shared.platform.db import Tx

Handle = Callable[[Desk, Tx, Received[Any]], Awaitable[None]]


def handlers(desk: Desk) -> Handlers:
    """By topic and event type. Types that are not here are not for this service."""
    on_applications: dict[type[Any], Handler] = {
        **dict.fromkeys(FACTS, _with(desk, facts.on_fact)),
        applications.IncidentReported: _with(desk, facts.on_incident),
        applications.DecisionApplied: _with(desk, facts.on_decision),
        applications.DecisionNotApplied: _with(desk, facts.on_decision),
    }
    on_decisions: dict[type[Any], Handler] = {
        decisions.DecisionIssued: _with(desk, facts.on_decision),
        decisions.CheckConcluded: _with(desk, facts.on_look),
        decisions.ReportReviewed: _with(desk, facts.on_look),
    }
    return {APPLICATIONS.name: on_applications, DECISIONS.name: on_decisions}


def _with(desk: Desk, handle: Handle) -> Handler:
    async def on(tx: Tx, received: Received[Any]) -> None:
        await handle(desk, tx, received)

    return on

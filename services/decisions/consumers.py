"""Which events of the other services this one hears, and what they do here. All of them are kept: they may become evidence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from services.decisions.core import findings, issuing, measures, pilots, replies, reports
from services.decisions.handlers import facts
from services.decisions.handlers.desk import Desk
from shared.contracts.events import applications as a
from shared.contracts.events import monitoring as m
from shared.contracts.topics import APPLICATIONS, MONITORING
from shared.platform.bus import Handler, Handlers
from shared.platform.cloudevents import Received
from shared.platform.db import Tx

On = Callable[[Desk, Tx, Received[Any]], Awaitable[None]]

ON_APPLICATIONS: dict[type[Any], On] = {
    a.ApplicationSubmitted: facts.on_before_registration,
    a.SupplementRequested: facts.on_before_registration,
    a.SupplementFiled: facts.on_before_registration,
    a.ApplicationRefused: facts.on_before_registration,
    a.ApplicationWithdrawn: facts.on_before_registration,
    a.PilotRegistered: facts.on_registered,
    a.PilotStarted: partial(facts.on_fact, pilots.started),
    a.PilotStateChanged: partial(facts.on_fact, facts.state_moved),
    a.PilotAmended: partial(facts.on_fact, facts.state_moved),
    a.PilotWindingDown: partial(facts.on_fact, pilots.winding_down),
    a.PilotEnded: partial(facts.on_fact, pilots.ended),
    a.ReplyFiled: partial(facts.on_fact, replies.filed),
    a.PeriodicReportFiled: partial(facts.on_fact, reports.periodic_filed),
    a.FinalReportFiled: facts.on_final_report,
    a.DecisionApplied: partial(facts.on_fact, facts.decision_applied),
    a.DecisionNotApplied: partial(facts.on_fact, issuing.not_applied),
    a.IncidentReported: facts.on_noted,
    a.AppealFiled: facts.on_noted,
    a.ExtensionRequested: facts.on_noted,
}
ON_MONITORING: dict[type[Any], On] = {
    m.FindingOpened: partial(facts.on_fact, findings.opened),
    m.FindingEscalated: partial(facts.on_fact, findings.escalated),
    m.FindingCleared: partial(facts.on_fact, findings.cleared),
    m.InterimMeasureTaken: partial(facts.on_fact, measures.taken),
    m.RiskAssessed: partial(facts.on_fact, facts.risk_assessed),
    m.UsageRolled: facts.on_usage,
    m.MetricsReportRejected: facts.on_noted,
    m.TipReceived: facts.on_noted,
    m.ReferralReceived: facts.on_noted,
}


def handlers(desk: Desk) -> Handlers:
    """By topic and event type. Types that are not here are not for this service."""
    heard = {APPLICATIONS.name: ON_APPLICATIONS, MONITORING.name: ON_MONITORING}
    return {topic: {kind: _with(desk, on) for kind, on in events.items()} for topic, events in heard.items()}


def _with(desk: Desk, on: On) -> Handler:
    async def handle(tx: Tx, received: Received[Any]) -> None:
        await on(desk, tx, received)

    return handle

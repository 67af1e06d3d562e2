"""What the other services tell: facts about pilots, incidents, and what decisions, checks and reviews judged."""

from __future__ import annotations

from typing import Any, TypeVar

from aiokafka.partitioner import murmur2

from services.monitoring.core import assessment, facts, people, verdicts
from services.monitoring.core.facts import Fact, PilotFacts
from services.monitoring.core.verdicts import Heard
from services.monitoring.handlers import risk
from services.monitoring.handlers.desk import Desk, locked, tell
from services.monitoring.store import findings, matters, pilots
from shared.contracts.base import PilotEvent
from shared.contracts.events.applications import IncidentReported, PilotAmended, PilotEnded, PilotRegistered
from shared.contracts.events.decisions import CheckConcluded, ReportReviewed
from shared.contracts.events.monitoring import EventRef
from shared.platform import deadlines
from shared.platform.cloudevents import Received, key_of
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline

AFTER_END = "findings_after_end"
E = TypeVar("E", bound=PilotEvent)


def partition_of(desk: Desk, key: bytes) -> int:
    """Where Kafka's default partitioner puts a key among the metrics partitions."""
    return int((murmur2(key) & 0x7FFFFFFF) % desk.partitions)


async def on_fact(desk: Desk, tx: Tx, received: Received[Any]) -> None:
    """Write the fact down under the next change number; the engine takes it in. Raises ``NotYet`` before the registration."""
    event: Fact = received.event
    before = await pilots.facts_locked(tx, event.pilot_id)
    after = facts.take(before, event, _ref(received))
    await pilots.save_facts(tx, after, partition_of(desk, key_of(event.pilot_id)))
    if isinstance(event, PilotEnded):
        days = after.binding.defaults.late_samples_after_end_days
        due = desk.calendar.due_calendar_days(event.at, days)
        await deadlines.arm(tx, event.pilot_id, AFTER_END, "", due.instant)
    if isinstance(event, PilotRegistered):
        await risk.registered(desk, tx, after, event.at)
    if isinstance(event, PilotAmended):
        await risk.again(desk, tx, after, event.at)


async def on_incident(desk: Desk, tx: Tx, received: Received[IncidentReported]) -> None:
    pilot = await locked(tx, received.event.pilot_id)
    opened = people.incident(pilot, received.event, _ref(received))
    if not await findings.is_known(tx, pilot.pilot_id, opened.finding_id):
        await tell(desk, tx, [opened])


async def on_decision(desk: Desk, tx: Tx, received: Received[Heard]) -> None:
    """A decision, or the pilot's answer to it, whichever comes first. When both are here and the verdicts hold, findings that people brought
    clear, at the decision's own time, and every verdict enters the risk's history."""
    event = received.event
    pilot = await locked(tx, event.pilot_id)
    before = await matters.judgement(tx, pilot.pilot_id, event.decision_id)
    after = verdicts.heard(before, event, _ref(received))
    if not after.complete:
        await matters.save_judgement(tx, pilot.pilot_id, event.decision_id, after)
        return
    await matters.forget_judgement(tx, pilot.pilot_id, event.decision_id)
    standing = after.standing()
    if standing is not None:
        found = await findings.open_by_people(tx, pilot.pilot_id, standing.names)
        await tell(desk, tx, people.judged(pilot, found, standing))
        await risk.judged(
            desk,
            tx,
            pilot,
            assessment.verdicts(standing),
            lambda past: assessment.decided(past, standing),
            standing.event.event_id,
            standing.known_at,
            standing.decision.overturns,
        )


async def on_look(desk: Desk, tx: Tx, received: Received[CheckConcluded | ReportReviewed]) -> None:
    """A check was concluded, a report was reviewed."""
    event, event_id = received.event, received.meta.id
    pilot = await locked(tx, event.pilot_id)
    found = [assessment.conclusion(event, event_id)]
    await risk.judged(desk, tx, pilot, found, lambda past: assessment.looked(past, event, event_id), event_id, event.at)


async def after_end(desk: Desk, tx: Tx, pilot: PilotFacts, deadline: Deadline) -> None:
    """Clear what people brought and nobody judged, some days after the end. The engine clears its own findings at the same instant."""
    found = await findings.open_by_people(tx, pilot.pilot_id)
    await tell(desk, tx, people.tidied(pilot, found, deadline.due))


def _ref(received: Received[Any]) -> EventRef:
    return EventRef(event_id=received.meta.id, sha256=received.content_hash)

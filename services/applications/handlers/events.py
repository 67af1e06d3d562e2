"""What the other services' events do here: they move a pilot, or are shown on its page."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.applications.core import decisions as core
from services.applications.core import measures
from services.applications.core.clocks import hear
from services.applications.core.history import Told
from services.applications.core.model import Pilot
from services.applications.handlers import moves
from services.applications.handlers.desk import Desk
from services.applications.store import pilots, projections
from shared.contracts.errors import NotYet
from shared.contracts.events.applications import DecisionNotApplied
from shared.contracts.events.decisions import DecisionIssued, MeasureConfirmed, MeasureLapsed, MeasureLifted
from shared.contracts.events.monitoring import InterimMeasureTaken
from shared.platform.db import Tx


async def decision_issued(desk: Desk, tx: Tx, event: DecisionIssued, now: datetime) -> None:
    """Every decision is answered exactly once, applied or not. Raises ``NotYet`` for a pilot that is not known."""
    before = await pilots.load(tx, event.pilot_id, lock=True)
    if before is None:
        raise NotYet(f"pilot {event.pilot_id}")
    if await projections.has_decision(tx, event.pilot_id, event.decision_id):
        return
    pilot, happened, at = hear(before, event.at, now, desk.calendar)
    after, events = core.decide(pilot, event, at, desk.calendar)
    answer = events[-1]
    why = answer.why if isinstance(answer, DecisionNotApplied) else None
    await projections.add_decision(tx, event, applied=why is None, why=why)
    await moves.save(desk, tx, before, after, happened + events)


async def measure_taken(desk: Desk, tx: Tx, event: InterimMeasureTaken, now: datetime) -> None:
    def step(pilot: Pilot, at: datetime) -> Told:
        return measures.take(pilot, event.measure_id, event.at, at)

    await moves.by_event(desk, tx, event, now, step)


async def measure_confirmed(desk: Desk, tx: Tx, event: MeasureConfirmed, now: datetime) -> None:
    def step(pilot: Pilot, _: datetime) -> Told:
        return measures.confirm(pilot, event.measure_id), ()

    await moves.by_event(desk, tx, event, now, step)


async def measure_lifted(desk: Desk, tx: Tx, event: MeasureLifted, now: datetime) -> None:
    def step(pilot: Pilot, at: datetime) -> Told:
        return measures.drop(pilot, event.measure_id, "measure_lifted", at)

    await moves.by_event(desk, tx, event, now, step)


async def measure_lapsed(desk: Desk, tx: Tx, event: MeasureLapsed, now: datetime) -> None:
    def step(pilot: Pilot, at: datetime) -> Told:
        return measures.drop(pilot, event.measure_id, "measure_lapsed", at)

    await moves.by_event(desk, tx, event, now, step)


async def shown(tx: Tx, pilot_id: UUID, written: bool) -> None:
    """A projection was written, or the pilot it is about is not known yet: then ``NotYet``."""
    if not written and not await projections.knows(tx, pilot_id):
        raise NotYet(f"pilot {pilot_id}")

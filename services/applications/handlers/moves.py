"""Every change of a pilot goes through here: its row is locked first, its due clocks fire first, and state, events and clocks are
saved together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.applications.core.clocks import advance, hear, running_clock
from services.applications.core.history import Told
from services.applications.core.model import Pilot
from services.applications.handlers.desk import Desk
from services.applications.store import applications as application_store
from services.applications.store import pilots as store
from shared.contracts.base import Event, PilotEvent
from shared.contracts.errors import NotFound, NotYet
from shared.contracts.events.applications import PilotWindingDown
from shared.contracts.pilot import Outcome
from shared.platform import deadlines
from shared.platform.db import Tx
from shared.reference.calendar import anniversary

Step = Callable[[Pilot, datetime], Told]
"""What is done with a pilot whose due clocks have fired, and when: nothing is told of it behind what was told before."""


async def by_enterprise(desk: Desk, tx: Tx, pilot_id: UUID, org: str, now: datetime, step: Step) -> Pilot:
    """What an enterprise does with its own pilot. Raises ``NotFound`` for another's, and what ``step`` raises."""
    return await _moved(desk, tx, await own(tx, pilot_id, org), now, step)


async def own(tx: Tx, pilot_id: UUID, org: str) -> Pilot:
    """The enterprise's pilot, locked. Raises ``NotFound`` for another's."""
    found = await store.load(tx, pilot_id, lock=True)
    if found is None or found.tax_code != org:
        raise NotFound("pilot")
    return found


async def by_event(desk: Desk, tx: Tx, event: PilotEvent, now: datetime, step: Step) -> Pilot:
    """What another service's event does to a pilot, at the event's own time however late it is heard of.

    Raises ``NotYet`` for a pilot that this service does not know.
    """
    before = await store.load(tx, event.pilot_id, lock=True)
    if before is None:
        raise NotYet(f"pilot {event.pilot_id}")
    pilot, happened, at = hear(before, event.at, now, desk.calendar)
    after, events = step(pilot, at)
    await save(desk, tx, before, after, happened + events)
    return after


async def on_due(desk: Desk, tx: Tx, pilot_id: UUID, due: datetime) -> Pilot:
    """A clock came due. Nothing happens when the pilot has moved on, or has been advanced by another act already."""
    before = await store.load(tx, pilot_id, lock=True)
    assert before is not None, "deadlines are armed with their pilot"
    return await _moved(desk, tx, before, due, lambda pilot, _: (pilot, ()))


async def save(desk: Desk, tx: Tx, before: Pilot, after: Pilot, events: tuple[Event, ...]) -> None:
    """Save what became of a locked pilot, what happened, and the clock that runs now."""
    if after != before:
        await store.save(tx, after)
    await desk.outbox.add_all(tx, events)
    await set_clock(tx, before, after)
    for event in events:
        if isinstance(event, PilotWindingDown) and event.cause is Outcome.TERMINATED:
            until = anniversary(event.at, after.terms.bar_months)
            await application_store.bar(tx, after.pilot_id, after.tax_code, until)


async def set_clock(tx: Tx, before: Pilot | None, after: Pilot) -> None:
    """Arm the clock that runs for ``after``, and disarm that of ``before`` if it no longer does.

    One that has fired is left to the sweep, which finds nothing to do: so each clock that came due fired once.
    """
    old = None if before is None else running_clock(before)
    new = running_clock(after)
    if new == old:
        return
    if old is not None and old[1] > after.told_at and (new is None or new[0] != old[0]):
        await deadlines.disarm(tx, after.pilot_id, old[0], "")
    if new is not None:
        await deadlines.arm(tx, after.pilot_id, new[0], "", new[1])


async def _moved(desk: Desk, tx: Tx, before: Pilot, now: datetime, step: Step) -> Pilot:
    pilot, happened = advance(before, now, desk.calendar)
    after, events = step(pilot, pilot.not_before(now))
    await save(desk, tx, before, after, happened + events)
    return after

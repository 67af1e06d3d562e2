"""The risk told anew: of a pilot when something of it has changed, of its operator's other pilots when something was judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from services.monitoring.core import assessment
from services.monitoring.core.assessment import Judged, Past
from services.monitoring.core.facts import PilotFacts
from services.monitoring.handlers.desk import Desk, tell
from services.monitoring.store import books, pilots
from services.monitoring.store import risk as store
from shared.platform import deadlines
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline

OF_THE_OPERATOR = "risk_of_the_operator"
"""The clock on which a pilot's risk is told anew because something was judged in another pilot of its operator."""


async def registered(desk: Desk, tx: Tx, pilot: PilotFacts, now: datetime) -> None:
    """A new pilot has its operator's history from the beginning: what is being judged meanwhile is waited for, or finds the pilot."""
    await store.in_turn(tx, pilot.enterprise)
    await again(desk, tx, pilot, now)


async def judged(
    desk: Desk,
    tx: Tx,
    pilot: PilotFacts,
    found: Sequence[Judged],
    change: Callable[[Past], Past],
    by: UUID,
    now: datetime,
    overturned: UUID | None = None,
) -> None:
    """What was ``found``, as the event ``by`` tells, counts in the operator's history; what the ``overturned`` decision had found no longer
    does. The pilot's own past becomes what ``change`` makes of it.

    The operator's other pilots are not locked here: each is told of in its turn, by a clock that is due at once.
    """
    past, _ = await store.load(tx, pilot.pilot_id, pilot.enterprise)
    await store.save(tx, pilot.pilot_id, change(past))
    taken = overturned is not None and await store.take_away(tx, pilot.pilot_id, overturned)
    if found or taken:
        await store.in_turn(tx, pilot.enterprise)
        await store.add(tx, pilot.pilot_id, pilot.enterprise, found)
        for other in await pilots.others_of(tx, pilot.enterprise, pilot.pilot_id):
            # A clock of its own each time: the sweep holds the one that it fires while it waits for the pilot, and we hold a pilot.
            await deadlines.arm(tx, other, OF_THE_OPERATOR, str(by), now)
    await again(desk, tx, pilot, now)


async def on_clock(desk: Desk, tx: Tx, pilot: PilotFacts, deadline: Deadline) -> None:
    """Something was judged in another pilot of the operator. The clock leaves no trace."""
    await deadlines.disarm(tx, deadline.pilot_id, deadline.kind, deadline.subject)
    await again(desk, tx, pilot, deadline.due)


async def again(desk: Desk, tx: Tx, pilot: PilotFacts, now: datetime) -> None:
    """Tell the score anew, if the level of an input has changed. The pilot is to be locked."""
    stored = await books.load(tx, [pilot.pilot_id])
    gauges = stored[pilot.pilot_id].gauges if stored else {}
    past, history = await store.load(tx, pilot.pilot_id, pilot.enterprise)
    past, event = assessment.reassess(pilot, gauges, past, history, now)
    if event is not None:
        await store.save(tx, pilot.pilot_id, past)
        await tell(desk, tx, [event])

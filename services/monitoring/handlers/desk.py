"""What the handlers work with, and the two things that they all do: find a pilot that is locked, and tell what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.monitoring.core.facts import PilotFacts
from services.monitoring.store import findings, pilots
from shared.contracts.base import Event
from shared.contracts.errors import NotYet
from shared.platform.db import Tx
from shared.platform.outbox import Outbox
from shared.reference.calendar import Calendar


@dataclass(frozen=True)
class Desk:
    """One per process. ``partitions`` is how many the metrics topic has."""

    outbox: Outbox
    calendar: Calendar
    partitions: int


async def locked(tx: Tx, pilot_id: UUID) -> PilotFacts:
    """The facts of a pilot, locked. Raises ``NotYet`` while its registration has not arrived."""
    facts = await pilots.facts_locked(tx, pilot_id)
    if facts is None:
        raise NotYet(f"the registration of pilot {pilot_id}")
    return facts


async def tell(desk: Desk, tx: Tx, events: Sequence[Event]) -> None:
    """Bring the findings up to the events and store these for publishing. The pilot is to be locked."""
    await findings.apply(tx, events)
    await desk.outbox.add_all(tx, events)

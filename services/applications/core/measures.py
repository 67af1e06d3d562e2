"""Interim measures: monitoring takes them, decisions owns them from then on, and this service moves the pilot.

The two topics are not in order with one another. What decisions says of a measure that has not come yet leaves a tombstone, which the
measure finds when it comes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.applications.core.history import Told, tell
from services.applications.core.model import Early, Pilot
from services.applications.core.transitions import derived
from shared.contracts.events.applications import PilotStateChanged
from shared.contracts.pilot import Cause, CauseKind, PilotState

Reason = Literal[
    "measure_taken", "measure_lifted", "measure_lapsed", "suspended", "suspension_lifted", "objected", "permitted"
]


def with_causes(pilot: Pilot, causes: tuple[Cause, ...], reason: Reason, ref: UUID, now: datetime) -> Told:
    """The pilot under these causes. Between start and end they make its state; before and after they are only kept."""
    after = derived(causes) if pilot.is_running else pilot.state
    event = PilotStateChanged(
        at=now,
        pilot_id=pilot.pilot_id,
        state_before=pilot.state,
        state_after=after,
        causes=causes,
        reason=reason,
        ref=ref,
    )
    return tell(pilot, event)


def without(pilot: Pilot, ref: UUID) -> tuple[Cause, ...]:
    """The causes but the one named ``ref``."""
    return tuple(cause for cause in pilot.causes if cause.ref != ref)


def knows(pilot: Pilot, measure_id: UUID) -> bool:
    return measure_id in pilot.measures or measure_id in pilot.tombstones


def take(pilot: Pilot, measure_id: UUID, taken_at: datetime, now: datetime) -> Told:
    """A measure was taken at ``taken_at``. Nothing happens if it is known, gone already, or if the pilot has ended."""
    gone = pilot.tombstones.get(measure_id) is Early.GONE
    if pilot.state is PilotState.ENDED or gone or measure_id in pilot.measures:
        return pilot, ()
    cause = Cause(kind=CauseKind.MEASURE, ref=measure_id, since=taken_at)
    return with_causes(pilot, (*pilot.causes, cause), "measure_taken", measure_id, now)


def confirm(pilot: Pilot, measure_id: UUID) -> Pilot:
    """A confirmed measure stays until it is lifted: nothing moves."""
    return pilot if knows(pilot, measure_id) else _buried(pilot, measure_id, Early.CONFIRMED)


def drop(pilot: Pilot, measure_id: UUID, reason: Literal["measure_lifted", "measure_lapsed"], now: datetime) -> Told:
    """A measure was lifted or lapsed: this one cause goes, the others stay."""
    if pilot.measures.get(measure_id):
        return with_causes(pilot, without(pilot, measure_id), reason, measure_id, now)
    if measure_id in pilot.measures or pilot.state is PilotState.ENDED:
        return pilot, ()
    return _buried(pilot, measure_id, Early.GONE), ()


def _buried(pilot: Pilot, measure_id: UUID, early: Early) -> Pilot:
    return pilot.model_copy(update={"tombstones": pilot.tombstones | {measure_id: early}})

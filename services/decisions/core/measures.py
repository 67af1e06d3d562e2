"""Interim measures: taken by monitoring, owned here from then on. Confirm, lift and lapse take the same lock, so one of them is first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.decisions.core.change import Change, Step
from services.decisions.core.clocks import due_by_clock
from services.decisions.core.model import CONFIRMED, Book, Measure, MeasureState
from shared.contracts.events.decisions import ItemKind, MeasureConfirmed, MeasureLapsed, MeasureLifted
from shared.contracts.events.monitoring import InterimMeasureTaken
from shared.reference.calendar import Calendar

CLOCK = "measure_confirm"


def taken(book: Book, event: InterimMeasureTaken, calendar: Calendar) -> Step:
    """A measure stands before an officer with the clock at whose end it lapses. One that arrives after the pilot's end is lifted at once."""
    at = event.at
    ended_at = book.pilot.ended_at
    change = Change(book, at if ended_at is None else max(at, ended_at), calendar)
    measure = Measure(
        measure_id=event.measure_id,
        pilot_id=event.pilot_id,
        finding_id=event.finding_id,
        taken_at=at,
        due=due_by_clock(change.rules, CLOCK, at, calendar),
    )
    if ended_at is not None:
        lift(change, measure, "pilot_ended")
        return change.done()
    change.measure(measure)
    change.open_item(
        ItemKind.MEASURE,
        event.kind,
        subject_id=event.measure_id,
        severity=event.severity,
        clock=CLOCK,
        clock_from=at,
        due=measure.due,
    )
    return change.done()


def lapsed(book: Book, measure_id: UUID, now: datetime, calendar: Calendar) -> Step:
    """Nobody confirmed it in time. Nothing happens to a measure that was confirmed or lifted meanwhile."""
    change = Change(book, now, calendar)
    measure = book.measures[measure_id]
    if measure.state is MeasureState.TAKEN:
        change.measure(replace(measure, state=MeasureState.LAPSED, ended_at=now))
        change.tell(
            MeasureLapsed(
                at=now, pilot_id=measure.pilot_id, measure_id=measure.measure_id, finding_id=measure.finding_id
            )
        )
        item = book.open_item(ItemKind.MEASURE, subject_id=measure_id)
        if item is not None:
            change.resolve(item, "measure_lapsed")
    return change.done()


def confirm(change: Change, measure_id: UUID, decision_id: UUID) -> None:
    """By decision: the measure stays until it is lifted."""
    measure = change.book.measures[measure_id]
    change.measure(replace(measure, state=MeasureState.CONFIRMED, decision_id=decision_id))
    change.tell(
        MeasureConfirmed(
            at=change.now,
            pilot_id=measure.pilot_id,
            measure_id=measure_id,
            finding_id=measure.finding_id,
            decision_id=decision_id,
        )
    )


def keep_in_sight(change: Change, measure_id: UUID, authority: str) -> None:
    """A confirmed measure stays an open item, without a clock, until somebody lifts it."""
    change.open_item(ItemKind.MEASURE, CONFIRMED, subject_id=measure_id, authority=authority)


def lift(change: Change, measure: Measure, reason: str, decision_id: UUID | None = None) -> None:
    """By decision, or because the pilot ended."""
    by_end = reason == "pilot_ended"
    change.measure(
        replace(
            measure,
            state=MeasureState.LIFTED,
            ended_at=change.now,
            decision_id=decision_id or measure.decision_id,
        )
    )
    change.tell(
        MeasureLifted(
            at=change.now,
            pilot_id=measure.pilot_id,
            measure_id=measure.measure_id,
            finding_id=measure.finding_id,
            reason="pilot_ended" if by_end else "decision",
            decision_id=decision_id,
        )
    )

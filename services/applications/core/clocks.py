"""The clocks of a pilot that run out by themselves: its start, its end, and the end of its winding-down."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.applications.core.history import Told, evolve, tell
from services.applications.core.model import ClockKind, Pilot
from services.applications.core.transitions import derived
from shared.contracts.base import Event
from shared.contracts.events.applications import PilotEnded, PilotStarted, PilotWindingDown
from shared.contracts.pilot import Outcome, PilotState
from shared.reference.calendar import Calendar, anniversary


def running_clock(pilot: Pilot) -> tuple[ClockKind, datetime] | None:
    """The clock that moves the pilot next unless something happens before, and its due instant. At most one runs at a time."""
    if pilot.state is PilotState.PENDING:
        return None if pilot.start_at is None else ("pilot_start", pilot.start_at)
    if pilot.is_running:
        assert pilot.end_at is not None
        return "pilot_end", pilot.end_at
    if pilot.state is PilotState.WINDING_DOWN and not pilot.awaits_decision_on_report:
        assert pilot.winding_down_due is not None
        return "wind_down", pilot.winding_down_due.instant
    return None


def advance(pilot: Pilot, until: datetime, calendar: Calendar) -> Told:
    """Fire every clock due at ``until`` or before, in order; what it fires happened at the due instant, however late it is noticed.

    Whoever is about to change a pilot advances it first: the outcome then does not depend on how soon the sweep came by.
    """
    happened: tuple[Event, ...] = ()
    while (clock := running_clock(pilot)) is not None and clock[1] <= until:
        events = _fire(pilot, *clock, calendar)
        pilot, happened = evolve(pilot, events), happened + events
    return pilot, happened


def hear(pilot: Pilot, at: datetime, now: datetime, calendar: Calendar) -> tuple[Pilot, tuple[Event, ...], datetime]:
    """What an act of another service finds, done ``at`` and heard of ``now``: the pilot, the clocks that fired, the act's instant.

    An act counts by its own time, however late, but not behind what was told of the pilot already.

    The end and the winding-down fire until then only; what is due later comes after the act. The start waits for nobody: it fires
    until ``now``, and what would have held it up finds a pilot that runs (an objection then suspends). Nothing is heard from the
    future, whatever the clock on the other side says.
    """
    started: tuple[Event, ...] = ()
    clock = running_clock(pilot)
    if clock is not None and clock[0] == "pilot_start":
        pilot, started = advance(pilot, min(clock[1], now), calendar)
    instant = pilot.not_before(min(at, now))
    after, events = advance(pilot, instant, calendar)
    return after, started + events, instant


def wind_down(pilot: Pilot, cause: Outcome, now: datetime, calendar: Calendar) -> Told:
    """No new activity from now on. Who is winding down already keeps its date, if that is ahead: a new cause gives no new time."""
    due = pilot.winding_down_due
    if due is None or due.instant <= now:
        due = calendar.due_calendar_days(now, pilot.terms.wind_down_days)
    after = pilot.model_copy(update={"winding_down_cause": cause})
    report = pilot.final_report if after.awaits_decision_on_report else None
    event = PilotWindingDown(
        at=now,
        pilot_id=pilot.pilot_id,
        state_after=PilotState.WINDING_DOWN,
        causes=pilot.causes,
        cause=cause,
        due=due,
        final_report_id=None if report is None else report.report_id,
    )
    return tell(pilot, event)


def end(pilot: Pilot, outcome: Outcome, now: datetime, ref: UUID | None = None) -> PilotEnded:
    """The end of a pilot takes every cause with it. ``ref`` is the decision that brought it about, if one did."""
    return PilotEnded(
        at=now,
        pilot_id=pilot.pilot_id,
        state_after=PilotState.ENDED,
        causes=(),
        outcome=outcome,
        ref=ref,
    )


def _fire(pilot: Pilot, kind: ClockKind, due: datetime, calendar: Calendar) -> tuple[Event, ...]:
    if kind == "pilot_start":
        started = PilotStarted(
            at=due,
            pilot_id=pilot.pilot_id,
            state_after=derived(pilot.causes),
            causes=pilot.causes,
            end_at=anniversary(due, pilot.duration_months),
        )
        return (started,)
    if kind == "pilot_end":
        return wind_down(pilot, Outcome.EXPIRED, due, calendar)[1]
    assert pilot.winding_down_cause is not None
    return (end(pilot, pilot.winding_down_cause, due),)

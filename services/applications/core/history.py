"""A pilot is what its events say: each state is the one before and one event more. Deciding and rebuilding share these functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.applications.core.model import FinalReport, Pilot, Terms
from services.applications.core.transitions import move
from shared.contracts.base import Event
from shared.contracts.events.applications import (
    DecisionApplied,
    FinalReportFiled,
    PeriodicReportFiled,
    PilotAmended,
    PilotEnded,
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotWindingDown,
)
from shared.contracts.pilot import PilotState
from shared.reference.calendar import end_of, last_day

STANDSTILL = "standstill"
"""The subject of the row's own standstill; a gate's is the gate's subject."""
ROW_PERMIT = "pilot"
"""The subject of the permit that the row itself asks for (start mode ``permit``)."""

Told = tuple[Pilot, tuple[Event, ...]]
"""The pilot after, and what happened."""


def tell(pilot: Pilot, *events: Event) -> Told:
    """The pilot to whom all of ``events`` have happened, and the events."""
    return evolve(pilot, events), events


def evolve(pilot: Pilot, events: Iterable[Event]) -> Pilot:
    """The pilot after ``events``. Raises :class:`~services.applications.core.transitions.IllegalMove` for a history that cannot be."""
    for event in events:
        pilot = pilot.model_copy(update=_changed(pilot, event) | _told(pilot, event))
    return pilot


def rebuild(events: Sequence[Event]) -> Pilot:
    """The pilot that its whole history makes; ``events`` in the order in which they were written, the registration among them.

    Raises ``ValueError`` for a history without a registration.
    """
    for index, event in enumerate(events):
        if isinstance(event, PilotRegistered):
            return evolve(registered(event), events[index + 1 :])
    raise ValueError("a history without a registration makes no pilot")


def registered(event: PilotRegistered) -> Pilot:
    """The pilot at its registration: pending, however soon it may start."""
    silences = {
        gate.subject: gate.due.instant for gate in event.gates if gate.requires == "notice_silence" and gate.due
    }
    notices = [gate.due.instant for gate in event.gates if gate.requires == "notice_only" and gate.due]
    standstill = {} if event.standstill_due is None else {STANDSTILL: event.standstill_due.instant}
    permits = [gate.subject for gate in event.gates if gate.needs_permit]
    own = [] if event.permit_due is None else [ROW_PERMIT]
    objection_until = standstill | silences
    return Pilot(
        pilot_id=event.pilot_id,
        code=event.code,
        tax_code=event.organisation.tax_code,
        state=PilotState.PENDING,
        causes=(),
        measures={},
        tombstones={},
        opens_at=max(event.planned_start, event.at, *notices, *objection_until.values()),
        objection_until=objection_until,
        permits_outstanding=(*own, *permits),
        start_at=event.start_at,
        duration_months=event.duration_months,
        envelope=event.envelope,
        periodic_reports={},
        told_at=event.at,
        terms=Terms.of(event),
    )


def final_report_due(pilot: Pilot) -> datetime:
    """By 24:00 of the row's n-th day before the last day. The pilot must have started."""
    assert pilot.end_at is not None
    return end_of(last_day(pilot.end_at) - timedelta(days=pilot.terms.final_report_days))


def is_owed(pilot: Pilot, due: datetime) -> bool:
    """Whether a report due then is owed: what would fall due once the pilot winds down is not."""
    return pilot.winding_since is None or due < pilot.winding_since


def _changed(pilot: Pilot, event: Event) -> dict[str, object]:
    match event:
        case PilotStarted():
            return _moved(pilot, event) | {"started_at": event.at, "end_at": event.end_at}
        case PilotStateChanged():
            return _moved(pilot, event) | _measured(pilot, event)
        case PilotAmended():
            return {"envelope": event.envelope}
        case PilotWindingDown():
            why = {"winding_down_cause": event.cause, "winding_down_due": event.due}
            return _moved(pilot, event) | why | {"winding_since": pilot.winding_since or event.at}
        case PilotEnded():
            over = dict.fromkeys(pilot.measures, False)
            return _moved(pilot, event) | {"outcome": event.outcome, "measures": over}
        case DecisionApplied():
            left = tuple(subject for subject in pilot.permits_outstanding if subject != event.gate)
            return {"permits_outstanding": left, "start_at": event.start_at}
        case PeriodicReportFiled():
            return {"periodic_reports": pilot.periodic_reports | {event.number: event.at}}
        case FinalReportFiled():
            in_time = event.at < final_report_due(pilot)
            return {"final_report": FinalReport(report_id=event.report_id, at=event.at, in_time=in_time)}
        case _:
            return {}


def _told(pilot: Pilot, event: Event) -> dict[str, object]:
    """An amendment is of the instant of its decision, which may lie before what was told of the pilot meanwhile."""
    return {} if isinstance(event, PilotAmended) else {"told_at": pilot.not_before(event.at)}


def _moved(pilot: Pilot, event: PilotStarted | PilotStateChanged | PilotWindingDown | PilotEnded) -> dict[str, object]:
    return {"state": move(pilot.state, event.state_after), "causes": event.causes}


def _measured(pilot: Pilot, event: PilotStateChanged) -> dict[str, object]:
    in_force = {"measure_taken": True, "measure_lifted": False, "measure_lapsed": False}.get(event.reason)
    return {} if in_force is None else {"measures": pilot.measures | {event.ref: in_force}}

"""What an issued decision does to a pilot. Every decision is answered, exactly once: applied, or not applied and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.applications.core import measures
from services.applications.core.clocks import end, wind_down
from services.applications.core.history import Told, evolve, tell
from services.applications.core.model import Pilot
from shared.contracts.events.applications import DecisionApplied, DecisionNotApplied, PilotAmended
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.pilot import Cap, Cause, CauseKind, Envelope, Outcome, PilotState
from shared.reference.calendar import Calendar

OBJECTION = "objection"
"""The subject of the permit that answers an objection."""


class WithoutEffect(Exception):
    """The pilot has moved on, or the decision names what is not there. The text goes into the answer."""


Effect = Callable[[Pilot, DecisionIssued, datetime, Calendar], Told]


def decide(pilot: Pilot, decision: DecisionIssued, now: datetime, calendar: Calendar) -> Told:
    """Apply ``decision`` and answer it. Nothing is raised: what cannot be applied is answered so, and changes nothing.

    ``now`` is when it takes effect: at its own time, or at the last that was told of the pilot where that is later.
    """
    try:
        effect = EFFECTS.get(decision.kind)
        if effect is None:
            raise WithoutEffect("unsupported kind")
        after, events = effect(pilot, decision, now, calendar)
    except WithoutEffect as without:
        refusal = DecisionNotApplied(
            at=now,
            pilot_id=pilot.pilot_id,
            decision_id=decision.decision_id,
            kind=decision.kind,
            state_found=pilot.state,
            why=str(without),
        )
        return tell(pilot, refusal)
    answer = DecisionApplied(
        at=now,
        pilot_id=pilot.pilot_id,
        decision_id=decision.decision_id,
        kind=decision.kind,
        state_after=after.state,
        causes=after.causes,
        gate=decision.gate,
        start_at=_start_at(after, decision, now),
        end_at=after.end_at,
    )
    return evolve(after, (answer,)), (*events, answer)


def _start_at(pilot: Pilot, decision: DecisionIssued, now: datetime) -> datetime | None:
    """When the pilot starts (or did) after ``decision``: as planned, but never before the last thing that was in its way went."""
    if pilot.state is not PilotState.PENDING:
        return pilot.started_at
    if pilot.objections or set(pilot.permits_outstanding) - {decision.gate}:
        return None
    return pilot.start_at if pilot.start_at is not None else max(pilot.opens_at, now)


def _permit(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    if decision.gate == OBJECTION:
        return _permit_objected(pilot, decision, now)
    if pilot.state is not PilotState.PENDING:
        raise WithoutEffect(f"the pilot is {pilot.state}, and no longer waits for a permit")
    if decision.gate not in pilot.permits_outstanding:
        raise WithoutEffect(f"no permit is outstanding for {decision.gate}")
    return pilot, ()


def _permit_objected(pilot: Pilot, decision: DecisionIssued, now: datetime) -> Told:
    answered = [cause for cause in pilot.objections if decision.lifts in (None, cause.ref)]
    if not answered or pilot.state is PilotState.WINDING_DOWN:
        raise WithoutEffect("no such objection is in force")
    left = tuple(cause for cause in pilot.causes if cause not in answered)
    return measures.with_causes(pilot, left, "permitted", decision.decision_id, now)


def _object(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    if pilot.state is not PilotState.PENDING and not pilot.is_running:
        raise WithoutEffect(f"the pilot is {pilot.state}")
    known = pilot.objection_until
    until = known.get(decision.gate) if decision.gate else max(known.values(), default=None)
    if until is None:
        raise WithoutEffect("there is no standstill in which to object")
    if decision.at >= until:
        raise WithoutEffect("the time in which one may object is over")
    return _with(pilot, CauseKind.OBJECTION, decision, now)


def _refuse(pilot: Pilot, decision: DecisionIssued, now: datetime, calendar: Calendar) -> Told:
    if pilot.state is PilotState.PENDING:
        return tell(pilot, end(pilot, Outcome.REFUSED, now, decision.decision_id))
    if pilot.state is PilotState.SUSPENDED and pilot.objections:
        return wind_down(pilot, Outcome.REFUSED, now, calendar)
    raise WithoutEffect(f"the pilot is {pilot.state}, and nothing is left to refuse")


def _adjust(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    if pilot.state is PilotState.ENDED:
        raise WithoutEffect("the pilot has ended")
    if not decision.caps:
        raise WithoutEffect("the decision names no cap")
    event = PilotAmended(
        at=decision.at,  # samples from then on are judged by the new caps, however late we learned of them
        pilot_id=pilot.pilot_id,
        state_after=pilot.state,
        causes=pilot.causes,
        envelope=adjusted(pilot.envelope, decision.caps),
        decision_id=decision.decision_id,
    )
    return tell(pilot, event)


def adjusted(envelope: Envelope, caps: tuple[Cap, ...]) -> Envelope:
    """The next version of ``envelope``: a cap takes the place of that on the same metric and window, or is added."""
    changed = {(cap.metric, cap.window): cap for cap in caps}
    kept = tuple(changed.pop((cap.metric, cap.window), cap) for cap in envelope.caps)
    return envelope.model_copy(update={"version": envelope.version + 1, "caps": (*kept, *changed.values())})


def _suspend(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    _must_run(pilot)
    return _with(pilot, CauseKind.SUSPENSION, decision, now)


def _lift_suspension(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    lifted = [cause for cause in pilot.causes if cause.kind is CauseKind.SUSPENSION and cause.ref == decision.lifts]
    if not lifted:
        raise WithoutEffect("that suspension is not in force")
    left = measures.without(pilot, lifted[0].ref)
    return measures.with_causes(pilot, left, "suspension_lifted", lifted[0].ref, now)


def _about_measure(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    """The measure's own event, which comes before the decision on its topic, has moved the pilot."""
    if pilot.state is PilotState.ENDED:
        raise WithoutEffect("the pilot has ended, and its measures with it")
    if decision.measure_id is None or not measures.knows(pilot, decision.measure_id):
        raise WithoutEffect("no such measure is known")
    return pilot, ()


def _terminate(pilot: Pilot, decision: DecisionIssued, now: datetime, calendar: Calendar) -> Told:
    if pilot.state is not PilotState.WINDING_DOWN:
        _must_run(pilot)
    if pilot.winding_down_cause is Outcome.TERMINATED:
        raise WithoutEffect("the pilot is terminated already")
    return wind_down(pilot, Outcome.TERMINATED, now, calendar)


def _complete(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    _must_be_judged(pilot)
    return tell(pilot, end(pilot, Outcome.COMPLETED, now, decision.decision_id))


def _refuse_completion(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    _must_be_judged(pilot)
    return tell(pilot, end(pilot, Outcome.EXPIRED, now, decision.decision_id))


def _note(pilot: Pilot, decision: DecisionIssued, now: datetime, _: Calendar) -> Told:
    """Nothing moves, whatever the state: these also judge findings of a pilot that has ended."""
    return pilot, ()


def _with(pilot: Pilot, kind: CauseKind, decision: DecisionIssued, now: datetime) -> Told:
    cause = Cause(kind=kind, ref=decision.decision_id, since=now)
    reason: measures.Reason = "suspended" if kind is CauseKind.SUSPENSION else "objected"
    return measures.with_causes(pilot, (*pilot.causes, cause), reason, decision.decision_id, now)


def _must_run(pilot: Pilot) -> None:
    if not pilot.is_running:
        raise WithoutEffect(f"the pilot is {pilot.state}")


def _must_be_judged(pilot: Pilot) -> None:
    if pilot.state is not PilotState.WINDING_DOWN:
        raise WithoutEffect(f"the pilot is {pilot.state}")
    if pilot.winding_down_cause in (Outcome.TERMINATED, Outcome.REFUSED):
        raise WithoutEffect(f"the pilot was {pilot.winding_down_cause}, and no report undoes that")


EFFECTS: dict[str, Effect] = {
    "permit": _permit,
    "object": _object,
    "refuse": _refuse,
    "adjust": _adjust,
    "suspend": _suspend,
    "lift_suspension": _lift_suspension,
    "confirm_measure": _about_measure,
    "lift_measure": _about_measure,
    "terminate": _terminate,
    "complete": _complete,
    "refuse_completion": _refuse_completion,
    "continue": _note,
    "warn": _note,
    "order_correction": _note,
    "order_takedown": _note,
    "refer_sanction": _note,
}
"""Kinds that are not here (extensions, appeals, checks) are answered "unsupported kind"."""

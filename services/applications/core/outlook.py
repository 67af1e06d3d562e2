"""What an enterprise can read of its pilot at any time: what comes next and who holds the ball, what it owes, what is left of each cap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from services.applications.core.clocks import running_clock
from services.applications.core.filings import periodic_dues
from services.applications.core.history import ROW_PERMIT, final_report_due, is_owed
from services.applications.core.model import Pilot
from shared.contracts.base import Contract, Instant
from shared.contracts.events.applications import PilotGate
from shared.contracts.http.applications import CapLeft, DecisionRow, Duty, Filed, Holder, NextStep, RequestView
from shared.contracts.messages import text
from shared.contracts.numbers import Total
from shared.contracts.pilot import CauseKind, Envelope, PilotState, Window
from shared.reference.calendar import end_of, last_day


class UsageNow(Contract):
    """A value as monitoring last told it; ``bucket`` is the day of a day window."""

    metric: str
    window: Window
    bucket: date | None = None
    value: Total
    sample_at: Instant | None = None


_CLOCK = {"pilot_start": "step_pilot_start", "pilot_end": "step_pilot_end", "wind_down": "step_wind_down"}
_CAUSE = {
    CauseKind.OBJECTION: "step_objection",
    CauseKind.SUSPENSION: "step_suspension",
    CauseKind.MEASURE: "step_measure",
}
_ASKED = {"reply": "step_reply", "supplement": "step_case_supplement"}


def steps(
    pilot: Pilot, filed: Filed, requests: Sequence[RequestView], decisions: Sequence[DecisionRow], now: datetime
) -> tuple[NextStep, ...]:
    """What is ahead, the earliest first; what has no date comes last."""
    found = [
        *_by_itself(pilot),
        *_causes(pilot),
        *_permits(pilot, filed),
        *_asked(requests, now),
        *_remedies(decisions),
        *_reports(pilot),
        *_notice_steps(pilot, filed, now),
    ]
    return tuple(sorted(found, key=lambda step: (step.due is None, step.due)))


def duties(
    pilot: Pilot, filed: Filed, requests: Sequence[RequestView], decisions: Sequence[DecisionRow], now: datetime
) -> tuple[Duty, ...]:
    """Everything that the enterprise owes or has done, in the order of due instants. ``late``: done after, or not done though due.

    A reply is a right and no duty. What would fall due once the pilot winds down is no longer owed, but the winding-down itself; of a pilot
    that has ended only what was done is left.
    """
    found = [*_report_duties(pilot, now), *_exit_duties(pilot, filed)]
    for request in requests:
        if request.kind == "supplement" and (request.answered_at is not None or request.withdrawn_at is None):
            due, done = request.due.instant, request.answered_at
            subject = str(request.request_id)
            found.append(_duty("duty_case_supplement", subject, due, done, (done or now) >= due))
    for decision in decisions:
        if decision.applied and (by := decision.remedy_due) is not None:
            # Who verified the remedy came after the enterprise had done it: when exactly, nobody recorded.
            done = by if decision.remedy_done else None
            found.append(_duty("duty_remedy", str(decision.decision_id), by, done, done is None and now >= by))
    over = pilot.state is PilotState.ENDED
    return tuple(sorted((duty for duty in found if duty.done_at or not over), key=lambda duty: duty.due))


def _report_duties(pilot: Pilot, now: datetime) -> Iterator[Duty]:
    for number, due in enumerate(periodic_dues(pilot), start=1):
        done = pilot.periodic_reports.get(number)
        if done is not None or is_owed(pilot, due):
            late = (done or now) >= due
            yield _duty("duty_periodic_report", f"report/{number}", due, done, late, number=number)
    if pilot.started_at is not None:
        due = final_report_due(pilot)
        done = None if pilot.final_report is None else pilot.final_report.at
        if done is not None or is_owed(pilot, due):
            yield _duty("duty_final_report", "final", due, done, (done or now) >= due)


def _exit_duties(pilot: Pilot, filed: Filed) -> Iterator[Duty]:
    """Done outside this system: whether and when, it does not know."""
    for gate, days, due in _notices(pilot, filed):
        said = {"days": days, "authority": gate.authority, "gate": gate.gate}
        yield _duty("duty_exit_notice", gate.subject, due, None, False, **said)
    if pilot.winding_down_due is not None:
        yield _duty("duty_wind_down", "exit_plan", pilot.winding_down_due.instant, None, False)


def _notices(pilot: Pilot, filed: Filed) -> Iterator[tuple[PilotGate, int, datetime]]:
    """The notices that the law asks for before the end, each with its days and the instant by which it is given."""
    for gate in filed.gates:
        if gate.notice_days is not None and pilot.end_at is not None:
            yield gate, gate.notice_days, end_of(last_day(pilot.end_at) - timedelta(days=gate.notice_days))


def caps_left(envelope: Envelope, usage: Iterable[UsageNow]) -> tuple[CapLeft, ...]:
    """What remains of each cap, by the envelope in force; negative where it is exceeded, None where nothing was reported."""
    known = {(row.metric, row.window): row for row in usage}
    found = []
    for cap in envelope.caps:
        row = known.get((cap.metric, cap.window))
        found.append(
            CapLeft(
                metric=cap.metric,
                window=cap.window,
                limit=cap.limit,
                value=None if row is None else row.value,
                remaining=None if row is None else cap.limit - row.value,
                bucket=None if row is None else row.bucket,
                sample_at=None if row is None else row.sample_at,
            )
        )
    return tuple(found)


def _by_itself(pilot: Pilot) -> Iterator[NextStep]:
    if (clock := running_clock(pilot)) is not None:
        yield _step(_CLOCK[clock[0]], Holder.NOBODY, clock[1])
    if pilot.state is PilotState.WINDING_DOWN and pilot.awaits_decision_on_report:
        yield _step("step_completion", Holder.OFFICER, None)


def _causes(pilot: Pilot) -> Iterator[NextStep]:
    """What holds the pilot up or restricts it is an authority's to end; once it winds down, nothing of it is ahead."""
    if pilot.state is PilotState.PENDING or pilot.is_running:
        for cause in pilot.causes:
            yield _step(_CAUSE[cause.kind], Holder.OFFICER, None, str(cause.ref))


def _permits(pilot: Pilot, filed: Filed) -> Iterator[NextStep]:
    if pilot.state is not PilotState.PENDING:
        return
    dues = {gate.subject: gate.due for gate in filed.gates} | {ROW_PERMIT: filed.permit_due}
    for subject in pilot.permits_outstanding:
        due = dues.get(subject)
        yield _step("step_permit", Holder.OFFICER, None if due is None else due.instant, subject)


def _asked(requests: Iterable[RequestView], now: datetime) -> Iterator[NextStep]:
    for request in requests:
        if request.answered_at is None and request.withdrawn_at is None and now < request.due.instant:
            yield _step(_ASKED[request.kind], Holder.STARTUP, request.due.instant, str(request.request_id))


def _remedies(decisions: Iterable[DecisionRow]) -> Iterator[NextStep]:
    for decision in decisions:
        if decision.remedy_due is not None and decision.applied and decision.remedy_done is not True:
            yield _step("step_remedy", Holder.STARTUP, decision.remedy_due, str(decision.decision_id))


def _reports(pilot: Pilot) -> Iterator[NextStep]:
    """The first periodic report that is still owed, and the final report; nothing once the pilot has ended."""
    if pilot.state is PilotState.ENDED or pilot.started_at is None:
        return
    owed = [(n, due) for n, due in enumerate(periodic_dues(pilot), start=1) if n not in pilot.periodic_reports]
    for number, due in owed[:1]:
        if is_owed(pilot, due):
            yield _step("step_periodic_report", Holder.STARTUP, due, f"report/{number}")
    if pilot.final_report is None and is_owed(pilot, final_report_due(pilot)):
        yield _step("step_final_report", Holder.STARTUP, final_report_due(pilot), "final")


def _notice_steps(pilot: Pilot, filed: Filed, now: datetime) -> Iterator[NextStep]:
    for gate, _, due in _notices(pilot, filed):
        if now < due and pilot.is_running:
            yield _step("step_exit_notice", Holder.STARTUP, due, gate.subject)


def _step(code: str, holder: Holder, due: datetime | None, subject: str | None = None) -> NextStep:
    texts = text(code)
    return NextStep(
        what=code.removeprefix("step_"), text_vi=texts.vi, text_en=texts.en, holder=holder, due=due, subject=subject
    )


def _duty(code: str, subject: str, due: datetime, done_at: datetime | None, late: bool, **params: object) -> Duty:
    texts = text(code)
    said = {"text_vi": texts.vi.format(**params), "text_en": texts.en.format(**params)}
    facts = {"kind": code.removeprefix("duty_"), "subject": subject, "due": due, "done_at": done_at, "late": late}
    return Duty.model_validate(facts | said)

"""What an enterprise can read of its pilot at any time: what comes next and who holds the ball, what it owes, what is left of each cap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from services.applications.core.clocks import running_clock
from services.applications.core.filings import periodic_dues
from services.applications.core.history import ROW_PERMIT, final_report_due
from services.applications.core.model import Pilot
from shared.contracts.base import Contract, Instant
from shared.contracts.http.applications import CapLeft, DecisionRow, Duty, Filed, Holder, NextStep, RequestView
from shared.contracts.messages import text
from shared.contracts.numbers import Total
from shared.contracts.pilot import Envelope, PilotState, Window


class UsageNow(Contract):
    """A value as monitoring last told it; ``bucket`` is the day of a day window."""

    metric: str
    window: Window
    bucket: date | None = None
    value: Total
    sample_at: Instant | None = None


_CLOCK = {"pilot_start": "step_pilot_start", "pilot_end": "step_pilot_end", "wind_down": "step_wind_down"}
_ASKED = {"reply": "step_reply", "supplement": "step_case_supplement"}


def steps(
    pilot: Pilot, filed: Filed, requests: Sequence[RequestView], decisions: Sequence[DecisionRow], now: datetime
) -> tuple[NextStep, ...]:
    """What is ahead, the earliest first; what has no date comes last."""
    found = [
        *_by_itself(pilot),
        *_permits(pilot, filed),
        *_asked(requests, now),
        *_remedies(decisions),
        *_reports(pilot, now),
    ]
    return tuple(sorted(found, key=lambda step: (step.due is None, step.due)))


def duties(
    pilot: Pilot, requests: Sequence[RequestView], decisions: Sequence[DecisionRow], now: datetime
) -> tuple[Duty, ...]:
    """Everything that the enterprise owes or has done, in the order of due instants. ``late``: done after, or not done though due.

    A reply is a right and no duty. Of a pilot that has ended only what was done is left.
    """
    found = []
    for number, due in enumerate(periodic_dues(pilot), start=1):
        done = pilot.periodic_reports.get(number)
        found.append(_duty("duty_periodic_report", f"report/{number}", due, done, (done or now) >= due, number=number))
    if pilot.started_at is not None:
        due = final_report_due(pilot)
        done = None if pilot.final_report is None else pilot.final_report.at
        found.append(_duty("duty_final_report", "final", due, done, (done or now) >= due))
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
    if pilot.state is PilotState.PENDING and pilot.objections:
        yield _step("step_objection", Holder.OFFICER, None)
    if pilot.state is PilotState.WINDING_DOWN and pilot.awaits_decision_on_report:
        yield _step("step_completion", Holder.OFFICER, None)


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


def _reports(pilot: Pilot, now: datetime) -> Iterator[NextStep]:
    """The first periodic report that is still owed, and the final report; nothing once the pilot has ended."""
    if pilot.state is PilotState.ENDED or pilot.started_at is None:
        return
    owed = [pair for pair in enumerate(periodic_dues(pilot), start=1) if pair[0] not in pilot.periodic_reports]
    for number, due in owed[:1]:
        yield _step("step_periodic_report", Holder.STARTUP, due, f"report/{number}")
    if pilot.final_report is None:
        yield _step("step_final_report", Holder.STARTUP, final_report_due(pilot), "final")


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

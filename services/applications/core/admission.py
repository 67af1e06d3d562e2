"""The admissibility check: automatic, complete and instantaneous. It admits, or says all that is wrong at once.

Nothing here waits for a person. An application is judged by the rules in force on the day of its receipt, also after a supplement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.applications.core import gates as gating
from services.applications.core.faults import FATAL, Bench, fatal_faults, faults
from services.applications.core.model import Application, Standing
from shared.contracts.base import Due, Event
from shared.contracts.errors import Problem, Refused, problem
from shared.contracts.events.applications import (
    ApplicationRefused,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    PilotRegistered,
    SupplementFiled,
    SupplementRequested,
)
from shared.contracts.http.applications import ApplicationStatus, Filed
from shared.contracts.pilot import Dossier
from shared.reference.calendar import Calendar, PauseSpan
from shared.reference.rows import Rules

REGISTERED, REFUSED = ApplicationStatus.REGISTERED, ApplicationStatus.REFUSED
SUPPLEMENT = ApplicationStatus.SUPPLEMENT_REQUESTED


@dataclass(frozen=True)
class Law:
    """What an application is judged by: the rules of its receipt, and the calendar as it is now."""

    rules: Rules
    calendar: Calendar


@dataclass(frozen=True)
class Examined:
    """The outcome of the check. ``bench`` is None where the sector is outside the sandbox, and nothing else can be judged."""

    problems: tuple[Problem, ...]
    bench: Bench | None

    @property
    def is_fatal(self) -> bool:
        return any(found.code in FATAL for found in self.problems)


Told = tuple[Application, tuple[Event, ...]]


def receive(pilot_id: UUID, code: str, dossier: Dossier, standing: Standing, law: Law, now: datetime) -> Told:
    """A dossier comes in: received, checked and answered in one step."""
    application = Application(
        pilot_id=pilot_id,
        code=code,
        status=SUPPLEMENT,
        received_at=now,
        rule_set=law.rules.rule_set.version,
        dossier=dossier,
        filed=Filed(pilot_id=pilot_id, code=code, status=SUPPLEMENT, received_at=now),
    )
    submitted = ApplicationSubmitted(
        at=now,
        pilot_id=pilot_id,
        code=code,
        organisation=dossier.organisation,
        title=dossier.title,
        sector=dossier.sector,
        provinces=dossier.provinces,
        dossier_sha256=fingerprint(dossier),
    )
    after, answer = _answer(application, standing, law, now)
    return after, (submitted, answer)


def supplement(application: Application, dossier: Dossier, standing: Standing, law: Law, now: datetime) -> Told:
    """The whole dossier again, mended. Judged as received at first, but limits do not run while the enterprise held the ball.

    Raises ``Refused`` when no supplement is open, when its time is over, or when another enterprise's dossier is sent.
    """
    _must_wait_for_supplement(application, now)
    if dossier.organisation.tax_code != application.dossier.organisation.tax_code:
        raise Refused("organisation_changed", "/organisation/tax_code", status=422)
    filed = SupplementFiled(at=now, pilot_id=application.pilot_id, dossier_sha256=fingerprint(dossier))
    mended = application.model_copy(update={"dossier": dossier})
    after, answer = _answer(mended, standing, law, now)
    return after, (filed, answer)


def withdraw(application: Application, reason: str, now: datetime) -> Told:
    """The enterprise takes an open application back. Raises ``Refused`` when it is no longer open, or its time is over."""
    _must_wait_for_supplement(application, now)
    after = _closed(application, ApplicationStatus.WITHDRAWN, reason)
    return after, (ApplicationWithdrawn(at=now, pilot_id=application.pilot_id, reason="withdrawn", text=reason),)


def lapse(application: Application, due: datetime) -> Told:
    """Nobody answered the supplement request by ``due``. Nothing happens if it was answered, or if the clock was another."""
    limit = application.supplement_due
    if application.status is not SUPPLEMENT or limit is None or limit.instant != due:
        return application, ()
    after = _closed(application, ApplicationStatus.LAPSED, None)
    return after, (ApplicationWithdrawn(at=due, pilot_id=application.pilot_id, reason="lapsed"),)


def examine(dossier: Dossier, standing: Standing, rules: Rules, received_at: datetime, now: datetime) -> Examined:
    """Everything that is wrong with ``dossier``, at once."""
    found = list(fatal_faults(dossier, rules, standing, now))
    bench = bench_for(dossier.sector, dossier.answers, rules, received_at)
    if bench is not None:
        found.extend(faults(dossier, bench, standing))
    return Examined(tuple(found), bench)


def bench_for(sector: str, answers: dict[str, str | int], rules: Rules, received_at: datetime) -> Bench | None:
    """What an application of this sector with these answers is judged by; None where the sector is outside the sandbox."""
    if rules.sector(sector) is None:
        return None
    tiering = rules.tier(answers, sector)
    row = rules.policy(sector, tiering.tier)
    assert row is not None, "a sector of the sandbox has a row for each tier"
    return Bench(rules, received_at, tiering, row, certain=not tiering.faults)


def fingerprint(dossier: Dossier) -> str:
    """SHA-256 of the dossier as it is kept."""
    return hashlib.sha256(dossier.model_dump_json().encode()).hexdigest()


def _answer(application: Application, standing: Standing, law: Law, now: datetime) -> tuple[Application, Event]:
    examined = examine(application.dossier, standing, law.rules, application.received_at, now)
    if not examined.problems:
        assert examined.bench is not None
        return _registered(application, examined.bench, law, now)
    allowed = 1 if examined.bench is None else examined.bench.row.supplement_requests_max
    if examined.is_fatal or application.supplements_asked >= allowed:
        return _refused(application, examined.problems, now)
    return _asked(application, examined.problems, law, now)


def _refused(
    application: Application, problems: tuple[Problem, ...], now: datetime
) -> tuple[Application, ApplicationRefused]:
    if application.supplements_asked and not any(found.code in FATAL for found in problems):
        problems = (problem("supplement_incomplete"), *problems)
    filed = _filed(application, REFUSED, problems=problems)
    return _resting(application, filed), ApplicationRefused(at=now, pilot_id=application.pilot_id, problems=problems)


def _asked(
    application: Application, problems: tuple[Problem, ...], law: Law, now: datetime
) -> tuple[Application, SupplementRequested]:
    days = law.rules.clocks["supplement_answer"].amount
    assert days is not None, "the clock has a length: the reference is checked at start"
    due = law.calendar.due_calendar_days(now, days)
    filed = _filed(application, SUPPLEMENT, problems=problems, supplement_due=due)
    after = _resting(application, filed).model_copy(
        update={"supplements_asked": application.supplements_asked + 1, "asked_at": now}
    )
    return after, SupplementRequested(at=now, pilot_id=application.pilot_id, problems=problems, due=due)


def _registered(application: Application, bench: Bench, law: Law, now: datetime) -> tuple[Application, PilotRegistered]:
    dossier, row = application.dossier, bench.row
    limits = gating.Limits(law.calendar, application.received_at, row.supplement_clock, _interruption(application, now))
    gates = gating.gates_of(dossier, law.rules, limits)
    standstill, permit = gating.row_dues(row, limits)
    lead = law.rules.lead_authority(dossier.sector, dossier.provinces)
    event = PilotRegistered(
        at=now,
        pilot_id=application.pilot_id,
        code=application.code,
        organisation=dossier.organisation,
        title=dossier.title,
        sector=dossier.sector,
        provinces=dossier.provinces,
        objectives=dossier.objectives,
        hypothesis=dossier.hypothesis,
        received_at=application.received_at,
        tier=bench.tiering.tier,
        criteria=bench.tiering.criteria,
        lead_authority=lead,
        authorities=gating.authorities_of(lead, gates),
        start_mode=gating.start_mode(row, gates),
        planned_start=dossier.planned_start,
        duration_months=dossier.duration_months,
        standstill_due=standstill,
        permit_due=permit,
        gates=gates,
        start_at=gating.start_at(dossier.planned_start, now, standstill, permit, gates),
        envelope=dossier.envelope,
        declared=dossier.answers,
        documents=tuple(sorted({attachment.document for attachment in dossier.attachments})),
        cohort_id=dossier.cohort_id,
        rules=law.rules.freeze(dossier.sector, bench.tiering.tier, law.rules.declared_gates(dossier.activities)[0]),
    )
    return _resting(application, _filed_as(event)), event


def _filed_as(event: PilotRegistered) -> Filed:
    return Filed(
        pilot_id=event.pilot_id,
        code=event.code,
        status=REGISTERED,
        received_at=event.received_at,
        tier=event.tier,
        criteria=event.criteria,
        lead_authority=event.lead_authority,
        authorities=event.authorities,
        start_mode=event.start_mode,
        standstill_due=event.standstill_due,
        permit_due=event.permit_due,
        gates=event.gates,
        start_at=event.start_at,
    )


def _filed(
    application: Application,
    status: ApplicationStatus,
    *,
    problems: Sequence[Problem] = (),
    supplement_due: Due | None = None,
) -> Filed:
    return Filed(
        pilot_id=application.pilot_id,
        code=application.code,
        status=status,
        received_at=application.received_at,
        problems=tuple(problems),
        supplement_due=supplement_due,
    )


def _closed(application: Application, status: ApplicationStatus, reason: str | None) -> Application:
    after = _resting(application, _filed(application, status, problems=application.problems))
    return after.model_copy(update={"withdrawn_reason": reason})


def _resting(application: Application, filed: Filed) -> Application:
    return application.model_copy(update={"status": filed.status, "filed": filed})


def _interruption(application: Application, now: datetime) -> PauseSpan | None:
    return None if application.asked_at is None else PauseSpan(application.asked_at, now)


def _must_wait_for_supplement(application: Application, now: datetime) -> None:
    """What is overdue has lapsed, whether or not the sweep has come by."""
    if application.status is not SUPPLEMENT:
        raise Refused("application_not_open", status_found=application.status)
    due = application.supplement_due
    assert due is not None
    if now >= due.instant:
        raise Refused("supplement_over", due=due.instant.isoformat())

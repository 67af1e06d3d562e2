"""Before filing: "does this apply to me?", from the answers alone. Nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from services.applications.core import gates as gating
from services.applications.core.admission import Law, bench_for
from services.applications.core.faults import (
    Bench,
    activity_faults,
    answer_faults,
    farthest_start,
    permit_faults,
    place_faults,
    sandbox_basis,
)
from shared.contracts.base import Due
from shared.contracts.errors import Problem, problem
from shared.contracts.events.applications import PilotGate
from shared.contracts.http.advice import (
    CapRequired,
    CheckAnswer,
    CheckSent,
    DocumentNeeded,
    DutyAhead,
    LawBehind,
)
from shared.contracts.messages import text
from shared.contracts.rules import FrozenRules
from shared.reference.calendar import anniversaries, anniversary, local_day


def advise(asked: CheckSent, law: Law, now: datetime) -> CheckAnswer:
    """What would hold if the application were sent at ``now``; where something is wrong, all of that, and what is certain besides."""
    rules = law.rules
    bench = bench_for(asked.sector, asked.answers, rules, now)
    if bench is None:
        outside = problem("sector_outside_sandbox", "/sector", sandbox_basis(rules), sector=asked.sector)
        return CheckAnswer(at=now, rule_set=rules.rule_set.version, admissible=False, problems=(outside,))
    problems = tuple(_faults(asked, bench))
    known = CheckAnswer(
        at=now,
        rule_set=rules.rule_set.version,
        admissible=not problems,
        problems=problems,
        tier=bench.tiering.tier,
        criteria=bench.tiering.criteria,
        caps=tuple(_caps(asked, bench)),
        documents=tuple(_documents(asked, bench)),
    )
    return known if problems else _whole(asked, bench, law, known)


def _faults(asked: CheckSent, bench: Bench) -> Iterator[Problem]:
    yield from place_faults(asked.provinces, asked.communes, asked.activities, bench.rules, bench.basis)
    yield from answer_faults(asked.answers, asked.provinces, bench.tiering, bench.basis)
    yield from activity_faults(asked.activities, bench.rules, bench.basis)
    yield from permit_faults(asked.held_permits, asked.activities, bench.rules, bench.received_at, bench.basis)
    farthest = farthest_start(bench.received_at)
    if asked.planned_start is not None and asked.planned_start > farthest:
        yield problem("start_too_far", "/planned_start", bench.basis, day=local_day(farthest).isoformat())
    if asked.duration_months > bench.row.max_duration_months:
        longest, tier = bench.row.max_duration_months, bench.row.tier
        yield problem("duration_too_long", "/duration_months", bench.basis, months=longest, tier=tier)


def _whole(asked: CheckSent, bench: Bench, law: Law, known: CheckAnswer) -> CheckAnswer:
    rules, now = law.rules, known.at
    limits = gating.Limits(law.calendar, now, bench.row.supplement_clock)
    gates = gating.gates_of(asked, rules, limits)
    standstill, permit = gating.row_dues(bench.row, limits)
    start = gating.start_at(asked.planned_start or now, now, standstill, permit, gates)
    lead = rules.lead_authority(asked.sector, asked.provinces)
    frozen = rules.freeze(asked.sector, bench.tiering.tier, rules.declared_gates(asked.activities)[0])
    end = None if start is None else anniversary(start, asked.duration_months)
    told = {
        "start_mode": gating.start_mode(bench.row, gates),
        "start_at": start,
        "end_at": end,
        "standstill_due": standstill,
        "permit_due": permit,
        "lead_authority": lead,
        "authorities": gating.authorities_of(lead, gates),
        "gates": gates,
        "duties": (*_duties(frozen, law, start, end), *_notices(gates, law, end)),
        "law": _law(frozen, gates),
    }
    return known.model_copy(update=told)


def _caps(asked: CheckSent, bench: Bench) -> Iterator[CapRequired]:
    required = {row.metric for row in bench.rules.required_caps(asked.answers)}
    metrics = bench.rules.metrics(asked.sector)
    for row in bench.rules.cap_maxima.values():
        if row.metric in metrics:
            yield CapRequired(
                metric=row.metric,
                window=row.window,
                required=row.metric in required,
                maximum=row.of(bench.tiering.tier),
            )


def _documents(asked: CheckSent, bench: Bench) -> Iterator[DocumentNeeded]:
    held = bool(asked.held_permits)
    for document in bench.rules.documents_needed(bench.tiering.levels, bench.tiering.tier, held):
        yield DocumentNeeded(code=document.code, name_vi=document.name_vi, name_en=document.name_en)


def _duties(frozen: FrozenRules, law: Law, start: datetime | None, end: datetime | None) -> Iterator[DutyAhead]:
    every = frozen.policy.report_every_months
    first: datetime | None = None
    report: Due | None = None
    if start is not None and end is not None:
        first = next(iter(anniversaries(start, every, end)), None)
        report = law.calendar.due_days_before(end, frozen.defaults.final_report_min_days_before_end)
    hours, days = frozen.policy.incident_report_hours, frozen.amount("wind_down")
    yield _duty("duty_ahead_metrics", None)
    yield _duty("duty_ahead_periodic_report", first, months=every)
    yield _duty("duty_ahead_incident_report", None, hours=hours)
    yield _duty("duty_ahead_final_report", None if report is None else report.instant)
    yield _duty("duty_ahead_wind_down", end, days=days)


def _notices(gates: Sequence[PilotGate], law: Law, end: datetime | None) -> Iterator[DutyAhead]:
    for gate in gates:
        if (days := gate.notice_days) is not None:
            due = None if end is None else law.calendar.due_days_before(end, days).instant
            yield _duty("duty_ahead_exit_notice", due, days=days, authority=gate.authority, gate=gate.gate)


def _duty(code: str, due: datetime | None, **params: object) -> DutyAhead:
    texts = text(code)
    return DutyAhead(
        kind=code.removeprefix("duty_ahead_"),
        text_vi=texts.vi.format(**params),
        text_en=texts.en.format(**params),
        due=due,
    )


def _law(frozen: FrozenRules, gates: Sequence[PilotGate]) -> tuple[LawBehind, ...]:
    cited: Iterable[str] = (*frozen.policy.legal_basis, *(gate.legal_basis for gate in gates))
    rows = (frozen.legal_bases[code] for code in dict.fromkeys(cited))
    return tuple(
        LawBehind(code=row.code, number=row.number, title_vi=row.title_vi, title_en=row.title_en, status=row.status)
        for row in rows
    )

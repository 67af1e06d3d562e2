"""Faults planted into what was seen at the end of a season, one for each invariant: a checker that sees none of them proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from deploy.cli.eventlog import Logged
from deploy.demo import invariants as rules
from deploy.demo.look import Seen
from shared.contracts.events.applications import DecisionApplied, PilotRegistered, PilotStarted, ReplyFiled
from shared.contracts.pilot import PilotState

Doctor = Callable[[Seen], Seen]


def without(seen: Seen, kind: type[Any]) -> Seen:
    """The log without its first event of this kind."""
    lost = next(one for one in seen.log if isinstance(one.event, kind))
    return replace(seen, log=tuple(one for one in seen.log if one is not lost))


def a_report_counted_twice(seen: Seen) -> Seen:
    pilot_id, rows = next((pilot_id, rows) for pilot_id, rows in seen.reports.items() if rows)
    return replace(seen, reports={**seen.reports, pilot_id: (*rows, rows[0])})


def a_lost_report(seen: Seen) -> Seen:
    pilot_id, rows = next((pilot_id, rows) for pilot_id, rows in seen.reports.items() if rows)
    return replace(seen, reports={**seen.reports, pilot_id: rows[1:]})


def one_person_too_many(seen: Seen) -> Seen:
    pilot_id, usage = next(iter(seen.usage.items()))
    rows = tuple(
        row.model_copy(update={"value": row.value + Decimal(1)}) if row.window == "total" else row for row in usage.rows
    )
    return replace(seen, usage={**seen.usage, pilot_id: usage.model_copy(update={"rows": rows})})


def a_lost_decision(seen: Seen) -> Seen:
    return replace(seen, decisions=dict(list(seen.decisions.items())[1:]))


def a_lost_reply(seen: Seen) -> Seen:
    return without(seen, ReplyFiled)


def a_pilot_registered_twice(seen: Seen) -> Seen:
    first = next(one for one in seen.log if isinstance(one.event, PilotRegistered))
    headers = tuple((name, b"0" * 32 if name == "ce_id" else value) for name, value in first.headers)
    again = Logged(first.topic, first.partition, first.offset + 1_000, first.key, headers, first.data)
    return replace(seen, log=(*seen.log, again))


def a_finding_open_twice(seen: Seen) -> Seen:
    standing = next(one for one in seen.findings if one.state == "open")
    return replace(seen, findings=(*seen.findings, standing))


def a_start_that_never_was(seen: Seen) -> Seen:
    return without(seen, PilotStarted)


def a_state_that_history_does_not_give(seen: Seen) -> Seen:
    pilot_id, pilot = next((i, one) for i, one in seen.pilots.items() if one.state is PilotState.ACTIVE)
    return replace(seen, pilots={**seen.pilots, pilot_id: pilot.model_copy(update={"state": PilotState.SUSPENDED})})


def decided(seen: Seen, kind: str, **changed: object) -> Seen:
    decision_id, view = next((i, one) for i, one in seen.decisions.items() if one.decision.kind == kind)
    doctored = view.model_copy(update={"decision": view.decision.model_copy(update=changed)})
    return replace(seen, decisions={**seen.decisions, decision_id: doctored})


def an_adjustment_without_evidence(seen: Seen) -> Seen:
    return decided(seen, "adjust", evidence=())


def one_pair_of_eyes(seen: Seen) -> Seen:
    proposer = next(one.decision.proposer for one in seen.decisions.values() if one.decision.kind == "adjust")
    return decided(seen, "adjust", second_signer=proposer)


def nobody_else_signed(seen: Seen) -> Seen:
    return decided(seen, "confirm_measure", second_signer=None)


def a_sweep_that_stopped(seen: Seen) -> Seen:
    behind = seen.progress["decisions"].model_copy(update={"swept_until": None})
    return replace(seen, progress={**seen.progress, "decisions": behind})


def a_poisoned_record(seen: Seen) -> Seen:
    poisoned = seen.progress["monitoring"].model_copy(update={"poison": 1})
    return replace(seen, progress={**seen.progress, "monitoring": poisoned})


def a_measure_for_nobody(seen: Seen) -> Seen:
    def forgotten(case: Any) -> Any:
        measures = tuple(one.model_copy(update={"state": "confirmed"}) for one in case.measures)
        return case.model_copy(update={"measures": measures})

    return replace(seen, cases={case_id: forgotten(case) for case_id, case in seen.cases.items()}, queue=())


def two_services_that_differ(seen: Seen) -> Seen:
    case_id, case = next(iter(seen.cases.items()))
    pilot = case.pilot.model_copy(update={"state": PilotState.PENDING})
    return replace(seen, cases={**seen.cases, case_id: case.model_copy(update={"pilot": pilot})})


def a_finding_that_was_not_stored(seen: Seen) -> Seen:
    return replace(seen, findings=seen.findings[1:])


def an_unanswered_decision(seen: Seen) -> Seen:
    return without(seen, DecisionApplied)


def a_broken_chain(seen: Seen) -> Seen:
    broken = {name: chain.model_copy(update={"intact": False}) for name, chain in seen.chains.items()}
    return replace(seen, chains=broken)


PLANTED: tuple[tuple[rules.Rule, Doctor], ...] = (
    (rules.reports_count_once, a_report_counted_twice),
    (rules.reports_count_once, a_lost_report),
    (rules.sums_are_exact, one_person_too_many),
    (rules.nothing_is_lost, a_lost_decision),
    (rules.nothing_is_lost, a_lost_reply),
    (rules.one_pilot_one_case, a_pilot_registered_twice),
    (rules.one_open_finding, a_finding_open_twice),
    (rules.moves_are_legal, a_start_that_never_was),
    (rules.moves_are_legal, a_state_that_history_does_not_give),
    (rules.evidence_where_required, an_adjustment_without_evidence),
    (rules.four_eyes, one_pair_of_eyes),
    (rules.four_eyes, nobody_else_signed),
    (rules.clocks_have_fired, a_sweep_that_stopped),
    (rules.clocks_have_fired, a_poisoned_record),
    (rules.measures_end, a_measure_for_nobody),
    (rules.services_agree, two_services_that_differ),
    (rules.services_agree, a_finding_that_was_not_stored),
    (rules.decisions_are_answered, an_unanswered_decision),
    (rules.chains_verify, a_broken_chain),
)

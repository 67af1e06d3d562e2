"""What a pilot is bound by: the rows that its registration carries, and the acts that they cite."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from shared.contracts.rules import ClockCode, DecisionKind, FrozenRules
from shared.reference.load import load

RULES = load()
NOW = RULES.on(date(2026, 7, 6))
BEFORE = RULES.on(date(2026, 6, 30))


def frozen(sector: str = "performing_arts", tier: int = 2) -> FrozenRules:
    return NOW.freeze(sector, tier, [NOW.gates["show_live_other"]])


def test_a_pilot_carries_every_row_that_binds_it() -> None:
    rules = frozen()
    assert (rules.rule_set, rules.received_on) == (RULES.version, date(2026, 7, 6))
    assert rules.policy == NOW.policy("performing_arts", 2)
    assert rules.clocks.keys() == set(ClockCode)
    assert rules.decision_types.keys() == set(DecisionKind)
    assert rules.metrics == NOW.metrics("performing_arts")
    assert rules.thresholds.keys() == {
        "complaints_per_1000",
        "unlabelled_ai_share",
        "takedown_latency",
        "safety_incidents",
    }
    assert "safety_incidents" not in frozen("cinema", 1).thresholds
    assert (rules.sector_level, rules.priority_default, rules.asset_level["original_artefact"]) == (2, 2, 4)
    assert rules.rule_defaults.cap_warning_ratio == Decimal("0.80")
    assert rules.cap_maxima["crowd_peak"].of(2) == 2000


def test_the_lengths_of_clocks_are_taken_from_where_they_stand() -> None:
    rules = frozen()
    lengths = {
        "standstill": 5,  # the policy row
        "periodic_report": 6,
        "incident_report": 72,
        "final_report": 15,  # the defaults
        "extension_decision": 10,
        "silence": 2,  # the monitoring rules
        "findings_after_end": 30,
        "case_critical": 3,  # the clock itself
        "appeal_file_1": 90,
    }
    assert {code: rules.amount(code) for code in lengths} == lengths
    assert rules.clocks["standstill"].amount_from == "row.standstill_working_days"
    assert rules.clocks["appeal_resolve_1"].amount_complex == 45


def test_the_reply_window_stands_in_the_kind_of_decision() -> None:
    rules = frozen()
    assert (rules.amount("reply", "terminate"), rules.amount("reply", "warn")) == (5, 0)
    for code, decision in (("reply", None), ("pilot_start", None), ("pilot_start", "terminate")):
        with pytest.raises(ValueError, match="no length of its own"):
            rules.amount(code, decision)
    with pytest.raises(KeyError):
        rules.amount("lunch")


def test_two_sign_where_the_row_says_so_always_for_the_gravest_and_in_appeals() -> None:
    rules, first = frozen(), frozen("performing_arts", 1)
    signed = {kind: rules.needs_second_signer(kind) for kind in ("adjust", "warn", "terminate", "uphold")}
    assert signed == {"adjust": True, "warn": False, "terminate": True, "uphold": True}
    assert not first.needs_second_signer("adjust")


def test_a_pilot_carries_the_acts_that_its_rows_cite_as_they_stood() -> None:
    rules = frozen()
    assert rules.legal_bases["decree-144-2020"].number == "144/2020/NĐ-CP"
    assert {"law-93-2025", "decree-142-2026", "law-02-2011", "law-05-2022-qh15"} <= rules.legal_bases.keys()
    assert "project" not in rules.legal_bases
    assert "law-45-2024" not in rules.legal_bases
    heritage = NOW.freeze("performing_arts", 2, [NOW.gates["heritage_digitise_national"]])
    assert "decree-308-2025" in heritage.legal_bases


def test_what_a_pilot_carries_survives_the_wire() -> None:
    rules = frozen()
    again = FrozenRules.model_validate_json(rules.model_dump_json())
    assert again == rules
    assert again.model_dump_json() == rules.model_dump_json()
    assert frozen() is rules  # frozen once for all pilots alike


def test_no_row_can_be_frozen_where_none_is_in_force() -> None:
    with pytest.raises(KeyError):
        BEFORE.freeze("cinema", 1)


def test_an_enterprise_bears_one_check_and_one_inspection_a_year() -> None:
    budget = RULES.fixed.check_budget
    assert (budget.onsite_checks_per_year, budget.inspections_per_year, budget.remote_first) == (1, 1, True)
    assert budget.never_both_on_the_same_content
    assert not budget.remote_checks_count


# Whether the acts that are cited are in force


def test_an_act_is_cited_only_while_it_is_in_force() -> None:
    acts = RULES.fixed.legal_bases
    assert acts["resolution-66-18-2026"].in_force(date(2027, 2, 28))
    assert not acts["resolution-66-18-2026"].in_force(date(2027, 3, 1))
    assert not acts["resolution-66-18-2026"].in_force(date(2026, 6, 30))
    assert not acts["decree-61-2018"].in_force(date(2026, 7, 6))
    assert acts["decree-287-2026"].in_force(date(2026, 7, 6)), "a date that is not known does not speak against it"


def test_a_policy_row_that_cites_an_act_out_of_force_is_warned_of() -> None:
    assert RULES.legal_warnings(date(2026, 7, 6)) == ()
    late = RULES.legal_warnings(date(2027, 3, 1))
    assert len(late) == 30
    assert "cites resolution-66-18-2026, which is not in force on 2027-03-01" in late[0]


def test_acts_whose_dates_nobody_knows_are_warned_of_at_the_start() -> None:
    assert [warning.split("(")[1] for warning in RULES.warnings] == [
        "decree-287-2026): effective_from is not known",
        "resolution-30-2026-qh16): issued is not known",
    ]

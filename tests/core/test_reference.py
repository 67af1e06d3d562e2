"""What the reference data answers: who leads, which tier, which gates and documents, which caps, and what a pilot is bound by."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.pilot import Cap, StartMode, Window
from shared.contracts.rules import (
    WINDOWS_OF,
    GatePhase,
    GateRequires,
    MetricKind,
)
from shared.reference.load import load
from shared.reference.rows import CapFault, place_of
from shared.reference.rows.conditions import parse_needed, parse_required_when

RULES = load()
NOW = RULES.on(date(2026, 7, 6))
BEFORE = RULES.on(date(2026, 6, 30))

# The answers of an enterprise of the Broadway season: demand-based ticket prices at a licensed show of 1,200 seats.
SHOW: dict[str, str | int] = {
    "minors_mode": "none",
    "data_class": "none",
    "money_mode": "licensed_payment",
    "participants_cap": 1200,
    "crowd_cap": 1200,
    "foreign_mode": "none",
    "heritage_class": "none",
    "content_class": "ordinary",
    "ai_mode": "none",
    "provinces_cap": 1,
    "physical_mode": "none",
}
SHOW_CAPS = (
    Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=Decimal(1200)),
    Cap(metric="revenue_vnd", window=Window.TOTAL, limit=Decimal(10**12)),
    Cap(metric="participants_active", window=Window.CONCURRENT, limit=Decimal(1200)),
    Cap(metric="provinces_covered", window=Window.CONCURRENT, limit=Decimal(1)),
)


# Sectors and policy


def test_there_are_ten_sectors_with_a_row_for_each_tier() -> None:
    assert len(NOW.fixed.sectors) == 10
    assert NOW.policies.keys() == {(sector, tier) for sector in NOW.fixed.sectors for tier in (1, 2, 3)}


def test_a_policy_row_is_that_of_the_day_of_receipt() -> None:
    row = NOW.policy("performing_arts", 2)
    assert row is not None
    assert (row.start, row.standstill_working_days, row.max_duration_months) == (StartMode.STANDSTILL, 5, 24)
    assert BEFORE.policy("performing_arts", 2) is None
    assert NOW.policy("banking", 1) is None


def test_a_sector_is_outside_the_sandbox_when_unknown_or_without_rows() -> None:
    cinema = NOW.sector("cinema")
    assert cinema is not None
    assert cinema.name_vi == "Điện ảnh"
    assert NOW.sector("banking") is None
    assert BEFORE.sector("cinema") is None


def test_a_day_always_gives_the_same_view() -> None:
    assert RULES.on(date(2026, 7, 6)) is NOW


def test_old_sector_codes_lead_to_the_new_list() -> None:
    assert RULES.fixed.legacy_sectors["fashion"].maps_to == "creative_design"
    assert RULES.fixed.legacy_sectors["architecture"].maps_to == ""


# Tiers


def test_the_highest_level_of_any_criterion_is_the_tier_and_every_criterion_is_shown() -> None:
    found = NOW.tier(SHOW, "performing_arts")
    assert (found.tier, found.faults, len(found.criteria)) == (2, (), 11)
    assert {answer.code for answer in found.decisive} == {"money", "audience", "live_crowd"}
    crowd = next(answer for answer in found.criteria if answer.code == "live_crowd")
    assert (crowd.answer, crowd.answer_vi, crowd.level, crowd.decisive) == (1200, "1200", 2, True)
    assert crowd.question_vi == "Số người tối đa cùng lúc tại một nơi"
    heritage = next(answer for answer in found.criteria if answer.code == "heritage")
    assert (heritage.answer_vi, heritage.answer_en, heritage.decisive) == ("không", "none", False)
    assert found.levels["money"] == 2


@pytest.mark.parametrize(
    ("answer", "value", "tier"),
    [
        ("crowd_cap", 100, 2),  # money still asks for tier 2
        ("crowd_cap", 2000, 2),
        ("crowd_cap", 2001, 3),
        ("participants_cap", 10000, 2),
        ("participants_cap", 10001, 3),
        ("provinces_cap", 34, 2),
        ("minors_mode", "targeted", 3),
        ("foreign_mode", "technical_partner", 2),
        ("heritage_class", "contact", 3),
    ],
)
def test_each_answer_reaches_its_level(answer: str, value: str | int, tier: int) -> None:
    assert NOW.tier({**SHOW, answer: value}, "performing_arts").tier == tier


def test_a_criterion_without_a_second_cut_reaches_level_two_at_most() -> None:
    game = {**SHOW, "players_u18": 10**6, "money_mode": "free", "participants_cap": 1, "crowd_cap": 0}
    assert NOW.tier(game, "software_games").tier == 2
    assert NOW.tier({**game, "players_u18": 0}, "software_games").tier == 1


def test_everything_wrong_with_the_answers_is_said_at_once() -> None:
    answers = {
        **SHOW,
        "data_class": "secret",
        "crowd_cap": -1,
        "participants_cap": "many",
        "provinces_cap": True,
        "typo": 1,
    }
    del answers["ai_mode"]
    found = NOW.tier(answers, "performing_arts")
    assert {(fault.input, fault.why) for fault in found.faults} == {
        ("data_class", "unknown_option"),
        ("crowd_cap", "not_a_count"),
        ("participants_cap", "not_a_count"),
        ("provinces_cap", "not_a_count"),
        ("ai_mode", "missing"),
        ("typo", "unknown_input"),
    }
    assert {fault.criterion.code for fault in found.faults if fault.criterion} >= {"ai", "live_crowd"}
    assert len(found.criteria) + len(found.faults) == 12


def test_an_answer_that_only_another_sector_asks_for_is_left_aside() -> None:
    assert NOW.tier({**SHOW, "players_u18": 5}, "performing_arts").faults == ()
    assert [fault.input for fault in NOW.tier(SHOW, "software_games").faults] == ["players_u18"]


def test_nothing_answered_is_tier_one_and_every_criterion_missing() -> None:
    found = NOW.tier({}, "performing_arts")
    assert (found.tier, found.criteria, len(found.faults)) == (1, (), 11)


@given(
    st.fixed_dictionaries({name: st.integers(0, 20000) for name in ("crowd_cap", "participants_cap", "provinces_cap")})
)
def test_a_larger_number_never_lowers_the_tier(numbers: dict[str, int]) -> None:
    small = NOW.tier({**SHOW, **numbers}, "cinema").tier
    large = NOW.tier({**SHOW, **{name: value * 2 for name, value in numbers.items()}}, "cinema").tier
    assert small <= large


# Gates and authorities


def test_declared_activities_are_gates_once_each_and_the_unknown_are_named() -> None:
    gates, unknown = NOW.declared_gates(["show_live_other", "game_shutdown", "show_live_other", "juggling"])
    assert ([gate.code for gate in gates], unknown) == (["show_live_other", "game_shutdown"], ("juggling",))
    at_start, _ = NOW.declared_gates(["show_live_other", "game_shutdown"], GatePhase.START)
    assert [gate.code for gate in at_start] == ["show_live_other"]
    assert (at_start[0].requires, at_start[0].days, at_start[0].day_kind) == (GateRequires.PERMIT, 5, "working")


def test_an_applicant_is_asked_about_the_activities_of_the_sector_and_of_all() -> None:
    codes = {gate.code for gate in NOW.activities("advertising")}
    assert codes >= {"ad_board_banner", "ad_procession", "ai_sandbox_level3"}
    assert "show_live_other" not in codes


def test_gates_have_an_order_of_strictness() -> None:
    assert [gate.strictness for gate in GateRequires] == [0, 1, 2, 3]
    assert max(GateRequires, key=lambda gate: gate.strictness) is GateRequires.PERMIT


def test_one_province_is_led_by_its_department_and_two_by_the_ministry() -> None:
    assert NOW.lead_authority("performing_arts", ["79"]) == "prov_79_culture"
    assert NOW.lead_authority("performing_arts", ["79", "79"]) == "prov_79_culture"
    assert NOW.lead_authority("performing_arts", ["79", "01"]) == "mcst_performing_arts"


def test_tourism_is_led_by_the_culture_department_where_one_does_both() -> None:
    assert NOW.lead_authority("cultural_tourism", ["01"]) == "prov_01_tourism"
    assert NOW.lead_authority("cultural_tourism", ["48"]) == "prov_48_culture"


def test_a_gate_is_decided_where_the_activity_is() -> None:
    live, venue, online = (
        NOW.gates[code] for code in ("show_live_other", "show_internal_or_unticketed_venue", "film_classification")
    )
    assert NOW.gate_authorities(live, ["01", "79"]) == ("prov_01_pc", "prov_79_pc")
    assert NOW.gate_authorities(venue, ["79"], ["26734", "26737"]) == ("comm_26734_pc", "comm_26737_pc")
    assert NOW.gate_authorities(online, ["01", "79"]) == ("mcst_cinema",)
    assert [place_of(gate.authority) for gate in (live, venue, online)] == ["province", "commune", "none"]


def test_a_gate_without_its_place_has_no_authority() -> None:
    venue = NOW.gates["show_internal_or_unticketed_venue"]
    for communes in ([], ["2673"], ["2673x"]):
        with pytest.raises(LookupError, match="comm_"):
            NOW.gate_authorities(venue, ["79"], communes)
    with pytest.raises(LookupError, match="prov_"):
        NOW.gate_authorities(NOW.gates["show_live_other"], ["00"])


def test_a_peoples_committee_stands_in_the_queue_of_its_culture_department() -> None:
    queue_of = RULES.fixed.authorities.queue_of
    assert queue_of("prov_79_pc") == "prov_79_culture"
    assert [queue_of(code) for code in ("comm_26734_pc", "mcst_cinema", "prov_79_tourism")] == [
        "comm_26734_pc",
        "mcst_cinema",
        "prov_79_tourism",
    ]


def test_authorities_are_known_by_their_code_and_named_as_they_sign() -> None:
    authorities = RULES.fixed.authorities
    assert authorities.get("prov_48_culture").name_vi == "Sở Văn hóa, Thể thao và Du lịch thành phố Đà Nẵng"
    assert authorities.get("prov_04_pc").name_vi == "Ủy ban nhân dân tỉnh Cao Bằng"
    assert authorities.get("prov_79_pc").name_vi == "Ủy ban nhân dân Thành phố Hồ Chí Minh"
    assert authorities.get("prov_01_tourism").name_en == "Department of Tourism of Hanoi"
    assert authorities.get("comm_26734_pc").name_vi == "Ủy ban nhân dân xã, phường, đặc khu mã 26734"
    assert authorities.get("mcst").agency_code == "G16"
    assert "prov_48_tourism" not in authorities
    with pytest.raises(KeyError):
        authorities.get("prov_48_tourism")


def test_each_province_has_a_culture_department_and_a_committee_and_three_have_two_departments() -> None:
    codes = set(RULES.fixed.authorities.by_code)
    assert len(RULES.fixed.provinces) == 34
    assert {f"prov_{p}_{part}" for p in RULES.fixed.provinces for part in ("culture", "pc")} <= codes
    assert {code for code in codes if code.endswith("_tourism")} == {
        "mcst_tourism",
        "prov_01_tourism",
        "prov_46_tourism",
        "prov_79_tourism",
    }


def test_letters_print_the_type_that_a_province_has_on_their_date() -> None:
    assert RULES.fixed.province_type("75", date(2026, 4, 29)) == "province"
    assert RULES.fixed.province_type("75", date(2026, 4, 30)) == "city"
    assert RULES.fixed.province_type("04", date(2026, 4, 29)) == "province"


# Documents


def test_the_documents_of_the_season_are_exactly_those_of_tier_two_with_a_held_permit() -> None:
    found = NOW.tier(SHOW, "performing_arts")
    documents = NOW.documents_needed(found.levels, found.tier, held_permit=True)
    assert [document.code for document in documents] == [
        "disclosure",
        "complaint_channel",
        "rights_proof",
        "safety_plan",
        "gate_permit",
    ]


@pytest.mark.parametrize(
    ("levels", "tier", "held", "extra"),
    [
        ({}, 1, False, set()),
        ({"money": 3}, 1, False, {"insurance"}),
        ({"physical_risk": 2}, 2, False, {"rights_proof", "safety_plan", "insurance"}),
        ({"minors": 2, "personal_data": 3}, 3, False, {"rights_proof", "insurance", "age_rating", "dpia"}),
        ({"heritage": 2, "foreign_content": 2}, 1, True, {"heritage_opinion", "foreign_contract", "gate_permit"}),
    ],
)
def test_a_document_is_asked_for_only_where_the_list_says_so(
    levels: dict[str, int], tier: int, held: bool, extra: set[str]
) -> None:
    found = {document.code for document in NOW.documents_needed(levels, tier, held)}
    assert found == {"disclosure", "complaint_channel"} | extra


def test_a_condition_is_one_of_the_forms_that_the_rules_have() -> None:
    assert parse_needed("always").holds({}, 1, False)
    assert not parse_needed("held_permit").holds({}, 3, False)
    assert parse_needed("held_permit or tier >= 3").holds({}, 3, False)
    for text in ("tier > 2", "tier >= 4", "sometimes", "tier >= 2 and money >= 2", ""):
        with pytest.raises(ValueError, match="none of"):
            parse_needed(text)
    assert parse_required_when("crowd_cap > 0").holds({"crowd_cap": 1})
    assert not parse_required_when("crowd_cap > 0").holds({"crowd_cap": 0})
    assert not parse_required_when("crowd_cap > 0").holds({"crowd_cap": "many"})
    assert not parse_required_when("crowd_cap > 0").holds({})
    for text in ("crowd_cap >= 1", "never", "crowd_cap > x"):
        with pytest.raises(ValueError, match="neither"):
            parse_required_when(text)


# Caps


def test_the_caps_of_the_season_are_lawful() -> None:
    assert NOW.cap_faults(SHOW_CAPS, "performing_arts", 2, SHOW) == ()
    assert [row.metric for row in NOW.required_caps(SHOW)] == [
        "participants_active",
        "crowd_peak",
        "provinces_covered",
        "revenue_vnd",
    ]


def test_every_fault_of_the_caps_is_said_at_once() -> None:
    caps = (
        Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=Decimal(2001)),
        Cap(metric="juggling", window=Window.TOTAL, limit=Decimal(1)),
        Cap(metric="jobs", window=Window.CONCURRENT, limit=Decimal(1)),
        Cap(metric="shows", window=Window.CONCURRENT, limit=Decimal(1)),
        Cap(metric="revenue_vnd", window=Window.DAY, limit=Decimal(10**12)),
        Cap(metric="shows", window=Window.TOTAL, limit=Decimal(1)),
        Cap(metric="shows", window=Window.TOTAL, limit=Decimal(2)),
        Cap(metric="funds_held_vnd", window=Window.CONCURRENT, limit=Decimal(1)),
    )
    assert NOW.cap_faults(caps, "performing_arts", 2, SHOW) == (
        CapFault("over_maximum", "crowd_peak", 0, Window.CONCURRENT, Decimal(2000), 3),
        CapFault("unknown_metric", "juggling", 1, Window.TOTAL),
        CapFault("not_cappable", "jobs", 2, Window.CONCURRENT),
        CapFault("wrong_window", "shows", 3, Window.CONCURRENT),
        CapFault("declared_twice", "shows", 6, Window.TOTAL),
        CapFault("over_maximum", "funds_held_vnd", 7, Window.CONCURRENT, Decimal(0), 3),
        CapFault("missing", "participants_active", maximum=Decimal(10000)),
        CapFault("missing", "provinces_covered"),
        CapFault("missing", "revenue_vnd", window=Window.TOTAL),
    )


def test_a_cap_over_its_maximum_names_the_lowest_tier_that_would_allow_it() -> None:
    def faults(limit: int) -> tuple[CapFault, ...]:
        cap = Cap(metric="participants_active", window=Window.CONCURRENT, limit=Decimal(limit))
        return tuple(fault for fault in NOW.cap_faults((cap,), "cinema", 1, {}) if fault.why == "over_maximum")

    assert [fault.allowed_by_tier for limit in (500, 501, 10000, 10001) for fault in faults(limit)] == [2, 2, 3]


def test_a_crowd_is_capped_only_where_there_is_one() -> None:
    assert "crowd_peak" not in {row.metric for row in NOW.required_caps({**SHOW, "crowd_cap": 0})}


def test_a_metric_of_another_sector_is_unknown() -> None:
    cap = Cap(metric="players_active", window=Window.CONCURRENT, limit=Decimal(1))
    assert NOW.cap_faults((cap,), "cinema", 3, {})[0].why == "unknown_metric"


def test_metrics_are_the_common_ones_and_those_of_the_sector() -> None:
    cinema, publishing = NOW.metrics("cinema"), NOW.metrics("publishing")
    assert cinema["titles_published"].unit == publishing["titles_published"].unit == "title"
    assert cinema["titles_published"].name_vi != publishing["titles_published"].name_vi
    assert cinema["crowd_peak"].kind is MetricKind.GAUGE
    assert "shows" not in cinema
    assert set(NOW.fixed.sectors["cinema"].metrics) <= cinema.keys()


def test_each_kind_of_metric_has_its_windows() -> None:
    assert {kind: set(windows) for kind, windows in WINDOWS_OF.items()} == {
        MetricKind.DELTA: {Window.TOTAL, Window.DAY},
        MetricKind.COUNTER: {Window.TOTAL, Window.DAY},
        MetricKind.GAUGE: {Window.CONCURRENT},
    }

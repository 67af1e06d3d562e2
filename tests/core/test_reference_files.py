"""The reference files are checked whole before anything runs: each way to break them is one sentence that names file and row."""

from __future__ import annotations

import hashlib
from datetime import date
from importlib.resources import files as package_files
from pathlib import Path

import pytest

from shared.reference.calendar import AfterHours
from shared.reference.load import (
    FILES,
    InvalidReference,
    load,
    load_calendar,
    parse,
    parse_calendar,
    version_of,
)

FOLDER = Path(str(package_files("shared.reference")))
ORIGINAL = {name: (FOLDER / name).read_bytes() for name in FILES}
CALENDAR = (FOLDER / "calendar.toml").read_text("utf-8")


def edited(file: str, old: str, new: str) -> dict[str, bytes]:
    """The files with the first ``old`` of one of them replaced; the text must be there, or the test proves nothing."""
    text = ORIGINAL[file].decode()
    assert old in text, f"{file} has no {old!r}"
    return {**ORIGINAL, file: text.replace(old, new, 1).encode()}


def errors(files: dict[str, bytes]) -> tuple[str, ...]:
    with pytest.raises(InvalidReference) as caught:
        parse(files)
    assert all(error in str(caught.value) for error in caught.value.errors)
    return caught.value.errors


def test_the_files_of_the_project_agree() -> None:
    rules = load()
    assert rules.files == ORIGINAL
    assert rules.version == version_of(ORIGINAL)


def test_a_set_that_was_stored_can_be_read_again() -> None:
    rules = load()
    again = parse(rules.files)
    assert (again.version, again.fixed, again.dated) == (rules.version, rules.fixed, rules.dated)


def test_a_folder_can_be_loaded_instead(tmp_path: Path) -> None:
    for name, data in ORIGINAL.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "calendar.toml").write_text(CALENDAR, "utf-8")
    assert load(tmp_path).version == load().version
    assert load_calendar(tmp_path) == load_calendar()


def test_the_version_is_the_sha256_of_names_and_bytes_whatever_their_order() -> None:
    assert version_of({"b": b"2", "a": b"1"}) == version_of({"a": b"1", "b": b"2"})
    by_hand = b"".join(len(part).to_bytes(8, "big") + part for part in (b"a", b"1", b"b", b"2"))
    assert version_of({"a": b"1", "b": b"2"}) == hashlib.sha256(by_hand).hexdigest()
    assert (
        len({version_of({"a": b"1"}), version_of({"a": b"2"}), version_of({"b": b"1"}), version_of({"a1": b""})}) == 4
    )


def test_one_byte_more_is_another_version() -> None:
    assert parse({**ORIGINAL, "rules.toml": ORIGINAL["rules.toml"] + b"\n"}).version != load().version


def test_an_empty_folder_says_everything_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidReference) as caught:
        load(tmp_path)
    assert {f"{name}: missing" for name in FILES} <= set(caught.value.errors)
    with pytest.raises(InvalidReference, match=r"calendar\.toml: missing"):
        load_calendar(tmp_path)


MALFORMED = [
    ("rules.toml", "schema_version = 1", "schema_version = ", "rules.toml: no readable TOML"),
    ("rules.toml", "schema_version = 1", "schema_version = 2", "rules.toml: schema_version is not 1"),
    (
        "policy.toml",
        "tier = 1",
        'tier = "1"',
        "policy.toml [[policy]] 1 (cinema): tier: Input should be a valid integer",
    ),
    ("policy.toml", "max_extensions = 1", "max_extension = 1", "[[policy]] 1 (cinema): unknown field max_extension"),
    ("policy.toml", "max_extensions = 1", "max_extension = 1", "[[policy]] 1 (cinema): max_extensions: Field required"),
    ("policy.toml", 'start = "on_registration"', 'start = "at_once"', "start: Input should be 'on_registration'"),
    ("policy.toml", "effective_from = 2026-07-01 #", "since = 2026-07-01 #", "policy.toml: effective_from is missing"),
    ("policy.toml", "[defaults]", "[default]", "policy.toml [defaults]: missing"),
    (
        "policy.toml",
        'requires = "notice_only"\ndays = 0',
        'requires = "a nod"\ndays = 0',
        "[[statutory_gate]] 1 (film_online_selfclassified): requires",
    ),
    ("rules.toml", "cap_warning_ratio = 0.80", "cap_warning_ratio = 1979-05-27T07:32:00", "cap_warning_ratio"),
    ("rules.toml", 'pauses = ["supplement"]', 'pauses = ["lunch"]', "[[clock]] 10 (permit): pauses.0"),
    ("sectors.toml", 'kind = "gauge"', 'kind = "gage"', "sectors.toml [[metric]] 1 (participants_active): kind"),
    ("sectors.toml", "order = 2", "order = 1", "the order 1 stands already in sectors.toml [[sector]] 1 (cinema)"),
    ("sectors.toml", 'code = "jobs"', 'code = "participants_active"', "stands already in sectors.toml [[metric]] 1"),
    (
        "provinces.toml",
        'code = "04"',
        'code = "01"',
        "provinces.toml [[province]] 2 (01): the code '01' stands already",
    ),
    ("policy.toml", "effective_from = 2026-07-01\nreview_by", 'effective_from = "soon"\nreview_by', "effective_from"),
    (
        "policy.toml",
        "effective_from = 2026-07-01\nreview_by",
        "effective_from = 2026-07-01\neffective_to = 2026-07-01\nreview_by",
        "[[policy]] 1 (cinema): effective_to is not after effective_from",
    ),
    (
        "rules.toml",
        'code = "pilot_start"',
        'code = "pilot_start"\neffective_from = "soon"',
        "[[clock]] 1 (pilot_start): effective_from or effective_to is no date",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "error"), MALFORMED)
def test_what_is_malformed_names_file_and_row(file: str, old: str, new: str, error: str) -> None:
    assert any(error in found for found in errors(edited(file, old, new)))


def test_a_table_that_is_missing_altogether_is_an_error() -> None:
    text = ORIGINAL["rules.toml"].decode().replace("[[document]]", "[[paper]]").encode()
    assert "rules.toml: has no [[document]]" in errors({**ORIGINAL, "rules.toml": text})


def test_a_malformed_value_that_json_does_not_know_is_refused_too() -> None:
    files = edited("rules.toml", 'code = "pilot_start"', 'code = "pilot_start"\nbasis2 = nan')
    assert any("unknown field basis2" in found for found in errors(files))


CONTRADICTING = [
    # organs
    ("authorities.toml", 'code = "mcst_cinema"', 'code = "prov_04_pc"', "the code prov_04_pc comes from two rows"),
    ("authorities.toml", "comm_{w}_pc\"\nname", "comm_{w}\"\nname", "no pattern comm_{w}_pc"),
    ("authorities.toml", '["01", "46", "79"]', '["01", "46", "79", "99"]',
     "[[authority_pattern]] 1 (prov_{p}_culture): unknown province 99"),
    ("authorities.toml", '["01", "46", "79"]', '["01", "46", "79", "48"]', "leaves out province 48, and no [[authority_split]] has it"),
    ("authorities.toml", 'province = "46"', 'province = "47"', "[[authority_split]] 2 (47): unknown province 47"),
    ("authorities.toml", '"prov_46_tourism"', '"prov_46_travel"', "its codes are not prov_46_culture and prov_46_tourism"),
    ("provinces.toml", "count_city = 7", "count_city = 6", "provinces.toml: count_city says 6, the rows are 7"),
    ("provinces.toml", '[[type_change]]\ncode = "75"', '[[type_change]]\ncode = "76"', "[[type_change]] 1 (76): unknown province 76"),
    ("provinces.toml", '"resolution-30-2026-qh16"\n', '"resolution-31"\n', "unknown legal basis resolution-31"),
    # sectors and metrics
    ("sectors.toml", 'lead_more_provinces = "mcst_cinema"', 'lead_more_provinces = "mcst_film"',
     "[[sector]] 1 (cinema): unknown authority mcst_film"),
    ("sectors.toml", 'lead_more_provinces = "mcst_cinema"', 'lead_more_provinces = "prov_{p}_pc"', "one authority, not one per place"),
    ("sectors.toml", '"screenings", ', '"screening", ', "[[sector]] 1 (cinema): unknown metric screening"),
    ("sectors.toml", '"decree-38-2021"]', '"decree-38"]', "[[sector]] 1 (cinema): unknown legal basis decree-38"),
    ("sectors.toml", 'scope = "cinema"', 'scope = "film"', "unknown sector film"),
    ("sectors.toml", 'scope = "cinema"\ncode = "screenings"', 'scope = "cinema"\ncode = "jobs"', "jobs is a common metric too"),
    ("sectors.toml", 'maps_to = "advertising"', 'maps_to = "ads"', "[[legacy_sector]] 1 (advertising): maps to the unknown sector ads"),
    ("sectors.toml", 'authorities = ["mcst_copyright"]', 'authorities = ["mcst_copy"]',
     "[[cross_cutting]] 2 (copyright): unknown authority mcst_copy"),
    # legal bases
    ("legal_bases.toml", 'aliases = ["law-93-2025-qh15"]', 'aliases = ["law-05-2022"]', "legal_bases.toml: law-05-2022 names two acts"),
    ("legal_bases.toml", 'status = "in_force"', 'status = "valid"', "[[legal_basis]] 1 (resolution-80-nq-tw): unknown status valid"),
    ("legal_bases.toml", 'replaced_by = "decree-118-2025"', 'replaced_by = "decree-119"', "unknown legal basis decree-119"),
    ("legal_bases.toml", "effective_to = 2027-02-28", "effective_to = 2026-02-28", "effective_to is before effective_from"),
    # gaps and overlaps
    ("policy.toml", 'sector = "cinema"\ntier = 3', 'sector = "cinema"\ntier = 2', "policy.toml [[policy]]: gap: no row for cinema tier 3"),
    ("policy.toml", 'sector = "cinema"\ntier = 3', 'sector = "cinema"\ntier = 2',
     "[[policy]] 3 (cinema): overlap with policy.toml [[policy]] 2 (cinema), which is in force until further notice"),
    ("policy.toml", "effective_from = 2026-07-01\nreview_by", "effective_from = 2026-08-01\nreview_by",
     "[[policy]] 1 (cinema): gap: nothing for cinema tier 1 from 2026-07-01 until 2026-08-01"),
    ("policy.toml", "effective_from = 2026-07-01\nreview_by", "effective_from = 2026-07-01\neffective_to = 2027-01-01\nreview_by",
     "[[policy]] 1 (cinema): gap: nothing for cinema tier 1 from 2027-01-01"),
    ("rules.toml", 'code = "reply"', 'code = "opinion"', "rules.toml [[clock]]: gap: no row for reply"),
    ("policy.toml", 'code = "object"\n', 'code = "permit"\n', "gap: no row for object"),
    ("rules.toml", 'code = "dpia"', 'code = "insurance"', "[[document]] 7 (insurance): overlap with rules.toml [[document]] 5 (insurance)"),
    # policy rows and their anchors
    ("policy.toml", '[[policy]]\nsector = "cinema"', '[[policy]]\nsector = "film"', "[[policy]] 1 (film): unknown sector film"),
    ("policy.toml", 'sector = "cinema"\ntier = 1', 'sector = "cinema"\ntier = 4', "[[policy]] 1 (cinema): tier is none of 1, 2, 3"),
    ("policy.toml", 'four_eyes = ["terminate",', 'four_eyes = ["shout",', "four_eyes names the unknown decision shout"),
    ("policy.toml", 'legal_basis = ["law-93-2025",', 'legal_basis = ["law-94",', "[[policy]] 1 (cinema): unknown legal basis law-94"),
    ("policy.toml", "standstill_working_days = 0", "standstill_working_days = 5",
     "standstill_working_days must be 0 where start is on_registration"),
    ("policy.toml", "standstill_working_days = 5", "standstill_working_days = 0",
     "standstill_working_days must be at least 1 where start is standstill"),
    ("policy.toml", "permit_decision_working_days = 15", "permit_decision_working_days = 0",
     "permit_decision_working_days must be at least 1 where start is permit"),
    ("policy.toml", "report_every_months = 6", "report_every_months = 0", "report_every_months must be at least 1"),
    ("policy.toml", "extension_max_months = 12", "extension_max_months = -1", "extension_max_months must be at least 0"),
    ("policy.toml", 'anchors = ["max_duration_months=12', 'anchors = ["max_duration_months=13',
     "[[policy]] 1 (cinema): unknown anchor max_duration_months=13,max_extensions=1"),
    ("policy.toml", "max_duration_months = 12", "max_duration_months = 18",
     "[[policy]] 1 (cinema): max_duration_months is 18, its anchor says 12"),
    # criteria
    ("policy.toml", 'sectors = ["software_games"]', 'sectors = ["games"]', "[[criterion]] 2 (minors_players): unknown sector games"),
    ("policy.toml", '{ code = "basic", level = 2', '{ code = "none", level = 2', "[[criterion]] 3 (personal_data): an option stands twice"),
    ("policy.toml", 'input = "data_class"\nkind = "choice"', 'input = "data_class"\nkind = "number"',
     "a number has level1_max, and no options"),
    ("policy.toml", 'input = "participants_cap"\nkind = "number"', 'input = "participants_cap"\nkind = "choice"',
     "a choice has options, and no level1_max or level2_max"),
    ("policy.toml", "level2_max = 10000", "level2_max = 500", "[[criterion]] 5 (audience): level2_max is not above level1_max"),
    ("policy.toml", 'input = "crowd_cap"', 'input = "participants_cap"', "both read participants_cap"),
    ("policy.toml", 'input = "players_u18"', 'input = "crowd_cap"', "both read crowd_cap"),
    # gates and decisions
    ("policy.toml", 'sector = "tv_radio"\nactivity', 'sector = "tv"\nactivity', "(broadcast_channel_or_paytv): unknown sector tv"),
    ("policy.toml", 'authority = "mps"', 'authority = "police"', "[[statutory_gate]] 28 (ai_sandbox_level3): unknown authority police"),
    ("policy.toml", "days = 90", "days = -90", "(game_shutdown): days must be at least 0"),
    ("policy.toml", 'legal_basis = "decree-174-2026"', 'legal_basis = "project"', "(game_shutdown): unknown legal basis project"),
    ("policy.toml", 'code = "overturn"', 'code = "undo"',
     "[[decision_type]] 23 (undo): unknown decision undo: no service knows what it does"),
    ("policy.toml", 'resolves = ["permit"]', 'resolves = ["licence"]', "[[decision_type]] 1 (permit): resolves the unknown item licence"),
    ("policy.toml", 'resolves = ["permit"]', "resolves = []", "[[decision_type]] 1 (permit): resolves nothing"),
    ("policy.toml", "reply_working_days = 5", "reply_working_days = -5", "reply_working_days and appeal_days must be at least 0"),
    # clocks
    ("rules.toml", 'code = "snooze_max"', 'code = "nap"', "[[clock]] 31 (nap): unknown clock nap: no service runs it"),
    ("rules.toml", 'owner = "applications"', 'owner = "ministry"', "[[clock]] 1 (pilot_start): unknown owner ministry"),
    ("rules.toml", 'basis = "law-02-2011"', 'basis = "law-03"', "(appeal_file_1): unknown legal basis law-03"),
    ("rules.toml", '"row.report_every_months"', '"row.report_every_month"',
     "(periodic_report): amount 'row.report_every_month' points at no number"),
    ("rules.toml", '"row.report_every_months"', '"row.sector"', "amount 'row.sector' points at no number"),
    ("rules.toml", '"defaults.final_report_min', '"default.final_report_min',
     "(final_report): amount 'default.final_report_min_days_before_end' points at no number"),
    ("rules.toml", '"decision_type.reply_working_days"', '"decision_type.appeal_days"',
     "(reply): amount 'decision_type.appeal_days' points at no number"),
    ("rules.toml", "amount = 24\n", "amount = 0\n", "(takedown): amount must be at least 1"),
    ("rules.toml", "amount = 24\n", "", "(takedown): amount is missing"),
    ("rules.toml", 'amount = "start + duration, same wall-clock instant, not rolled"', "amount = 3",
     "(pilot_end): an instant has no number"),
    ("rules.toml", "amount_complex = 45", "amount_complex = 30", "(appeal_resolve_1): amount_complex is not above amount"),
    # caps, documents, thresholds
    ("rules.toml", 'metric = "crowd_peak"', 'metric = "crowd"', "[[cap_maximum]] 2 (crowd): crowd is no common metric"),
    ("rules.toml", 'metric = "crowd_peak"', 'metric = "jobs"', "[[cap_maximum]] 2 (jobs): jobs may not be capped"),
    ("rules.toml", 'window = "total"', 'window = "concurrent"', "(revenue_vnd): a delta has no window concurrent"),
    ("rules.toml", "tier2 = 10000", "tier2 = 100", "(participants_active): a higher tier allows less"),
    ("rules.toml", '"crowd_cap > 0"', '"crowd_cap"', "(crowd_peak): required_when: 'crowd_cap' is neither always nor"),
    ("rules.toml", '"crowd_cap > 0"', '"ai_mode > 0"', "required_when: no criterion of kind number reads ai_mode"),
    ("rules.toml", '"tier >= 2"', '"tier > 1"', "[[document]] 3 (rights_proof): needed: 'tier > 1' is none of"),
    ("rules.toml", '"heritage >= 2"', '"heritage_class >= 2"', "(heritage_opinion): needed: unknown criterion heritage_class"),
    ("rules.toml", 'numerator = "safety_incidents"', 'numerator = "falls"', "(safety_incidents): unknown metric falls in performing_arts"),
    ("rules.toml", 'sectors = ["performing_arts"]', 'sectors = ["cinema"]',
     "(safety_incidents): unknown metric safety_incidents in cinema"),
    ("rules.toml", 'sectors = ["performing_arts"]', 'sectors = ["theatre"]', "(safety_incidents): unknown sector theatre"),
    ("rules.toml", "window_hours = 168\nlimit = 1", "window_hours = 0\nlimit = 1",
     "scale and window_hours must be at least 1, limit at least 0"),
    # defaults
    ("policy.toml", "transition_months_max = 12", "transition_months_max = 0",
     "policy.toml [defaults]: transition_months_max must be at least 1"),
    ("rules.toml", "threshold_hold = 1", "threshold_hold = 0", "rules.toml [rule_defaults]: threshold_hold must be at least 1"),
    ("rules.toml", 'critical_caps = ["crowd_peak",', 'critical_caps = ["crowd",', "critical_caps names the unknown metric crowd"),
    ("rules.toml", "cap_warning_ratio = 0.80", "cap_warning_ratio = 1.01", "cap_warning_ratio must lie above 0, and not above 1"),
    ("rules.toml", 'silence_severity = ["minor", "major"]', "silence_severity = []", "silence_severity is empty"),
    ("rules.toml", 'basis = "resolution-198-2025"', 'basis = "resolution-199"',
     "rules.toml [check_budget]: unknown legal basis resolution-199"),
    ("rules.toml", "handicrafts = 1,", "crafts = 1,", "[risk] sector_level: unknown code crafts"),
    ("rules.toml", "handicrafts = 1,", "crafts = 1,", "[risk] sector_level: no level for handicrafts"),
    ("rules.toml", "contact = 4", "contact = 5", "[risk] asset_level: the level of contact is not 1 to 4"),
    ("policy.toml", '[[criterion]]\ncode = "heritage"', '[[criterion]]\ncode = "relics"',
     "[risk] asset_level: there is no criterion heritage"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "error"), CONTRADICTING)
def test_what_contradicts_names_file_and_row(file: str, old: str, new: str, error: str) -> None:
    found = errors(edited(file, old, new))
    assert any(error in one for one in found), found
    assert all(".toml" in one for one in found)


def test_everything_is_said_at_once() -> None:
    files = edited("rules.toml", "threshold_hold = 1", "threshold_hold = 0")
    files["sectors.toml"] = edited("sectors.toml", '"screenings", ', '"screening", ')["sectors.toml"]
    assert len(errors(files)) == 2


def test_when_no_province_keeps_two_departments_culture_leads_tourism_everywhere() -> None:
    text = (
        ORIGINAL["authorities.toml"].decode().replace('except_provinces = ["01", "46", "79"]', "except_provinces = []")
    )
    before, rest = text.split("\n[[authority_split]]", 1)
    merged = before + rest[rest.index("[[authority_pattern]]") :]
    rules = parse({**ORIGINAL, "authorities.toml": merged.encode()})
    assert rules.on(date(2026, 7, 6)).lead_authority("cultural_tourism", ["01"]) == "prov_01_culture"


def test_a_rule_may_be_replaced_from_a_day_on_and_a_gate_may_go() -> None:
    clock = 'code = "supplement_answer"\nowner = "applications"\namount = 30\n'
    row = '{clock}effective_from = {since}\n{to}unit = "calendar_day"\npauses = []\non_due = "lapsed"\nbasis = "project"\n'
    old = row.format(clock=clock, since="2026-07-01", to="effective_to = 2027-01-01\n")
    new = row.format(clock=clock.replace("30", "45"), since="2027-01-01", to="")
    text = ORIGINAL["rules.toml"].decode()
    begin = text.index(f"[[clock]]\n{clock}")
    end = text.index("[[clock]]", begin + 1)
    files = {
        **edited("policy.toml", 'code = "exhibition_other"', 'code = "exhibition_other"\neffective_to = 2027-01-01'),
        "rules.toml": (text[:begin] + f"[[clock]]\n{old}\n[[clock]]\n{new}\n" + text[end:]).encode(),
    }
    rules = parse(files)
    lengths = [rules.on(day).clocks["supplement_answer"].amount for day in (date(2026, 12, 31), date(2027, 1, 1))]
    assert lengths == [30, 45]
    assert ["exhibition_other" in rules.on(day).gates for day in (date(2026, 12, 31), date(2027, 1, 1))] == [
        True,
        False,
    ]


def test_a_day_between_two_rows_of_one_clock_is_a_gap() -> None:
    clock = 'code = "snooze_max"\nowner = "decisions"\namount = 10\n'
    later = f'[[clock]]\n{clock}effective_from = 2027-02-01\nunit = "working_day"\npauses = []\non_due = ""\nbasis = "project"\n'
    files = edited("rules.toml", f"[[clock]]\n{clock}", f"{later}\n[[clock]]\n{clock}effective_to = 2027-01-01\n")
    assert errors(files) == (
        "rules.toml [[clock]] 31 (snooze_max): gap: nothing for snooze_max from 2027-01-01 until 2027-02-01",
    )


# The calendar


def calendar_errors(old: str, new: str) -> tuple[str, ...]:
    assert old in CALENDAR, f"the calendar has no {old!r}"
    with pytest.raises(InvalidReference) as caught:
        parse_calendar({"calendar.toml": CALENDAR.replace(old, new, 1).encode()})
    return caught.value.errors


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("version = ", "name = ", "calendar.toml: version is missing, or not of type str"),
        ("years = [2026, 2027]", "years = [2026]", "(2027-01-01): its year is not in years"),
        ("years = [2026, 2027]", "years = [2026, 2027, 2028]", "calendar.toml: years has 2028, and no day does"),
        ('"as_stamped"\n', '"at_dawn"\n', "after_hours_receipt is none of as_stamped, next_working_day"),
        ("date = 2026-01-02", "date = 2026-01-01", "2 (2026-01-01): the date datetime.date(2026, 1, 1) stands already"),
        ("2026-01-10, kind", "2026-01-09, kind", "(2026-01-09): makeup_work on a Friday"),
        ("2026-08-31, kind", "2026-08-30, kind", "(2026-08-30): swap_off on a Sunday"),
        ("to = 12:00:00", "to = 08:00:00", "calendar.toml [[working_hours]] 1 (08:00:00): ends before it begins"),
        ('status = "confirmed"', 'status = "sure"', "calendar.toml [[day]] 1 (2026-01-01): status"),
    ],
)
def test_what_is_wrong_with_the_calendar_names_its_row(old: str, new: str, error: str) -> None:
    assert any(error in found for found in calendar_errors(old, new))


def test_the_calendar_says_how_a_receipt_at_night_counts() -> None:
    assert load_calendar().after_hours is AfterHours.AS_STAMPED
    strict = parse_calendar({"calendar.toml": CALENDAR.replace('"as_stamped"\n', '"next_working_day"\n', 1).encode()})
    assert strict.after_hours is AfterHours.NEXT_WORKING_DAY

"""When a pilot may start, what is told before filing, and what its enterprise can read while it runs."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.applications.core import (
    admission,
    advice,
    clocks,
    decisions,
    filings,
    gates,
    history,
    measures,
    outlook,
    reference,
)
from services.applications.core.admission import Law
from services.applications.core.model import Application, Pilot, Standing
from shared.contracts.base import Due
from shared.contracts.events.applications import FinalReportFiled, PeriodicReportFiled, PilotRegistered
from shared.contracts.http.advice import CheckSent
from shared.contracts.http.applications import DecisionRow, FinalReportSent, Holder, RequestView
from shared.contracts.pilot import Dossier, HeldPermit, Outcome, StartMode, Window
from shared.reference.calendar import VIETNAM
from shared.reference.rows import Rules
from tests import applications_kit as kit
from tests.applications_kit import DAY, END, HOUR, MONDAY, START, ZERO_ANSWERS, attachment, dossier, permit_show, show

TIER3 = ZERO_ANSWERS | {"heritage_class": "national_relic"}
TIER3_DOCUMENTS = ("disclosure", "complaint_channel", "rights_proof", "insurance", "heritage_opinion")


def tour(**changes: Any) -> Dossier:
    """A night tour of a national relic: tier 3, whose row asks for a permit."""
    return dossier(
        **{
            "sector": "cultural_tourism",
            "answers": dict(TIER3),
            "attachments": tuple(map(attachment, TIER3_DOCUMENTS)),
            "safeguards": dossier().safeguards.model_copy(update={"insurance": "Bảo hiểm"}),
        }
        | changes
    )


def registered(filed: Dossier, now: datetime = MONDAY) -> PilotRegistered:
    return kit.registration(filed, now)


def days(*dates: str) -> list[datetime]:
    return [datetime.fromisoformat(day).replace(tzinfo=VIETNAM) for day in dates]


# Start


def test_tier_1_starts_on_registration_as_planned() -> None:
    event = registered(dossier())
    assert (event.start_mode, event.start_at) == (StartMode.ON_REGISTRATION, MONDAY)
    assert (event.standstill_due, event.permit_due) == (None, None)


def test_a_plan_in_the_past_means_as_soon_as_may_be() -> None:
    assert registered(dossier(planned_start=MONDAY - 100 * DAY)).start_at == MONDAY


def test_a_standstill_pilot_starts_at_the_very_instant_its_limit_ends() -> None:
    event = registered(show(planned_start=MONDAY))
    assert (event.start_mode, event.start_at) == (StartMode.STANDSTILL, START)


def test_a_permit_of_the_row_is_outstanding_until_it_is_decided() -> None:
    event = registered(tour())
    assert (event.start_mode, event.start_at) == (StartMode.PERMIT, None)
    assert event.permit_due is not None
    # 15 working days from Monday 6 July 2026 end on Monday 27 July.
    assert event.permit_due.instant == datetime(2026, 7, 28, tzinfo=VIETNAM)
    assert history.registered(event).permits_outstanding == ("pilot",)


def test_a_gate_asks_each_declared_province_and_the_permit_is_decided_in_its_own_time() -> None:
    sent = permit_show(
        provinces=("01", "79"), answers=show().answers | {"provinces_cap": 2, "crowd_cap": 1400}
    ).model_copy(update={"provinces": ("01", "79")})
    event = registered(sent)
    assert [gate.subject for gate in event.gates] == ["show_live_other/prov_01_pc", "show_live_other/prov_79_pc"]
    assert [gate.queue for gate in event.gates] == ["prov_01_culture", "prov_79_culture"]
    assert [gate.due and gate.due.instant for gate in event.gates] == days("2026-07-14", "2026-07-14")
    assert event.lead_authority == "mcst_performing_arts"
    assert event.start_mode is StartMode.PERMIT
    assert event.start_at is None
    assert len(history.registered(event).permits_outstanding) == 2


def test_a_held_permit_satisfies_its_gate_and_is_shown() -> None:
    (gate,) = registered(show()).gates
    assert not gate.needs_permit
    assert gate.held is not None
    assert (gate.held.number, gate.due) == ("12/GP", None)


def test_a_notice_moves_the_start_and_a_silence_is_a_standstill() -> None:
    notice = dossier(activities=("show_internal_or_unticketed_venue",), communes=("00001", "00004"))
    event = registered(notice)
    assert event.start_mode is StartMode.ON_REGISTRATION
    assert event.start_at == START
    assert [gate.authority for gate in event.gates] == ["comm_00001_pc", "comm_00004_pc"]
    silence = registered(dossier(activities=("film_public_screening",)))
    assert (silence.start_mode, silence.start_at) == (StartMode.STANDSTILL, START)
    assert history.registered(silence).objection_until == {"film_public_screening/prov_01_pc": START}


def test_a_gate_of_the_end_adds_duties_only() -> None:
    event = registered(dossier(activities=("game_shutdown",)))
    (gate,) = event.gates
    assert (gate.phase, gate.due, event.start_at) == ("exit", None, MONDAY)
    assert "mcst_broadcast" in event.authorities


def test_a_gate_in_calendar_days_ends_on_a_working_day() -> None:
    sent = dossier(activities=("film_foreign_crew",))
    (gate,) = registered(sent).gates
    # 20 days from 6 July end on Sunday 26 July, so on Monday 27.
    assert gate.due is not None
    assert gate.due.instant == datetime(2026, 7, 28, tzinfo=VIETNAM)


def test_an_activity_that_asks_for_nothing_changes_nothing() -> None:
    event = registered(dossier(activities=("show_online_only",)))
    assert (event.start_at, event.gates[0].requires, event.gates[0].due) == (MONDAY, "none", None)


def test_the_strictest_of_row_and_gates_wins() -> None:
    rules = kit.rules()
    limits = gates.Limits(kit.calendar(), MONDAY, rules.policies["cinema", 1].supplement_clock)
    screening = gates.gates_of(dossier(activities=("film_public_screening",)), rules, limits)
    permit = gates.gates_of(dossier(activities=("film_classification",)), rules, limits)
    row = rules.policies["cinema", 1]
    assert gates.start_mode(row, ()) is StartMode.ON_REGISTRATION
    assert gates.start_mode(row, screening) is StartMode.STANDSTILL
    assert gates.start_mode(row, screening + permit) is StartMode.PERMIT
    strict = row.model_copy(update={"start": StartMode.PERMIT})
    assert gates.start_mode(strict, screening) is StartMode.PERMIT


# Before filing


def question(sent: Dossier, **changes: Any) -> CheckSent:
    fields = (
        "sector",
        "provinces",
        "communes",
        "answers",
        "activities",
        "held_permits",
        "planned_start",
        "duration_months",
    )
    return CheckSent(**({name: getattr(sent, name) for name in fields} | changes))


@pytest.mark.parametrize(
    "sent",
    [dossier(), show(), permit_show(), tour(), dossier(activities=("game_shutdown", "film_public_screening"))],
    ids=["tier 1", "standstill", "gate", "row's permit", "silence"],
)
def test_what_is_told_before_filing_is_what_holds_when_it_is_filed(sent: Dossier) -> None:
    told = advice.advise(question(sent), kit.law(), MONDAY)
    event = registered(sent)
    assert told.admissible
    for name in (
        "tier",
        "criteria",
        "start_mode",
        "start_at",
        "standstill_due",
        "permit_due",
        "lead_authority",
        "gates",
    ):
        assert getattr(told, name) == getattr(event, name), name
    assert told.authorities == event.authorities
    needed = {document.code for document in told.documents}
    assert needed == set(event.documents)
    required = {row.metric for row in told.caps if row.required}
    assert required <= {row.metric for row in sent.envelope.caps}
    assert {row.code for row in told.law} == {
        *event.rules.policy.legal_basis,
        *(gate.legal_basis for gate in event.gates),
    }
    assert [duty.kind for duty in told.duties] == [
        "metrics",
        "periodic_report",
        "incident_report",
        "final_report",
        "wind_down",
        *("exit_notice" for gate in event.gates if gate.phase == "exit"),
    ]


def test_the_duties_ahead_have_their_dates_where_the_start_is_known() -> None:
    told = {duty.kind: duty.due for duty in advice.advise(question(show()), kit.law(), MONDAY).duties}
    assert told["periodic_report"] == datetime(2027, 1, 14, tzinfo=VIETNAM)
    assert told["final_report"] == datetime(2027, 6, 29, tzinfo=VIETNAM)
    assert told["wind_down"] == END
    waiting = advice.advise(question(tour()), kit.law(), MONDAY)
    assert {duty.due for duty in waiting.duties} == {None}
    assert waiting.end_at is None


def test_without_a_planned_start_it_is_as_soon_as_may_be() -> None:
    assert advice.advise(question(dossier(), planned_start=None), kit.law(), MONDAY).start_at == MONDAY


def test_outside_the_sandbox_only_that_is_said() -> None:
    told = advice.advise(question(dossier(), sector="banking"), kit.law(), MONDAY)
    assert not told.admissible
    assert [problem.code for problem in told.problems] == ["sector_outside_sandbox"]
    assert told.tier is None


def test_what_is_wrong_is_said_at_once_beside_what_is_certain() -> None:
    asked = question(
        dossier(),
        duration_months=60,
        planned_start=MONDAY + 1000 * DAY,
        provinces=("99",),
        activities=("juggling",),
        held_permits=(HeldPermit(gate="x", number="1", date=date(2026, 1, 1), issuer="?"),),
    )
    told = advice.advise(asked, kit.law(), MONDAY)
    assert [problem.code for problem in told.problems] == [
        "province_unknown",
        "activity_unknown",
        "held_permit_unfit",
        "start_too_far",
        "duration_too_long",
    ]
    assert (told.tier, told.start_mode, told.gates) == (1, None, ())


def test_a_maximum_for_a_metric_of_another_sector_is_not_shown() -> None:
    rules = Rules(kit.rule_set(), date(2026, 7, 6))
    shows = rules.cap_maxima["crowd_peak"].model_copy(update={"metric": "shows", "required_when": None})
    rules.__dict__["cap_maxima"] = rules.cap_maxima | {"shows": shows}
    for sent, seen in ((dossier(), False), (show(), True)):
        told = advice.advise(question(sent), Law(rules, kit.calendar()), MONDAY)
        assert ("shows" in {row.metric for row in told.caps}) is seen


def test_the_form_shows_what_is_in_force_and_only_what_can_be_filed() -> None:
    shown = reference.view(kit.rules(), MONDAY)
    assert len(shown.sectors) == 10
    assert len(shown.provinces) == 34
    assert {row.input for row in shown.criteria} >= set(ZERO_ANSWERS)
    windows = {row.code: row.windows for row in shown.metrics}
    assert windows["crowd_peak"] == (Window.CONCURRENT,)
    assert windows["revenue_vnd"] == (Window.TOTAL, Window.DAY)
    assert {row.code for row in shown.documents} >= {"disclosure", "gate_permit"}
    assert reference.view(kit.rules(date(2026, 6, 30)), MONDAY).sectors == ()


# While it runs


def application(filed: Dossier) -> Application:
    return admission.receive(UUID(int=7), "HK-G16-26-000001", filed, Standing(), kit.law(), MONDAY)[0]


FILED = application(show()).filed


def ahead(pilot: Pilot, now: datetime, filed: Dossier | None = None, **more: Any) -> list[tuple[str, Holder, Any]]:
    steps = outlook.steps(
        pilot, application(filed or show()).filed, more.get("requests", ()), more.get("decisions", ()), now
    )
    return [(step.what, step.holder, step.due) for step in steps]


def running() -> Pilot:
    return clocks.advance(kit.pilot(), START, kit.calendar())[0]


def request(kind: str, due: datetime, **more: Any) -> RequestView:
    limit = Due(instant=due, calendar_version="v")
    return RequestView.model_validate(
        {"request_id": UUID(int=9), "kind": kind, "text": "?", "asked_at": START, "due": limit} | more
    )


def ordered(**more: Any) -> DecisionRow:
    row: dict[str, Any] = {
        "decision_id": UUID(int=8),
        "number": "1/QĐ-HK",
        "kind": "order_correction",
        "authority": "prov_79_culture",
        "at": START,
        "public_reasons": "…",
        "remedy": "Bớt ghế.",
        "remedy_due": START + 10 * DAY,
        "applied": True,
    }
    return DecisionRow(**(row | more))


def test_a_pending_pilot_starts_by_itself() -> None:
    assert ahead(kit.pilot(), MONDAY) == [("pilot_start", Holder.NOBODY, START)]


def test_a_permit_is_in_the_authoritys_hands_until_its_due_instant() -> None:
    pilot = kit.pilot(permit_show())
    assert ahead(pilot, MONDAY, permit_show()) == [("permit", Holder.OFFICER, START)]
    assert ahead(kit.pilot(tour()), MONDAY, tour())[0][2] == datetime(2026, 7, 28, tzinfo=VIETNAM)


def test_an_objection_is_in_the_authoritys_hands_without_a_date() -> None:
    pilot, _ = decisions.decide(kit.pilot(), kit.decision("object", MONDAY), MONDAY, kit.calendar())
    assert ahead(pilot, MONDAY) == [("objection", Holder.OFFICER, None)]


def test_who_is_held_up_or_restricted_reads_that_an_authority_holds_the_ball() -> None:
    late = kit.decision("object", START - HOUR, gate="standstill")
    objected, _ = decisions.decide(running(), late, START + HOUR, kit.calendar())
    assert ("objection", Holder.OFFICER, None) in ahead(objected, START + HOUR)
    suspended, _ = decisions.decide(running(), kit.decision("suspend", START), START, kit.calendar())
    assert ("suspension", Holder.OFFICER, None) in ahead(suspended, START)
    both, _ = measures.take(suspended, UUID(int=50), START, START + HOUR)
    assert [step for step, _, due in ahead(both, START + HOUR) if due is None] == ["suspension", "measure"]
    gone, _ = filings.withdraw(both, START + DAY, kit.calendar())
    assert [step for step, _, due in ahead(gone, START + DAY) if due is None] == []


def test_who_gave_up_owes_what_had_fallen_due_and_to_wind_down() -> None:
    first = datetime(2027, 1, 14, tzinfo=VIETNAM)
    at_once, _ = filings.withdraw(running(), START + DAY, kit.calendar())
    assert at_once.winding_down_due is not None
    over = at_once.winding_down_due.instant
    assert ahead(at_once, START + DAY) == [("wind_down", Holder.NOBODY, over)]
    owed = outlook.duties(at_once, FILED, [], [], first + DAY)
    assert [(duty.kind, duty.due, duty.late) for duty in owed] == [("wind_down", over, False)]
    after_a_miss, _ = filings.withdraw(running(), first + DAY, kit.calendar())
    assert ("periodic_report", Holder.STARTUP, first) in ahead(after_a_miss, first + DAY)
    owed = outlook.duties(after_a_miss, FILED, [], [], first + DAY)
    assert [(duty.kind, duty.late) for duty in owed] == [("periodic_report", True), ("wind_down", False)]
    # A termination that follows takes no more away, and gives nothing back.
    worse, _ = clocks.wind_down(after_a_miss, Outcome.TERMINATED, first + 2 * DAY, kit.calendar())
    assert [duty.kind for duty in outlook.duties(worse, FILED, [], [], first + 2 * DAY)] == [duty.kind for duty in owed]


def test_a_gate_of_the_end_is_a_duty_with_its_day() -> None:
    sent = dossier(activities=("game_shutdown",))
    pilot, _ = clocks.advance(kit.pilot(sent), MONDAY, kit.calendar())
    filed = application(sent).filed
    # It ends on 6 July 2027 at 09:00, so 6 July is its last day; 90 days before it is 7 April.
    due = datetime(2027, 4, 8, tzinfo=VIETNAM)
    (duty,) = (duty for duty in outlook.duties(pilot, filed, [], [], MONDAY) if duty.kind == "exit_notice")
    assert (duty.due, duty.subject, duty.late) == (due, "game_shutdown/mcst_broadcast", False)
    assert "90" in duty.text_vi and "mcst_broadcast" in duty.text_en
    assert ("exit_notice", Holder.STARTUP, due) in ahead(pilot, MONDAY, sent)
    assert "exit_notice" not in [what for what, _, _ in ahead(pilot, due, sent)]
    told = advice.advise(question(sent), kit.law(), MONDAY)
    assert [(one.kind, one.due) for one in told.duties][-1] == ("exit_notice", due)
    permit = question(dossier(activities=("game_shutdown",)), activities=("game_shutdown", "show_live_other"))
    assert advice.advise(permit, kit.law(), MONDAY).duties[-1].due is None


def test_a_running_pilot_owes_its_next_reports_and_what_was_asked_of_it_in_the_order_of_dates() -> None:
    told = ahead(
        running(),
        START + DAY,
        requests=[request("reply", START + 5 * DAY), request("supplement", START + 3 * DAY)],
        decisions=[ordered(), ordered(remedy_done=True), ordered(applied=False)],
    )
    assert [(what, due) for what, _, due in told] == [
        ("case_supplement", START + 3 * DAY),
        ("reply", START + 5 * DAY),
        ("remedy", START + 10 * DAY),
        ("periodic_report", datetime(2027, 1, 14, tzinfo=VIETNAM)),
        ("final_report", datetime(2027, 6, 29, tzinfo=VIETNAM)),
        ("pilot_end", END),
    ]


def test_what_was_answered_is_over_or_is_no_longer_asked_is_not_ahead() -> None:
    answered = request("reply", START + 5 * DAY, answered_at=START + DAY)
    over = request("supplement", START + DAY)
    withdrawn = [request(kind, START + 5 * DAY, withdrawn_at=START + DAY) for kind in ("reply", "supplement")]
    assert [what for what, _, _ in ahead(running(), START + DAY, requests=[answered, over, *withdrawn])] == [
        "periodic_report",
        "final_report",
        "pilot_end",
    ]


def reported(pilot: Pilot, at: datetime) -> Pilot:
    codes: Any = ("creativity", "identity", "uniqueness", "professionalism", "healthiness", "competition")
    criteria = [{"code": code, "score": 3, "evidence": "…"} for code in (*codes, "sustainability")]
    sent = FinalReportSent.model_validate({"results": "…", "criteria": criteria})
    final: FinalReportFiled = filings.final_report(pilot, sent, UUID(int=71), at)
    periodic = PeriodicReportFiled(at=at, pilot_id=pilot.pilot_id, report_id=UUID(int=72), number=1, summary="…")
    return history.evolve(pilot, [final, periodic])


def test_after_the_end_date_a_report_in_time_waits_for_an_officer_and_an_ended_pilot_for_nobody() -> None:
    kept = clocks.advance(reported(running(), START + DAY), END, kit.calendar())[0]
    assert ahead(kept, END) == [("completion", Holder.OFFICER, None)]
    gone = clocks.wind_down(running(), Outcome.TERMINATED, START + DAY, kit.calendar())[0]
    assert ahead(gone, START + DAY)[0][0] == "wind_down"
    over = clocks.advance(gone, END, kit.calendar())[0]
    assert ahead(over, END) == []


def test_duties_say_what_is_due_what_was_done_and_what_was_late() -> None:
    asked, order = [request("supplement", START + 3 * DAY), request("reply", START + DAY)], [ordered()]
    owed = outlook.duties(running(), FILED, asked, order, START + 4 * DAY)
    assert [(duty.kind, duty.late, duty.done_at) for duty in owed] == [
        ("case_supplement", True, None),
        ("remedy", False, None),
        ("periodic_report", False, None),
        ("final_report", False, None),
    ]
    withdrawn = request("supplement", START + 3 * DAY, withdrawn_at=START + 2 * DAY)
    kept = withdrawn.model_copy(update={"answered_at": START + DAY})
    assert "case_supplement" not in [duty.kind for duty in outlook.duties(running(), FILED, [withdrawn], [], END)]
    assert outlook.duties(running(), FILED, [kept], [], END)[0].done_at == START + DAY
    late = END - DAY
    done = outlook.duties(
        reported(running(), late), FILED, [], [ordered(remedy_done=True), ordered(applied=False)], END
    )
    assert [(duty.kind, duty.late, duty.done_at) for duty in done] == [
        ("remedy", False, START + 10 * DAY),
        ("periodic_report", True, late),
        ("final_report", True, late),
    ]
    overdue = outlook.duties(running(), FILED, [], [ordered()], END)
    assert [duty.late for duty in overdue] == [True, True, True]


def test_a_pending_pilot_owes_nothing_and_an_ended_one_only_has_what_it_did() -> None:
    assert outlook.duties(kit.pilot(), FILED, [], [], MONDAY) == ()
    gone = clocks.wind_down(running(), Outcome.TERMINATED, START + DAY, kit.calendar())[0]
    over = clocks.advance(reported(gone, START + 2 * DAY), END, kit.calendar())[0]
    assert [duty.kind for duty in outlook.duties(over, FILED, [], [ordered()], END)] == [
        "periodic_report",
        "final_report",
    ]


def test_what_is_left_of_each_cap_is_exact_and_unknown_where_nothing_was_reported() -> None:
    usage = [
        outlook.UsageNow(metric="crowd_peak", window=Window.CONCURRENT, value=Decimal("1400.5"), sample_at=START),
        outlook.UsageNow(metric="revenue_vnd", window=Window.DAY, value=Decimal(5), bucket=date(2026, 7, 15)),
    ]
    crowd, people, *_ = outlook.caps_left(kit.pilot().envelope, usage)
    assert (crowd.value, crowd.remaining, crowd.sample_at) == (Decimal("1400.5"), Decimal("-0.5"), START)
    assert (people.value, people.remaining) == (None, None)

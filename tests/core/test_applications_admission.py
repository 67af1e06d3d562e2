"""The admissibility check says all that is wrong at once, and admits what is in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.applications.core import admission
from services.applications.core.admission import Law
from services.applications.core.faults import PROVINCES_INPUT
from services.applications.core.model import Application, Standing
from shared.contracts.base import Event
from shared.contracts.errors import Refused
from shared.contracts.events.applications import (
    ApplicationRefused,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    PilotRegistered,
    SupplementFiled,
    SupplementRequested,
)
from shared.contracts.http.applications import ApplicationStatus
from shared.contracts.pilot import Dossier, Envelope, HeldPermit, Organisation, Severity, Threshold, Window
from shared.contracts.rules import SupplementClock
from shared.reference.calendar import VIETNAM
from shared.reference.rows import Rules
from tests import applications_kit as kit
from tests.applications_kit import MONDAY, PILOT_ID, ZERO_ANSWERS, attachment, cap, dossier, show

NOTHING_KNOWN = Standing()


def filed(
    sent: Dossier, standing: Standing = NOTHING_KNOWN, now: datetime = MONDAY
) -> tuple[Application, tuple[Event, ...]]:
    return admission.receive(PILOT_ID, "HK-G16-26-000001", sent, standing, kit.law(), now)


def found(sent: Dossier, standing: Standing = NOTHING_KNOWN) -> list[tuple[str, str]]:
    examined = admission.examine(sent, standing, kit.rules(), MONDAY, MONDAY)
    return [(problem.pointer, problem.code) for problem in examined.problems]


def with_envelope(**changes: Any) -> Dossier:
    plain = dossier()
    return dossier(envelope=plain.envelope.model_copy(update=changes))


def threshold(**changes: Any) -> Threshold:
    strict: dict[str, Any] = {
        "code": "complaints_per_1000",
        "numerator": "complaints_received",
        "denominator": "participants_active",
        "scale": 1000,
        "window_hours": 24,
        "limit": Decimal(4),
        "severity": Severity.MAJOR,
    }
    return Threshold(**(strict | changes))


FAULTS: dict[str, tuple[Callable[[], Dossier], list[tuple[str, str]]]] = {
    "a sector that is not in the list": (lambda: dossier(sector="banking"), [("/sector", "sector_outside_sandbox")]),
    "a sector by its former name": (lambda: dossier(sector="design"), [("/sector", "sector_renamed")]),
    "a province that does not exist": (lambda: dossier(provinces=("99",)), [("/provinces/0", "province_unknown")]),
    "a province twice": (lambda: dossier(provinces=("01", "01")), [("/provinces/1", "province_twice")]),
    "a commune twice": (
        lambda: dossier(communes=("00001", "00004", "00001")),
        [("/communes/2", "commune_twice")],
    ),
    "a start too far ahead": (
        lambda: dossier(planned_start=MONDAY + timedelta(days=800)),
        [("/planned_start", "start_too_far")],
    ),
    "longer than the row allows": (lambda: dossier(duration_months=13), [("/duration_months", "duration_too_long")]),
    "an answer missing": (
        lambda: dossier(answers={name: given for name, given in ZERO_ANSWERS.items() if name != "ai_mode"}),
        [("/answers/ai_mode", "answer_missing")],
    ),
    "an answer that is no option": (
        lambda: dossier(answers=ZERO_ANSWERS | {"ai_mode": "perhaps"}),
        [("/answers/ai_mode", "answer_unknown_option")],
    ),
    "an answer that is no count": (
        lambda: dossier(answers=ZERO_ANSWERS | {"crowd_cap": "many"}),
        [("/answers/crowd_cap", "answer_not_a_count")],
    ),
    "an answer that no event could carry": (
        lambda: dossier(answers=ZERO_ANSWERS | {"players_u18": 10**13}),
        [("/answers/players_u18", "answer_too_large")],
    ),
    "an answer to no question": (
        lambda: dossier(answers=ZERO_ANSWERS | {"shoe_size": 43}),
        [("/answers/shoe_size", "answer_unknown_input")],
    ),
    "fewer provinces answered than declared": (
        lambda: dossier(provinces=("01", "79")),
        [(f"/answers/{PROVINCES_INPUT}", "provinces_not_covered")],
    ),
    "an activity that is not in the list": (
        lambda: dossier(activities=("juggling",)),
        [("/activities/0", "activity_unknown")],
    ),
    "an activity whose commune is not named": (
        lambda: dossier(activities=("show_internal_or_unticketed_venue",)),
        [("/communes", "commune_missing")],
    ),
    "a permit for what was not declared": (
        lambda: show(activities=()),
        [("/held_permits/0/gate", "held_permit_unfit")],
    ),
    "a permit from the future": (
        lambda: show(held_permits=(kit.show().held_permits[0].model_copy(update={"date": date(2026, 7, 7)}),)),
        [("/held_permits/0/date", "held_permit_in_future")],
    ),
    "a permit twice": (
        lambda: show(held_permits=kit.show().held_permits * 2),
        [("/held_permits/1/gate", "held_permit_twice")],
    ),
    "an envelope that begins at its second version": (
        lambda: with_envelope(version=2),
        [("/envelope/version", "envelope_version")],
    ),
    "no source at all": (
        lambda: with_envelope(sources=()),
        [
            ("/envelope/sources", "sources_missing"),
            ("/envelope/caps/0/source", "source_undeclared"),
            ("/envelope/caps/1/source", "source_undeclared"),
            ("/envelope/caps/2/source", "source_undeclared"),
        ],
    ),
    "a source twice": (
        lambda: with_envelope(sources=("main", "main")),
        [("/envelope/sources/1", "source_twice")],
    ),
    "a cap on an undeclared source": (
        lambda: with_envelope(caps=(*dossier().envelope.caps[:2], cap("revenue_vnd", 1, Window.TOTAL, source="till"))),
        [("/envelope/caps/2/source", "source_undeclared")],
    ),
    "a threshold twice": (
        lambda: with_envelope(thresholds=(threshold(), threshold())),
        [("/envelope/thresholds/1", "threshold_twice")],
    ),
    "a threshold on an unknown metric": (
        lambda: with_envelope(thresholds=(threshold(code="mine", numerator="luck", denominator=None),)),
        [("/envelope/thresholds/0/numerator", "threshold_unknown_metric")],
    ),
    "a threshold with a higher limit than the default": (
        lambda: with_envelope(thresholds=(threshold(limit=Decimal(6)),)),
        [("/envelope/thresholds/0", "threshold_looser")],
    ),
    "a threshold over another window than the default": (
        lambda: with_envelope(thresholds=(threshold(window_hours=48),)),
        [("/envelope/thresholds/0", "threshold_looser")],
    ),
    "a threshold milder than the default": (
        lambda: with_envelope(thresholds=(threshold(severity=Severity.INFO),)),
        [("/envelope/thresholds/0", "threshold_looser")],
    ),
    "a cap on an unknown metric": (
        lambda: with_envelope(caps=(*dossier().envelope.caps, cap("luck", 1))),
        [("/envelope/caps/3/metric", "cap_unknown_metric")],
    ),
    "a cap over a window that the metric does not have": (
        lambda: with_envelope(caps=(*dossier().envelope.caps, cap("participants_active", 1, Window.DAY))),
        [("/envelope/caps/3/window", "cap_wrong_window")],
    ),
    "a cap twice": (
        lambda: with_envelope(caps=(*dossier().envelope.caps, dossier().envelope.caps[0])),
        [("/envelope/caps/3", "cap_twice")],
    ),
    "a cap above its maximum": (
        lambda: with_envelope(caps=(cap("participants_active", 501), *dossier().envelope.caps[1:])),
        [("/envelope/caps/0/limit", "cap_over_maximum")],
    ),
    "a cap on what is not capped": (
        lambda: with_envelope(caps=(*dossier().envelope.caps, cap("jobs", 3))),
        [("/envelope/caps/3/metric", "cap_not_cappable")],
    ),
    "a cap missing": (
        lambda: with_envelope(caps=dossier().envelope.caps[1:]),
        [("/envelope/caps", "cap_missing")],
    ),
    "too many sources": (
        lambda: with_envelope(sources=("main", *(f"s{n}" for n in range(50)))),
        [("/envelope/sources", "list_too_long")],
    ),
    "a document missing": (
        lambda: dossier(attachments=(attachment("disclosure"),)),
        [("/attachments", "document_missing")],
    ),
    "a document off the list": (
        lambda: dossier(attachments=(*dossier().attachments, attachment("horoscope"))),
        [("/attachments/2/document", "document_unknown")],
    ),
    "a safeguard that a document stands for": (
        lambda: dossier(
            answers=ZERO_ANSWERS | {"physical_mode": "effects_or_night"},
            attachments=tuple(
                map(attachment, ("disclosure", "complaint_channel", "rights_proof", "safety_plan", "insurance"))
            ),
        ),
        [("/safeguards/insurance", "safeguard_missing")],
    ),
    "a call that is not open": (lambda: dossier(cohort_id=UUID(int=5)), [("/cohort_id", "cohort_unknown")]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_where_it_is_and_nothing_else(name: str) -> None:
    make, expected = FAULTS[name]
    assert found(make()) == expected


def test_everything_wrong_is_said_at_once_with_words_and_law() -> None:
    sent = dossier(duration_months=60, attachments=(), activities=("juggling",), cohort_id=UUID(int=5))
    problems = admission.examine(sent, NOTHING_KNOWN, kit.rules(), MONDAY, MONDAY).problems
    assert [problem.code for problem in problems] == [
        "duration_too_long",
        "activity_unknown",
        "document_missing",
        "document_missing",
        "cohort_unknown",
    ]
    for problem in problems:
        assert problem.vi != problem.en
        assert problem.legal_basis in kit.rules().fixed.legal_bases


def test_while_an_answer_is_missing_nothing_is_asked_that_a_higher_tier_would_allow() -> None:
    answers = {name: given for name, given in ZERO_ANSWERS.items() if name != "crowd_cap"}
    big = with_envelope(caps=(cap("participants_active", 5000), *dossier().envelope.caps[1:]))
    sent = big.model_copy(update={"answers": answers, "duration_months": 24})
    assert found(sent) == [("/answers/crowd_cap", "answer_missing")]


def test_an_insurance_that_is_described_and_attached_is_enough() -> None:
    documents = ("disclosure", "complaint_channel", "rights_proof", "safety_plan", "insurance")
    sent = dossier(
        answers=ZERO_ANSWERS | {"physical_mode": "effects_or_night"},
        attachments=tuple(map(attachment, documents)),
        safeguards=dossier().safeguards.model_copy(update={"insurance": "Bảo hiểm trách nhiệm"}),
    )
    assert found(sent) == []


def test_a_stricter_threshold_and_an_open_call_are_welcome() -> None:
    sent = with_envelope(thresholds=(threshold(severity=Severity.CRITICAL),)).model_copy(
        update={"cohort_id": UUID(int=5)}
    )
    assert found(sent, Standing(cohort_open=True)) == []


def test_a_dossier_in_order_is_registered_with_all_that_binds_it() -> None:
    application, (submitted, registered) = filed(show())
    assert isinstance(submitted, ApplicationSubmitted)
    assert isinstance(registered, PilotRegistered)
    assert application.status is ApplicationStatus.REGISTERED
    assert submitted.dossier_sha256 == admission.fingerprint(show())
    assert registered.tier == 2
    assert [row.input for row in registered.criteria if row.decisive] == ["money_mode", "participants_cap", "crowd_cap"]
    assert registered.lead_authority == "prov_79_culture"
    assert registered.authorities == ("prov_79_culture", "prov_79_pc")
    assert registered.standstill_due is not None
    assert registered.standstill_due.instant == registered.start_at == kit.START
    assert registered.permit_due is None
    assert registered.rules.policy.tier == 2
    assert registered.rules.rule_set == application.rule_set
    assert registered.documents == ("complaint_channel", "disclosure", "gate_permit", "rights_proof", "safety_plan")
    assert "an@example.vn" not in registered.data().decode(), "personal data stays in this service"


def test_a_mendable_fault_asks_for_a_supplement_once_with_its_clock() -> None:
    application, events = filed(dossier(attachments=()))
    (_, asked) = events
    assert isinstance(asked, SupplementRequested)
    assert application.status is ApplicationStatus.SUPPLEMENT_REQUESTED
    # 30 days from 6 July end on 5 August, a Wednesday.
    assert asked.due.instant == datetime(2026, 8, 6, tzinfo=VIETNAM)
    assert application.supplement_due == asked.due
    assert len(asked.problems) == 2


def test_what_cannot_be_mended_is_refused_at_once() -> None:
    application, (_, refused) = filed(dossier(sector="banking"))
    assert isinstance(refused, ApplicationRefused)
    assert application.status is ApplicationStatus.REFUSED
    assert application.filed.lead_authority is None


@pytest.mark.parametrize(("days", "status"), [(1, ApplicationStatus.REFUSED), (0, ApplicationStatus.REGISTERED)])
def test_an_enterprise_barred_by_a_termination_may_apply_again_when_its_time_is_over(
    days: int, status: ApplicationStatus
) -> None:
    application, _ = filed(dossier(), Standing(barred_until=MONDAY + timedelta(days=days)))
    assert application.status is status


def test_before_the_first_row_is_in_force_every_sector_is_outside() -> None:
    early = datetime(2026, 6, 30, tzinfo=VIETNAM)
    examined = admission.examine(dossier(), NOTHING_KNOWN, kit.rules(date(2026, 6, 30)), early, early)
    assert [(each.code, each.legal_basis) for each in examined.problems] == [("sector_outside_sandbox", None)]
    assert examined.bench is None


def test_a_mended_dossier_is_registered_and_the_time_it_took_does_not_count() -> None:
    asked, _ = filed(show(attachments=()))
    answered = datetime(2026, 7, 9, 15, tzinfo=VIETNAM)
    after, (supplement, registered) = admission.supplement(asked, show(), NOTHING_KNOWN, kit.law(), answered)
    assert isinstance(supplement, SupplementFiled)
    assert isinstance(registered, PilotRegistered)
    assert after.status is ApplicationStatus.REGISTERED
    assert registered.received_at == MONDAY
    # Days 6 to 9 July are the pause; 10, 13, 14, 15, 16 July count.
    assert registered.standstill_due is not None
    assert registered.standstill_due.instant == datetime(2026, 7, 17, tzinfo=VIETNAM)


def test_where_the_row_says_so_the_limit_is_counted_again_from_the_answer() -> None:
    rules = kit.rules()
    policies = {
        key: row.model_copy(update={"supplement_clock": SupplementClock.RESTART}) for key, row in rules.policies.items()
    }
    again = Rules(rules.rule_set, rules.day)
    again.__dict__["policies"] = policies
    asked, _ = filed(show(attachments=()))
    answered = datetime(2026, 7, 9, 15, tzinfo=VIETNAM)
    _, events = admission.supplement(asked, show(), NOTHING_KNOWN, Law(again, kit.calendar()), answered)
    registered = events[-1]
    assert isinstance(registered, PilotRegistered)
    assert registered.standstill_due is not None
    assert registered.standstill_due.instant == datetime(2026, 7, 17, tzinfo=VIETNAM)


def test_a_second_incomplete_answer_is_refused() -> None:
    asked, _ = filed(dossier(attachments=()))
    after, (_, refused) = admission.supplement(
        asked, dossier(attachments=()), NOTHING_KNOWN, kit.law(), MONDAY + kit.DAY
    )
    assert isinstance(refused, ApplicationRefused)
    assert [problem.code for problem in refused.problems][:2] == ["supplement_incomplete", "document_missing"]
    assert after.status is ApplicationStatus.REFUSED


def test_nothing_is_told_of_an_application_behind_what_was_told_before() -> None:
    asked, _ = filed(dossier(attachments=()))
    registered, _ = filed(dossier())
    for one in (asked, registered):
        assert one.not_before(MONDAY - kit.HOUR) == MONDAY
        assert one.not_before(MONDAY + kit.HOUR) == MONDAY + kit.HOUR


def test_a_supplement_that_leaves_the_sandbox_is_refused_for_that() -> None:
    asked, _ = filed(dossier(attachments=()))
    _, events = admission.supplement(asked, dossier(sector="banking"), NOTHING_KNOWN, kit.law(), MONDAY + kit.DAY)
    assert [problem.code for problem in events[-1].problems] == ["sector_outside_sandbox"]  # type: ignore[attr-defined]


def test_a_former_sector_name_can_be_mended() -> None:
    application, _ = filed(dossier(sector="design"))
    assert application.status is ApplicationStatus.SUPPLEMENT_REQUESTED


@pytest.mark.parametrize(
    ("now", "sent", "code", "status"),
    [
        (datetime(2026, 8, 6, tzinfo=VIETNAM), dossier(), "supplement_over", 409),
        (
            MONDAY,
            dossier(organisation=Organisation(name="Khác", tax_code="0999999999")),
            "organisation_changed",
            422,
        ),
    ],
)
def test_a_supplement_too_late_or_of_another_is_refused(now: datetime, sent: Dossier, code: str, status: int) -> None:
    asked, _ = filed(dossier(attachments=()))
    with pytest.raises(Refused) as refused:
        admission.supplement(asked, sent, NOTHING_KNOWN, kit.law(), now)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_the_last_instant_before_the_limit_is_in_time() -> None:
    asked, _ = filed(dossier(attachments=()))
    last = datetime(2026, 8, 6, tzinfo=VIETNAM) - timedelta(microseconds=1)
    after, _ = admission.supplement(asked, dossier(), NOTHING_KNOWN, kit.law(), last)
    assert after.status is ApplicationStatus.REGISTERED


def test_what_is_overdue_has_lapsed_and_cannot_be_withdrawn_any_more() -> None:
    asked, _ = filed(dossier(attachments=()))
    with pytest.raises(Refused, match="supplement_over"):
        admission.withdraw(asked, "Đổi ý", datetime(2026, 8, 6, tzinfo=VIETNAM))


def test_what_is_no_longer_open_takes_no_supplement_and_no_withdrawal() -> None:
    done, _ = filed(dossier())
    with pytest.raises(Refused, match="application_not_open"):
        admission.supplement(done, dossier(), NOTHING_KNOWN, kit.law(), MONDAY)
    with pytest.raises(Refused, match="application_not_open"):
        admission.withdraw(done, "Đổi ý", MONDAY)


def test_an_open_application_can_be_withdrawn_and_lapses_when_nobody_answers() -> None:
    asked, _ = filed(dossier(attachments=()))
    gone, (withdrawn,) = admission.withdraw(asked, "Đổi ý", MONDAY + kit.DAY)
    assert isinstance(withdrawn, ApplicationWithdrawn)
    assert (gone.status, gone.withdrawn_reason, withdrawn.reason) == ("withdrawn", "Đổi ý", "withdrawn")
    assert asked.supplement_due is not None
    due = asked.supplement_due.instant
    lapsed, (event,) = admission.lapse(asked, due)
    assert isinstance(event, ApplicationWithdrawn)
    assert (lapsed.status, event.reason, event.at) == ("lapsed", "lapsed", due)
    assert lapsed.problems == asked.problems


def test_a_limit_that_no_longer_runs_fires_nothing() -> None:
    asked, _ = filed(dossier(attachments=()))
    assert asked.supplement_due is not None
    gone, _ = admission.withdraw(asked, "Đổi ý", MONDAY)
    assert admission.lapse(gone, asked.supplement_due.instant) == (gone, ())
    assert admission.lapse(asked, asked.supplement_due.instant - kit.DAY) == (asked, ())


PARTS: dict[str, Callable[[], Any]] = {
    "sector": lambda: "banking",
    "provinces": lambda: ("99",),
    "duration_months": lambda: 60,
    "activities": lambda: ("juggling", "show_internal_or_unticketed_venue"),
    "attachments": lambda: (),
    "answers": lambda: {"crowd_cap": -1},
    "envelope": lambda: Envelope(version=3, caps=(cap("luck", 1, Window.DAY),), sources=("a", "a")),
    "held_permits": lambda: (HeldPermit(gate="nothing", number="1", date=date(2030, 1, 1), issuer="?"),),
    "cohort_id": lambda: UUID(int=5),
    "planned_start": lambda: datetime(2999, 12, 30, tzinfo=VIETNAM),
}


@given(broken=st.sets(st.sampled_from(sorted(PARTS))))
def test_whatever_is_broken_the_answer_is_one_of_three_and_every_pointer_leads_somewhere(broken: set[str]) -> None:
    sent = dossier(**{name: PARTS[name]() for name in broken})
    application, (_, answer) = filed(sent)
    kinds = {
        ApplicationStatus.REGISTERED: PilotRegistered,
        ApplicationStatus.SUPPLEMENT_REQUESTED: SupplementRequested,
        ApplicationStatus.REFUSED: ApplicationRefused,
    }
    assert isinstance(answer, kinds[application.status])
    assert bool(application.problems) == bool(broken)
    document = json.loads(sent.model_dump_json())
    for problem in application.problems:
        place: Any = document
        for part in problem.pointer.split("/")[1:-1]:
            place = place[int(part)] if isinstance(place, list) else place[part]
        assert isinstance(place, dict | list)


@given(minutes=st.integers(0, 790_000), earlier=st.integers(-400, 400))
def test_no_pilot_starts_before_its_receipt_its_plan_or_any_limit(minutes: int, earlier: int) -> None:
    received = MONDAY + timedelta(minutes=minutes)
    planned = received + timedelta(days=earlier)
    event = filed(show(planned_start=planned), now=received)[1][-1]
    assert isinstance(event, PilotRegistered)
    assert event.start_at is not None and event.standstill_due is not None
    assert event.start_at == max(planned, received, event.standstill_due.instant)

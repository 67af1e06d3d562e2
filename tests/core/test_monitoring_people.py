"""Incidents, tips and referrals; and what the risk score reads of a pilot's judged past."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.monitoring.core import assessment, people, verdicts
from services.monitoring.core.assessment import Judged, Past
from services.monitoring.core.meters import Gauge, Point
from services.monitoring.core.people import OpenFinding
from services.monitoring.core.verdicts import Answer, Judgement, Standing
from shared.contracts.events.applications import DecisionApplied, DecisionNotApplied, IncidentReported
from shared.contracts.events.decisions import CheckConcluded, DecisionIssued, ReportReviewed
from shared.contracts.events.monitoring import EventRef, RuleCode
from shared.contracts.http.monitoring import ReferralSent
from shared.contracts.numbers import SCALE
from shared.contracts.pilot import Cap, PilotState, Window
from tests.monitoring_samples import CROWD, EXAMPLES, at, envelope, facts, registered

REF = EventRef(event_id=uuid4(), sha256="0" * 64)
NOW = at("2026-08-20 12:00")
PILOT = facts(registered(None, envelope(CROWD)))


def example(of: Any, /, **changes: Any) -> Any:
    data = json.loads((EXAMPLES / f"{of.__name__}.json").read_text(encoding="utf-8"))["data"]
    return of.model_validate({**data, **changes})


def test_an_incident_told_in_time_is_major_and_later_one_severity_higher() -> None:
    for late, severity in ((timedelta(), "major"), (timedelta(minutes=1), "critical")):
        event = example(IncidentReported, at=NOW + timedelta(hours=72) + late, known_at=NOW)
        opened = people.incident(PILOT, event, REF)
        assert (opened.rule, opened.severity, opened.subject) == (RuleCode.INCIDENT, severity, str(event.incident_id))
        assert opened.evidence.facts == (REF,)
        assert opened.at == event.at


def test_the_same_tip_is_one_tip() -> None:
    one, two = people.tip_of(PILOT, "Quá đông", NOW), people.tip_of(PILOT, "Quá đông", NOW + timedelta(days=1))
    assert (one.tip_id, one.content_sha256) == (two.tip_id, two.content_sha256)
    assert people.tip_of(PILOT, "Quá ồn", NOW).tip_id != one.tip_id
    told, opened = people.tip(PILOT, one)
    assert told is one
    assert (opened.rule, opened.subject, opened.severity) == ("tip", one.content_sha256, "minor")  # type: ignore[attr-defined]


def referral(**changes: Any) -> ReferralSent:
    return ReferralSent(pilot=PILOT.code, title="Chương trình", content_sha256="a" * 64, text="Sai lời", **changes)


def test_a_referral_opens_a_finding_and_a_second_authority_adds_to_it() -> None:
    one = people.referral_of(PILOT, referral(timecode="01:02:03"), "prov_79_culture", NOW)
    other = people.referral_of(PILOT, referral(), "prov_48_culture", NOW)
    assert one.referral_id != other.referral_id
    told, opened = people.referral(PILOT, one, known=False)
    assert (opened.subject, opened.severity) == ("a" * 64, "major")  # type: ignore[attr-defined]
    assert "@ 01:02:03" in str(opened.evidence.content)  # type: ignore[attr-defined]
    assert people.referral(PILOT, other, known=True) == (other,)
    assert "@" not in str(people.referral(PILOT, other, known=False)[1].evidence.content)  # type: ignore[attr-defined]
    assert told is one


def standing(decision: DecisionIssued, event_id: UUID | None = None) -> Standing:
    """The decision took its effect a second later."""
    answer = Answer(stands=True, at=decision.at + timedelta(seconds=1), event=REF)
    return Standing(
        decision=decision, event=REF.model_copy(update={"event_id": event_id or REF.event_id}), answer=answer
    )


def answered(decision: DecisionIssued, found: PilotState | None = None) -> DecisionApplied | DecisionNotApplied:
    """Applied; or not, the pilot being found in that state."""
    of: Any = DecisionApplied if found is None else DecisionNotApplied
    more = {} if found is None else {"state_found": found}
    return example(of, pilot_id=decision.pilot_id, decision_id=decision.decision_id, kind=decision.kind, **more)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("found", "holds"),
    [(None, True), (PilotState.WINDING_DOWN, False), (PilotState.ACTIVE, False), (PilotState.ENDED, True)],
)
@pytest.mark.parametrize("answer_first", [False, True])
def test_a_decision_has_judged_once_it_is_answered_unless_it_is_without_effect_on_a_pilot_that_goes_on(
    found: PilotState | None, holds: bool, answer_first: bool
) -> None:
    decision = example(DecisionIssued)
    told: list[Any] = [decision, answered(decision, found)]
    half = verdicts.heard(Judgement(), told[answer_first], REF)
    assert not half.complete and half.standing() is None
    assert verdicts.heard(half, told[answer_first], REF) == half, "told twice is told once"
    whole = verdicts.heard(half, told[not answer_first], REF)
    assert whole.complete and (whole.standing() is not None) is holds


def test_what_a_decision_is_about_is_its_findings_and_the_subjects_of_its_items() -> None:
    finding, tip, report = uuid4(), uuid4(), uuid4()
    items = [
        {"item_id": str(uuid4()), "kind": "tip", "subject": "x", "subject_id": str(tip)},
        {"item_id": str(uuid4()), "kind": "report", "subject": "x"},
    ]
    verdict = {"finding_id": str(finding), "verdict": "confirmed"}
    one = standing(example(DecisionIssued, findings=[verdict], items=items, at=NOW.isoformat()))
    assert one.names == {finding, tip} and report not in one.names
    assert one.known_at == NOW + timedelta(seconds=1)


def test_a_decision_clears_what_it_judged_and_the_end_clears_the_rest() -> None:
    found = [OpenFinding(uuid4(), RuleCode.TIP, "x"), OpenFinding(uuid4(), RuleCode.INCIDENT, "y")]
    for events, reason in (
        (people.judged(PILOT, found, standing(example(DecisionIssued, at=NOW.isoformat()))), "judged"),
        (people.tidied(PILOT, found, NOW), "pilot_ended"),
    ):
        assert [(one.finding_id, one.reason, one.at) for one in events] == [
            (one.finding_id, reason, NOW) for one in found
        ]


# Risk


def test_verdicts_checks_and_reviews_enter_the_past() -> None:
    finding = {"finding_id": str(uuid4()), "verdict": "confirmed"}
    decision = example(
        DecisionIssued, findings=[finding, {**finding, "verdict": "rejected"}], kind="warn", overturns=None
    )
    found = assessment.verdicts(standing(decision, REF.event_id))
    assert [(one.confirmed, one.decision_id, one.event_id) for one in found] == [
        (1, decision.decision_id, REF.event_id),
        (0, decision.decision_id, REF.event_id),
    ]
    assert assessment.decided(Past(), standing(decision)) == Past()
    looks = [
        example(CheckConcluded, mode="remote", confirmed_findings=2),
        example(CheckConcluded, mode="inspection", confirmed_findings=0),
        example(ReportReviewed, confirmed_findings=1),
    ]
    past = Past()
    for look in looks:
        past = assessment.looked(past, look, uuid4())
    assert [assessment.conclusion(look, REF.event_id).confirmed for look in looks] == [2, 0, 1]
    assert [one.look for one in past.looked] == ["remote_check", "onsite_check", "report_review"]


def test_a_lifted_suspension_begins_a_probation() -> None:
    lifted = uuid4()
    past = assessment.decided(
        Past(), standing(example(DecisionIssued, findings=[], kind="lift_suspension", overturns=None), lifted)
    )
    assert past.probation == lifted
    levels = {one.name: one.level for one in assessment.assess(PILOT, {}, past, (), NOW).inputs}
    assert levels["sector"] == 3


def test_the_score_is_told_anew_only_when_the_level_of_an_input_has_changed() -> None:
    past, event = assessment.reassess(PILOT, {}, Past(), (), NOW)
    assert event is not None
    assert event.pilot_id == PILOT.pilot_id
    few = {"participants_active": Gauge((Point(1, 1, 10 * SCALE),))}
    assert assessment.reassess(PILOT, few, past, (), NOW)[1] is None
    many = {"participants_active": Gauge((Point(1, 1, 60_000 * SCALE),)), "jobs": Gauge()}
    after, event = assessment.reassess(PILOT, many, past, (), NOW)
    assert event is not None
    assert event.changed == ("participants: 1 → 4",)
    assert after.inputs == event.inputs


def test_a_score_is_of_the_newest_judgement_where_that_is_later_than_now() -> None:
    early, late = (Judged(at=NOW + timedelta(hours=n), confirmed=3, event_id=uuid4()) for n in (-1, 1))
    past, event = assessment.reassess(PILOT, {}, Past(), (late, early), NOW)
    assert event is not None and event.at == late.at
    assert {one.name: (one.value, one.event_id) for one in past.inputs}["history"] == ("57.0 / 2", late.event_id)


def test_a_branch_is_no_other_operator() -> None:
    codes = ("0109876543", "0109876543-001", "0109876544")
    operators = [facts(registered(organisation={"name": "Công ty", "tax_code": code})).enterprise for code in codes]
    assert operators == ["0109876543", "0109876543", "0109876544"]


def test_games_count_minors_among_players() -> None:
    cap = Cap(metric="players_u18", window=Window.CONCURRENT, limit=Decimal(40))
    all_of_them = Cap(metric="players_active", window=Window.CONCURRENT, limit=Decimal(100))
    game = facts(registered(None, envelope(cap, all_of_them), sector="software_games"))
    levels = {one.name: one.level for one in assessment.assess(game, {}, Past(), (), NOW).inputs}
    assert levels["minors"] == 4

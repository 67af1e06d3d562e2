"""What happens to a pilot: clocks, decisions, measures, and what its enterprise sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.applications.core import admission, clocks, decisions, filings, history, measures
from services.applications.core.model import Early, Pilot, Standing
from services.applications.core.transitions import MOVES, IllegalMove, derived, move
from shared.contracts.base import Due, Event
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events.applications import (
    DecisionApplied,
    DecisionNotApplied,
    FinalCriterion,
    PilotAmended,
    PilotEnded,
    PilotStarted,
    PilotStateChanged,
    PilotWindingDown,
)
from shared.contracts.http.applications import FinalReportSent, IncidentSent, PeriodicReportSent, ReplySent
from shared.contracts.pilot import Cause, CauseKind, Outcome, PilotState, Window
from shared.reference.calendar import VIETNAM
from tests import applications_kit as kit
from tests.applications_kit import DAY, END, HOUR, MONDAY, START, cap

MEASURE, DECISION = UUID(int=50), UUID(int=100)
CRITERIA = ("creativity", "identity", "uniqueness", "professionalism", "healthiness", "competition", "sustainability")


def running(at: datetime = START) -> Pilot:
    return clocks.advance(kit.pilot(), at, kit.calendar())[0]


def decide(pilot: Pilot, kind: str, at: datetime, **more: Any) -> tuple[Pilot, tuple[Event, ...]]:
    return decisions.decide(pilot, kit.decision(kind, at, **more), at, kit.calendar())


def restricted() -> Pilot:
    return measures.take(running(), MEASURE, START + HOUR, START + HOUR)[0]


def suspended() -> Pilot:
    return decide(running(), "suspend", START + DAY)[0]


def objected() -> Pilot:
    """Running, and suspended by an objection that was made in time and came late."""
    objection = kit.decision("object", START - HOUR, gate="standstill")
    return decisions.decide(running(), objection, START + HOUR, kit.calendar())[0]


def winding(cause: Outcome = Outcome.WITHDRAWN, at: datetime = START + 30 * DAY) -> Pilot:
    return clocks.wind_down(running(), cause, at, kit.calendar())[0]


def ended() -> Pilot:
    return clocks.advance(winding(), END, kit.calendar())[0]


def pending() -> Pilot:
    return kit.pilot()


def final_report_sent(**changes: Any) -> FinalReportSent:
    criteria = tuple(FinalCriterion(code=code, score=4, evidence="Số liệu.") for code in CRITERIA)
    return FinalReportSent(**({"results": "Đạt.", "criteria": criteria} | changes))


def with_report(pilot: Pilot, at: datetime) -> Pilot:
    event = filings.final_report(pilot, final_report_sent(), UUID(int=60), at)
    return history.evolve(pilot, [event])


# The table of moves


def test_the_end_is_the_end_and_every_state_is_reachable() -> None:
    assert MOVES[PilotState.ENDED] == frozenset()
    reached, waiting = {PilotState.PENDING}, [PilotState.PENDING]
    while waiting:
        for after in MOVES[waiting.pop()] - reached:
            reached.add(after)
            waiting.append(after)
    assert reached == set(PilotState)


@pytest.mark.parametrize("before", PilotState)
@pytest.mark.parametrize("after", PilotState)
def test_a_move_that_is_not_in_the_table_is_never_made(before: PilotState, after: PilotState) -> None:
    if after in MOVES[before]:
        assert move(before, after) is after
    else:
        with pytest.raises(IllegalMove):
            move(before, after)


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ((), PilotState.ACTIVE),
        ((CauseKind.MEASURE,), PilotState.RESTRICTED),
        ((CauseKind.SUSPENSION, CauseKind.MEASURE), PilotState.SUSPENDED),
        ((CauseKind.OBJECTION,), PilotState.SUSPENDED),
    ],
)
def test_any_suspension_suspends_else_any_measure_restricts(kinds: tuple[CauseKind, ...], state: PilotState) -> None:
    assert derived(Cause(kind=kind, ref=UUID(int=n), since=START) for n, kind in enumerate(kinds)) is state


# Clocks


def test_a_pilot_starts_and_ends_by_itself_at_the_due_instants() -> None:
    after, events = clocks.advance(kit.pilot(), END + 60 * DAY, kit.calendar())
    started, winding_down, over = events
    assert isinstance(started, PilotStarted)
    assert isinstance(winding_down, PilotWindingDown)
    assert isinstance(over, PilotEnded)
    assert (started.at, started.end_at, started.state_after) == (START, END, PilotState.ACTIVE)
    assert (winding_down.at, winding_down.cause) == (END, Outcome.EXPIRED)
    # 30 days from 14 July 2027 end on 13 August, a Friday.
    assert winding_down.due.instant == over.at == datetime(2027, 8, 14, tzinfo=VIETNAM)
    assert (over.outcome, after.state) == (Outcome.EXPIRED, PilotState.ENDED)
    assert clocks.running_clock(after) is None


def test_nothing_fires_before_its_instant() -> None:
    before = kit.pilot()
    assert clocks.advance(before, START - timedelta(microseconds=1), kit.calendar()) == (before, ())


def test_the_final_report_is_due_by_24_00_of_the_fifteenth_day_before_the_last() -> None:
    assert history.final_report_due(running()) == datetime(2027, 6, 29, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (datetime(2027, 6, 28, 23, 59, tzinfo=VIETNAM), PilotState.WINDING_DOWN),
        (datetime(2027, 6, 29, tzinfo=VIETNAM), PilotState.ENDED),
    ],
)
def test_only_a_final_report_in_time_keeps_the_pilot_winding_down(at: datetime, state: PilotState) -> None:
    pilot = with_report(running(), at)
    after, events = clocks.advance(pilot, END + 90 * DAY, kit.calendar())
    assert after.state is state
    wound = next(event for event in events if isinstance(event, PilotWindingDown))
    assert (wound.final_report_id is not None) is (state is PilotState.WINDING_DOWN)


def test_a_termination_is_not_kept_open_by_a_final_report() -> None:
    pilot = with_report(running(), START + DAY)
    after, (wound, _) = decide(pilot, "terminate", START + 2 * DAY)
    assert isinstance(wound, PilotWindingDown)
    assert wound.final_report_id is None
    assert clocks.advance(after, END, kit.calendar())[0].outcome is Outcome.TERMINATED


# What others did, heard of late


def heard(pilot: Pilot, kind: str, at: datetime, now: datetime, **more: Any) -> tuple[Pilot, tuple[Event, ...]]:
    found, fired, instant = clocks.hear(pilot, at, now, kit.calendar())
    after, events = decisions.decide(found, kit.decision(kind, at, **more), instant, kit.calendar())
    return after, fired + events


def test_an_objection_permitted_before_the_planned_start_moves_nothing_however_late_it_is_heard_of() -> None:
    after, (changed, applied) = heard(pending_objected(), "permit", START - HOUR, START + 5 * HOUR, gate="objection")
    assert (changed.at, applied.at, after.start_at) == (START - HOUR, START - HOUR, START)
    started, (start,) = clocks.advance(after, START + 5 * HOUR, kit.calendar())
    assert (start.at, started.end_at) == (START, END)


def test_a_completion_of_before_the_clock_ran_out_completes_though_it_is_heard_of_after() -> None:
    before = winding()
    assert before.winding_down_due is not None
    due = before.winding_down_due.instant
    after, (over, applied) = heard(before, "complete", due - HOUR, due + 5 * HOUR)
    assert isinstance(over, PilotEnded)
    assert (after.outcome, over.at, applied.at) == (Outcome.COMPLETED, due - HOUR, due - HOUR)


def test_a_termination_of_before_the_clock_ran_out_terminates_and_the_clock_keeps_its_date() -> None:
    before = winding()
    assert before.winding_down_due is not None
    due = before.winding_down_due.instant
    after, (wound, _) = heard(before, "terminate", due - HOUR, due + 5 * HOUR)
    assert isinstance(wound, PilotWindingDown)
    over, (last,) = clocks.advance(after, due + 5 * HOUR, kit.calendar())
    assert (wound.at, over.outcome, last.at) == (due - HOUR, Outcome.TERMINATED, due)


def test_a_decision_of_after_the_clock_ran_out_finds_what_the_clock_did() -> None:
    before = winding()
    assert before.winding_down_due is not None
    due = before.winding_down_due.instant
    after, (over, answer) = heard(before, "complete", due, due + HOUR)
    assert isinstance(over, PilotEnded)
    assert isinstance(answer, DecisionNotApplied)
    assert (after.outcome, over.at, answer.at) == (Outcome.WITHDRAWN, due, due)


def test_the_start_waits_for_nobody_and_an_objection_heard_of_after_it_suspends() -> None:
    after, (started, changed, _) = heard(pending(), "object", START - HOUR, START + HOUR)
    assert isinstance(started, PilotStarted)
    assert isinstance(changed, PilotStateChanged)
    assert (started.at, changed.at, after.state) == (START, START, PilotState.SUSPENDED)


def test_what_was_told_is_never_followed_by_what_lies_before_it() -> None:
    # A report of 10:30 was told; a suspension of 10:00 is heard of after it.
    told = with_report(running(), START + 2 * HOUR)
    after, (changed, applied) = heard(told, "suspend", START + HOUR, START + 3 * HOUR)
    assert (changed.at, applied.at, after.told_at) == (START + 2 * HOUR,) * 3
    # And an amendment, which is of its decision's instant, holds nothing back that was told meanwhile.
    amended, (cut, answer) = heard(told, "adjust", START + HOUR, START + 3 * HOUR, **ADJUSTED)
    assert (cut.at, answer.at, amended.told_at) == (START + HOUR, START + 2 * HOUR, START + 2 * HOUR)


def test_nothing_is_heard_from_the_future() -> None:
    after, (changed, _) = heard(running(), "suspend", START + 400 * DAY, START + DAY)
    assert (changed.at, after.state) == (START + DAY, PilotState.SUSPENDED)


# Decisions: what each kind does in each state


@dataclass(frozen=True)
class Case:
    """What becomes of a pilot in some state by a decision. ``why`` None: applied."""

    make: Callable[[], Pilot]
    kind: str
    more: dict[str, Any]
    state: PilotState
    why: str | None = None
    at: datetime = START + 40 * DAY


P, A, R, S, W, E = PilotState
GATE = "show_live_other/prov_79_pc"
NOTED = ("continue", "warn", "order_correction", "order_takedown", "refer_sanction")
EARLY = MONDAY + HOUR
ADJUSTED = {"caps": (cap("crowd_peak", 1240),)}


def waiting() -> Pilot:
    return kit.pilot(kit.permit_show())


def pending_objected() -> Pilot:
    return decide(pending(), "object", EARLY, gate="standstill")[0]


CASES = [
    Case(waiting, "permit", {"gate": GATE}, P),
    Case(waiting, "permit", {"gate": "pilot"}, P, "no permit is outstanding for pilot"),
    Case(running, "permit", {"gate": GATE}, A, "the pilot is active, and no longer waits for a permit"),
    Case(pending_objected, "permit", {"gate": "objection"}, P, at=EARLY),
    Case(objected, "permit", {"gate": "objection", "lifts": DECISION}, A),
    Case(objected, "permit", {"gate": "objection", "lifts": UUID(int=9)}, S, "no such objection is in force"),
    Case(running, "permit", {"gate": "objection"}, A, "no such objection is in force"),
    Case(pending, "object", {}, P, at=EARLY),
    Case(pending, "object", {"gate": "standstill"}, P, at=EARLY),
    Case(pending, "object", {"gate": GATE}, P, "there is no standstill in which to object", at=EARLY),
    Case(running, "object", {}, A, "the time in which one may object is over"),
    Case(winding, "object", {}, W, "the pilot is winding_down"),
    Case(ended, "object", {}, E, "the pilot is ended"),
    Case(pending, "refuse", {}, E, at=EARLY),
    Case(objected, "refuse", {}, W),
    Case(running, "refuse", {}, A, "the pilot is active, and nothing is left to refuse"),
    Case(suspended, "refuse", {}, S, "the pilot is suspended, and nothing is left to refuse"),
    Case(pending, "adjust", ADJUSTED, P, at=EARLY),
    Case(running, "adjust", ADJUSTED, A),
    Case(winding, "adjust", ADJUSTED, W),
    Case(ended, "adjust", ADJUSTED, E, "the pilot has ended"),
    Case(running, "adjust", {}, A, "the decision names no cap"),
    Case(pending, "suspend", {}, P, "the pilot is pending", at=EARLY),
    Case(running, "suspend", {}, S),
    Case(restricted, "suspend", {}, S),
    Case(winding, "suspend", {}, W, "the pilot is winding_down"),
    Case(suspended, "lift_suspension", {"lifts": DECISION}, A),
    Case(suspended, "lift_suspension", {"lifts": UUID(int=9)}, S, "that suspension is not in force"),
    Case(suspended, "lift_suspension", {}, S, "that suspension is not in force"),
    Case(ended, "lift_suspension", {"lifts": DECISION}, E, "that suspension is not in force"),
    Case(restricted, "confirm_measure", {"measure_id": MEASURE}, R),
    Case(restricted, "lift_measure", {"measure_id": UUID(int=9)}, R, "no such measure is known"),
    Case(restricted, "lift_measure", {}, R, "no such measure is known"),
    Case(ended, "lift_measure", {"measure_id": MEASURE}, E, "the pilot has ended, and its measures with it"),
    Case(pending, "terminate", {}, P, "the pilot is pending", at=EARLY),
    Case(running, "terminate", {}, W),
    Case(winding, "terminate", {}, W),
    Case(lambda: winding(Outcome.TERMINATED), "terminate", {}, W, "the pilot is terminated already"),
    Case(ended, "terminate", {}, E, "the pilot is ended"),
    Case(running, "complete", {}, A, "the pilot is active"),
    Case(winding, "complete", {}, E),
    Case(lambda: winding(Outcome.TERMINATED), "complete", {}, W, "the pilot was terminated, and no report undoes that"),
    Case(
        lambda: winding(Outcome.REFUSED), "refuse_completion", {}, W, "the pilot was refused, and no report undoes that"
    ),
    Case(winding, "refuse_completion", {}, E),
    Case(ended, "complete", {}, E, "the pilot is ended"),
    *(Case(make, kind, {}, state) for kind in NOTED for make, state in ((running, A), (winding, W), (ended, E))),
    *(
        Case(running, kind, {}, A, "unsupported kind")
        for kind in ("extend", "refuse_extension", "uphold", "vary", "overturn", "open_check_onsite", "frown")
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind} {case.make.__name__} {case.why or 'applied'}")
def test_a_decision_is_answered_once_and_moves_the_pilot_as_the_table_says(case: Case) -> None:
    before = case.make()
    after, events = decide(before, case.kind, case.at, **case.more)
    answers = [event for event in events if isinstance(event, DecisionApplied | DecisionNotApplied)]
    assert answers == [events[-1]]
    assert after.state is case.state
    if case.why is None:
        assert isinstance(events[-1], DecisionApplied)
        assert (events[-1].state_after, events[-1].causes) == (after.state, after.causes)
    else:
        assert isinstance(events[-1], DecisionNotApplied)
        assert (events[-1].why, events[-1].state_found) == (case.why, before.state)
        assert after == before.model_copy(update={"told_at": before.not_before(case.at)})


def test_the_last_permit_starts_the_pilot_as_planned_or_at_once_when_the_plan_has_passed() -> None:
    for at, start in ((MONDAY + DAY, START), (START + DAY, START + DAY)):
        after, (applied,) = decide(waiting(), "permit", at, gate=GATE)
        assert isinstance(applied, DecisionApplied)
        assert applied.start_at == after.start_at == start
        assert after.permits_outstanding == ()


def test_one_permit_of_two_starts_nothing() -> None:
    two = kit.show(
        activities=("show_live_other", "beauty_contest"),
        held_permits=(),
        attachments=tuple(map(kit.attachment, ("disclosure", "complaint_channel", "rights_proof", "safety_plan"))),
    )
    after, _ = decide(kit.pilot(two), "permit", MONDAY + DAY, gate=GATE)
    assert after.start_at is None
    assert after.permits_outstanding == ("beauty_contest/prov_79_pc",)
    assert decide(after, "permit", MONDAY + DAY, gate=after.permits_outstanding[0])[0].start_at == START


def test_an_objection_holds_the_start_until_it_is_permitted() -> None:
    held = pending_objected()
    assert held.start_at is None
    assert clocks.advance(held, START + DAY, kit.calendar()) == (held, ())
    late, _ = decide(held, "permit", START + DAY, gate="objection")
    assert late.start_at == START + DAY
    early, (changed, _) = decide(held, "permit", EARLY + HOUR, gate="objection")
    assert isinstance(changed, PilotStateChanged)
    assert (early.start_at, changed.reason, early.causes) == (START, "permitted", ())


def test_any_other_decision_leaves_the_start_where_it_is() -> None:
    assert decide(pending(), "warn", EARLY)[0].start_at == START


def test_an_objection_in_time_that_arrives_after_the_start_suspends() -> None:
    pilot = objected()
    assert pilot.state is PilotState.SUSPENDED
    assert [cause.kind for cause in pilot.causes] == [CauseKind.OBJECTION]


def test_an_objection_is_not_permitted_while_winding_down() -> None:
    gone = clocks.wind_down(objected(), Outcome.WITHDRAWN, START + DAY, kit.calendar())[0]
    assert isinstance(decide(gone, "permit", START + DAY, gate="objection")[1][-1], DecisionNotApplied)


def test_caps_are_replaced_or_added_and_count_from_the_decision_itself() -> None:
    said = START + DAY
    adjust = kit.decision("adjust", said, caps=(cap("crowd_peak", 1240), cap("audience_live", 5, Window.DAY)))
    after, (amended, applied) = decisions.decide(running(), adjust, said + HOUR, kit.calendar())
    assert isinstance(amended, PilotAmended)
    assert (amended.at, applied.at) == (said, said + HOUR)
    assert after.envelope.version == 2
    limits = {cap.subject: cap.limit for cap in after.envelope.caps}
    assert limits["crowd_peak/concurrent"] == 1240
    assert limits["audience_live/day"] == 5
    assert len(after.envelope.caps) == len(running().envelope.caps) + 1
    assert after.envelope.caps[0].metric == "crowd_peak", "a replaced cap keeps its place"


def test_lifting_one_cause_leaves_the_others() -> None:
    both = decide(restricted(), "suspend", START + DAY)[0]
    lifted, (changed, _) = decide(both, "lift_suspension", START + 2 * DAY, lifts=DECISION)
    assert isinstance(changed, PilotStateChanged)
    assert (changed.state_before, changed.state_after) == (PilotState.SUSPENDED, PilotState.RESTRICTED)
    assert [cause.ref for cause in lifted.causes] == [MEASURE]


def test_a_termination_while_winding_down_changes_the_cause_and_gives_no_new_time() -> None:
    before = winding()
    after, (wound, _) = decide(before, "terminate", START + 40 * DAY)
    assert isinstance(wound, PilotWindingDown)
    assert (after.winding_down_cause, after.winding_down_due) == (Outcome.TERMINATED, before.winding_down_due)


def test_a_termination_of_one_kept_past_its_date_by_a_report_gives_time_again() -> None:
    kept = clocks.advance(with_report(running(), START + DAY), END + 60 * DAY, kit.calendar())[0]
    after, _ = decide(kept, "terminate", END + 60 * DAY)
    assert after.winding_down_due is not None
    assert after.winding_down_due.instant > END + 60 * DAY


# Interim measures


def test_a_measure_restricts_and_its_lifting_frees() -> None:
    pilot = restricted()
    assert pilot.state is PilotState.RESTRICTED
    for reason in ("measure_lifted", "measure_lapsed"):
        after, (changed,) = measures.drop(pilot, MEASURE, reason, START + DAY)
        assert isinstance(changed, PilotStateChanged)
        assert (after.state, changed.reason, changed.ref) == (PilotState.ACTIVE, reason, MEASURE)
        assert measures.drop(after, MEASURE, reason, START + DAY) == (after, ())


def test_a_measure_counts_once_and_one_that_came_back_from_the_dead_not_at_all() -> None:
    pilot = restricted()
    assert measures.take(pilot, MEASURE, START, START + DAY) == (pilot, ())
    lifted = measures.drop(pilot, MEASURE, "measure_lifted", START + DAY)[0]
    assert measures.take(lifted, MEASURE, START, START + DAY) == (lifted, ())


@pytest.mark.parametrize("reason", ["measure_lifted", "measure_lapsed"])
def test_a_lift_that_comes_before_its_measure_leaves_a_tombstone(reason: Any) -> None:
    buried, events = measures.drop(running(), MEASURE, reason, START + DAY)
    assert (buried.tombstones, events) == ({MEASURE: Early.GONE}, ())
    assert measures.take(buried, MEASURE, START, START + DAY) == (buried, ())
    assert isinstance(decide(buried, "lift_measure", START + DAY, measure_id=MEASURE)[1][-1], DecisionApplied)


def test_a_confirmation_that_comes_first_lets_the_measure_take_effect() -> None:
    early = measures.confirm(running(), MEASURE)
    assert early.tombstones == {MEASURE: Early.CONFIRMED}
    assert measures.confirm(early, MEASURE) == early
    assert measures.take(early, MEASURE, START, START + DAY)[0].state is PilotState.RESTRICTED
    gone = measures.drop(early, MEASURE, "measure_lifted", START + DAY)[0]
    assert gone.tombstones == {MEASURE: Early.GONE}


def test_a_confirmed_measure_changes_nothing() -> None:
    assert measures.confirm(restricted(), MEASURE) == restricted()


def test_an_ended_pilot_takes_no_measure_and_buries_none() -> None:
    pilot = ended()
    assert measures.take(pilot, MEASURE, START, END) == (pilot, ())
    assert measures.drop(pilot, MEASURE, "measure_lifted", END) == (pilot, ())


def test_the_end_of_a_pilot_lifts_its_measures() -> None:
    pilot = clocks.advance(restricted(), END + 60 * DAY, kit.calendar())[0]
    assert (pilot.causes, pilot.measures) == ((), {MEASURE: False})


def test_causes_come_and_go_while_winding_down_and_move_nothing() -> None:
    pilot, (changed,) = measures.take(winding(), MEASURE, START, START + 31 * DAY)
    assert isinstance(changed, PilotStateChanged)
    assert (pilot.state, len(pilot.causes)) == (PilotState.WINDING_DOWN, 1)
    assert measures.drop(pilot, MEASURE, "measure_lifted", START + 32 * DAY)[0].causes == ()


def test_a_measure_before_the_start_is_kept_and_restricts_from_the_start() -> None:
    early = measures.take(pending(), MEASURE, MONDAY, MONDAY)[0]
    assert early.state is PilotState.PENDING
    assert clocks.advance(early, START, kit.calendar())[0].state is PilotState.RESTRICTED


# What the enterprise sends


def test_a_pending_pilot_that_is_withdrawn_ends_and_a_running_one_winds_down() -> None:
    gone, (over,) = filings.withdraw(pending(), EARLY, kit.calendar())
    assert isinstance(over, PilotEnded)
    assert (gone.state, over.outcome, over.ref) == (PilotState.ENDED, Outcome.WITHDRAWN, None)
    slow, _ = filings.withdraw(suspended(), START + 2 * DAY, kit.calendar())
    assert (slow.state, slow.winding_down_cause) == (PilotState.WINDING_DOWN, Outcome.WITHDRAWN)
    assert clocks.advance(slow, END, kit.calendar())[0].outcome is Outcome.WITHDRAWN
    for done in (slow, gone):
        with pytest.raises(Refused, match="pilot_not_running"):
            filings.withdraw(done, START + 3 * DAY, kit.calendar())


def test_a_reply_answers_one_open_request_in_its_time() -> None:
    request = filings.OpenRequest(request_id=UUID(int=3), due=Due(instant=START + 5 * DAY, calendar_version="v"))
    sent = ReplySent(answers=UUID(int=3), text="Giải trình.")
    event = filings.reply(running(), request, sent, UUID(int=4), START + DAY)
    assert (event.answers, event.reply_id, event.at) == (UUID(int=3), UUID(int=4), START + DAY)
    with pytest.raises(NotFound):
        filings.reply(running(), None, sent, UUID(int=4), START)
    with pytest.raises(Refused, match="request_answered"):
        answered = request.model_copy(update={"answered_at": START})
        filings.reply(running(), answered, sent, UUID(int=4), START)
    with pytest.raises(Refused, match="request_withdrawn"):
        withdrawn = request.model_copy(update={"withdrawn_at": START})
        filings.reply(running(), withdrawn, sent, UUID(int=4), START)
    with pytest.raises(Refused, match="request_over"):
        filings.reply(running(), request, sent, UUID(int=4), START + 5 * DAY)


def test_an_incident_is_known_between_the_start_and_now() -> None:
    def sent(known: datetime) -> IncidentSent:
        return IncidentSent(known_at=known, kind="Sân khấu", description="Ngã.")

    now = START + 10 * DAY
    event = filings.incident(running(), sent(now - HOUR), UUID(int=5), now)
    assert (event.incident_id, event.known_at) == (UUID(int=5), now - HOUR)
    for known, code in ((now + HOUR, "incident_in_future"), (START - HOUR, "incident_before_start")):
        with pytest.raises(Refused, match=code):
            filings.incident(running(), sent(known), UUID(int=5), now)
    for pilot in (pending(), ended()):
        with pytest.raises(Refused, match="pilot_not_running"):
            filings.incident(pilot, sent(START), UUID(int=5), now)


def test_an_incident_is_late_after_72_hours_of_nights_and_holidays_too() -> None:
    assert not filings.is_late(running(), START, START + 72 * HOUR)
    assert filings.is_late(running(), START, START + 72 * HOUR + timedelta(microseconds=1))


def test_periodic_reports_are_due_every_six_months_and_none_at_the_end() -> None:
    assert filings.periodic_dues(running()) == (datetime(2027, 1, 14, tzinfo=VIETNAM),)
    assert filings.periodic_dues(pending()) == ()


def test_a_periodic_report_is_of_a_period_that_has_begun_and_filed_once() -> None:
    def sent(number: int) -> PeriodicReportSent:
        return PeriodicReportSent(number=number, summary="Báo cáo.")

    pilot = kit.pilot(kit.show(duration_months=24))
    pilot = clocks.advance(pilot, START, kit.calendar())[0]
    event = filings.periodic_report(pilot, sent(1), UUID(int=6), START + DAY)
    filed = history.evolve(pilot, [event])
    assert filed.periodic_reports == {1: START + DAY}
    for number, code in ((4, "period_unknown"), (1, "period_reported"), (2, "period_not_begun")):
        with pytest.raises(Refused, match=code):
            filings.periodic_report(filed, sent(number), UUID(int=6), START + DAY)
    late = filings.periodic_report(filed, sent(2), UUID(int=6), datetime(2027, 1, 14, tzinfo=VIETNAM))
    assert late.number == 2


def test_a_final_report_has_each_criterion_once_and_is_filed_once() -> None:
    twice = final_report_sent().criteria[:6] + final_report_sent().criteria[:1]
    with pytest.raises(Refused, match="criterion_twice") as refused:
        filings.final_report(running(), final_report_sent(criteria=twice), UUID(int=6), START)
    assert refused.value.main.pointer == "/criteria/6/code"
    with pytest.raises(Refused, match=r"criterion_missing: .*sustainability"):
        filings.final_report(
            running(), final_report_sent(criteria=final_report_sent().criteria[:6]), UUID(int=6), START
        )
    filed = with_report(running(), START)
    with pytest.raises(Refused, match="final_report_filed"):
        filings.final_report(filed, final_report_sent(), UUID(int=6), START)
    with pytest.raises(Refused, match="pilot_not_running"):
        filings.final_report(pending(), final_report_sent(), UUID(int=6), START)


def test_a_report_after_the_withdrawal_keeps_the_pilot_until_it_is_read() -> None:
    pilot = with_report(winding(), START + 31 * DAY)
    kept = clocks.advance(pilot, END, kit.calendar())[0]
    assert kept.state is PilotState.WINDING_DOWN
    done, (over, _) = decide(kept, "complete", END)
    assert isinstance(over, PilotEnded)
    assert (done.outcome, over.ref) == (Outcome.COMPLETED, DECISION)


def test_a_history_without_a_registration_makes_no_pilot() -> None:
    with pytest.raises(ValueError, match="without a registration"):
        history.rebuild([])


def test_a_pilot_is_rebuilt_from_all_that_was_published_about_its_application() -> None:
    _, events = admission.receive(kit.PILOT_ID, "HK-G16-26-000001", kit.show(), Standing(), kit.law(), MONDAY)
    assert history.rebuild(events) == kit.pilot()


def test_an_impossible_history_is_refused() -> None:
    started = clocks.advance(kit.pilot(), START, kit.calendar())[1]
    with pytest.raises(IllegalMove):
        history.evolve(ended(), started)


def test_the_limits_of_a_pilot_come_from_its_frozen_rules() -> None:
    terms = kit.pilot().terms
    assert (terms.report_every_months, terms.final_report_days, terms.incident_hours) == (6, 15, 72)
    assert (terms.wind_down_days, terms.bar_months) == (30, 12)
    assert kit.pilot().envelope.caps[0].limit == Decimal(1400)

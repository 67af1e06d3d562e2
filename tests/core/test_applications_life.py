"""A pilot's whole life, driven at random: whatever happens, its state follows the table of moves and its history makes it again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.applications.core import clocks, decisions, filings, history, measures
from services.applications.core.model import Pilot
from shared.contracts.base import Event
from shared.contracts.errors import HaukiemError, Refused
from shared.contracts.events import BY_TYPE
from shared.contracts.events.applications import (
    DecisionApplied,
    DecisionNotApplied,
    FinalCriterion,
    PilotAmended,
    PilotEnded,
    PilotStarted,
    PilotWindingDown,
)
from shared.contracts.http.applications import FinalReportSent, IncidentSent, PeriodicReportSent
from shared.contracts.pilot import CauseKind, Outcome, PilotState
from tests import applications_kit as kit
from tests.applications_kit import END, MONDAY, START, cap

KINDS = st.sampled_from([*decisions.EFFECTS, "extend", "overturn"])
SUBJECTS = st.sampled_from([None, "standstill", "objection", "pilot", "show_live_other/prov_79_pc"])
MEASURES = st.integers(1, 4).map(lambda n: UUID(int=n))
DOSSIERS = st.sampled_from([kit.show(), kit.permit_show(), kit.dossier()])
# Written a second time, apart from the code: which state may follow which.
LEGAL = {
    "pending": {"pending", "active", "restricted", "ended"},
    "active": {"active", "restricted", "suspended", "winding_down"},
    "restricted": {"active", "restricted", "suspended", "winding_down"},
    "suspended": {"active", "restricted", "suspended", "winding_down"},
    "winding_down": {"winding_down", "ended"},
    "ended": {"ended"},
}


class PilotLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = self.last = MONDAY
        self.pilot: Pilot
        self.told: list[Event] = []
        self.issued: list[UUID] = []

    @initialize(filed=DOSSIERS)
    def register(self, filed: Any) -> None:
        registration = kit.registration(filed)
        self.told, self.last = [registration], registration.at
        self.pilot = history.registered(registration)

    def happened(self, after: Pilot, events: tuple[Event, ...]) -> None:
        for event in events:
            state = getattr(event, "state_after", None)
            if state is not None:
                assert state in LEGAL[history.rebuild(self.told).state]
            if not isinstance(event, PilotAmended):
                assert event.at >= self.last, "what is told of one pilot never runs back in time"
                self.last = event.at
            self.told.append(event)
        self.pilot = after

    def stands(self, state: str) -> bool:
        return self.pilot.state == state

    def catch_up(self) -> None:
        self.happened(*clocks.advance(self.pilot, self.now, kit.calendar()))

    @rule(hours=st.integers(1, 24 * 120))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.catch_up()

    @rule()
    def time_passes_to_the_next_clock(self) -> None:
        clock = clocks.running_clock(self.pilot)
        if clock is not None:
            self.now = max(self.now, clock[1])
            self.catch_up()

    def hear(self, late: int, down: int) -> datetime:
        """The service was down for some hours, and what another did before, or meanwhile, is heard of before its own clocks fire."""
        self.now += timedelta(hours=down)
        pilot, events, at = clocks.hear(self.pilot, self.now - timedelta(hours=late), self.now, kit.calendar())
        self.happened(pilot, events)
        return at

    @rule(
        kind=KINDS,
        gate=SUBJECTS,
        measure=MEASURES,
        lifts=st.integers(0, 3),
        late=st.integers(-1, 200),
        down=st.integers(0, 300),
    )
    def a_decision_arrives(self, kind: str, gate: str | None, measure: UUID, lifts: int, late: int, down: int) -> None:
        at = self.hear(late, down)
        before, decision_id = self.pilot, UUID(int=1000 + len(self.issued))
        decision = kit.decision(
            kind,
            self.now - timedelta(hours=late),
            decision_id=decision_id,
            gate=gate,
            measure_id=measure,
            lifts=self.issued[-lifts] if 0 < lifts <= len(self.issued) else None,
            caps=(cap("crowd_peak", 1000 + len(self.issued)),) if kind == "adjust" else (),
        )
        after, events = decisions.decide(before, decision, at, kit.calendar())
        if isinstance(events[-1], DecisionNotApplied):
            assert (after, len(events)) == (before.model_copy(update={"told_at": at}), 1)
        self.issued.append(decision_id)
        self.happened(after, events)
        self.catch_up()

    @rule(measure=MEASURES, late=st.integers(0, 50), down=st.integers(0, 50))
    def a_measure_is_taken(self, measure: UUID, late: int = 0, down: int = 0) -> None:
        at = self.hear(late, down)
        self.happened(*measures.take(self.pilot, measure, at, at))
        self.catch_up()

    @rule(measure=MEASURES)
    def a_measure_is_confirmed(self, measure: UUID) -> None:
        self.catch_up()
        self.happened(measures.confirm(self.pilot, measure), ())

    @rule(
        measure=MEASURES,
        reason=st.sampled_from(["measure_lifted", "measure_lapsed"]),
        late=st.integers(0, 50),
        down=st.integers(0, 50),
    )
    def a_measure_goes(self, measure: UUID, reason: Any, late: int = 0, down: int = 0) -> None:
        at = self.hear(late, down)
        self.happened(*measures.drop(self.pilot, measure, reason, at))
        self.catch_up()
        assert measure not in {cause.ref for cause in self.pilot.causes}

    def attempt(self, act: Any) -> None:
        """What is refused changes nothing."""
        self.catch_up()
        before = self.pilot
        try:
            after, events = act(before)
        except HaukiemError as error:
            assert isinstance(error, Refused)
            assert self.pilot == before
            return
        self.happened(after, events)

    @rule()
    def the_enterprise_withdraws(self) -> None:
        self.attempt(lambda pilot: filings.withdraw(pilot, self.now, kit.calendar()))

    @rule(number=st.integers(1, 3))
    def a_periodic_report_is_filed(self, number: int) -> None:
        sent = PeriodicReportSent(number=number, summary="Báo cáo.")
        self.attempt(lambda pilot: history.tell(pilot, filings.periodic_report(pilot, sent, UUID(int=70), self.now)))

    @rule()
    def the_final_report_is_filed(self) -> None:
        codes: Any = ("creativity", "identity", "uniqueness", "professionalism")
        codes += ("healthiness", "competition", "sustainability")
        criteria = tuple(FinalCriterion(code=code, score=3, evidence="Số liệu.") for code in codes)
        sent = FinalReportSent(results="Đạt.", criteria=criteria)
        self.attempt(lambda pilot: history.tell(pilot, filings.final_report(pilot, sent, UUID(int=71), self.now)))

    @rule(hours=st.integers(-5, 100))
    def an_incident_is_reported(self, hours: int) -> None:
        sent = IncidentSent(known_at=self.now - timedelta(hours=hours), kind="Sự cố", description="Mô tả.")
        self.attempt(lambda pilot: history.tell(pilot, filings.incident(pilot, sent, UUID(int=72), self.now)))

    @precondition(lambda self: self.told)
    @rule()
    def the_service_restarts(self) -> None:
        """What was stored and what was published are read back: both make the same pilot."""
        self.pilot = Pilot.model_validate_json(self.pilot.model_dump_json())
        wire = [(type(event).type_name(), event.data()) for event in self.told]
        self.told = [BY_TYPE[name].model_validate_json(data) for name, data in wire]

    @invariant()
    def the_history_makes_the_pilot(self) -> None:
        if self.told:
            assert history.rebuild(self.told) == self.pilot.model_copy(update={"tombstones": {}})

    @invariant()
    def the_state_follows_from_the_causes(self) -> None:
        if not self.told:
            return
        kinds = {cause.kind for cause in self.pilot.causes}
        if self.pilot.state in (PilotState.ACTIVE, PilotState.RESTRICTED, PilotState.SUSPENDED):
            expected = "restricted" if kinds else "active"
            if CauseKind.SUSPENSION in kinds or CauseKind.OBJECTION in kinds:
                expected = "suspended"
            assert self.pilot.state == expected
        if self.pilot.state is PilotState.ENDED:
            assert kinds == set()
            assert self.pilot.outcome is not None
        refs = [cause.ref for cause in self.pilot.causes]
        assert len(refs) == len(set(refs))
        in_force = {ref for ref, yes in self.pilot.measures.items() if yes}
        assert in_force == {cause.ref for cause in self.pilot.causes if cause.kind is CauseKind.MEASURE}

    @invariant()
    def no_clock_is_overdue_and_none_runs_where_a_person_must_decide(self) -> None:
        if not self.told:
            return
        clock = clocks.running_clock(self.pilot)
        if clock is not None:
            assert clock[1] > self.now or clock[0] == "pilot_start"
        if self.pilot.state is PilotState.PENDING and (self.pilot.permits_outstanding or self.pilot.objections):
            assert clock is None

    @invariant()
    def each_fact_happens_once(self) -> None:
        kinds = [type(event) for event in self.told]
        assert kinds.count(PilotStarted) <= 1
        assert kinds.count(PilotEnded) <= 1
        answered = [event.decision_id for event in self.told if isinstance(event, DecisionApplied | DecisionNotApplied)]
        assert answered == self.issued
        started = next((event for event in self.told if isinstance(event, PilotStarted)), None)
        if started is not None:
            registration: Any = self.told[0]
            limit = registration.standstill_due
            assert started.at >= max(registration.planned_start, limit.instant if limit else MONDAY)

    @invariant()
    def a_terminated_pilot_is_never_completed(self) -> None:
        causes = [event.cause for event in self.told if isinstance(event, PilotWindingDown)]
        if Outcome.TERMINATED in causes:
            assert getattr(self.told[-1], "outcome", None) is not Outcome.COMPLETED


TestPilotLife = PilotLife.TestCase
TestPilotLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_machine_reaches_every_state_and_outcome() -> None:
    """The random driver would prove nothing if some state could not be reached by what it does: each one, by hand, once."""
    life = PilotLife()
    life.register(kit.show())
    life.a_decision_arrives("object", "standstill", UUID(int=1), 0, 0, 0)
    life.a_decision_arrives("permit", "objection", UUID(int=1), 0, 0, 0)
    life.now = START
    life.catch_up()
    life.a_measure_is_taken(UUID(int=1))
    life.a_decision_arrives("suspend", None, UUID(int=1), 0, 0, 0)
    assert life.stands("suspended")
    life.a_decision_arrives("lift_suspension", None, UUID(int=1), 1, 0, 0)
    assert life.stands("restricted")
    life.a_measure_goes(UUID(int=1), "measure_lapsed")
    life.the_final_report_is_filed()
    life.now = datetime.fromtimestamp(END.timestamp(), END.tzinfo) + timedelta(days=90)
    life.catch_up()
    assert life.stands("winding_down")
    life.a_decision_arrives("complete", None, UUID(int=1), 0, 0, 0)
    assert life.pilot.outcome is Outcome.COMPLETED
    life.the_history_makes_the_pilot()

"""What monitoring knows of a pilot: facts are in the order in which they were told, envelopes in that of their instants."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.monitoring.core.facts import Fact, PilotFacts, take
from services.monitoring.core.instants import instant_of
from services.monitoring.core.view import view_of
from shared.contracts.base import Due
from shared.contracts.events.applications import PilotAmended, PilotStarted, PilotStateChanged, PilotWindingDown
from shared.contracts.events.monitoring import EventRef
from shared.contracts.pilot import Outcome, PilotState
from tests import applications_kit as kit
from tests.applications_kit import DAY, END, HASH, HOUR, PILOT_ID, START


def known(*events: Fact) -> PilotFacts:
    facts = None
    for event in (kit.registration(), *events):
        facts = take(facts, event, EventRef(event_id=uuid4(), sha256=HASH))
    assert facts is not None
    return facts


def started() -> PilotStarted:
    return PilotStarted(at=START, pilot_id=PILOT_ID, state_after=PilotState.ACTIVE, causes=(), end_at=END)


def restricted(at: datetime) -> PilotStateChanged:
    return PilotStateChanged(
        at=at,
        pilot_id=PILOT_ID,
        state_before=PilotState.ACTIVE,
        state_after=PilotState.RESTRICTED,
        causes=(),
        reason="measure_taken",
        ref=UUID(int=1),
    )


def winding_down(at: datetime) -> PilotWindingDown:
    return PilotWindingDown(
        at=at,
        pilot_id=PILOT_ID,
        state_after=PilotState.WINDING_DOWN,
        causes=(),
        cause=Outcome.WITHDRAWN,
        due=Due(instant=at + 30 * DAY, calendar_version=HASH),
    )


def amended(at: datetime, version: int) -> PilotAmended:
    envelope = kit.show().envelope.model_copy(update={"version": version})
    return PilotAmended(
        at=at,
        pilot_id=PILOT_ID,
        state_after=PilotState.ACTIVE,
        causes=(),
        envelope=envelope,
        decision_id=UUID(int=version),
    )


def test_a_withdrawal_told_after_a_restriction_is_over_it_whatever_the_clocks_said() -> None:
    at = START + DAY
    facts = known(started(), restricted(at), winding_down(at - timedelta(milliseconds=10)))
    assert [one.state for one in facts.states][-2:] == [PilotState.RESTRICTED, PilotState.WINDING_DOWN]
    assert view_of(facts, kit.calendar()).over == instant_of(at)


def test_an_amendment_counts_from_its_own_instant_and_of_two_at_one_the_later_told() -> None:
    late, early = START + 2 * DAY, START + DAY
    facts = known(started(), amended(late, 2), amended(early, 3), amended(early, 4))
    assert [(one.at, one.envelope.version) for one in facts.envelopes[1:]] == [(early, 3), (early, 4), (late, 2)]
    assert view_of(facts, kit.calendar()).terms_at(instant_of(early + HOUR)).version == 4

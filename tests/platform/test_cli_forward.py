"""The clock's hand: the earliest thing due first, quiet in between, and a name when a service does not move."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from deploy.demo.forward import Stuck, forward, unfinished, wait_for_quiet
from shared.client import Unreachable
from shared.client.ops import Ops, Progress

T0 = datetime(2026, 7, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Watch:
    at: datetime = T0
    moves: list[datetime] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def move(self, to: datetime) -> None:
        assert to >= self.at
        self.at = to
        self.moves.append(to)


class Fake(Ops):
    """A service that follows the clock a few rounds late and has these dues."""

    def __init__(self, name: str, watch: Watch, dues: list[datetime], *, late: int = 0) -> None:
        self.service = name
        self.watch = watch
        self.dues = dues
        self.late = late
        self.fired: list[datetime] = []
        self._rounds = 0
        self._seen = T0

    async def progress(self) -> Progress:
        now = self.watch.now()
        if now != self._seen:
            self._rounds += 1
            if self._rounds > self.late:
                self._rounds, self._seen = 0, now
        self.fired += [due for due in self.dues if due <= self._seen and due not in self.fired]
        return Progress(
            service=self.service,
            now=now,
            swept_until=self._seen,
            next_due=min((due for due in self.dues if due > self._seen), default=None),
            consumed=len(self.fired) + self._rounds,
        )


async def test_the_clock_stops_at_every_due_instant_and_every_act_in_order() -> None:
    watch = Watch()
    one = Fake("applications", watch, [T0 + 2 * HOUR, T0 + 30 * HOUR], late=3)
    other = Fake("decisions", watch, [T0 + HOUR, T0 + 2 * HOUR])
    acts = [T0 + HOUR, T0 + 5 * HOUR]
    played: list[tuple[datetime, list[datetime]]] = []

    async def agenda(now: datetime) -> datetime | None:
        return next((act for act in acts if act > now), None)

    async def play(at: datetime) -> None:
        played.append((at, list(other.fired)))

    steps = await forward(watch, [one, other], T0 + 10 * HOUR, agenda=agenda, play=play)
    assert watch.moves == [T0 + HOUR, T0 + 2 * HOUR, T0 + 5 * HOUR, T0 + 10 * HOUR]
    assert steps == 3
    assert one.fired == [T0 + 2 * HOUR]
    # What fell due at the same instant had fired before the act was played.
    assert played[0] == (T0 + HOUR, [T0 + HOUR])


async def test_without_a_goal_it_takes_one_step() -> None:
    watch = Watch()
    service = Fake("monitoring", watch, [T0 + HOUR, T0 + 2 * HOUR])
    assert await forward(watch, [service], None) == 1
    assert watch.moves == [T0 + HOUR]


class Stubborn(Fake):
    async def progress(self) -> Progress:
        return (await super().progress()).model_copy(update={"parked": 2})


class Away(Fake):
    async def progress(self) -> Progress:
        raise Unreachable(self.service, "http://monitoring", "connection refused")


async def test_no_progress_fails_and_names_the_service() -> None:
    watch = Watch()
    services = [Fake("applications", watch, []), Stubborn("decisions", watch, [])]
    with pytest.raises(Stuck, match="decisions: it has 2 parked records"):
        await wait_for_quiet(services, T0, patience=0.2)


async def test_a_service_that_is_away_is_named_too() -> None:
    watch = Watch()
    with pytest.raises(Stuck, match="monitoring at http://monitoring could not be reached"):
        await wait_for_quiet([Away("monitoring", watch, [])], T0, patience=0.2)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"outbox_unsent": 1}, "1 rows to publish"),
        ({"lag": 1}, "1 records to read"),
        ({"parked": 1}, "1 parked records"),
        ({"poison": 1}, "1 poisoned records"),
        ({"extra": {"intake_unconsumed": 1}}, "1 accepted reports not read"),
        ({"extra": {"facts_unseen": 1}}, "1 facts not judged by"),
    ],
)
def test_anything_left_to_do_is_not_quiet(left: dict[str, object], said: str) -> None:
    quiet = Progress(service="monitoring", now=T0, swept_until=T0)
    assert unfinished(quiet, T0) is None
    assert unfinished(quiet.model_copy(update=left), T0) == f"it has {said}"


def test_a_sweep_or_a_clock_that_is_behind_is_not_quiet() -> None:
    assert unfinished(Progress(service="m", now=T0, swept_until=None), T0) == "it has swept until nothing"
    assert "swept until" in str(unfinished(Progress(service="m", now=T0, swept_until=T0 - HOUR), T0))
    assert "its clock stands at" in str(unfinished(Progress(service="m", now=T0 - HOUR, swept_until=T0), T0))

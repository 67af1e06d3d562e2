"""Deadlines and their sweep, on real PostgreSQL and a sandbox clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.errors import Refused, Transient
from shared.platform import context, inbox
from shared.platform.barrier import Barrier
from shared.platform.clock import SandboxClock
from shared.platform.db import Database, Tx
from shared.platform.deadlines import Deadline, arm, disarm, next_due
from shared.platform.kafka import Ends, Kafka
from shared.platform.metrics import Metrics
from shared.platform.sweep import Fire, Sweep, swept_until
from tests.platform.garden import eventually

START = datetime(2026, 7, 6, 0, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


class Hand:
    """Moves the sandbox clock of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(START)
        self.clock = SandboxClock(path)

    def set(self, now: datetime) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"now": now.isoformat()}))
        fresh.rename(self.path)


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    return Hand(tmp_path / "clock.json")


@asynccontextmanager
async def sweeping(db: Database, hand: Hand, *fires: Fire, metrics: Metrics | None = None) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(Sweep(db, hand.clock, fire, metrics or Metrics("test"), kinds=["a"]).run(stop))
        for fire in fires
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 15)


async def set_deadline(db: Database, pilot_id: UUID, kind: str, hours: float, subject: str = "") -> None:
    async with db.tx() as tx:
        await arm(tx, pilot_id, kind, subject, START + timedelta(hours=hours))


async def swept(db: Database, until: datetime) -> None:
    async def holds() -> bool:
        async with db.tx() as tx:
            return await swept_until(tx) == until

    await eventually(holds, what=f"swept until {until}")


async def test_due_deadlines_fire_once_in_their_order_and_their_due_instant_is_now(db: Database, hand: Hand) -> None:
    fired: list[tuple[str, datetime]] = []

    async def fire(tx: Tx, deadline: Deadline) -> None:
        fired.append((deadline.kind, deadline.due))

    for kind, hours in (("c", 3), ("a", 1), ("later", 9), ("b", 2)):
        await set_deadline(db, uuid4(), kind, hours)
    async with sweeping(db, hand, fire, fire):
        await swept(db, START)
        assert fired == []
        hand.set(START + timedelta(hours=3))
        await swept(db, START + timedelta(hours=3))
        assert fired == [(kind, START + timedelta(hours=number)) for number, kind in enumerate("abc", start=1)]
        assert await next_due(db) == START + timedelta(hours=9)


async def test_a_deadline_fires_and_its_effect_stands_or_neither(db: Database, hand: Hand) -> None:
    async with db.tx() as tx:
        await tx.execute("create table effect (kind text)")
    outcomes: list[Exception | None] = [Refused("unavailable"), KeyError("a defect"), Transient("locked"), None]
    metrics = Metrics("test")

    async def fire(tx: Tx, deadline: Deadline) -> None:
        await tx.execute("insert into effect values (%s)", (deadline.kind,))
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    await set_deadline(db, uuid4(), "a", 1)
    async with sweeping(db, hand, fire, metrics=metrics):
        hand.set(START + timedelta(hours=2))
        await swept(db, START + timedelta(hours=2))
    async with db.tx() as tx:
        rows = await (await tx.execute("select kind from effect")).fetchall()
    assert rows == [{"kind": "a"}]
    assert metrics.registry.get_sample_value("haukiem_sweep_failures_total", {"kind": "a"}) == 2


async def test_one_that_cannot_fire_holds_back_its_own_pilot_alone_and_the_heartbeat(db: Database, hand: Hand) -> None:
    fired: list[str] = []
    broken = asyncio.Event()
    stuck, free = uuid4(), uuid4()

    async def fire(tx: Tx, deadline: Deadline) -> None:
        if deadline.kind == "broken" and not broken.is_set():
            raise RuntimeError("cannot")
        fired.append(deadline.kind)

    await set_deadline(db, stuck, "broken", 1)
    await set_deadline(db, stuck, "behind", 2)
    await set_deadline(db, free, "free", 3)
    async with sweeping(db, hand, fire):
        hand.set(START + timedelta(hours=5))
        await swept(db, START + timedelta(hours=1) - INSTANT)

        async def free_fired() -> bool:
            return fired == ["free"]

        await eventually(free_fired)
        broken.set()
        await swept(db, START + timedelta(hours=5))
    assert fired == ["free", "broken", "behind"]


async def test_what_is_armed_while_firing_fires_in_its_turn_and_itself_again(db: Database, hand: Hand) -> None:
    fired: list[datetime] = []
    pilot = uuid4()

    async def fire(tx: Tx, deadline: Deadline) -> None:
        fired.append(deadline.due)
        await arm(tx, pilot, "daily", "", deadline.due + timedelta(days=1))

    await set_deadline(db, pilot, "daily", 24)
    async with sweeping(db, hand, fire):
        hand.set(START + timedelta(days=4))
        await swept(db, START + timedelta(days=4))
    assert fired == [START + timedelta(days=number) for number in (1, 2, 3, 4)]


async def test_a_disarmed_deadline_does_not_fire_and_one_armed_anew_fires_at_its_new_instant(
    db: Database, hand: Hand
) -> None:
    fired: list[tuple[str, datetime]] = []
    pilot = uuid4()

    async def fire(tx: Tx, deadline: Deadline) -> None:
        fired.append((deadline.kind, deadline.due))

    await set_deadline(db, pilot, "gone", 1)
    await set_deadline(db, pilot, "moved", 1)
    await set_deadline(db, pilot, "moved", 2)
    async with db.tx() as tx:
        await disarm(tx, pilot, "gone", "")
        await disarm(tx, pilot, "never armed", "")
    async with sweeping(db, hand, fire):
        hand.set(START + timedelta(hours=3))
        await swept(db, START + timedelta(hours=3))
    assert fired == [("moved", START + timedelta(hours=2))]


async def test_a_request_that_changes_a_deadline_while_it_fires_is_not_the_victim_of_a_deadlock(
    db: Database, hand: Hand
) -> None:
    pilot = uuid4()
    async with db.tx() as tx:
        await tx.execute("create table pilot (id uuid primary key)")
        await tx.execute("insert into pilot values (%s)", (pilot,))
    firing = asyncio.Event()

    async def fire(tx: Tx, deadline: Deadline) -> None:
        firing.set()
        await tx.execute("select 1 from pilot where id = %s for update", (pilot,))

    await set_deadline(db, pilot, "reply", 1)
    async with sweeping(db, hand, fire):
        async with db.tx() as tx:
            await tx.execute("select 1 from pilot where id = %s for update", (pilot,))
            hand.set(START + timedelta(hours=1))
            await asyncio.wait_for(firing.wait(), 10)
            await arm(tx, pilot, "reply", "", START + timedelta(hours=7))
        hand.set(START + timedelta(hours=2))
        await swept(db, START + timedelta(hours=2))
        assert await next_due(db) == START + timedelta(hours=7)


async def test_another_sweep_takes_over_when_the_first_loses_its_connection(db: Database, hand: Hand) -> None:
    fired: list[str] = []

    def by(name: str) -> Callable[[Tx, Deadline], object]:
        async def fire(tx: Tx, deadline: Deadline) -> None:
            fired.append(f"{deadline.kind} by {name} for {context.correlation_id()}")

        return fire

    await set_deadline(db, uuid4(), "a", 1)
    await set_deadline(db, uuid4(), "b", 2)
    async with sweeping(db, hand, by("one"), by("two")):  # type: ignore[arg-type]
        hand.set(START + timedelta(hours=1))
        await swept(db, START + timedelta(hours=1))
        async with db.tx() as tx:
            await tx.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted")
        hand.set(START + timedelta(hours=2))
        await swept(db, START + timedelta(hours=2))
    assert [each.split()[0] for each in fired] == ["a", "b"]
    assert len({each.rsplit(maxsplit=1)[1] for each in fired}) == 2, "each has a correlation id of its own"


class Elsewhere:
    """What Kafka says of a topic that others write, as a test wants it; None: it is away."""

    def __init__(self) -> None:
        self.end: int | None = None
        self.asked = self.looked = 0

    async def end_offsets(self, topics: Collection[str]) -> Ends:
        self.asked += 1
        if self.end is None:
            raise Transient("Kafka is away")
        return Ends({(topic, 0): self.end for topic in topics})

    async def cluster_id(self) -> str:
        self.looked += 1
        return "here"


async def read_to(db: Database, offset: int) -> None:
    async with db.tx() as tx:
        await inbox.place(tx, "us", "here", "theirs", 0)
        await tx.execute("update bus_position set next_offset = %s where consumer = 'us'", (offset,))


async def test_a_clock_that_runs_out_on_what_others_say_waits_until_it_is_read(db: Database, hand: Hand) -> None:
    fired: list[str] = []
    kafka, stop = Elsewhere(), asyncio.Event()
    barrier = Barrier(db, cast(Kafka, kafka), hand.clock, "us", ["theirs"], ["end"])

    async def fire(tx: Tx, deadline: Deadline) -> None:
        fired.append(deadline.kind)

    async def seen(what: str, more: int = 0) -> None:
        """Wait until Kafka was asked again."""
        before = getattr(kafka, what)

        async def holds() -> bool:
            return bool(getattr(kafka, what) > before + more)

        await eventually(holds, what=what)

    sweep = Sweep(db, hand.clock, fire, Metrics("test"), kinds=["end"], barrier=barrier)
    ending = uuid4()
    await set_deadline(db, ending, "end", 1)
    await set_deadline(db, ending, "behind", 2)
    await set_deadline(db, uuid4(), "start", 2)
    await set_deadline(db, uuid4(), "end", 4)
    tasks = [asyncio.create_task(task.run(stop)) for task in (barrier, sweep)]
    try:
        await swept(db, START)
        assert kafka.asked == 0, "who waits for nothing asks Kafka nothing"
        # Kafka is away: what does not wait for it fires, and it is seen that the other does.
        hand.set(START + timedelta(hours=3))
        await swept(db, START + timedelta(hours=1) - INSTANT)
        await seen("asked")
        assert fired == ["start"]
        # It is back, and we are behind.
        await read_to(db, 4)
        kafka.end = 5
        await seen("looked", more=1)
        assert fired == ["start"]
        await read_to(db, 5)
        await swept(db, START + timedelta(hours=3))
        assert fired == ["start", "end", "behind"]
        # What was read up to one instant says nothing of a later one.
        kafka.end = 6
        hand.set(START + timedelta(hours=4))
        await seen("looked", more=1)
        assert fired == ["start", "end", "behind"]
        await read_to(db, 6)
        await swept(db, START + timedelta(hours=4))
        assert fired == ["start", "end", "behind", "end"]
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 15)


async def test_a_barrier_passes_what_kafka_has_and_we_have_read(
    db: Database,
    hand: Hand,
    kafka: Kafka,
    make_topic: Callable[..., Awaitable[str]],
    producer: AIOKafkaProducer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic, stop = await make_topic(2), asyncio.Event()
    barrier = Barrier(db, kafka, hand.clock, "us", [topic], ["end"])
    running = asyncio.create_task(barrier.run(stop))
    looked = before = 0
    cluster_id = kafka.cluster_id

    async def counted() -> str:
        nonlocal looked
        looked += 1
        return await cluster_id()

    async def looked_again() -> bool:
        return looked > before + 2

    async def passed() -> bool:
        return barrier.passed == hand.clock.now()

    monkeypatch.setattr(kafka, "cluster_id", counted)

    try:
        barrier.ask()
        await eventually(passed, what="an empty topic")
        await producer.send_and_wait(topic, b"1", partition=1)
        hand.set(START + timedelta(hours=1))
        barrier.ask()
        before = looked
        await eventually(looked_again, what="a second look")
        assert barrier.passed == START, "a record that is not read may say anything"
        async with db.tx() as tx:
            await inbox.place(tx, "us", await kafka.cluster_id(), topic, 1)
            await tx.execute("update bus_position set next_offset = 1 where consumer = 'us'")
        await eventually(passed, what="the end of the topic")
    finally:
        stop.set()
        await asyncio.wait_for(running, 15)

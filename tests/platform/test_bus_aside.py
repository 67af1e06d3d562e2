"""What a consumer sets aside, on real PostgreSQL and Kafka: parked, poison, dead, sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.base import Event
from shared.contracts.errors import Poison
from shared.platform import inbox
from shared.platform.bus import Policy
from tests.platform.garden import QUICK, Bed, Garden, Planted, Watered, eventually, planted, record_of, running, watered


async def test_what_comes_too_early_is_parked_and_drained_in_order_when_it_can_be(bed: Bed) -> None:
    tree, other = planted(), planted()
    async with running(bed.consumer(Policy(drain_seconds=3600))):
        for litres in range(4):
            await bed.send(bed.waters, watered(tree.key, litres))
        await bed.aside_is("parked", "parked", "parked", "parked")
        await bed.send(bed.trees, other)
        await bed.send(bed.waters, watered(other.key, 9))
        await bed.water_is(other.key, [9])
        await bed.send(bed.trees, tree)
        await bed.water_is(tree.key, [0, 1, 2, 3])
        await bed.aside_is()


async def test_the_periodic_pass_drains_what_no_record_of_the_key_announces(bed: Bed) -> None:
    tree = planted()
    async with running(bed.consumer()):
        await bed.send(bed.waters, watered(tree.key, 5))
        await bed.aside_is("parked")
        async with bed.garden.db.tx() as tx:
            await tx.execute("insert into tree (id) values (%s)", (tree.key,))
        await bed.water_is(tree.key, [5])


async def test_a_parked_record_is_dead_only_when_it_is_old_and_nothing_it_waits_for_can_still_come(bed: Bed) -> None:
    tree, blocked = planted(), planted(species="rotten")
    bed.garden.fail = lambda event: (
        Poison("rotten") if isinstance(event, Planted) and event.species == "rotten" else None
    )
    consumer = bed.consumer()
    async with running(consumer):
        await bed.send(bed.waters, watered(tree.key, 1))
        await bed.send(bed.trees, blocked)
        await eventually(lambda: _count(bed.garden, 2), what="two set aside")
        await bed.quiet()

        async def expire() -> list[str]:
            await consumer._outcomes.expire(consumer._caught_up, consumer._awaits)
            return sorted(state for state, _ in await bed.garden.aside())

        assert await expire() == ["parked", "poison"], "young"
        async with bed.garden.db.tx() as tx:
            await tx.execute("update set_aside set waits_since = now() - interval '25 hours' where state = 'parked'")
        assert await expire() == ["parked", "poison"], "something is poisoned where it might come from"
        async with bed.garden.db.tx() as tx:
            await tx.execute("delete from set_aside where state = 'poison'")
        assert await expire() == ["dead"]
        await bed.send(bed.trees, tree)
        await bed.water_is(tree.key, [])
        await bed.resend_all()
        await bed.water_is(tree.key, [1])
        await bed.aside_is("done")


async def test_what_has_become_possible_meanwhile_is_not_given_up(bed: Bed) -> None:
    tree = planted()
    consumer = bed.consumer(Policy(drain_seconds=3600))
    async with running(consumer):
        await bed.send(bed.waters, watered(tree.key, 1))
        await bed.aside_is("parked")
        async with bed.garden.db.tx() as tx:
            await tx.execute("update set_aside set waits_since = now() - interval '25 hours'")
            await tx.execute("insert into tree (id) values (%s)", (tree.key,))
        await bed.quiet()
        await consumer._outcomes.expire(consumer._caught_up, consumer._awaits)
        await bed.water_is(tree.key, [1])
        await bed.aside_is()


async def test_only_heads_are_due_and_those_first_that_are_due_longest(bed: Bed) -> None:
    early, late, resting = planted(), planted(), planted()
    async with running(bed.consumer(Policy(drain_seconds=3600))):
        for tree in (late, early, resting):
            for litres in range(2):
                await bed.send(bed.waters, watered(tree.key, litres))
        await eventually(lambda: _count(bed.garden, 6), what="six set aside")
    async with bed.garden.db.tx() as tx:
        for tree, since in ((early, "-2 hours"), (late, "-1 hour"), (resting, "1 hour")):
            await tx.execute(
                "update set_aside set try_at = now() + %s::interval where key = %s and id in "
                "(select min(id) from set_aside group by key)",
                (since, str(tree.key).encode()),
            )
        due = await inbox.due_keys(tx, bed.group)
        assert due == [str(early.key).encode(), str(late.key).encode()]
        assert await inbox.due_keys(tx, bed.group, most=1) == due[:1]


async def _count(garden: Garden, number: int) -> bool:
    return len(await garden.aside()) == number


async def test_poison_is_kept_with_its_reason_what_follows_waits_and_ops_resend_it_in_order(bed: Bed) -> None:
    tree = planted()
    bed.garden.fail = lambda event: Poison("frozen") if isinstance(event, Watered) and event.litres == 2 else None
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        for litres in range(1, 5):
            await bed.send(bed.waters, watered(tree.key, litres))
        await bed.aside_is("poison", "parked", "parked")
        assert (await bed.garden.aside())[0] == ("poison", "frozen")
        assert await bed.garden.water(tree.key) == [1]
        await bed.resend_all()
        await eventually(lambda: _attempted(bed.garden), what="a second try that fails again")
        bed.garden.fail = lambda event: None
        await bed.resend_all()
        await bed.water_is(tree.key, [1, 2, 3, 4])
        await bed.aside_is("done")


async def _attempted(garden: Garden) -> bool:
    async with garden.db.tx() as tx:
        row = await (await tx.execute("select attempts from set_aside where state = 'poison'")).fetchone()
    return row is not None and row["attempts"] > 1


async def test_an_unexpected_error_is_tried_again_and_then_poison(bed: Bed) -> None:
    tree, second = planted(), planted()
    tries: list[UUID] = []

    def fail(event: Event) -> Exception | None:
        tries.append(event.key)
        if event.key == tree.key or tries.count(event.key) == 1:
            return KeyError("no such \x00 tree \ud800")
        return None

    bed.garden.fail = fail
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        await bed.send(bed.trees, second)
        await bed.water_is(second.key, [])
        await bed.aside_is("poison")
    assert tries.count(tree.key) == QUICK.tries
    assert "KeyError" in (await bed.garden.aside())[0][1]


@pytest.mark.parametrize(
    "spoil",
    [
        {"value": b"{not json"},
        {"value": b'{"pilot_id": 7}'},
        {"value": None},
        {"headers": []},
        {"headers": [("ce_specversion", b"\xff\xfe"), ("ce_id", b"x")]},
        {"headers": [("ce_specversion", b"1.0")]},
        {"key": b"\x00\xff not a pilot"},
        {"headers": [("ce_a\x00", b"\x00"), ("ce_specversion", b"\x00")]},
    ],
    ids=[
        "no json",
        "wrong fields",
        "no value",
        "no headers",
        "headers not text",
        "headers missing",
        "foreign key",
        "NUL",
    ],
)
async def test_a_record_that_cannot_be_read_is_poison_and_stops_nobody_else(bed: Bed, spoil: dict[str, Any]) -> None:
    broken, tree = planted(), planted()
    async with running(bed.consumer()):
        await bed.producer.send_and_wait(bed.trees, partition=0, **{**record_of(broken), **spoil})
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(tree))
        await bed.water_is(tree.key, [])
        await bed.aside_is("poison")


async def test_events_of_no_concern_are_passed_over_and_counted(bed: Bed) -> None:
    tree = planted()
    async with running(bed.consumer()):
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(watered(uuid4())))
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(tree))
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(watered(uuid4())))
        await bed.water_is(tree.key, [])
        await bed.quiet()
    labels = {"consumer": bed.group, "topic": bed.trees, "outcome": "ignored"}
    assert bed.metrics.registry.get_sample_value("haukiem_consumer_records_total", labels) == 2


async def test_at_the_limit_of_poison_the_consumer_stops_says_so_and_goes_on_when_mended(bed: Bed) -> None:
    consumer = bed.consumer(Policy(poison_limit=2, tries=1, drain_seconds=0.05))
    trees = [planted() for _ in range(4)]
    bed.garden.fail = lambda event: Poison("a bug of ours")
    async with running(consumer):
        for tree in trees:
            await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(tree))

        async def stopped() -> bool:
            return consumer.stopped() is not None

        await eventually(stopped)
        assert "2 records are set aside" in str(consumer.stopped())
        assert consumer.alive() is None, "a restart would mend nothing"
        assert bed.metrics.registry.get_sample_value("haukiem_consumer_stopped", {"consumer": bed.group}) == 1
        assert len(await bed.garden.aside()) == 2
        bed.garden.fail = lambda event: None
        await bed.resend_all()
        for tree in trees:
            await bed.water_is(tree.key, [])
        assert consumer.stopped() is None
        assert bed.metrics.registry.get_sample_value("haukiem_consumer_stopped", {"consumer": bed.group}) == 0


async def test_a_waiting_record_and_its_age_are_measured(bed: Bed) -> None:
    consumer = bed.consumer()
    async with running(consumer):
        await bed.send(bed.waters, watered(uuid4(), 1))
        await bed.aside_is("parked")
        async with bed.garden.db.tx() as tx:
            await tx.execute("update set_aside set waits_since = now() - %s", (timedelta(minutes=11),))
        await consumer._measure()
    labels = {"consumer": bed.group, "topic": bed.waters}
    assert bed.metrics.registry.get_sample_value("haukiem_consumer_parked_records", labels) == 1
    age = bed.metrics.registry.get_sample_value("haukiem_consumer_parked_oldest_seconds", labels)
    assert age is not None and age > 600

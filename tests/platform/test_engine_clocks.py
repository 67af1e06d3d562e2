"""Clocks of the engine: silence is decided when all that could be known is known, and lag is never mistaken for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.monitoring.engine import Engine
from services.monitoring.store import intake
from services.monitoring.store.intake import Stored
from shared.contracts.events.monitoring import FindingCleared, FindingOpened, UsageRolled
from shared.platform.cloudevents import key_of
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, DAILY, at
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, record, stand

DUE = "2026-07-29 00:00"
"""Wednesday 00:00 after the week of 20 to 26 July."""


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic) as found:
        yield found


def visitors(value: int, when: str) -> dict[str, Any]:
    return {"metric": "audience_live", "at": at(when), "value": str(value)}


async def rounds(engine: Engine, count: int = 5) -> None:
    """Wait until the engine's loop has turned some times."""
    seen = engine.rounds

    async def turned() -> bool:
        return engine.rounds >= seen + count

    await eventually(turned)


async def test_silence_falls_due_once_and_a_late_report_ends_it(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
        assert await engine.standing.next_due() == at(DUE)
        site.clock.time = at("2026-07-28 23:59")
        await eventually(lambda: site.quiet(engine))
        assert not await site.told(FindingOpened)
        site.clock.time = at("2026-07-30 09:00")
        await eventually(lambda: site.quiet(engine))
        await site.send(pilot, 1, visitors(1, "2026-07-26 20:00"))
        await eventually(lambda: site.quiet(engine))
        assert await engine.standing.next_due() == at("2026-08-05 00:00")
    (opened,) = await site.told(FindingOpened)
    assert (opened.rule, opened.subject, opened.at) == ("silence", "main", at(DUE))
    (cleared,) = await site.told(FindingCleared)
    assert cleared.reason == "recovered"


async def test_facts_that_are_not_read_hold_every_clock(site: Stand) -> None:
    await site.pilot(AUDIENCE)
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
        await site.producer.send_and_wait(site.facts_topic, b"{}", b"any")
        site.clock.time = at(DUE)
        await rounds(engine)
        assert not await site.told(FindingOpened)
        assert await engine.standing.swept_until() < site.clock.now()  # type: ignore[operator]
        await site.facts_read()
        await eventually(lambda: site.quiet(engine))
    assert len(await site.told(FindingOpened)) == 1


async def test_facts_set_aside_hold_the_clocks_of_their_pilot_alone(site: Stand) -> None:
    held, free = await site.pilot(AUDIENCE), await site.pilot(AUDIENCE)
    async with site.db.tx() as tx:
        await tx.execute(
            """insert into set_aside (consumer, topic, key, state, reason, partition, "offset", headers, record_at)
            values ('facts', %s, %s, 'poison', 'broken', 0, 0, '[]', clock_timestamp())""",
            (site.facts_topic, key_of(held)),
        )
    async with site.running() as engine:
        site.clock.time = at("2026-07-30 09:00")
        await eventually(lambda: _opened(site, 1))
        await rounds(engine)
        (opened,) = await site.told(FindingOpened)
        assert opened.pilot_id == free
        assert await engine.standing.swept_until() == at(DUE)
        async with site.db.tx() as tx:
            await tx.execute("delete from set_aside")
        await eventually(lambda: site.quiet(engine))
    assert len(await site.told(FindingOpened)) == 2


async def test_a_report_that_was_answered_and_is_not_read_holds_the_clock(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
        sent = record(pilot, 1, visitors(1, "2026-07-26 20:00"))
        await site.take(pilot, 1, at("2026-07-28 10:00"), sent)
        site.clock.time = at(DUE)
        await rounds(engine)
        assert not await site.told(FindingOpened)
        await site.send(pilot, 1, visitors(1, "2026-07-26 20:00"), headers=[("hk-intake", b"1")])
        await eventually(lambda: site.quiet(engine))
    assert not await site.told(FindingOpened)


async def test_a_report_that_is_being_taken_holds_the_clock(site: Stand) -> None:
    """It was received in time, and its request commits after the due instant."""
    pilot, other = await site.pilot(AUDIENCE), await site.pilot(AUDIENCE)
    sent = record(pilot, 1, visitors(1, "2026-07-26 20:00"))
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
        async with site.db.tx() as tx:
            await intake.announce(tx, pilot)
            site.clock.time = at(DUE)
            await eventually(lambda: _opened(site, 1))
            await rounds(engine)
            request = Stored(pilot, "main", 1, "c", [""], [sent])
            await intake.add(tx, request, at("2026-07-28 23:59"))
        await rounds(engine)
        await site.send(pilot, 1, visitors(1, "2026-07-26 20:00"), headers=[("hk-intake", b"1")])
        await eventually(lambda: site.quiet(engine))
    (opened,) = await site.told(FindingOpened)
    assert opened.pilot_id == other


async def test_a_day_closes_at_midnight_and_is_told(site: Stand) -> None:
    pilot = await site.pilot(DAILY)
    async with site.running() as engine:
        await site.send(pilot, 1, visitors(1_500, "2026-07-20 08:00"))
        await eventually(lambda: site.quiet(engine))
        assert await engine.standing.next_due() == at("2026-07-21 00:00")
        for day in ("2026-07-21", "2026-07-22"):
            site.clock.time = at(f"{day} 12:00")
            await site.send(pilot, int(day[-2:]), visitors(10, f"{day} 08:00"))
            await eventually(lambda: site.quiet(engine))
        site.clock.time = at("2026-07-23 00:00")
        await eventually(lambda: site.quiet(engine))
    closed = [(str(one.bucket), one.value, one.at) for one in await site.told(UsageRolled) if one.closed]
    assert closed == [
        ("2026-07-20", 1_500, at("2026-07-21 00:00")),
        ("2026-07-21", 10, at("2026-07-22 00:00")),
        ("2026-07-22", 10, at("2026-07-23 00:00")),
    ]
    cleared = await site.told(FindingCleared)
    assert {(one.rule, one.at) for one in cleared} == {
        ("cap_warning", at("2026-07-23 00:00")),
        ("cap_exceeded", at("2026-07-23 00:00")),
    }


async def test_a_pilot_that_never_starts_has_its_records_rejected_once_all_facts_are_read(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE, begin=False)
    async with site.running() as engine:
        await site.send(pilot, 1, visitors(1, "2026-07-20 08:00"))
        await eventually(lambda: _rejected(site), within=30)
        await eventually(lambda: site.quiet(engine))
    assert await site.count("parked_record") == 0


async def _opened(site: Stand, count: int) -> bool:
    return len(await site.told(FindingOpened)) == count


async def _rejected(site: Stand) -> bool:
    return await site.count("rejected_report") == 1

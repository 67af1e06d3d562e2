"""What waits for its pilot: it is judged in portions of bounded size, and given up when nobody has told of the pilot for a day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from services.monitoring.engine import judging
from services.monitoring.engine.judging import Judging
from services.monitoring.engine.lane import Lane
from services.monitoring.store import records
from services.monitoring.store.records import Parking
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, CALENDAR
from tests.platform.engine_stand import Stand, stand

LOW, HIGH = UUID(int=1), UUID(int=2**128 - 1)


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic, partitions=1) as found:
        yield found


async def park(site: Stand, pilot: UUID, count: int, size: int = 2, *, days_ago: int = 0) -> None:
    async with site.db.tx() as tx:
        now = site.clock.now()
        for offset in range(count):
            record = SimpleNamespace(offset=offset, timestamp=0, value=b"x" * size, headers=())
            await records.park(tx, Parking(pilot, 0, now, now, record))
        await tx.execute(
            "update parked_record set parked_at = parked_at - %s where pilot_id = %s", (timedelta(days=days_ago), pilot)
        )


async def test_what_waits_is_read_in_order_by_number_and_by_bytes(site: Stand) -> None:
    await park(site, LOW, 5, size=100)
    await park(site, HIGH, 5, size=100)

    async def offsets(limit: int, most_bytes: int) -> list[int]:
        async with site.db.tx() as tx:
            rows = await records.parked(tx, site.topic, [LOW, HIGH], limit, most_bytes=most_bytes)
        return [row.offset for row in rows]

    assert await offsets(7, 10_000) == [0, 1, 2, 3, 4, 0, 1]
    assert await offsets(7, 250) == [0, 1, 2]
    assert await offsets(7, 1) == [0], "one that is larger than a portion is a portion"


async def test_the_fresh_records_of_one_unknown_pilot_keep_those_of_no_other(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "_PARKED_AT_ONCE", 2)
    told = await site.pilot(AUDIENCE, begin=False)
    async with site.db.tx() as tx:
        await tx.execute("update pilot set partition = 0")
    await park(site, LOW, 3)
    await park(site, HIGH, 3, days_ago=2)
    await park(site, told, 1, days_ago=2)
    at_work = Judging(site.db, CALENDAR, unsigned=True)
    lane = Lane(0, 1, 0, 0, None, waiting={LOW, HIGH, told})
    before = datetime.now(UTC) - timedelta(days=1)
    given_up = []
    while await at_work.expire(lane, site.topic, before):
        given_up += [record.key for record, _ in lane.pending.strays]
        lane.pending.strays.clear()
        async with site.db.tx() as tx:  # as the flush does
            await records.unpark(tx, lane.pending.unparked)
    assert given_up == [str(HIGH).encode()] * 3
    assert lane.waiting == {LOW, told}, "who waits no longer is forgotten; who is known waits for its start"

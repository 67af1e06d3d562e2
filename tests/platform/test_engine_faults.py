"""Workers die, lose their partitions, come back: every report still counts once, and nothing is told twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.monitoring.store import positions
from services.monitoring.store.positions import Fenced, Step
from shared.contracts.events.monitoring import FindingOpened
from shared.contracts.numbers import SCALE
from shared.platform.kafka import Ends, Kafka
from tests.monitoring_samples import AUDIENCE, at
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, stand

FEW = AUDIENCE.model_copy(update={"limit": Decimal(10)})
"""A cap that a flood crosses."""
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic) as found:
        yield found


def visitors(value: int) -> dict[str, Any]:
    return {"metric": "audience_live", "at": at("2026-07-20 08:00"), "value": str(value)}


async def flood(site: Stand, pilots: list[UUID], reports: int) -> None:
    """``reports`` of one visitor for each pilot, as fast as Kafka takes them."""
    for sequence in range(1, reports + 1):
        await asyncio.gather(*(site.send(pilot, sequence, visitors(1)) for pilot in pilots))


async def all_counted(site: Stand, pilots: list[UUID], reports: int) -> bool:
    return all([await site.total(pilot, "audience_live") == reports * SCALE for pilot in pilots])


async def demand_exact(site: Stand, pilots: list[UUID], reports: int) -> None:
    """Book, rollup and identities agree to the last visitor; each finding was opened once, and where the cap was crossed, it was."""
    for pilot in pilots:
        assert await site.total(pilot, "audience_live") == reports * SCALE
        assert await site.rollup(pilot, "audience_live") == reports * SCALE
    assert await site.count("report") == len(pilots) * reports
    opened = Counter((one.pilot_id, one.rule, one.subject) for one in await site.told(FindingOpened))
    rules = ("cap_warning", "cap_exceeded") if reports > FEW.limit else ()
    assert opened == Counter((pilot, rule, "audience_live/total") for pilot in pilots for rule in rules)


async def worker(site: Stand, *, broken: UUID | None = None) -> asyncio.subprocess.Process:
    """An engine in a process of its own, which can be killed. ``broken``: judging the reports of this pilot fails in it."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.platform.engine_worker",
        site.db.dsn,
        site.kafka.bootstrap,
        site.topic,
        site.facts_topic,
        site.group,
        *([] if broken is None else [str(broken)]),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


async def test_a_worker_killed_in_the_midst_loses_nothing_and_doubles_nothing(site: Stand) -> None:
    pilots = [await site.pilot(FEW) for _ in range(8)]
    reports = 150
    first = await worker(site)
    flooding = asyncio.create_task(flood(site, pilots, reports))
    try:
        await eventually(lambda: _some(site, 50), within=30, what="the first reports")
        first.send_signal(signal.SIGKILL)
        await first.wait()
        second = await worker(site)
        try:
            await flooding
            await eventually(lambda: all_counted(site, pilots, reports), within=60, what="all reports")
        finally:
            second.send_signal(signal.SIGKILL)
            await second.wait()
    finally:
        if first.returncode is None:
            first.send_signal(signal.SIGKILL)
            await first.wait()
    await demand_exact(site, pilots, reports)


async def test_two_workers_share_the_partitions_and_hand_them_over(site: Stand) -> None:
    pilots = [await site.pilot(FEW) for _ in range(8)]
    async with site.running() as one:
        flooding = asyncio.create_task(flood(site, pilots, 120))
        await eventually(lambda: _some(site, 50), what="the first reports")
        async with site.running() as other:
            await eventually(lambda: _both(one, other), within=30, what="both at work")
        await flooding
        await eventually(lambda: all_counted(site, pilots, 120), within=60, what="all reports")
        await eventually(lambda: site.quiet(one), within=30)
    await demand_exact(site, pilots, 120)


async def test_a_worker_that_lost_its_partition_writes_nothing(site: Stand) -> None:
    cluster = await site.kafka.cluster_id()
    async with site.db.tx() as tx:
        old = await positions.claim(tx, cluster, 0)
    async with site.db.tx() as tx:
        new = await positions.claim(tx, cluster, 0)
    with pytest.raises(Fenced):
        async with site.db.tx() as tx:
            await positions.advance(tx, cluster, [Step(0, old.epoch, 0, 5, None)])
    async with site.db.tx() as tx:
        await positions.advance(tx, cluster, [Step(0, new.epoch, 0, 5, None)])
    for cluster_id, before in ((cluster, 0), ("another", 5)):
        with pytest.raises(Fenced):
            async with site.db.tx() as tx:
                await positions.advance(tx, cluster_id, [Step(0, new.epoch, before, 6, None)])


async def test_a_position_past_the_end_is_set_back_by_its_owner_alone(site: Stand) -> None:
    cluster = await site.kafka.cluster_id()
    async with site.db.tx() as tx:
        old = await positions.claim(tx, cluster, 0)
        await positions.advance(tx, cluster, [Step(0, old.epoch, 0, 5, None)])
        new = await positions.claim(tx, cluster, 0)
        assert await positions.restart_past_end(tx, new, 5) == new
        with pytest.raises(Fenced):
            await positions.restart_past_end(tx, replace(old, next_offset=5), 4)
        assert (await positions.restart_past_end(tx, new, 4)).next_offset == 0
        assert (await positions.claim(tx, cluster, 0)).next_offset == 0


async def test_a_worker_is_fenced_off_before_anyone_asks_where_the_records_end(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it writes a position past the end that was asked, which then looks as if it were of data that is gone."""
    cluster = await site.kafka.cluster_id()
    async with site.db.tx() as tx:
        old = [await positions.claim(tx, cluster, number) for number in range(4)]
    asked = site.kafka.end_offsets
    outcomes: list[bool] = []

    async def end_offsets(topics: Collection[str]) -> Ends:
        ends = await asked(topics)
        if not outcomes:
            try:
                async with site.db.tx() as tx:
                    await positions.advance(tx, cluster, [Step(0, old[0].epoch, 0, 1, None)])
                outcomes.append(True)
            except Fenced:
                outcomes.append(False)
        return ends

    monkeypatch.setattr(site.kafka, "end_offsets", end_offsets)
    async with site.running() as engine:
        await eventually(lambda: _placed(engine))
    assert outcomes == [False]


async def _placed(engine: Any) -> bool:
    return len(engine.partitions) == 4


async def test_another_cluster_is_read_from_its_beginning_and_counts_nothing_twice(site: Stand) -> None:
    pilot = await site.pilot(FEW)
    async with site.running() as engine:
        await flood(site, [pilot], 20)
        await eventually(lambda: site.quiet(engine))
    async with site.db.tx() as tx:
        await tx.execute("update engine_position set cluster_id = 'one that is gone'")
    progress = await engine.standing.progress()
    assert (progress.consumed, progress.lag) == (0, 20), (
        "what was read of a cluster that is gone says nothing of this one"
    )
    async with site.running() as engine:
        await site.send(pilot, 21, visitors(1))
        await eventually(lambda: all_counted(site, [pilot], 21))
        await eventually(lambda: site.quiet(engine))
    await demand_exact(site, [pilot], 21)


async def test_a_flush_that_fails_is_done_again_whole(site: Stand) -> None:
    """The database refuses one insert: nothing of that flush is kept, and the next one brings all of it."""
    pilot = await site.pilot(FEW)
    async with site.db.tx() as tx:
        await tx.execute("alter table report rename to report_away")
    async with site.running() as engine:
        await site.send(pilot, 1, visitors(1))
        await eventually(lambda: _failed(engine), what="a flush that fails")
        assert await site.rollup(pilot, "audience_live") == 0
        assert await site.count("pilot_aside") == 0, "it says nothing of the pilot"
        async with site.db.tx() as tx:
            await tx.execute("alter table report_away rename to report")
        await eventually(lambda: all_counted(site, [pilot], 1), within=30)
    await demand_exact(site, [pilot], 1)


async def _some(site: Stand, count: int) -> bool:
    return await site.count("report") >= count


async def _both(one: Any, other: Any) -> bool:
    return bool(one.partitions) and bool(other.partitions) and not set(one.partitions) & set(other.partitions)


async def _failed(engine: Any) -> bool:
    return bool(engine.failures)

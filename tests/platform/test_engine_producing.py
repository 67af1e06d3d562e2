"""A report that was stored reaches Kafka and counts, whatever became of the process that took it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from aiokafka.errors import KafkaTimeoutError

from services.monitoring.engine import producing as room
from services.monitoring.engine.producing import Producing
from services.monitoring.handlers import reports
from services.monitoring.store import producing as store
from services.monitoring.store.intake import Stored
from shared.contracts.errors import Transient
from shared.contracts.http.monitoring import ReportSent, ReportTaken
from shared.contracts.numbers import SCALE
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from tests.monitoring_samples import AUDIENCE, at
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, stand

NOW = at("2026-07-20 09:00")


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic) as found:
        yield found


@pytest.fixture
async def producing(site: Stand) -> AsyncIterator[Producing]:
    producing = Producing(site.db, site.kafka, site.topic, Metrics("monitoring"))
    yield producing
    await producing.close()


async def taken(site: Stand, pilot: UUID, samples: int = 1, **more: Any) -> ReportTaken:
    one = {"metric": "audience_live", "at": at("2026-07-20 08:00"), "value": "1"}
    sent = ReportSent.model_validate({"samples": [one] * samples, **more})
    async with site.db.tx() as tx:
        return await reports.take(site.desk, tx, pilot, sent, NOW)


async def test_a_report_of_many_parts_counts_whole_and_its_request_is_done(site: Stand, producing: Producing) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running(site.engine(unsigned=False)) as engine:
        report = await taken(site, pilot, 2_500)
        assert (await engine.standing.progress()).lag > 0
        await producing.produce(pilot, report.source, report.sequence)
        await eventually(lambda: site.quiet(engine))
    assert await site.total(pilot, "audience_live") == 2_500 * SCALE
    assert await site.count("report") == 3
    assert await site.count("intake where consumed_at is null") == 0


async def test_what_a_process_left_behind_is_sent_by_another(site: Stand, producing: Producing) -> None:
    pilot = await site.pilot(AUDIENCE)
    await taken(site, pilot)
    async with site.db.tx() as tx:
        await tx.execute("update intake set stored_at = clock_timestamp() - interval '6 seconds'")
    stop = asyncio.Event()
    working = asyncio.create_task(producing.run(stop))
    try:
        async with site.running() as engine:
            await eventually(lambda: site.quiet(engine), within=30)
    finally:
        stop.set()
        await working
    assert await site.total(pilot, "audience_live") == SCALE


async def test_sending_again_counts_once(site: Stand, producing: Producing) -> None:
    pilot = await site.pilot(AUDIENCE)
    report = await taken(site, pilot)
    for _ in range(3):
        await producing.produce(pilot, report.source, report.sequence)
        async with site.db.tx() as tx:
            await producing.again(tx)
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
    assert await site.total(pilot, "audience_live") == SCALE
    assert await site.count("report") == 1


async def test_a_correction_never_overtakes_what_it_corrects(
    site: Stand, producing: Producing, make_topic: Callable[..., Awaitable[str]]
) -> None:
    """The report was answered and sent, and is gone with its cluster: its correction, sent at once, does not come to the new one before it."""
    pilot = await site.pilot(AUDIENCE)
    first = await taken(site, pilot)
    await producing.produce(pilot, first.source, first.sequence)
    site.topic = await make_topic(4)
    again = Producing(site.db, site.kafka, site.topic, Metrics("monitoring"))
    async with site.db.tx() as tx:
        assert await again.again(tx) == 1
    correction = await taken(site, pilot, corrects=first.sequence)
    await again.produce(pilot, correction.source, correction.sequence)
    await again.close()
    async with site.running(site.engine(unsigned=False)) as engine:
        await eventually(lambda: site.quiet(engine), within=30)
    assert await site.count("rejected_report") == 0
    assert await site.count("report") == 2
    assert await site.total(pilot, "audience_live") == 2 * SCALE


class Moving(Kafka):
    """Another cluster answers when the test says so."""

    answers = "one"

    async def cluster_id(self) -> str:
        return self.answers


@pytest.mark.parametrize("who", ["this process", "another process"])
async def test_a_correction_does_not_come_to_another_cluster_before_what_it_corrects(
    who: str, site: Stand, make_topic: Callable[..., Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was the first to be told of it, nobody had it sent again yet."""
    monkeypatch.setattr(room, "_KNOWN_SECONDS", 0.0 if who == "this process" else 3600.0)
    pilot = await site.pilot(AUDIENCE)
    kafka = Moving(site.kafka.bootstrap, client_id="moving")
    metrics = Metrics("monitoring")
    moving = Producing(site.db, kafka, site.topic, metrics)
    assert changes(metrics) == 0
    first = await taken(site, pilot)
    await moving.produce(pilot, first.source, first.sequence)
    to_the_old = moving._producer
    site.topic = moving._topic = await make_topic(4)
    kafka.answers = "two"
    if who == "another process":
        async with site.db.tx() as tx:
            assert await store.know_cluster(tx, "two")
    correction = await taken(site, pilot, corrects=first.sequence)
    await moving.produce(pilot, correction.source, correction.sequence)
    assert moving._producer is not to_the_old
    assert changes(metrics) == (who == "this process"), "one process counts it"
    await moving.close()
    async with site.running(site.engine(unsigned=False)) as engine:
        await eventually(lambda: site.quiet(engine), within=30)
    assert await site.count("rejected_report") == 0
    assert await site.count("report") == 2
    assert await site.total(pilot, "audience_live") == 2 * SCALE


def changes(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("haukiem_kafka_cluster_changes_total", {"by": "reports"})


async def test_what_was_on_its_way_when_all_is_to_be_sent_again_is_sent_again(
    site: Stand, producing: Producing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = await site.pilot(AUDIENCE)
    report = await taken(site, pilot)
    sent: list[int] = []
    send = producing._send

    async def sending(producer: Any, stored: Stored) -> None:
        await send(producer, stored)
        sent.append(stored.sequence)
        if len(sent) == 1:
            async with site.db.tx() as tx:
                await producing.again(tx)

    monkeypatch.setattr(producing, "_send", sending)
    await producing.produce(pilot, report.source, report.sequence)
    assert sent == [report.sequence] * 2


async def test_one_question_is_asked_for_all_who_wait_and_each_learns_that_it_failed(site: Stand) -> None:
    asked: list[int] = []

    class Slow(Kafka):
        async def cluster_id(self) -> str:
            asked.append(1)
            await asyncio.sleep(0)
            raise Transient("away")

    waiting = Producing(site.db, Slow("127.0.0.1:1", client_id="away"), site.topic, Metrics("monitoring"))
    answers = await asyncio.gather(*(waiting._know_cluster() for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Transient] * 5
    assert len(asked) == 1


async def test_while_kafka_is_away_the_caller_is_told_and_the_report_stays(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    report = await taken(site, pilot)
    away = Producing(site.db, Kafka("127.0.0.1:1", client_id="away"), site.topic, Metrics("monitoring"))
    with pytest.raises(Transient):
        await away.produce(pilot, report.source, report.sequence)
    await away.close()
    assert await site.count("intake where produced_in = 0") == 1


async def test_the_last_part_is_not_sent_while_another_may_be_missing(
    site: Stand, producing: Producing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the last part was read is what says that a request was read whole."""
    pilot = await site.pilot(AUDIENCE)
    report = await taken(site, pilot, 2_500)
    sent: list[bytes] = []

    class Failing:
        async def stop(self) -> None: ...

        async def send(self, topic: str, value: bytes, key: bytes, headers: object) -> asyncio.Future[None]:
            sent.append(value)
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if len(sent) == 2:
                answer.set_exception(KafkaTimeoutError())
            else:
                answer.set_result(None)
            return answer

    await producing._know_cluster()
    monkeypatch.setattr(producing, "_producer", Failing())
    with pytest.raises(Transient):
        await producing.produce(pilot, report.source, report.sequence)
    assert len(sent) == 2

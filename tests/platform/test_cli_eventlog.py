"""The event log on a real broker: read whole, to the ends that it had, and one pilot's share of it from one partition of each topic."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.cli.eventlog import event_log
from shared.client import Unreachable
from shared.contracts.topics import APPLICATIONS, METRICS, Topic
from shared.platform.kafka import Kafka

PILOTS = [UUID(int=n) for n in range(20)]


@pytest.fixture
async def topics(kafka_bootstrap: str) -> AsyncIterator[tuple[Topic, Topic]]:
    """Two topics of this test alone, with records of twenty pilots on each, five a pilot."""
    named = uuid4().hex
    made = (replace(APPLICATIONS, name=f"{named}.a", partitions=4), replace(METRICS, name=f"{named}.m", partitions=6))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic.name, topic.partitions, 1) for topic in made])
    producer = Kafka(kafka_bootstrap, client_id="test").producer()
    await producer.start()
    for number in range(5):
        for pilot in PILOTS:
            for topic in made:
                await producer.send(topic.name, key=str(pilot).encode(), value=f"{pilot}/{number}".encode())
    await producer.stop()
    yield made
    await admin.delete_topics([topic.name for topic in made])
    await admin.close()


async def test_the_whole_log_is_read_once_in_the_order_of_its_partitions(
    kafka_bootstrap: str, topics: tuple[Topic, Topic]
) -> None:
    async with event_log(kafka_bootstrap) as log:
        found = await log.whole(topics)
        again = await log.whole(topics[:1])
    assert len(found) == 200 and len(again) == 100
    places = [(one.topic, one.partition, one.offset) for one in found]
    assert places == sorted(set(places))


async def test_a_pilots_share_is_complete_and_in_order(kafka_bootstrap: str, topics: tuple[Topic, Topic]) -> None:
    async with event_log(kafka_bootstrap) as log:
        for pilot in PILOTS[:3]:
            found = await log.of_pilot(pilot, topics)
            for topic in topics:
                mine = [one.data.decode() for one in found if one.topic == topic.name]
                assert mine == [f"{pilot}/{number}" for number in range(5)]


async def test_a_followed_log_gives_each_record_once_as_it_comes(
    kafka_bootstrap: str, topics: tuple[Topic, Topic]
) -> None:
    producer = Kafka(kafka_bootstrap, client_id="test").producer()
    await producer.start()
    async with event_log(kafka_bootstrap) as log:
        assert len(await log.news(topics)) == 200
        assert await log.news(topics) == []
        for number in (5, 6):
            for pilot in PILOTS:
                await producer.send_and_wait(
                    topics[0].name, key=str(pilot).encode(), value=f"{pilot}/{number}".encode()
                )
            found = await log.news(topics)
            assert sorted(one.data.decode() for one in found) == sorted(f"{pilot}/{number}" for pilot in PILOTS)
    await producer.stop()


async def test_to_follow_a_log_in_which_nothing_happens_waits_for_nothing(
    kafka_bootstrap: str, topics: tuple[Topic, Topic]
) -> None:
    """A fetch that the broker holds for news holds up the next question on its connection: half a second each time, if it is let."""
    async with event_log(kafka_bootstrap) as log:
        await log.news(topics)
        async with asyncio.timeout(5):
            for _ in range(20):
                assert await log.news(topics) == []


async def test_a_topic_that_is_not_there_is_empty(kafka_bootstrap: str) -> None:
    async with event_log(kafka_bootstrap) as log:
        assert await log.whole([replace(METRICS, name=uuid4().hex)]) == []


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
async def test_a_broker_that_is_away_is_said_so_and_by_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unreachable, match=r"Kafka at 127\.0\.0\.1:9 could"):
        async with event_log("127.0.0.1:9") as log:
            await log.whole()
    gc.collect()  # a consumer that was not stopped would complain now
    assert caplog.records == []

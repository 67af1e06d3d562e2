"""Copies of what was set aside: a dead-letter topic that is missing holds back its own copies and nobody else's."""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaTimeoutError

from shared.platform import inbox
from shared.platform.cloudevents import key_of
from shared.platform.db import Database
from shared.platform.dead_copies import AGAIN_SECONDS, DeadCopies
from tests.platform.garden import planted


class Topics:
    """A producer to topics of which some are missing."""

    def __init__(self, *missing: str) -> None:
        self.missing = set(missing)
        self.tries: list[str] = []

    async def send_and_wait(self, topic: str, **_: Any) -> None:
        self.tries.append(topic)
        if topic in self.missing:
            raise KafkaTimeoutError


class Record:
    """A record of ``topic`` as it is consumed."""

    partition, offset, timestamp = 0, 7, 0

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.key = key_of(planted().key)
        self.value = b"{}"
        self.headers: list[tuple[str, bytes]] = []


async def copied(db: Database) -> list[str]:
    async with db.tx() as tx:
        cursor = await tx.execute("select topic from set_aside where copied_at is not null order by id")
        return [row["topic"] for row in await cursor.fetchall()]


async def test_a_dead_letter_topic_that_is_missing_delays_no_other_and_is_tried_again_later(db: Database) -> None:
    async with db.tx() as tx:
        for topic in ("trees", "trees", "trees", "waters"):
            await inbox.set_aside(tx, "garden", Record(topic), "poison", "rotten")
    topics, now = Topics("trees.dead"), [0.0]
    copies = DeadCopies(db, topics, monotonic=lambda: now[0])
    assert await copies.publish(most=2) == 2, "only the missing one's, and it is asked once"
    assert await copies.publish(most=2) == 1
    assert await copies.publish(most=2) == 0, "nothing that can be copied now"
    assert topics.tries == ["trees.dead", "waters.dead"]
    assert await copied(db) == ["waters"]
    topics.missing.clear()
    now[0] = AGAIN_SECONDS
    assert await copies.publish() == 3
    assert await copied(db) == ["trees"] * 3 + ["waters"]

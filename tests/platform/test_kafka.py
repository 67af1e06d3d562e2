"""What Kafka does not tell is not known: never "there is nothing"."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.contracts.errors import Transient
from shared.platform.kafka import Ends, Kafka

HERE, AWAY, NEVER_MADE = 0, 5, 3
"""Error codes in a metadata answer: none, no leader now, unknown topic."""


class Cluster:
    """Answers as the admin client and the reader do."""

    def __init__(self, topics: dict[str, int], ends: dict[tuple[str, int], int]) -> None:
        self.topics = topics
        self.ends = ends

    async def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "topic": topic,
                "error_code": self.topics.get(topic, NEVER_MADE),
                "partitions": [{"partition": 1}, {"partition": 0}] if self.topics.get(topic) == HERE else [],
            }
            for topic in topics
        ]

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {at: self.ends[at.topic, at.partition] for at in places if (at.topic, at.partition) in self.ends}


def asked(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> Kafka:
    kafka = Kafka("none:9092", client_id="test")

    async def answers() -> Cluster:
        return cluster

    monkeypatch.setattr(kafka, "_connected_admin", answers)
    monkeypatch.setattr(kafka, "_connected_reader", answers)
    return kafka


ENDS = {("trees", 0): 7, ("trees", 1): 0}


async def test_ends_are_told_of_all_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = asked(monkeypatch, Cluster({"trees": HERE}, ENDS))
    assert await kafka.end_offsets(["trees"]) == ENDS
    assert await kafka.partitions(["trees", "waters"]) == {"trees": [0, 1]}, "what was never made is left out"


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (Cluster({"trees": HERE, "waters": AWAY}, ENDS), "answers error 5 for waters"),
        (Cluster({"trees": HERE}, ENDS), "does not know waters"),
        (Cluster({"trees": HERE, "waters": HERE}, {**ENDS, ("waters", 0): 1}), r"not told the end of waters\[1\]"),
    ],
    ids=["topic without leader", "topic unknown", "partition without answer"],
)
async def test_an_end_that_is_not_known_is_never_taken_for_none(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, words: str
) -> None:
    with pytest.raises(Transient, match=words):
        await asked(monkeypatch, cluster).end_offsets(["trees", "waters"])


async def test_a_topic_that_has_no_leader_now_may_exist_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Transient):
        await asked(monkeypatch, Cluster({"trees": AWAY}, {})).partitions(["trees"])


def test_the_end_of_a_partition_that_was_not_asked_for_is_unknown() -> None:
    ends = Ends({("trees", 0): 7})
    assert ends["trees", 0] == 7
    with pytest.raises(Transient, match=r"trees\[9\]"):
        ends["trees", 9]

"""The topics of the registry, made in a cluster, or checked where they exist."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from deploy.local.errors import StackError
from shared.contracts.topics import TOPICS

_TOPIC_ALREADY_EXISTS = 36
# A broker right after its start may not have taken part in the cluster yet: not controller, not enough replicas, timed out.
_LATER = frozenset({7, 38, 41})
_TRY_SECONDS = 30.0


@dataclass(frozen=True)
class Wanted:
    """A topic as it should be. ``retention_ms`` is -1 for ever; ``timestamps`` is Kafka's ``message.timestamp.type``."""

    name: str
    partitions: int
    retention_ms: int
    timestamps: str = "CreateTime"

    @property
    def configs(self) -> dict[str, str]:
        return {"retention.ms": str(self.retention_ms), "message.timestamp.type": self.timestamps}


def registry() -> tuple[Wanted, ...]:
    """Each topic of the contracts and its dead-letter topic, which holds few records, so that one partition will do."""
    wanted = []
    for topic in TOPICS:
        retention = -1 if topic.retention_ms is None else topic.retention_ms
        wanted += [
            Wanted(topic.name, topic.partitions, retention, topic.timestamps),
            Wanted(topic.dead, 1, retention),
        ]
    return tuple(wanted)


async def ensure_topics(bootstrap: str, wanted: Iterable[Wanted]) -> list[str]:
    """Make those of ``wanted`` that do not exist, three times replicated where there are three brokers; returns their names.

    Raises :class:`StackError` when one exists otherwise than it should be, or the cluster does not make it.
    """
    asked = list(wanted)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=20_000)
    try:
        await admin.start()
        there = set(await admin.list_topics())
        brokers = len((await admin.describe_cluster())["brokers"])
        absent = [topic for topic in asked if topic.name not in there]
        async with asyncio.timeout(_TRY_SECONDS):
            made = await _create(admin, absent, replication=min(3, brokers))
            await _until_led(admin, [topic.name for topic in asked])
        await _check(admin, [topic for topic in asked if topic.name not in made])
    except TimeoutError as error:
        raise StackError(f"Kafka at {bootstrap} did not make the topics in {_TRY_SECONDS:.0f} s.") from error
    except (KafkaError, OSError) as error:
        raise StackError(f"Kafka at {bootstrap} did not make the topics: {error}") from error
    finally:
        await admin.close()
    return made


async def _create(admin: AIOKafkaAdminClient, absent: list[Wanted], *, replication: int) -> list[str]:
    """The names of those that were made; one that somebody else made meanwhile is not among them."""
    configs = {"cleanup.policy": "delete", "min.insync.replicas": str(max(1, replication - 1))}
    pending = {
        topic.name: NewTopic(
            topic.name,
            topic.partitions,
            replication,
            topic_configs={**configs, **topic.configs, "retention.bytes": "-1"},
        )
        for topic in absent
    }
    made = []
    while pending:
        answer = await admin.create_topics(list(pending.values()))
        for name, code, *_ in answer.topic_errors:
            if code in (0, _TOPIC_ALREADY_EXISTS):
                del pending[name]
                made += [name] if code == 0 else []
            elif code not in _LATER:
                raise StackError(f"Kafka refused to make the topic {name}: {for_code(code).__name__}")
        if pending:
            await asyncio.sleep(0.2)
    return made


async def _until_led(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Wait until every partition has a leader: a topic is made before the brokers know of it."""
    while True:
        found = await admin.describe_topics(names)
        if all(topic["error_code"] == 0 and all(p["leader"] >= 0 for p in topic["partitions"]) for topic in found):
            return
        await asyncio.sleep(0.05)


async def _check(admin: AIOKafkaAdminClient, existing: list[Wanted]) -> None:
    if not existing:
        return
    names = [topic.name for topic in existing]
    partitions = {found["topic"]: len(found["partitions"]) for found in await admin.describe_topics(names)}
    configs = await _configs(admin, existing)
    for topic in existing:
        found = {"partitions": str(partitions[topic.name]), **configs[topic.name]}
        for what, should in {"partitions": str(topic.partitions), **topic.configs}.items():
            if found[what] != should:
                raise StackError(
                    f"The topic {topic.name} has {what} {found[what]}, but the registry says {should}.",
                    "Empty the stack (make clean), or give the topic a new version.",
                )


async def _configs(admin: AIOKafkaAdminClient, topics: list[Wanted]) -> dict[str, dict[str, str]]:
    """Of each topic, by its name, what stands in Kafka for what the registry sets."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, dict.fromkeys(topic.configs, "")) for topic in topics
    ]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for code, message, _, name, entries in answer.resources:
            if code:
                raise StackError(f"Kafka does not describe the topic {name}: {message or for_code(code).__name__}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found

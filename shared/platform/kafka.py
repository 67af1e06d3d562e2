"""One process's connection to Kafka: metadata, end offsets, the cluster's identity, and producers that never lose their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from shared.contracts.errors import Transient
from shared.platform import unpacking
from shared.platform.kafka_security import KafkaSecurity

T = TypeVar("T")

MAX_EVENT_BYTES = 900_000
"""The largest value of a record. A broker's default is 1,048,588 bytes for a whole batch with headers."""


class Ends(dict[tuple[str, int], int]):
    """End offsets by (topic, partition). An end that was not told is unknown and never 0: to look it up raises :class:`Transient`."""

    def __missing__(self, place: tuple[str, int]) -> int:
        raise Transient(f"Kafka has not told the end of {place[0]}[{place[1]}]")


class Kafka:
    """Where Kafka is, and what it says of itself. Connections are made when they are first needed, and anew after a failure."""

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str,
        security: KafkaSecurity | None = None,
        timeout_seconds: float = 5.0,
    ) -> None:
        unpacking.install()
        self.bootstrap = bootstrap
        self.client_id = client_id
        self.security = security or KafkaSecurity()
        self._timeout = timeout_seconds
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None
        # One request at a time: a connection that fails is thrown away by the one who used it, under no one else's hands.
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Nothing to wait for: a broker that is away delays work, not the start."""

    async def close(self) -> None:
        async with self._turn:
            await self._drop()

    async def ping(self) -> None:
        """Raises :class:`Transient` unless a broker answers a metadata request now."""
        await self.cluster_id()

    async def cluster_id(self) -> str:
        """The identity of the cluster that answers; another one means that the data of the old one is gone. Raises ``Transient``."""

        async def ask() -> str:
            cluster = await (await self._connected_admin()).describe_cluster()
            return str(cluster["cluster_id"])

        return await self._ask(ask)

    async def partitions(self, topics: Collection[str]) -> dict[str, list[int]]:
        """The partitions of each topic of ``topics`` that exists. Raises ``Transient``, also when of one is not known whether it does."""

        async def ask() -> dict[str, list[int]]:
            known = {}
            for topic in await (await self._connected_admin()).describe_topics(list(topics)):
                if topic["error_code"] == UnknownTopicOrPartitionError.errno:
                    continue
                if topic["error_code"]:
                    raise Transient(
                        f"Kafka at {self.bootstrap} answers error {topic['error_code']} for {topic['topic']}"
                    )
                known[topic["topic"]] = sorted(partition["partition"] for partition in topic["partitions"])
            return known

        return await self._ask(ask)

    async def end_offsets(self, topics: Collection[str]) -> Ends:
        """The offset after the last record of each partition of ``topics``. Raises ``Transient``, also when one is missing: whoever
        judges by ends must not take "unknown" for "nothing there"."""
        known = await self.partitions(topics)
        if missing := sorted(set(topics) - known.keys()):
            raise Transient(f"Kafka at {self.bootstrap} does not know {', '.join(missing)}")
        wanted = [TopicPartition(topic, number) for topic, numbers in known.items() for number in numbers]

        async def ask() -> Ends:
            answer = await (await self._connected_reader()).end_offsets(wanted)
            ends = Ends({(at.topic, at.partition): offset for at, offset in answer.items()})
            for at in wanted:
                ends[at.topic, at.partition]  # raises when it was not answered
            return ends

        return await self._ask(ask) if wanted else Ends()

    @property
    def connection(self) -> dict[str, Any]:
        """Where to connect, as whom and how: the keywords with which every client of aiokafka begins."""
        return {"bootstrap_servers": self.bootstrap, "client_id": self.client_id, **self.security.options()}

    def producer(self) -> AIOKafkaProducer:
        """A new idempotent producer, not started. Each batch is answered by all in-sync replicas, or fails as a whole."""
        return AIOKafkaProducer(
            **self.connection,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=10_000,
            metadata_max_age_ms=30_000,
            max_batch_size=MAX_EVENT_BYTES + 50_000,
        )

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout):
                    return await question()
            except (KafkaError, OSError, TimeoutError) as error:
                await self._drop()
                raise Transient(f"Kafka at {self.bootstrap}: {type(error).__name__} {error}") from error

    async def _connected_admin(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(**self._options())
            await self._admin.start()
        return self._admin

    async def _connected_reader(self) -> AIOKafkaConsumer:
        if self._reader is None:
            self._reader = AIOKafkaConsumer(**self._options(), group_id=None, enable_auto_commit=False)
            await self._reader.start()
        return self._reader

    def _options(self) -> dict[str, Any]:
        return {**self.connection, "request_timeout_ms": int(self._timeout * 1000)}

    async def _drop(self) -> None:
        admin, self._admin = self._admin, None
        reader, self._reader = self._reader, None
        for connection in (admin.close() if admin else None, reader.stop() if reader else None):
            if connection is not None:
                try:
                    async with asyncio.timeout(self._timeout):
                        await connection
                except (KafkaError, OSError, TimeoutError):
                    continue  # it was broken already, which is why it is thrown away

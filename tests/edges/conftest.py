"""The services as they are attacked from outside: in process, on real PostgreSQL, in a world where something has happened."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from anyio.from_thread import start_blocking_portal

from deploy.local.topics import ensure_topics, registry
from shared.contracts.topics import METRICS
from tests.edges.hosting import Setting
from tests.edges.world import World, made
from tests.platform.issuer import Issuer


@pytest.fixture(scope="session")
def world(postgres_admin_dsn: str, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for each test process; its services turn in a thread of their own."""
    clock_file = tmp_path_factory.mktemp("edges") / "clock.json"
    metrics = f"edges.metrics.{uuid4().hex[:12]}"
    with start_blocking_portal() as portal:
        portal.call(_make_topic, kafka_bootstrap, metrics)
        portal.call(ensure_topics, kafka_bootstrap, registry())  # what is asked how far it has come asks for their ends
        setting = Setting(portal, kafka_bootstrap, metrics, clock_file, Issuer())
        with made(postgres_admin_dsn, setting) as world:
            yield world


async def _make_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, METRICS.partitions, 1)])
    await admin.close()

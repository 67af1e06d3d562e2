"""The servers that tests use: started for real, shared, and back with their data after ``kill -9``."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.processes import Identity, wait_until
from deploy.local.testing import kafka_cluster, postgres_server, shared_server
from deploy.local.topics import Wanted, ensure_topics
from tests.platform.garden import eventually


def test_a_fresh_database_is_empty_and_real(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as connection:
        version, tables = connection.execute(
            "select current_setting('server_version_num')::int, (select count(*) from pg_tables where schemaname = 'public')"
        ).fetchone() or (0, -1)
    assert version >= 180_000
    assert tables == 0


def test_everyone_who_asks_for_the_shared_server_gets_the_same(postgres_admin_dsn: str) -> None:
    with shared_server("postgres") as again:
        assert again == postgres_admin_dsn


def test_a_shared_server_ends_when_its_last_user_was_killed(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "from deploy.local.testing import shared_server\n"
        "with shared_server('postgres', pathlib.Path(sys.argv[1]), linger=0.5) as dsn:\n"
        "    print(dsn, flush=True)\n"
        "    time.sleep(600)\n"
    )
    user = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    dsn = user.stdout.readline().strip()
    psycopg.connect(dsn).close()
    note = json.loads((tmp_path / "postgres" / "server.json").read_text())
    user.kill()
    user.wait()
    guard = Identity(note["pid"], note["started"])
    assert wait_until(lambda: not guard.alive, 20)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_postgres_keeps_what_was_committed_through_kill_9(tmp_path: Path) -> None:
    with postgres_server(tmp_path, durable=True) as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("create table kept (n int)")
            connection.execute("insert into kept values (7)")
        server.kill()
        server.start()
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("select n from kept").fetchone() == (7,)


def test_postgres_accepts_nobody_without_its_password(tmp_path: Path) -> None:
    with postgres_server(tmp_path) as server, pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.dsn, password="guess")


async def _send(bootstrap: str, topic: str, *values: bytes) -> None:
    """Each answered by every replica in sync."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await asyncio.wait_for(producer.send_and_wait(topic, value), 30)
    finally:
        await producer.stop()


async def _read(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_kafka_keeps_what_it_acknowledged_through_kill_9_but_not_when_wiped(tmp_path: Path) -> None:
    with kafka_cluster(tmp_path) as cluster:
        await ensure_topics(cluster.bootstrap, [Wanted("kept", 1, -1)])
        await _send(cluster.bootstrap, "kept", b"seven")
        await asyncio.to_thread(cluster.kill)
        await asyncio.to_thread(cluster.start)
        await asyncio.to_thread(cluster.wait)
        assert await _read(cluster.bootstrap, "kept", 1) == [b"seven"]

        before = await _cluster_id(cluster.bootstrap)
        await asyncio.to_thread(cluster.wipe)
        await asyncio.to_thread(cluster.start)
        await asyncio.to_thread(cluster.wait)
        assert await _cluster_id(cluster.bootstrap) != before
        assert await ensure_topics(cluster.bootstrap, [Wanted("kept", 1, -1)]) == ["kept"]


async def test_three_brokers_lose_nothing_and_go_on_when_one_is_killed(tmp_path: Path) -> None:
    with kafka_cluster(tmp_path, brokers=3) as cluster:
        await ensure_topics(cluster.bootstrap, [Wanted("safe", 1, -1)])
        (partition,) = await _partitions(cluster.bootstrap, "safe")
        assert sorted(partition["replicas"]) == [1, 2, 3]
        await _send(cluster.bootstrap, "safe", b"before")
        await asyncio.to_thread(cluster.kill, partition["leader"])
        await _send(cluster.bootstrap, "safe", b"after")
        assert await _read(cluster.bootstrap, "safe", 2) == [b"before", b"after"]


async def _partitions(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    """Once the broker that is asked knows of the topic: one after the other they hear of it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    found: list[dict[str, Any]] = []

    async def known() -> bool:
        found[:] = (await admin.describe_topics([topic]))[0]["partitions"]
        return bool(found)

    try:
        await eventually(known, what=topic)
    finally:
        await admin.close()
    return found


async def _cluster_id(bootstrap: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def test_the_shared_broker_never_makes_a_topic_by_itself(kafka_bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(["never-made"])
        assert described[0]["error_code"] != 0
        assert "never-made" not in await admin.list_topics()
    finally:
        await admin.close()

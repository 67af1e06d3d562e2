"""The servers that tests use: started for real, shared, and back with their data after ``kill -9``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.testing import kafka_cluster, postgres_server, shared_server


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


async def test_kafka_keeps_what_it_acknowledged_through_kill_9(tmp_path: Path) -> None:
    with kafka_cluster(tmp_path) as cluster:
        admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 1, 1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        await producer.send_and_wait("kept", b"seven")
        await producer.stop()
        await asyncio.to_thread(cluster.kill)
        await asyncio.to_thread(cluster.start)
        await asyncio.to_thread(cluster.wait)
        consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition("kept", 0)])
            record = await asyncio.wait_for(consumer.getone(), 20)
        finally:
            await consumer.stop()
        assert record.value == b"seven"


async def test_the_shared_broker_never_makes_a_topic_by_itself(kafka_bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(["never-made"])
        assert described[0]["error_code"] != 0
        assert "never-made" not in await admin.list_topics()
    finally:
        await admin.close()

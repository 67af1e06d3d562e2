"""The step between servers and services: roles that may use only their own schema, and topics as the registry says."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.errors import StackError
from deploy.local.instance import SERVICES, Instance
from deploy.local.prepare import finish_migrations, has_records, prepare_database, refuse_used_servers
from deploy.local.processes import start, wait_ready
from deploy.local.testing import postgres_server
from deploy.local.topics import Wanted, ensure_topics, registry
from shared.contracts.topics import METRICS, TOPICS


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """PostgreSQL of an instance, prepared; roles belong to a whole server, so it has one of its own."""
    instance = Instance("t", tmp_path_factory.mktemp("prepare"))
    instance.configure(environ={})
    instance.make_folders()
    running = start(instance.postgres.part(), f"{instance.folder}#postgres")
    try:
        wait_ready(running)
        prepare_database(instance)
        yield instance
    finally:
        running.stop()


def test_each_service_owns_its_schema_and_works_in_it(instance: Instance) -> None:
    for service in SERVICES:
        with psycopg.connect(instance.postgres_dsn(service)) as connection:
            assert connection.execute("select current_user::text, current_schema()::text").fetchone() == (
                service,
                service,
            )
            connection.execute("create table mine (n int)")
            connection.execute("insert into mine values (1)")
            connection.rollback()


@pytest.mark.parametrize(("reader", "owner"), list(permutations(SERVICES, 2)))
def test_no_service_may_look_into_the_schema_of_another(instance: Instance, reader: str, owner: str) -> None:
    with psycopg.connect(instance.postgres_dsn(owner), autocommit=True) as connection:
        connection.execute("create table if not exists secret (n int)")
    for attempt in (
        f"select * from {owner}.secret",
        f"insert into {owner}.secret values (1)",
        f"create table {owner}.intruder (n int)",
        f"drop schema {owner} cascade",
        f"set role {owner}",
        "create table public.intruder (n int)",
        "create schema intruder",
    ):
        with (
            psycopg.connect(instance.postgres_dsn(reader)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(attempt)


def test_no_service_may_enter_as_another_without_its_password(instance: Instance) -> None:
    wrong = psycopg.conninfo.make_conninfo(
        instance.postgres_dsn("applications"), password=instance.secrets.services["decisions"]
    )
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(wrong)


def test_preparing_again_changes_nothing(instance: Instance) -> None:
    with psycopg.connect(instance.postgres_dsn("decisions"), autocommit=True) as connection:
        connection.execute("create table if not exists kept (n int)")
    prepare_database(instance)
    with psycopg.connect(instance.postgres_dsn("decisions")) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_a_server_from_outside_is_prepared_by_an_administrator_who_is_no_superuser(tmp_path: Path) -> None:
    with postgres_server(tmp_path) as server:
        with psycopg.connect(server.dsn, autocommit=True) as superuser:
            superuser.execute("create role office login createrole password 'pw'")
            superuser.execute("create database pilots owner office")
        given = psycopg.conninfo.make_conninfo(server.dsn, user="office", password="pw", dbname="pilots")
        instance = Instance("t", tmp_path)
        instance.configure(environ={"HAUKIEM_POSTGRES": given})
        prepare_database(instance)
        prepare_database(instance)
        for service in SERVICES:
            with psycopg.connect(instance.postgres_dsn(service)) as connection:
                connection.execute("create table mine (n int)")
                assert connection.execute("select current_database()::text, current_schema()::text").fetchone() == (
                    "pilots",
                    service,
                )


async def test_the_sandbox_clock_is_not_set_on_servers_from_outside_that_are_in_use(
    tmp_path: Path, fresh_database: str, kafka_bootstrap: str
) -> None:
    instance = Instance("t", tmp_path)
    instance.configure(clock=True, environ={"HAUKIEM_POSTGRES": fresh_database})
    await refuse_used_servers(instance)
    with psycopg.connect(fresh_database) as other:
        other.execute("create schema decisions create table cases (n int)")
    with pytest.raises(StackError, match="What HAUKIEM_POSTGRES names is not empty"):
        await refuse_used_servers(instance)

    [topic] = await ensure_topics(kafka_bootstrap, [Wanted(f"t-{uuid.uuid4().hex}", 1, -1)])
    assert not await has_records(kafka_bootstrap, [topic, "never-made"])
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        await producer.send_and_wait(topic, b"a fact")
    assert await has_records(kafka_bootstrap, [topic])


def test_a_migration_that_fails_says_which_service_and_why() -> None:
    def ends(code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    with pytest.raises(StackError) as caught:
        finish_migrations(
            {"applications": ends(""), "monitoring": ends("raise SystemExit('revision 0002 is not whole')")}
        )
    assert caught.value.mend == "monitoring: revision 0002 is not whole"
    finish_migrations({"applications": ends("")})


def test_every_topic_of_the_registry_is_wanted_with_its_dead_letters() -> None:
    wanted = {topic.name: topic for topic in registry()}
    assert set(wanted) == {name for topic in TOPICS for name in (topic.name, topic.dead)}
    for topic in TOPICS:
        assert wanted[topic.name].partitions == topic.partitions
        assert wanted[topic.name].retention_ms == (-1 if topic.retention_ms is None else topic.retention_ms)
        assert wanted[topic.name].timestamps == topic.timestamps
    # Whoever sends to this one of their own does not say when it came.
    assert wanted[METRICS.name].timestamps == "LogAppendTime"


async def test_topics_are_made_once_as_wanted(kafka_bootstrap: str) -> None:
    name = f"t-{uuid.uuid4().hex}"
    wanted = [Wanted(name, 3, 86_400_000), Wanted(f"{name}.dead", 1, -1)]
    assert await ensure_topics(kafka_bootstrap, wanted) == [name, f"{name}.dead"]
    assert await ensure_topics(kafka_bootstrap, wanted) == []


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ((4, 86_400_000), "partitions 3"),
        ((3, -1), "retention.ms 86400000"),
        ((3, 86_400_000, "LogAppendTime"), "message.timestamp.type CreateTime"),
    ],
)
async def test_a_topic_that_is_otherwise_than_wanted_is_refused(
    kafka_bootstrap: str, other: tuple[Any, ...], what: str
) -> None:
    name = f"t-{uuid.uuid4().hex}"
    await ensure_topics(kafka_bootstrap, [Wanted(name, 3, 86_400_000)])
    with pytest.raises(StackError, match=f"{name} has {what}, but the registry says"):
        await ensure_topics(kafka_bootstrap, [Wanted(name, *other)])


async def test_two_that_make_the_topics_at_once_do_not_disturb_each_other(kafka_bootstrap: str) -> None:
    wanted = [Wanted(f"t-{uuid.uuid4().hex}", 2, -1)]
    made = await asyncio.gather(*(ensure_topics(kafka_bootstrap, wanted) for _ in range(2)))
    assert wanted[0].name in made[0] + made[1]


async def test_a_broker_that_is_away_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="did not make the topics"):
        await ensure_topics("127.0.0.1:1", [Wanted("t", 1, -1)])

"""The one-off step between servers and services: database, roles and schemas, migrations, topics. Safe to run at every start.

``python -m deploy.local.prepare <root> <instance>`` is how the supervisor runs it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from deploy.local.environment import service_env
from deploy.local.errors import StackError
from deploy.local.instance import PROJECT, SERVICES, Instance
from deploy.local.kafka import wait_for_cluster
from deploy.local.postgres import DATABASE
from deploy.local.topics import ensure_topics, registry
from shared.contracts.errors import Transient
from shared.platform.kafka import Kafka

MIGRATION_SECONDS = 120


def prepare(instance: Instance) -> None:
    """Everything the services stand on. Raises :class:`StackError` when something is refused."""
    if instance.settings.clock and not instance.prepared_file.exists():
        asyncio.run(refuse_used_servers(instance))
    prepare_database(instance)
    migrations = start_migrations(instance)
    try:
        asyncio.run(_prepare_topics(instance))
    finally:
        finish_migrations(migrations)
    instance.prepared_file.touch()


def prepare_database(instance: Instance) -> None:
    """The database, and for each service a role of its own that owns a schema of its own and may use nothing else."""
    try:
        if not instance.settings.postgres:
            _create_database(instance.postgres.dsn(database="postgres"))
        with psycopg.connect(instance.admin_dsn, autocommit=True) as admin:
            database = sql.Identifier(str(conninfo_to_dict(instance.admin_dsn).get("dbname") or DATABASE))
            admin.execute(sql.SQL("revoke all on database {} from public").format(database))
            admin.execute("revoke all on schema public from public")
            for service in SERVICES:
                _create_role(admin, service, instance.secrets.services[service], database)
    except psycopg.Error as error:
        raise StackError(f"PostgreSQL could not be prepared: {error}") from error


async def refuse_used_servers(instance: Instance) -> None:
    """A sandbox clock begins on empty servers; those from outside may hold facts dated by another clock. Raises :class:`StackError`."""
    settings, used = instance.settings, []
    if settings.postgres and _has_tables(instance.admin_dsn):
        used.append("HAUKIEM_POSTGRES")
    if settings.kafka and await has_records(settings.kafka, [topic.name for topic in registry()]):
        used.append("HAUKIEM_KAFKA")
    if used:
        raise StackError(
            f"What {' and '.join(used)} names is not empty, and the sandbox clock is set only on empty servers.",
            "Name an empty database and a Kafka cluster without our topics, or unset the variable.",
        )


def _has_tables(admin_dsn: str) -> bool:
    try:
        with psycopg.connect(admin_dsn) as admin:
            found = admin.execute("select 1 from pg_tables where schemaname = any(%s) limit 1", (list(SERVICES),))
            return found.fetchone() is not None
    except psycopg.Error as error:
        raise StackError(f"PostgreSQL could not be prepared: {error}") from error


async def has_records(bootstrap: str, topics: Collection[str]) -> bool:
    """Whether one of these topics exists and ever took a record. Raises :class:`StackError`."""
    kafka = Kafka(bootstrap, client_id="haukiem-prepare")
    try:
        return any((await kafka.end_offsets(await kafka.partitions(topics))).values())
    except Transient as error:
        raise StackError(f"Kafka at {bootstrap} could not be asked: {error}") from error
    finally:
        await kafka.close()


def _create_database(admin_dsn: str) -> None:
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        if admin.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def _create_role(admin: psycopg.Connection, service: str, password: str, database: sql.Identifier) -> None:
    role = sql.Identifier(service)
    if admin.execute("select 1 from pg_roles where rolname = %s", (service,)).fetchone() is None:
        admin.execute(sql.SQL("create role {} login").format(role))
    admin.execute(sql.SQL("alter role {} password {}").format(role, sql.Literal(password)))
    admin.execute(sql.SQL("grant connect, temporary on database {} to {}").format(database, role))
    # The administrator of a server that is given from outside may be no superuser: it must belong to the role to give it a schema.
    admin.execute(sql.SQL("grant {} to current_user").format(role))
    admin.execute(sql.SQL("create schema if not exists {} authorization {}").format(role, role))


def start_migrations(instance: Instance) -> dict[str, subprocess.Popen[str]]:
    """Begin to bring each service's schema up to date, all at once."""
    return {
        service: subprocess.Popen(
            [sys.executable, "-m", f"services.{service}.main", "migrate"],
            cwd=PROJECT, env=service_env(instance, service), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for service in SERVICES
    }  # fmt: skip


def finish_migrations(running: dict[str, subprocess.Popen[str]]) -> None:
    """Wait for them. Raises :class:`StackError` with what a failed one said."""
    failed = []
    for service, process in running.items():
        try:
            said, _ = process.communicate(timeout=MIGRATION_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        if process.returncode != 0:
            failed.append(f"{service}: {said.strip()[-2000:]}")
    if failed:
        raise StackError("The migrations did not run.", "\n".join(failed))


async def _prepare_topics(instance: Instance) -> None:
    settings = instance.settings
    brokers = 1 if settings.kafka else settings.brokers
    await wait_for_cluster(instance.kafka_bootstrap, brokers)
    await ensure_topics(instance.kafka_bootstrap, registry())


if __name__ == "__main__":
    try:
        prepare(Instance(sys.argv[2], Path(sys.argv[1])))
    except StackError as failure:
        sys.exit(str(failure))

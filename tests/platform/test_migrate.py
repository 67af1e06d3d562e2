"""Migrations: many processes at once, a revision that fails, a schema that is missing, the command."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from shared.platform.migrate import NoSchema, migrate
from tests.platform.test_service import command, environment

FIRST = """
from alembic import op
from shared.platform import tables

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    tables.create(op.execute)
    op.execute("create table tree (id uuid primary key); select pg_sleep(0.2)")
"""
SECOND = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.execute("alter table tree add column height integer")
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_first.py").write_text(FIRST)
    return versions.parent


def test_many_that_migrate_at_once_do_it_once_and_later_versions_follow(fresh_database: str, migrations: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(migrate, [(fresh_database, migrations)] * 2)
    (migrations / "versions" / "0002_second.py").write_text(SECOND)
    migrate(fresh_database, migrations)
    with psycopg.connect(fresh_database) as connection:
        connection.execute("insert into tree (id, height) values (%s, 3)", (UUID(int=1),))
        assert connection.execute("select version_num from alembic_version").fetchall() == [("0002",)]


def test_a_migration_that_fails_leaves_nothing_behind(fresh_database: str, migrations: Path) -> None:
    (migrations / "versions" / "0002_second.py").write_text(SECOND.replace("integer", "no_such_type"))
    with pytest.raises(Exception, match="no_such_type"):
        migrate(fresh_database, migrations)
    with psycopg.connect(fresh_database) as connection:
        row = connection.execute("select to_regclass('tree'), to_regclass('outbox')").fetchone()
    assert row == (None, None)


def test_without_a_schema_of_its_own_nothing_is_migrated(fresh_database: str, migrations: Path) -> None:
    with pytest.raises(NoSchema):
        migrate(psycopg.conninfo.make_conninfo(fresh_database, options="-c search_path=nowhere"), migrations)


def test_migrate_is_a_command(tmp_path: Path, fresh_database: str, migrations: Path) -> None:
    process = command(tmp_path, "migrate", **environment(fresh_database))
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("select count(*) from tree").fetchone() == (0,)

"""Migrations of one service's schema: Alembic, run from code, with plain SQL in each revision."""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

_ENVIRONMENT = Path(__file__).parent / "migrations"


class NoSchema(RuntimeError):
    """The role's search path names no schema that exists."""


def migrate(dsn: str, folder: Path) -> None:
    """Bring the schema of ``dsn`` to the newest revision in ``folder/versions``.

    Safe to run from several processes at once: one works, the others wait and find nothing left to do. Each run is one transaction.
    Raises :class:`NoSchema` when the connection has no schema of its own, and whatever a revision raises.
    """
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    with engine.connect() as connection:
        schema = connection.scalar(text("select current_schema()"))
        if schema is None:
            raise NoSchema("the role's search_path names no existing schema; create it before migrating")
        # Held to the end of the session, not of the transaction: Alembic commits its own.
        connection.execute(
            text("select pg_advisory_lock(hashtextextended(:name, 0))"), {"name": f"haukiem:migrate:{schema}"}
        )
        connection.commit()
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(_ENVIRONMENT))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", str(folder / "versions").replace("%", "%%"))
        command.upgrade(config, "head")
        connection.commit()

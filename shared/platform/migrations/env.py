"""Alembic's entry point for every service: the connection is handed in by :func:`shared.platform.migrate.migrate`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()

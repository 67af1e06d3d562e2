"""PostgreSQL: one pool per process, one transaction per change, and errors whose type says whether it may work later."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import structlog
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from shared.contracts.errors import Transient

log = structlog.get_logger(__name__)


class Tx(psycopg.AsyncConnection[dict[str, Any]]):
    """A connection inside one transaction; rows are dictionaries. Only the edge that opened it commits.

    ``after_commit`` holds what to do once the transaction is durable (wake the relay); it is dropped on rollback.
    """

    after_commit: list[Callable[[], None]]


_LATER = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    pg.ReadOnlySqlTransaction,
    pg.IdleInTransactionSessionTimeout,
)


def is_transient(error: psycopg.Error) -> bool:
    """Whether the same work may succeed later: connection lost, server stopping, deadlock, serialization, lock or statement timeout.

    A limit of the server itself (class 54, such as an index row that is too large) fails again however often it is tried.
    """
    return isinstance(error, _LATER) and not isinstance(error, pg.ProgramLimitExceeded)


# A server that vanished is noticed within seconds, so that another process can take its locks.
_KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}


def conninfo(dsn: str, *, statement_timeout_ms: int, lock_timeout_ms: int, application: str) -> str:
    """``dsn`` with our session settings added to the options that it already has."""
    known = conninfo_to_dict(dsn)
    ours = (
        f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms} "
        "-c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
    )
    options = f"{known.get('options') or ''} {ours}".strip()
    return make_conninfo(
        dsn, **{"application_name": application, "connect_timeout": 5, **_KEEPALIVE, **known, "options": options}
    )


class Database:
    """A pool of connections to one service's schema. Opened by :meth:`open`; every change goes through :meth:`tx`."""

    def __init__(
        self,
        dsn: str,
        *,
        application: str = "haukiem",
        pool: int = 10,
        statement_timeout_ms: int = 30_000,
        lock_timeout_ms: int = 10_000,
        wait_seconds: float = 5.0,
    ) -> None:
        self.dsn = conninfo(
            dsn, statement_timeout_ms=statement_timeout_ms, lock_timeout_ms=lock_timeout_ms, application=application
        )
        self._pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
            self.dsn,
            connection_class=Tx,
            kwargs={"row_factory": dict_row},
            min_size=min(2, pool),
            max_size=pool,
            timeout=wait_seconds,
            # After an outage the pool must find the server again by itself, however long the outage was.
            reconnect_timeout=float("inf"),
            check=_check,
            open=False,
            name=application,
        )

    async def open(self) -> None:
        """Start the pool. It fills in the background: a database that is away delays work, not the start."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises :class:`Transient` when the database is away or asks to try again; the caller may repeat the whole block.
        """
        try:
            async with self._pool.connection() as tx:
                tx.after_commit = []
                yield tx
            after_commit = tx.after_commit
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            raise Transient(f"{type(error).__name__}: {error}") from error
        for act in after_commit:
            act()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """A transaction that only reads, and all as of one instant, whatever others commit meanwhile: a page made of several questions
        is of one piece. Raises :class:`Transient` as :meth:`tx` does."""
        async with self.tx() as tx:
            await tx.execute("set transaction isolation level repeatable read, read only")
            yield tx

    async def ping(self) -> None:
        """Raises :class:`Transient` unless the database answers."""
        async with self.tx() as tx:
            await tx.execute("select 1")


async def _check(connection: Tx) -> None:
    """Raises when a pooled connection died while it lay idle, as all do when the server restarts: the pool then gives another.

    A healthy idle connection has nothing to read, which costs one system call to see; only one that has is asked.
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0):
        await AsyncConnectionPool.check_connection(connection)

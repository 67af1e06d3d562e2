"""The use cases of applications on real PostgreSQL: each call in a transaction of its own, at the time that the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import services.applications
from deploy.local.testing import create_database, drop_database
from services.applications import sweep
from services.applications.core.history import rebuild
from services.applications.core.model import Pilot
from services.applications.handlers import filing
from services.applications.handlers.desk import Desk
from services.applications.store import pilots
from shared.contracts.base import Event
from shared.contracts.events import BY_TYPE
from shared.contracts.http.applications import Filed
from shared.contracts.pilot import Dossier
from shared.contracts.topics import APPLICATIONS
from shared.platform.db import Database, Tx
from shared.platform.deadlines import Deadline
from shared.platform.migrate import migrate
from shared.platform.outbox import Outbox
from shared.reference import load
from shared.reference.rows import RuleSet
from tests import applications_kit as kit

T = TypeVar("T")
Use = Callable[..., Awaitable[T]]


@dataclass
class Office:
    """A desk with its database. ``now`` is the time at which the next use case happens."""

    db: Database
    desk: Desk
    now: datetime = kit.MONDAY

    async def do(self, use: Use[T], *args: Any, org: str | None = kit.TAX_CODE) -> T:
        """A use case of an enterprise."""
        async with self.db.tx() as tx:
            return await use(self.desk, tx, *args, org, self.now)

    async def hear(self, use: Use[T], event: Event) -> T:
        """A use case of another service's event."""
        async with self.db.tx() as tx:
            return await use(self.desk, tx, event, self.now)

    async def read(self, use: Use[T], *args: Any) -> T:
        async with self.db.tx() as tx:
            return await use(tx, *args)

    async def file(self, dossier: Dossier | None = None) -> Filed:
        sent = dossier or kit.show()
        return await self.do(filing.file, sent, org=sent.organisation.tax_code)

    async def pilot(self, pilot_id: UUID) -> Pilot:
        found = await self.read(pilots.load, pilot_id)
        assert found is not None
        return found

    async def told(self, pilot_id: UUID) -> list[Event]:
        """What lies in the outbox about the pilot, in its order, read back from its bytes."""
        rows = await self.rows("select type, data from outbox where key = %s order by id", pilot_id)
        return [BY_TYPE[row["type"]].model_validate_json(bytes(row["data"])) for row in rows]

    async def history_agrees(self, pilot_id: UUID) -> bool:
        """Whether what was published makes the very pilot that is kept (invariant 3)."""
        kept = await self.pilot(pilot_id)
        return rebuild(await self.told(pilot_id)) == kept.model_copy(update={"tombstones": {}})

    async def armed(self, pilot_id: UUID) -> dict[str, datetime]:
        """The deadlines that stand for the pilot."""
        rows = await self.rows("select kind, due from deadline where pilot_id = %s and fired_at is null", pilot_id)
        return {row["kind"]: row["due"] for row in rows}

    async def sweep(self, until: datetime) -> None:
        """Fire what is due at ``until``, in the order of due instants, as the platform's sweep does."""
        self.now = until
        fire = sweep.fire(self.desk)
        while rows := await self.rows(
            "select pilot_id, kind, due from deadline where fired_at is null and due <= %s order by due limit 1", until
        ):
            (row,) = rows
            async with self.db.tx() as tx:
                await tx.execute(
                    "update deadline set fired_at = now() where pilot_id = %s and kind = %s",
                    (row["pilot_id"], row["kind"]),
                )
                await fire(tx, Deadline(row["pilot_id"], row["kind"], "", row["due"]))

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async def run(tx: Tx) -> list[dict[str, Any]]:
            return await (await tx.execute(query, values)).fetchall()

        return await self.read(run)


@asynccontextmanager
async def opened(admin_dsn: str) -> AsyncIterator[Office]:
    """An office on a new database, thrown away afterwards."""
    dsn = create_database(admin_dsn)
    migrate(dsn, Path(services.applications.__path__[0]) / "migrations")
    db = Database(dsn, pool=8)
    await db.open()
    try:
        yield Office(db, new_desk())
    finally:
        await db.close()
        drop_database(admin_dsn, dsn)


def new_desk(rule_set: RuleSet | None = None) -> Desk:
    """A desk as a process makes it at its start; by default with the project's own rules."""
    outbox = Outbox(APPLICATIONS.name, "haukiem/applications")
    return Desk(rule_set or kit.rule_set(), load.parse, kit.calendar(), outbox)

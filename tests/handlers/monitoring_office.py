"""Monitoring's handlers on a database of their own, and the facts that they hear."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count as count_from
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.monitoring import consumers, sweep
from services.monitoring.handlers.desk import Desk
from shared.contracts.base import Event, Meta
from shared.contracts.events import BY_TYPE
from shared.contracts.events.applications import DecisionApplied, DecisionNotApplied
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.topics import APPLICATIONS, DECISIONS
from shared.platform.cloudevents import decode, encode, key_of
from shared.platform.db import Database
from shared.platform.deadlines import Deadline
from shared.platform.migrate import migrate
from shared.platform.outbox import Outbox
from tests.monitoring_samples import AUDIENCE, CALENDAR, CROWD, EXAMPLES, at, envelope, registered, started

MIGRATIONS = Path(__file__).parents[2] / "services" / "monitoring" / "migrations"
NOW = at("2026-07-20 09:00")
HOUR = timedelta(hours=1)


class Office:
    """Monitoring's handlers on a database of their own."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.desk = Desk(Outbox("haukiem.monitoring.v1", "haukiem/monitoring"), CALENDAR, 24)
        self._handlers = consumers.handlers(self.desk)

    async def hear(self, *events: Any) -> None:
        for event in events:
            topic = APPLICATIONS if event.owner == "applications" else DECISIONS
            meta = Meta(id=uuid4(), type=event.type_name(), source="test", time=event.at, correlation_id="c")
            record = _Record(topic.name, key_of(event.key), event.data(), encode(meta))
            received = decode(record, BY_TYPE)
            assert received is not None
            async with self.db.tx() as tx:
                await self._handlers[topic.name][type(event)](tx, received)

    async def pilot(self, *more: Any) -> UUID:
        pilot_id = uuid4()
        await self.hear(registered(pilot_id, envelope(CROWD, AUDIENCE)), started(pilot_id))
        await self.hear(*(one.model_copy(update={"pilot_id": pilot_id}) for one in more))
        return pilot_id

    async def sweep(self, now: datetime) -> int:
        """Fire what is due by ``now``, each in a transaction of its own; how many."""
        fire = sweep.fire(self.desk)
        for count in count_from(0):
            async with self.db.tx() as tx:
                cursor = await tx.execute(
                    "update deadline set fired_at = now() where (pilot_id, kind, subject) = (select pilot_id, kind, subject from deadline "
                    "where fired_at is null and due <= %s order by due limit 1) returning pilot_id, kind, subject, due, payload",
                    (now,),
                )
                row = await cursor.fetchone()
                if row is None:
                    return count
                await fire(tx, Deadline(**row))
        raise AssertionError("unreachable")

    async def told(self, kind: type[Event]) -> list[Any]:
        async with self.db.tx() as tx:
            cursor = await tx.execute("select type, data from outbox order by id")
            rows = await cursor.fetchall()
        return [kind.model_validate_json(bytes(row["data"])) for row in rows if BY_TYPE[row["type"]] is kind]

    async def row(self, query: str) -> dict[str, Any]:
        async with self.db.tx() as tx:
            found = await (await tx.execute(query)).fetchone()
        assert found is not None
        return found


class _Record:
    def __init__(self, topic: str, key: bytes, value: bytes, headers: Any) -> None:
        self.topic, self.key, self.value, self.headers = topic, key, value, headers
        self.partition = self.offset = self.timestamp = 0


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Office]:
    """An office on an empty database."""
    await asyncio.to_thread(migrate, dsn, MIGRATIONS)
    db = Database(dsn, pool=4)
    await db.open()
    try:
        yield Office(db)
    finally:
        await db.close()


def example(of: Any, /, **changes: Any) -> Any:
    data = json.loads((EXAMPLES / f"{of.__name__}.json").read_text(encoding="utf-8"))["data"]
    return of.model_validate({**data, **changes})


def decided(pilot: UUID, finding: UUID, kind: str = "suspend", **more: Any) -> DecisionIssued:
    verdict = {"finding_id": str(finding), "verdict": "confirmed"}
    sent = {
        "at": (NOW + HOUR).isoformat(),
        "decision_id": str(uuid4()),
        "items": [],
        "findings": [verdict],
        "overturns": None,
        **more,
    }
    return example(DecisionIssued, pilot_id=str(pilot), kind=kind, **sent)  # type: ignore[no-any-return]


def answered(decision: DecisionIssued, found: str | None = None) -> DecisionApplied | DecisionNotApplied:
    """Applied; or not, the pilot being found in that state."""
    of: Any = DecisionApplied if found is None else DecisionNotApplied
    more = {"state_after": "suspended", "causes": []} if found is None else {"state_found": found}
    about = {"pilot_id": str(decision.pilot_id), "decision_id": str(decision.decision_id), "kind": decision.kind}
    return example(of, at=(NOW + 2 * HOUR).isoformat(), **about, **more)  # type: ignore[no-any-return]

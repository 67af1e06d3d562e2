"""The service decisions on real PostgreSQL, as its main builds it: told events as its consumer would be, asked over HTTP in process."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr

import services.decisions
from deploy.local.testing import create_database, drop_database
from services.decisions import consumers, sweep
from services.decisions.handlers.desk import Desk
from services.decisions.settings import Settings
from shared.contracts.base import Event, Meta, content_hash
from shared.contracts.errors import Transient
from shared.contracts.events import BY_TYPE
from shared.contracts.topics import DECISIONS
from shared.platform import context, deadlines, outbox
from shared.platform.auth import Principal
from shared.platform.cloudevents import Received
from shared.platform.db import Database
from shared.platform.figures import Figures
from shared.platform.ids import uuid7
from shared.platform.migrate import migrate
from shared.platform.service import Service
from shared.platform.settings import Role
from tests import decisions_kit as kit

main = importlib.import_module("services.decisions.main")

PEOPLE = {
    "lan": Principal("lan", frozenset({"officer"}), authority=kit.CULTURE),
    "minh": Principal("minh", frozenset({"officer"}), authority=kit.CULTURE),
    "hoa": Principal("hoa", frozenset({"supervisor"}), authority=kit.CULTURE),
    "tam": Principal("tam", frozenset({"officer"}), authority=kit.MINISTRY),
    "binh": Principal("binh", frozenset({"officer"}), authority="prov_01_culture"),
    "audit": Principal("audit", frozenset({"auditor"})),
    "startup": Principal("startup", frozenset({"startup"}), org="0301234567"),
    "ops": Principal("ops", frozenset({"ops"})),
}


class _Clock:
    """The time that the test says."""

    is_sandbox = True

    def __init__(self) -> None:
        self.at = kit.RECEIVED

    def now(self) -> datetime:
        return self.at.astimezone(UTC)


@dataclass
class Office:
    """``now`` is the domain's time. Every request and every event has a transaction of its own, as at the edges."""

    db: Database
    desk: Desk
    client: httpx.AsyncClient
    clock: _Clock
    figures: Figures
    heard: dict[UUID, Event] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.clock.at

    @now.setter
    def now(self, value: datetime) -> None:
        self.clock.at = value

    # What the others tell

    async def hear(self, *events: Event) -> list[UUID]:
        """Each event in a transaction of its own. Their event ids."""
        return [await self.hear_as(event, uuid7()) for event in events]

    async def hear_as(self, event: Event, event_id: UUID) -> UUID:
        handlers = consumers.handlers(self.desk)
        (handle,) = [found[type(event)] for found in handlers.values() if type(event) in found]
        received = _received(event, event_id)
        with context.bound():
            async with self.db.tx() as tx:
                await handle(tx, received)
        self.heard[event_id] = event
        return event_id

    async def sweep(self, pilot_id: UUID, until: datetime) -> list[str]:
        """Fire what of this pilot is due at ``until``, in the order of due instants, as the platform's sweep does. The kinds that fired."""
        self.now = until
        fired = []
        while found := await self.rows(
            "select * from deadline where pilot_id = %s and fired_at is null and due <= %s order by due, kind, subject limit 1",
            pilot_id,
            until,
        ):
            (row,) = found
            await self.fire(deadlines.Deadline(row["pilot_id"], row["kind"], row["subject"], row["due"]))
            fired.append(row["kind"])
        return fired

    async def fire(self, deadline: deadlines.Deadline) -> bool:
        """One deadline, once: False when it is no longer armed. As the sweep does, it gives way to who holds the pilot."""
        while True:
            with contextlib.suppress(Transient):
                return await self._fire(deadline)

    async def _fire(self, deadline: deadlines.Deadline) -> bool:
        with context.bound():
            async with self.db.tx() as tx:
                await tx.execute("set local lock_timeout = '300ms'")
                armed = await tx.execute(
                    "update deadline set fired_at = clock_timestamp() "
                    "where pilot_id = %s and kind = %s and subject = %s and fired_at is null",
                    (deadline.pilot_id, deadline.kind, deadline.subject),
                )
                if armed.rowcount:
                    await sweep.fire(self.desk)(tx, deadline)
                return bool(armed.rowcount)

    # What is asked

    async def ask(
        self, who: str | None, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        headers = {} if who is None else {"Authorization": f"Bearer {who}"}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid4().hex
        if body is None:
            return await self.client.request(method, path, headers=headers)
        headers["Content-Type"] = "application/json"
        return await self.client.request(method, path, headers=headers, content=json.dumps(body, default=str))

    async def get(self, who: str | None, path: str) -> dict[str, Any]:
        answer = await self.ask(who, "GET", path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def post(self, who: str, path: str, body: object = None, *, key: str | None = None) -> dict[str, Any]:
        answer = await self.ask(who, "POST", path, body, key=key)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refused(self, who: str, path: str, body: object = None, method: str = "POST") -> tuple[int, str]:
        answer = await self.ask(who, method, path, body)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["code"]

    # What lies in the database

    async def told(self, pilot_id: UUID) -> list[Event]:
        """What lies in the outbox about the pilot, in its order, read back from its bytes."""
        rows = await self.rows("select type, data from outbox where key = %s order by id", pilot_id)
        return [BY_TYPE[row["type"]].model_validate_json(bytes(row["data"])) for row in rows]

    async def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        async with self.db.tx() as tx:
            return await (await tx.execute(sql, params)).fetchall()

    async def case_of(self, pilot_id: UUID, who: str = "lan") -> dict[str, Any]:
        (row,) = await self.rows("select case_id from case_file where pilot_id = %s and closed_at is null", pilot_id)
        return await self.get(who, f"/cases/{row['case_id']}")

    # A world

    async def running(self, **more: Any) -> UUID:
        """An active pilot with nothing open."""
        event = kit.registered(**more)
        await self.hear(event, kit.started(event.pilot_id))
        self.now = kit.at("2026-07-21 10:00")
        return event.pilot_id

    async def breached(self, pilot_id: UUID | None = None, n: int = 1) -> tuple[UUID, UUID, UUID]:
        """A pilot with a crowd finding and the measure taken on it: pilot, finding, measure."""
        pilot_id = pilot_id or await self.running()
        opened = kit.finding_opened(pilot_id, kit.at("2026-07-19 23:00"), finding_id=kit.finding_id_of(pilot_id, n=n))
        taken = kit.measure_taken(opened)
        await self.hear(opened, taken)
        return pilot_id, opened.finding_id, taken.measure_id


def item(case: dict[str, Any], kind: str, subject: str | None = None) -> dict[str, Any]:
    """The open item of a case."""
    found = [i for i in case["items"] if i["state"] == "open" and i["kind"] == kind and subject in (None, i["subject"])]
    assert len(found) == 1, [(i["kind"], i["subject"]) for i in case["items"]]
    one: dict[str, Any] = found[0]
    return one


def content(case: dict[str, Any], kind: str, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A proposal that holds: verdicts on all findings, every bindable fact as evidence."""
    verdict = more.pop("verdict", "rejected" if kind == "continue" else "confirmed")
    judged = [i["subject_id"] for i in items if i["kind"] in ("finding", "tip", "referral")]
    return {
        "kind": kind,
        "items": [i["item_id"] for i in items],
        "reasons": "Hồ sơ cho thấy.",
        "public_reasons": "Vì an toàn của khán giả.",
        "legal_bases": [kit.BASIS],
        "evidence": [f["event_id"] for f in case["facts"] if f["bindable"]],
        "verdicts": [{"finding_id": one, "verdict": verdict} for one in judged],
        **more,
    }


@asynccontextmanager
async def opened(admin_dsn: str) -> AsyncIterator[Office]:
    """An office on a new database, thrown away afterwards."""
    dsn = create_database(admin_dsn)
    migrate(dsn, Path(services.decisions.__path__[0]) / "migrations")
    clock = _Clock()
    settings = Settings(
        env="local", postgres=SecretStr(dsn), kafka="127.0.0.1:1", oidc_issuer="http://127.0.0.1:1", db_pool=8
    )
    built = _built(settings, clock)
    db = next(one for one in built.resources if isinstance(one, Database))
    await db.open()
    owners = (getattr(task, "__self__", None) for task in built.tasks[Role.API])
    figures = next(one for one in owners if isinstance(one, Figures))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(built.app), base_url="http://decisions")
    desk = Desk(kit.calendar(), outbox.Outbox(DECISIONS.name, "haukiem/decisions"))
    try:
        yield Office(db, desk, client, clock, figures)
    finally:
        await client.aclose()
        await db.close()
        drop_database(admin_dsn, dsn)


def _built(settings: Settings, clock: _Clock) -> Service:
    """As main builds it, on the test's own clock and with tokens that are people's names."""
    with patch.object(main, "open_clock", lambda _: clock):
        built: Service = main.build(settings)

    class Verifier:
        async def verify(self, token: str) -> Principal:
            return PEOPLE[token]

    built.app.state.verifier = Verifier()
    return built


def _received(event: Event, event_id: UUID) -> Received[Any]:
    data = event.data()
    meta = Meta(
        id=event_id,
        type=event.type_name(),
        source=f"haukiem/{event.owner}",
        time=event.at,
        correlation_id=str(event_id),
    )
    return Received(
        meta=meta,
        event=event,
        data=data,
        content_hash=content_hash(data),
        topic=f"haukiem.{event.owner}.v1",
        partition=0,
        offset=0,
        key=str(event.key),
        recorded_at=datetime.now(UTC),
    )

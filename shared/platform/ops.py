"""What the people who keep a service running may ask it: progress, dead letters, publishing again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from shared.contracts.errors import NotFound
from shared.platform import inbox, republishing
from shared.platform.access import Granted
from shared.platform.bus import Consumer, Progress
from shared.platform.clock import Clock
from shared.platform.db import Database, Tx
from shared.platform.http import router as guarded_router
from shared.platform.outbox import Outbox
from shared.platform.sweep import swept_until

Extra = Callable[[], Awaitable[Mapping[str, Any]]]

_ID = Annotated[int, Path(ge=1, le=2**63 - 1)]


class Consumes(Protocol):
    """A consumer of any kind that can say how far it has come."""

    async def progress(self) -> Progress: ...


class Keeps(Protocol):
    """Clocks of a service's own, beside the sweep's. ``swept_until`` is None while they have not run."""

    async def swept_until(self) -> datetime | None: ...
    async def next_due(self) -> datetime | None: ...


class KeepsAside(Protocol):
    """Other things than records that a service sets aside. Their rows have the form of those of ``set_aside``, and numbers of the same
    sequence, so that ops need not know the difference."""

    async def listed(self, tx: Tx, states: Collection[str], after: int, limit: int) -> list[dict[str, Any]]:
        """Those in ``states`` with a number above ``after``, by number."""
        ...

    async def shown(self, tx: Tx, number: int) -> dict[str, Any] | None: ...

    async def resend(self, tx: Tx, number: int, *, by: str) -> bool:
        """Have it tried again; False when there is none of this number. Raises ``Refused`` in another state than *poison*."""
        ...


class ServiceProgress(BaseModel):
    """How far a service has come. It is quiet when ``swept_until >= now``, ``outbox_unsent``, ``lag``, ``parked`` and ``poison`` are 0,
    and ``consumed`` and ``outbox_last_id`` stand still."""

    service: str
    now: datetime
    swept_until: datetime | None
    next_due: datetime | None
    consumed: int
    outbox_last_id: int
    outbox_unsent: int
    lag: int
    parked: int
    poison: int
    extra: dict[str, Any]


class DeadLetter(BaseModel):
    """A record that a consumer set aside."""

    id: int
    consumer: str
    state: str
    topic: str
    partition: int
    offset: int
    key: str
    reason: str
    set_aside_at: datetime
    attempts: int
    resent_by: str | None
    resent_at: datetime | None
    done_at: datetime | None


class DeadLetterContent(DeadLetter):
    """The same with what it says; bytes that are no text are shown with replacement characters."""

    headers: list[tuple[str, str]]
    value: str | None


class DeadLetters(BaseModel):
    items: list[DeadLetter]


class Resent(BaseModel):
    id: int
    state: Literal["parked"] = "parked"


class Republished(BaseModel):
    rows: int


def router(
    service: str,
    db: Database,
    clock: Clock,
    outbox: Outbox,
    consumers: Sequence[Consumes],
    *,
    clocks: Sequence[Keeps] = (),
    republish_also: Callable[[Tx], Awaitable[int]] | None = None,
    also: KeepsAside | None = None,
    extra: Extra | None = None,
) -> APIRouter:
    """The routes ``ops.progress``, ``ops.dead.list``, ``ops.dead.show``, ``ops.dead.resend`` and ``ops.republish``.

    ``republish_also`` has what the service keeps beside the outbox published again too, and says how much it is. ``also`` is what it sets
    aside beside records. ``clocks`` count into ``swept_until`` and ``next_due`` beside the sweep; ``extra`` gives figures of its own.
    """
    routes = guarded_router("/ops", tags=["ops"])
    takers = {consumer.name for consumer in consumers if isinstance(consumer, Consumer)}

    @routes.get("/progress", name="ops.progress", summary="How far this service has come")
    async def progress() -> ServiceProgress:
        each = [await consumer.progress() for consumer in consumers]
        more = dict(await extra()) if extra else {}
        now = clock.now()
        async with db.tx() as tx:
            figures = await _figures(tx)
            swept = [await swept_until(tx)]
        swept += [await one.swept_until() for one in clocks]
        dues = [figures.pop("next_due"), *[await one.next_due() for one in clocks]]
        return ServiceProgress(
            service=service,
            now=now,
            swept_until=min((at for at in swept if at is not None), default=None) if None not in swept else None,
            next_due=min((due for due in dues if due is not None), default=None),
            consumed=sum(one.consumed for one in each),
            lag=sum(one.lag for one in each),
            parked=sum(one.parked for one in each),
            poison=sum(one.poison for one in each),
            extra=more,
            **figures,
        )

    @routes.get("/dead", name="ops.dead.list", summary="What was set aside, oldest first")
    async def dead_list(
        state: Literal["parked", "poison", "dead", "done"] | None = None,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> DeadLetters:
        states = [state] if state else ["poison", "dead"]
        async with db.tx() as tx:
            cursor = await tx.execute(
                "select * from set_aside where state = any(%s) and id > %s order by id limit %s", (states, after, limit)
            )
            rows = await cursor.fetchall()
            if also is not None:
                rows = sorted([*rows, *await also.listed(tx, states, after, limit)], key=lambda row: row["id"])[:limit]
        return DeadLetters(items=[DeadLetter.model_validate(_shown(row)) for row in rows])

    @routes.get("/dead/{row_id}", name="ops.dead.show", summary="One of what was set aside, with its content")
    async def dead_show(row_id: _ID) -> DeadLetterContent:
        async with db.tx() as tx:
            row = await (await tx.execute("select * from set_aside where id = %s", (row_id,))).fetchone()
            if row is None and also is not None:
                row = await also.shown(tx, row_id)
        if row is None:
            raise NotFound("dead letter")
        return DeadLetterContent.model_validate(_shown(row))

    @routes.post(
        "/dead/{row_id}/resend", name="ops.dead.resend", status_code=202, summary="Hand a record to its consumer again"
    )
    async def dead_resend(row_id: _ID, grant: Granted) -> Resent:
        async with db.tx() as tx:
            if also is None or not await also.resend(tx, row_id, by=grant.caller.sub):
                await inbox.resend(tx, row_id, by=grant.caller.sub, takers=takers)
        return Resent(id=row_id)

    @routes.post("/republish", name="ops.republish", status_code=202, summary="Publish the retained events again")
    async def republish(from_id: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0) -> Republished:
        async with db.tx() as tx:
            rows = await republishing.republish(tx, from_id=from_id)
            rows += await republish_also(tx) if republish_also else 0
            tx.after_commit.append(outbox.wake.set)
        return Republished(rows=rows)

    return routes


async def _figures(tx: Tx) -> dict[str, Any]:
    again = await republishing.ahead(tx)
    cursor = await tx.execute(
        """
        select (select min(due) from deadline where fired_at is null) as next_due,
               (select coalesce(max(id), 0) from outbox) as outbox_last_id,
               (select count(*) from outbox where sent_at is null) as outbox_unsent
        """
    )
    row = await cursor.fetchone()
    assert row is not None
    return {**row, "outbox_unsent": row["outbox_unsent"] + again}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    headers = [(name, value.decode(errors="replace")) for name, value in inbox.unpacked(row["headers"])]
    value = None if row["value"] is None else bytes(row["value"]).decode(errors="replace")
    return {**row, "key": bytes(row["key"]).decode(errors="replace"), "headers": headers, "value": value}

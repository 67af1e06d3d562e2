"""What a consumer remembers in its own database: events taken, positions, and the records that it set aside. All its SQL is here.

A row of ``set_aside`` is *parked* (it waits: at the head of its queue for what it names, elsewhere for the rows before it), *poison*
(it can not be handled; the queue waits behind it), *dead* (given up; the queue went on) or *done* (sent again by ops and handled).
The queue of a (topic, key) are its parked and poison rows in the order of their ids.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.contracts.errors import NotFound, Refused
from shared.platform.cloudevents import Headers, RawRecord
from shared.platform.db import Tx

_LOCK = "select pg_advisory_xact_lock(hashtextextended(current_schema() || %s || encode(%s, 'hex'), 0))"
_MOVE = """
update bus_position set next_offset = %s, record_at = %s, updated_at = clock_timestamp()
where consumer = %s and topic = %s and partition = %s and cluster_id = %s and next_offset <= %s
"""
_MOVE_AND_LOCK = """
with moved as (
    update bus_position set next_offset = %s, record_at = %s, updated_at = clock_timestamp()
    where consumer = %s and topic = %s and partition = %s and cluster_id = %s and next_offset <= %s returning 1
)
select pg_advisory_xact_lock(hashtextextended(current_schema() || %s || encode(%s, 'hex'), 0)) from moved
"""

_LAST_MS = 253_402_300_799_000
"""9999-12-31T23:59:59Z."""


@dataclass(frozen=True)
class Kept:
    """A record that was set aside, in the form of a consumed one."""

    id: int
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    state: str
    attempts: int
    set_aside_at: datetime
    waits_since: datetime | None


@dataclass(frozen=True)
class Entry:
    """What a consumer finds when it takes up a record. ``fenced``: another worker is ahead, or Kafka is another cluster."""

    fenced: bool
    seen: bool = False
    must_queue: bool = False
    others_wait: bool = False


async def enter(tx: Tx, consumer: str, cluster: str, record: RawRecord, event: tuple[UUID, UUID] | None) -> Entry:
    """Move the position past ``record``, lock its key, remember its event (key, id) and look at the key's queues.

    The position's row is the fence between two workers that both believe to own a partition. The key's lock orders the topics of one
    key among all workers, so that what is parked and what it waits for cannot pass each other.
    """
    key = record.key or b""
    # The lock is had before the next statement begins, so that its snapshot shows what others did under it.
    moved = await tx.execute(_MOVE_AND_LOCK, (*_move(consumer, cluster, record), f":{consumer}:", key))
    if moved.rowcount == 0:
        return Entry(fenced=True)
    event_key, event_id = event or (None, None)
    cursor = await tx.execute(
        """
        with taken as (
            insert into inbox (key, consumer, event_id) select %(event_key)s, %(consumer)s, %(event_id)s
            where %(event_id)s::uuid is not null on conflict do nothing returning 1
        )
        select %(event_id)s::uuid is not null and not exists (select 1 from taken) as seen,
               coalesce(bool_or(topic = %(topic)s), false) as must_queue,
               coalesce(bool_or(topic <> %(topic)s and state = 'parked'), false) as others_wait
        from set_aside where consumer = %(consumer)s and key = %(key)s and state in ('parked', 'poison')
        """,
        {"event_key": event_key, "event_id": event_id, "consumer": consumer, "topic": record.topic, "key": key},
    )
    row = await cursor.fetchone()
    assert row is not None
    return Entry(fenced=False, **row)


async def pass_over(tx: Tx, consumer: str, cluster: str, record: RawRecord) -> bool:
    """Move the position past a record that is not for this consumer. False when fenced."""
    cursor = await tx.execute(_MOVE, _move(consumer, cluster, record))
    return cursor.rowcount == 1


async def set_aside(tx: Tx, consumer: str, record: RawRecord, state: str, reason: str, *, waits: bool = False) -> None:
    """Keep ``record``. ``waits`` starts the clock of a record that itself waits, and not merely behind another."""
    await tx.execute(
        """
        insert into set_aside (consumer, topic, key, state, reason, partition, "offset", headers, value, record_at, waits_since)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, case when %s then clock_timestamp() end)
        """,
        (
            *(consumer, record.topic, record.key or b"", state, storable(reason), record.partition, record.offset),
            *(Jsonb(_packed(record.headers)), record.value, _instant(record), waits),
        ),
    )


async def holds_same(tx: Tx, consumer: str, record: RawRecord) -> bool:
    """Whether an unreadable ``record``, which has no id to know it by, is kept already byte for byte (it was published again)."""
    cursor = await tx.execute(
        "select 1 from set_aside where consumer = %s and topic = %s and key = %s and state = 'poison' "
        "and value is not distinct from %s and headers = %s limit 1",
        (consumer, record.topic, record.key or b"", record.value, Jsonb(_packed(record.headers))),
    )
    return await cursor.fetchone() is not None


async def heads(tx: Tx, consumer: str, key: bytes) -> list[Kept]:
    """The first row of each topic's queue under ``key``, where that row is parked."""
    cursor = await tx.execute(
        "select distinct on (topic) * from set_aside "
        "where consumer = %s and key = %s and state in ('parked', 'poison') order by topic, id",
        (consumer, key),
    )
    return [_kept(row) for row in await cursor.fetchall() if row["state"] == "parked"]


async def relock(tx: Tx, consumer: str, kept: Kept) -> Kept | None:
    """Lock the key and give the row as it stands now, if it is still parked and the head of its queue."""
    await _lock(tx, consumer, kept.key or b"")
    return next((head for head in await heads(tx, consumer, kept.key or b"") if head.id == kept.id), None)


async def finish(tx: Tx, kept: Kept) -> None:
    """The row was handled. One that ops sent again stays, as *done*; the others go."""
    await tx.execute("delete from set_aside where id = %s and resent_at is null", (kept.id,))
    await tx.execute(
        "update set_aside set state = 'done', done_at = clock_timestamp() where id = %s and resent_at is not null",
        (kept.id,),
    )


async def keep_waiting(tx: Tx, kept: Kept, reason: str, *, pause_seconds: float) -> None:
    await tx.execute(
        "update set_aside set reason = %s, attempts = attempts + 1, waits_since = coalesce(waits_since, clock_timestamp()), "
        "try_at = clock_timestamp() + make_interval(secs => %s) where id = %s",
        (storable(reason), pause_seconds, kept.id),
    )


async def give_up(tx: Tx, kept: Kept, state: str, reason: str) -> None:
    """Make the row *poison* (its queue waits) or *dead* (its queue goes on)."""
    await tx.execute(
        "update set_aside set state = %s, reason = %s, attempts = attempts + 1, copied_at = null where id = %s",
        (state, storable(reason), kept.id),
    )


async def keys_set_aside(tx: Tx, consumer: str, keys: Collection[bytes]) -> set[bytes]:
    """Those of ``keys`` with a record that is parked or poison: what it says is not known yet."""
    cursor = await tx.execute(
        "select distinct key from set_aside where consumer = %s and key = any(%s) and state in ('parked', 'poison')",
        (consumer, list(keys)),
    )
    return {bytes(row["key"]) for row in await cursor.fetchall()}


async def due_keys(tx: Tx, consumer: str, *, most: int = 200) -> list[bytes]:
    """Keys of queues whose head is parked and to be tried again, those first that are due longest: none is starved by others."""
    cursor = await tx.execute(
        """
        select key from (
            select distinct on (topic, key) key, state, try_at from set_aside
            where consumer = %s and state in ('parked', 'poison') order by topic, key, id
        ) heads where state = 'parked' and try_at <= clock_timestamp() group by key order by min(try_at) limit %s
        """,
        (consumer, most),
    )
    return [bytes(row["key"]) for row in await cursor.fetchall()]


async def expirable(tx: Tx, consumer: str, *, older_than: timedelta) -> list[Kept]:
    """Heads that themselves have waited longer than ``older_than``, in wall time."""
    cursor = await tx.execute(
        """
        select * from (
            select distinct on (topic, key) * from set_aside
            where consumer = %s and state in ('parked', 'poison') order by topic, key, id
        ) heads where state = 'parked' and waits_since < clock_timestamp() - %s limit 100
        """,
        (consumer, older_than),
    )
    return [_kept(row) for row in await cursor.fetchall()]


async def counts(tx: Tx, consumer: str) -> dict[tuple[str, str], tuple[int, float]]:
    """By (topic, state): how many rows, and the age in seconds of the oldest that waits for something."""
    cursor = await tx.execute(
        "select topic, state, count(*) as n, coalesce(extract(epoch from clock_timestamp() - min(waits_since)), 0) as age "
        "from set_aside where consumer = %s and state <> 'done' group by topic, state",
        (consumer,),
    )
    return {(row["topic"], row["state"]): (row["n"], float(row["age"])) for row in await cursor.fetchall()}


async def positions(tx: Tx, consumer: str, cluster: str) -> dict[tuple[str, int], int]:
    """By (topic, partition): the offset of the next record on ``cluster``. One of another cluster says nothing of this one's records."""
    cursor = await tx.execute(
        "select topic, partition, next_offset from bus_position where consumer = %s and cluster_id = %s",
        (consumer, cluster),
    )
    return {(row["topic"], row["partition"]): row["next_offset"] for row in await cursor.fetchall()}


async def place(tx: Tx, consumer: str, cluster: str, topic: str, partition: int) -> tuple[int, bool]:
    """Where to read on: the position remembered, or 0 when there is none of this cluster. The flag says that an old one was dropped:
    it belongs to data that is gone; the inbox keeps what is read again from taking effect twice.
    """
    cursor = await tx.execute(
        """
        insert into bus_position as p (consumer, topic, partition, cluster_id, next_offset) values (%s, %s, %s, %s, 0)
        on conflict (consumer, topic, partition) do update set
            next_offset = case when p.cluster_id = excluded.cluster_id then p.next_offset else 0 end,
            cluster_id = excluded.cluster_id, updated_at = clock_timestamp()
        returning next_offset, (select old.next_offset from bus_position old
            where old.consumer = p.consumer and old.topic = p.topic and old.partition = p.partition) as was
        """,
        (consumer, topic, partition, cluster),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row["next_offset"], (row["was"] or 0) > row["next_offset"]


async def restart(tx: Tx, consumer: str, cluster: str, topic: str, partition: int, *, was: int) -> bool:
    """Begin at 0 again, because the position ``was`` is past the partition's end. False when it is not there any more.

    The end must be asked of Kafka after ``was`` was read: another worker may move the position past an end that was asked before.
    """
    cursor = await tx.execute(
        "update bus_position set next_offset = 0, updated_at = clock_timestamp() "
        "where consumer = %s and topic = %s and partition = %s and cluster_id = %s and next_offset = %s",
        (consumer, topic, partition, cluster, was),
    )
    return cursor.rowcount == 1


async def resend(tx: Tx, row_id: int, *, by: str, takers: Collection[str]) -> None:
    """Hand a poison or dead row to its consumer again. Raises ``NotFound``, or ``Refused`` when it is in neither state or its consumer
    is none of ``takers``, who take such rows up again: under another name it would wait for ever."""
    cursor = await tx.execute("select state, consumer from set_aside where id = %s for update", (row_id,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("dead letter")
    if row["consumer"] not in takers:
        raise Refused("dead_letter_only_kept", consumer=row["consumer"])
    if row["state"] not in ("poison", "dead"):
        raise Refused("dead_letter_not_dead", state=row["state"])
    await tx.execute(
        "update set_aside set state = 'parked', try_at = clock_timestamp(), waits_since = null, "
        "resent_by = %s, resent_at = clock_timestamp() where id = %s",
        (by, row_id),
    )


async def _lock(tx: Tx, consumer: str, key: bytes) -> None:
    await tx.execute(_LOCK, (f":{consumer}:", key))


def _move(consumer: str, cluster: str, record: RawRecord) -> tuple[object, ...]:
    return (record.offset + 1, _instant(record), consumer, record.topic, record.partition, cluster, record.offset)


def _packed(headers: Headers) -> list[list[str | None]]:
    return [[storable(name), None if value is None else base64.b64encode(value).decode()] for name, value in headers]


def unpacked(headers: list[list[str | None]]) -> Headers:
    """The headers of a kept record, as they came."""
    return [(name or "", base64.b64decode(value or "")) for name, value in headers]


def storable(text: str) -> str:
    """``text``, or its beginning, without what PostgreSQL cannot keep: what is set aside must never fail for what strangers wrote into it."""
    return text[:2000].replace("\x00", "\ufffd").encode(errors="replace").decode()


def _instant(record: RawRecord) -> datetime:
    """Kafka's stamp; one that a producer set beyond all years is the last instant there is."""
    return datetime.fromtimestamp(min(max(record.timestamp, 0), _LAST_MS) / 1000, UTC)


def _kept(row: dict[str, Any]) -> Kept:
    return Kept(
        id=row["id"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        timestamp=int(row["record_at"].timestamp() * 1000),
        key=bytes(row["key"]),
        value=None if row["value"] is None else bytes(row["value"]),
        headers=unpacked(row["headers"]),
        state=row["state"],
        attempts=row["attempts"],
        set_aside_at=row["set_aside_at"],
        waits_since=row["waits_since"],
    )

"""Reports taken over HTTP: their sequence, their records until the engine has read them, and the secrets of sources."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.platform.db import Tx

HIGHEST_SEQUENCE = 2**53
_TAKING = 0x7A6B
"""The class of the advisory locks that say of which pilots requests are being taken."""


@dataclass(frozen=True)
class Stored:
    """The records of one request, signed, in the order of their parts."""

    pilot_id: UUID
    source: str
    sequence: int
    correlation_id: str
    signatures: Sequence[str]
    records: Sequence[bytes]
    counters: Sequence[str] = ()
    """The counters of which the records tell."""


def signature(secret: bytes, key: bytes, value: bytes) -> str:
    """``hk-signature``: HMAC-SHA-256 of key bytes, a full stop and value bytes, in hexadecimal."""
    return hmac.digest(secret, b"%s.%s" % (key, value), "sha256").hex()


async def announce(tx: Tx, pilot_id: UUID) -> None:
    """Say that a request of the pilot is being taken, until the transaction ends. Whoever asks for the time after this is seen by the clocks
    that fall due by then, although others cannot see the request yet."""
    await tx.execute("select pg_advisory_xact_lock_shared(%s, hashtext(%s::text))", (_TAKING, pilot_id))


async def being_taken(tx: Tx, pilot_ids: Collection[UUID]) -> set[UUID]:
    """Those of ``pilot_ids`` of which a request is being taken now. Nobody waits for the answer; one more pilot in it does no harm."""
    cursor = await tx.execute(
        """
        select pilot_id from unnest(%s::uuid[]) as v(pilot_id)
        where hashtext(pilot_id::text)::bigint & 4294967295 in (
            select l.objid::bigint from pg_locks l join pg_database d on d.oid = l.database
            where l.locktype = 'advisory' and l.objsubid = 2 and l.classid::bigint = %s and d.datname = current_database())
        """,
        (list(pilot_ids), _TAKING),
    )
    return {row["pilot_id"] for row in await cursor.fetchall()}


async def next_sequence(tx: Tx, pilot_id: UUID, source: str, fresh_secret: bytes) -> tuple[int, bytes, bool]:
    """Lock the source and give its next sequence and the secret that signs what we produce; also whether the source is new to us.

    The sequence is above every one that counted, also of records that the startup sent itself.
    """
    cursor = await tx.execute(
        """
        insert into source as s (pilot_id, source, ingest_secret, last_sequence) values (%(pilot)s, %(source)s, %(secret)s,
            1 + coalesce((select max(sequence) from report where pilot_id = %(pilot)s and source = %(source)s), 0))
        on conflict (pilot_id, source) do update set last_sequence = 1 + greatest(s.last_sequence,
            coalesce((select max(sequence) from report where pilot_id = %(pilot)s and source = %(source)s), 0))
        returning last_sequence, ingest_secret, xmax = 0 as fresh
        """,
        {"pilot": pilot_id, "source": source, "secret": fresh_secret},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row["last_sequence"], bytes(row["ingest_secret"]), row["fresh"]


async def lock_sources(tx: Tx, pilot_id: UUID) -> None:
    """Wait for the requests of the pilot that are being taken, of whatever source."""
    await tx.execute("select 1 from source where pilot_id = %s order by source for update", (pilot_id,))


async def lock_counters(tx: Tx, pilot_id: UUID) -> None:
    """Wait for the requests of the pilot that are being taken and tell of counters, of whatever source."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('counters of ' || %s::text, 0))", (pilot_id,))


async def has_unread_counters(tx: Tx, pilot_id: UUID, counters: Collection[str]) -> bool:
    """Whether a request that was answered and not read tells of one of these counters."""
    cursor = await tx.execute(
        "select 1 from intake where pilot_id = %s and consumed_at is null and counters && %s::text[] limit 1",
        (pilot_id, list(counters)),
    )
    return await cursor.fetchone() is not None


async def lock_parts(tx: Tx, pilot_id: UUID) -> None:
    """Wait for whoever takes a report of several records of the pilot, or lets one of its sources produce records itself."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('parts of ' || %s::text, 0))", (pilot_id,))


async def has_unread_parts(tx: Tx, pilot_id: UUID) -> bool:
    """Whether a request of several records was answered and not read."""
    cursor = await tx.execute(
        "select 1 from intake where pilot_id = %s and consumed_at is null and cardinality(signatures) > 1 limit 1",
        (pilot_id,),
    )
    return await cursor.fetchone() is not None


async def direct_sources(tx: Tx, pilot_id: UUID) -> set[str]:
    """The sources of the pilot that have a secret, with which they sign records of their own."""
    cursor = await tx.execute("select source from source where pilot_id = %s and secret is not null", (pilot_id,))
    return {row["source"] for row in await cursor.fetchall()}


async def issue_secret(
    tx: Tx, pilot_id: UUID, source: str, secret: bytes, fresh_ingest_secret: bytes, now: datetime
) -> None:
    """Give the source a secret of its own, in place of the one before."""
    await tx.execute(
        """
        insert into source (pilot_id, source, ingest_secret, secret, issued_at) values (%s, %s, %s, %s, %s)
        on conflict (pilot_id, source) do update set secret = excluded.secret, issued_at = excluded.issued_at
        """,
        (pilot_id, source, fresh_ingest_secret, secret, now),
    )


async def add(tx: Tx, stored: Stored, now: datetime) -> None:
    await tx.execute(
        "insert into intake (pilot_id, source, sequence, correlation_id, signatures, records, counters, taken_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(stored.pilot_id, stored.source, stored.sequence, stored.correlation_id),
            *(list(stored.signatures), list(stored.records), list(stored.counters), now),
        ),
    )


async def mark_consumed(tx: Tx, requests: Collection[tuple[UUID, str, int, bytes]]) -> None:
    """The engine has read the last part of these: of each pilot, source and sequence one with this SHA-256. Another record than the
    request's own says nothing of it."""
    await tx.execute(
        """
        update intake i set consumed_at = clock_timestamp()
        from unnest(%s::uuid[], %s::text[], %s::bigint[], %s::bytea[]) as v(pilot_id, source, sequence, sha256)
        where i.pilot_id = v.pilot_id and i.source = v.source and i.sequence = v.sequence and i.consumed_at is null
            and sha256(i.records[cardinality(i.records)]) = v.sha256
        """,
        tuple([one[column] for one in requests] for column in range(4)),
    )


async def mark_parked(tx: Tx, pilot_id: UUID, record: bytes) -> None:
    """The request of which ``record``, byte for byte, is the last part has been read, and waits with its pilot."""
    await tx.execute(
        "update intake set parked_at = clock_timestamp() "
        "where pilot_id = %s and consumed_at is null and parked_at is null and records[cardinality(records)] = %s",
        (pilot_id, record),
    )


async def is_taken(tx: Tx, pilot_id: UUID, source: str, sequence: int) -> bool:
    """Whether a request with this sequence was answered, read or not."""
    cursor = await tx.execute(
        "select 1 from intake where pilot_id = %s and source = %s and sequence = %s", (pilot_id, source, sequence)
    )
    return await cursor.fetchone() is not None


async def taken_at(
    tx: Tx, records: Sequence[tuple[UUID, str, int, int, bytes]]
) -> dict[tuple[UUID, str, int, int, bytes], datetime]:
    """When the requests were taken whose very records these are: by pilot, source, sequence, part and SHA-256."""
    cursor = await tx.execute(
        """
        select v.pilot_id, v.source, v.sequence, v.part, v.sha256, i.taken_at
        from unnest(%s::uuid[], %s::text[], %s::bigint[], %s::int[], %s::bytea[]) as v(pilot_id, source, sequence, part, sha256)
        join intake i on i.pilot_id = v.pilot_id and i.source = v.source and i.sequence = v.sequence
        where sha256(i.records[v.part]) = v.sha256
        """,
        tuple([one[column] for one in records] for column in range(5)),
    )
    return {
        (row["pilot_id"], row["source"], row["sequence"], row["part"], bytes(row["sha256"])): row["taken_at"]
        for row in await cursor.fetchall()
    }


async def unconsumed(tx: Tx, pilot_ids: Collection[UUID], until: datetime) -> set[UUID]:
    """Those of ``pilot_ids`` with a request, taken by ``until``, that the engine has not read."""
    cursor = await tx.execute(
        "select distinct pilot_id from intake "
        "where consumed_at is null and parked_at is null and taken_at <= %s and pilot_id = any(%s)",
        (until, list(pilot_ids)),
    )
    return {row["pilot_id"] for row in await cursor.fetchall()}


async def count_unconsumed(tx: Tx) -> int:
    row = await (await tx.execute("select count(*) as n from intake where consumed_at is null")).fetchone()
    return int(row["n"]) if row else 0


async def tidy(tx: Tx, older_than: timedelta, limit: int) -> int:
    """Let go of requests consumed longer ago than ``older_than``, in wall time. Gives how many, ``limit`` at most."""
    cursor = await tx.execute(
        """
        delete from intake where (pilot_id, source, sequence) in (
            select pilot_id, source, sequence from intake where consumed_at < clock_timestamp() - %s limit %s)
        """,
        (older_than, limit),
    )
    return cursor.rowcount

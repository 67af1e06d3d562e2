"""Records of metrics: the identities that counted, those that were rejected, those that wait for their pilot."""

from __future__ import annotations

import base64
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.monitoring.core.book import Identity
from shared.contracts.errors import Problem
from shared.platform.db import Tx
from shared.platform.inbox import storable

_COPY_TAKEN = """
copy report (pilot_id, source, sequence, part, parts, corrects, samples, newest, sha256, taken_at) from stdin (format binary)
"""
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# Each value is preceded by its length in four bytes; a row by its number of columns, in two. -1 is null, and as a row the end.
_HEADER = struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_PILOT = struct.Struct("!hi16si")
_NUMBERS = struct.Struct("!iqiiii")
_LONG = struct.Struct("!iq")
_NULL = struct.pack("!i", -1)
_REST = struct.Struct("!iiiqi32siq")


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that counted."""

    pilot_id: UUID
    source: str
    sequence: int
    part: int
    parts: int
    corrects: int | None
    samples: int
    newest: datetime
    sha256: bytes
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record of a known pilot that does not count."""

    pilot_id: UUID
    sha256: bytes
    source: str | None
    sequence: int | None
    part: int | None
    problems: tuple[Problem, ...]
    taken_at: datetime
    partition: int
    offset: int
    signed: bytes
    """SHA-256 of the signature that it bore; empty when it bore none."""

    @property
    def key(self) -> tuple[UUID, bytes, bytes, int]:
        """The same record where and as it was sent."""
        return self.pilot_id, self.sha256, self.signed, self.partition


@dataclass(frozen=True, slots=True)
class Parking:
    """What is to wait for its pilot: a consumed record, or the pilot's facts as they stood. It was read at ``read_at`` and ``received`` then
    or before, both in the domain's time."""

    pilot_id: UUID
    partition: int
    read_at: datetime
    received: datetime
    record: Any = None
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Parked:
    """A record that waits, in the form of a consumed one; or, where ``facts`` is given, what was told of the pilot in between.

    Until ``clocks_until`` the clocks of the pilot would have fired before it came.
    """

    id: int
    pilot_id: UUID
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    parked_at: datetime
    received: datetime
    read_at: datetime
    facts: Mapping[str, Any] | None
    clocks_until: datetime | None


async def identities(tx: Tx, wanted: Collection[tuple[UUID, str, int]]) -> dict[UUID, dict[Identity, str]]:
    """The accepted records of (pilot, source, sequence), with their hashes, by pilot."""
    cursor = await tx.execute(
        """
        select r.pilot_id, r.source, r.sequence, r.part, encode(r.sha256, 'hex') as sha256
        from unnest(%s::uuid[], %s::text[], %s::bigint[]) as v(pilot_id, source, sequence)
        join report r on r.pilot_id = v.pilot_id and r.source = v.source and r.sequence = v.sequence
        """,
        ([one[0] for one in wanted], [one[1] for one in wanted], [one[2] for one in wanted]),
    )
    found: dict[UUID, dict[Identity, str]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row["pilot_id"], {})[row["source"], row["sequence"], row["part"]] = row["sha256"]
    return found


async def add_taken(tx: Tx, rows: Collection[Taken]) -> None:
    """Append the identities of accepted records. One that is there already means that somebody else works here: an error."""
    async with tx.cursor() as cursor, cursor.copy(_COPY_TAKEN) as copy:
        await copy.write(_packed(rows))


def _packed(rows: Iterable[Taken]) -> bytes:
    """The rows in PostgreSQL's binary COPY format (manual, "COPY", Binary Format), packed by hand: this is the one row per record that the
    metrics path writes, and the driver's own packing costs more than judging the record."""
    taken_at: tuple[datetime | None, int] = (None, 0)
    parts = [b"PGCOPY\n\xff\r\n\x00", _HEADER]
    for row in rows:
        source = row.source.encode()
        if row.taken_at is not taken_at[0]:  # records that were judged together share theirs
            taken_at = (row.taken_at, _postgres_time(row.taken_at))
        parts += (
            _PILOT.pack(10, 16, row.pilot_id.bytes, len(source)),
            source,
            _NUMBERS.pack(8, row.sequence, 4, row.part, 4, row.parts),
            _NULL if row.corrects is None else _LONG.pack(8, row.corrects),
            _REST.pack(4, row.samples, 8, _postgres_time(row.newest), 32, row.sha256, 8, taken_at[1]),
        )
    parts.append(_TRAILER)
    return b"".join(parts)


def _postgres_time(at: datetime) -> int:
    """Microseconds since 2000-01-01T00:00Z."""
    return (at - _POSTGRES_EPOCH) // timedelta(microseconds=1)


async def add_rejections(tx: Tx, rows: Collection[Rejection]) -> list[bool]:
    """Remember rejected records; says of each whether it was not rejected before: those alone are to be told."""
    fresh = []
    for row in rows:
        cursor = await tx.execute(
            """
            insert into rejected_report (pilot_id, sha256, signed, partition, source, sequence, part, problems, taken_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
            """,
            (
                *(*row.key, row.source, row.sequence, row.part),
                *(Jsonb([problem.model_dump(mode="json") for problem in row.problems]), row.taken_at),
            ),
        )
        fresh.append(cursor.rowcount == 1)
    return fresh


async def park(tx: Tx, one: Parking) -> None:
    """Keep what waits for a pilot, behind what waits already."""
    record = one.record
    headers = [] if record is None else record.headers
    await tx.execute(
        """
        insert into parked_record (pilot_id, partition, "offset", headers, value, facts, record_at, read_at, received, clocks_until)
        values (%s, %s, %s, %s, %s, %s, to_timestamp(%s / 1000.0), %s, %s,
            (select clocks_until from pilot_aside where pilot_id = %s and state <> 'done'))
        """,
        (
            *(one.pilot_id, one.partition, 0 if record is None else record.offset),
            Jsonb([[storable(name), base64.b64encode(value or b"").decode()] for name, value in headers]),
            None if record is None else record.value or b"",
            None if one.facts is None else Jsonb(one.facts),
            *(0 if record is None else max(record.timestamp, 0), one.read_at, one.received, one.pilot_id),
        ),
    )


async def parked_pilots(tx: Tx, partitions: Collection[int]) -> list[tuple[int, UUID]]:
    cursor = await tx.execute(
        "select distinct partition, pilot_id from parked_record where partition = any(%s)", (list(partitions),)
    )
    return [(row["partition"], row["pilot_id"]) for row in await cursor.fetchall()]


async def parked(
    tx: Tx,
    topic: str,
    pilot_ids: Collection[UUID],
    limit: int,
    *,
    before: datetime | None = None,
    most_bytes: int = 500_000,
) -> list[Parked]:
    """Records that wait for ``pilot_ids``, in the order in which they came: at most ``limit``, and no more after ``most_bytes``, for they are
    judged in one go. ``before``: only those that were parked before this wall time."""
    cursor = await tx.execute(
        """
        select * from (
            select p.*, sum(coalesce(octet_length(p.value), 0)) over (order by p.pilot_id, p.id) - coalesce(octet_length(p.value), 0) as ahead
            from (
                select * from parked_record
                where pilot_id = any(%(pilots)s) and (%(before)s::timestamptz is null or parked_at < %(before)s)
                order by pilot_id, id limit %(limit)s
            ) p
        ) q
        where ahead < %(bytes)s order by pilot_id, id
        """,
        {"pilots": list(pilot_ids), "before": before, "limit": limit, "bytes": most_bytes},
    )
    return [
        Parked(
            id=row["id"],
            pilot_id=row["pilot_id"],
            topic=topic,
            partition=row["partition"],
            offset=row["offset"],
            timestamp=int(row["record_at"].timestamp() * 1000),
            key=str(row["pilot_id"]).encode(),
            value=None if row["value"] is None else bytes(row["value"]),
            headers=[(name, base64.b64decode(value)) for name, value in row["headers"]],
            parked_at=row["parked_at"],
            received=row["received"],
            read_at=row["read_at"],
            facts=row["facts"],
            clocks_until=row["clocks_until"],
        )
        for row in await cursor.fetchall()
    ]


async def unpark(tx: Tx, rows: Collection[tuple[UUID, int]]) -> None:
    await tx.execute(
        "delete from parked_record p using unnest(%s::uuid[], %s::bigint[]) as v(pilot_id, id) "
        "where p.pilot_id = v.pilot_id and p.id = v.id",
        ([pilot for pilot, _ in rows], [number for _, number in rows]),
    )


async def count_parked_of(tx: Tx, pilot_ids: Collection[UUID]) -> dict[UUID, int]:
    cursor = await tx.execute(
        "select pilot_id, count(*) as n from parked_record where pilot_id = any(%s) group by pilot_id",
        (list(pilot_ids),),
    )
    return {row["pilot_id"]: row["n"] for row in await cursor.fetchall()}


async def count_parked(tx: Tx) -> tuple[int, int]:
    """How many wait for pilots that are known on that partition, and how many for none that is: by a slip, or before its registration is
    read."""
    cursor = await tx.execute(
        """
        select count(*) filter (where p.pilot_id is not null) as known, count(*) filter (where p.pilot_id is null) as unknown
        from parked_record r left join pilot p on p.pilot_id = r.pilot_id and p.partition = r.partition
        """
    )
    row = await cursor.fetchone()
    return (int(row["known"]), int(row["unknown"])) if row else (0, 0)


Before = tuple[datetime, int, int]
"""Where a page of records ends: when it was taken, its sequence, its part."""

_KINDS = (
    """
    select source, sequence, part, parts, corrects, 'accepted' as state, samples, newest as at, taken_at,
           encode(sha256, 'hex') as record_sha256, '[]'::jsonb as problems
    from report where pilot_id = %(pilot)s
    """,
    """
    select source, sequence, part, null::int as parts, null::bigint as corrects, 'rejected' as state, 0 as samples,
           null::timestamptz as at, taken_at, encode(sha256, 'hex') as record_sha256, problems
    from rejected_report where pilot_id = %(pilot)s
    """,
    """
    select source, sequence, null::int as part, cardinality(records) as parts, null::bigint as corrects, 'pending' as state, 0 as samples,
           null::timestamptz as at, taken_at, null as record_sha256, '[]'::jsonb as problems
    from intake where pilot_id = %(pilot)s and consumed_at is null
    """,
)
_NEWEST = "order by taken_at desc, coalesce(sequence, 0) desc, coalesce(part, 0) desc limit %(limit)s"
# The first condition is the range that an index starts from.
_BEHIND = """
where taken_at <= %(at)s and (taken_at, coalesce(sequence, 0), coalesce(part, 0)) < (%(at)s, %(sequence)s::bigint, %(part)s::int)
"""


async def listed(tx: Tx, pilot_id: UUID, before: Before | None, limit: int) -> list[dict[str, Any]]:
    """Records of a pilot, accepted, rejected or pending, newest first."""
    at, sequence, part = before or (None, None, None)
    behind = "" if before is None else _BEHIND
    # No kind gives more than a page, each by its own index: a pilot may have millions of records.
    pages = " union all ".join(f"(select * from ({kind}) kind {behind} {_NEWEST})" for kind in _KINDS)  # noqa: S608 - ours
    cursor = await tx.execute(
        f"select * from ({pages}) records {_NEWEST}",  # noqa: S608 - all of it is ours
        {"pilot": pilot_id, "at": at, "sequence": sequence, "part": part, "limit": limit},
    )
    return await cursor.fetchall()

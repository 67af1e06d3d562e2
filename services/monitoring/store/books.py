"""The engine's books, the rollup and the values of threshold windows. Written by the engine alone, inside its fence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec

from services.monitoring.core.book import Book, Span
from services.monitoring.core.failing import About
from services.monitoring.core.instants import Day, Instant, date_of, moment
from services.monitoring.core.meters import Point
from shared.contracts.numbers import SCALE
from shared.platform.db import Tx

_decoder = msgspec.json.Decoder(Book)
_encoder = msgspec.json.Encoder()


def encode(book: Book) -> bytes:
    """The book as it is stored: without the values of threshold windows, which have a table of their own."""
    bare = {metric: Span((), span.since) for metric, span in book.spans.items()}
    return _encoder.encode(replace(book, spans=bare))


def decode(state: bytes) -> Book:
    """What :func:`encode` was given, but for the values of its windows."""
    return _decoder.decode(state)


async def load(tx: Tx, pilot_ids: Collection[UUID]) -> dict[UUID, Book]:
    """The books of those of ``pilot_ids`` that have one, with the values of their threshold windows. Raises ``JudgingFailed``."""
    cursor = await tx.execute("select pilot_id, state from book where pilot_id = any(%s)", (list(pilot_ids),))
    books: dict[UUID, Book] = {}
    for row in await cursor.fetchall():
        with About(row["pilot_id"], "reading the book"):
            books[row["pilot_id"]] = decode(row["state"])
    wanted = [(pilot, metric, span.since) for pilot, book in books.items() for metric, span in book.spans.items()]
    if wanted:
        spans = await _points(tx, wanted)
        for pilot, book in books.items():
            if book.spans:
                full = {m: replace(span, points=spans.get((pilot, m), ())) for m, span in book.spans.items()}
                books[pilot] = replace(book, spans=full)
    return books


async def extended(tx: Tx, reach: Mapping[UUID, Instant], books: Mapping[UUID, Book]) -> dict[UUID, Book]:
    """``books`` with the values of their windows from an earlier instant on, for late samples."""
    wanted = [(pilot, metric, since) for pilot, since in reach.items() for metric in books[pilot].spans]
    spans = await _points(tx, wanted)
    return {
        pilot: replace(
            books[pilot], spans={metric: Span(spans.get((pilot, metric), ()), since) for metric in books[pilot].spans}
        )
        for pilot, since in reach.items()
    }


async def past_days(tx: Tx, wanted: Collection[tuple[UUID, str, Day]]) -> dict[tuple[UUID, str, Day], int]:
    """The sums of single days, scaled; days without samples are missing."""
    cursor = await tx.execute(
        """
        select r.pilot_id, r.metric, v.number, r.value::text as value
        from unnest(%s::uuid[], %s::text[], %s::date[], %s::int[]) as v(pilot_id, metric, day, number)
        join rollup r on r.pilot_id = v.pilot_id and r.metric = v.metric and r.day = v.day
        """,
        (
            [pilot for pilot, _, _ in wanted],
            [metric for _, metric, _ in wanted],
            [date_of(day) for _, _, day in wanted],
            [day for _, _, day in wanted],
        ),
    )
    return {(row["pilot_id"], row["metric"], row["number"]): int(row["value"]) for row in await cursor.fetchall()}


async def with_unread(
    tx: Tx, pilot_id: UUID, days: Collection[tuple[str, Day]]
) -> tuple[Book, dict[tuple[str, Day], int], dict[tuple[str, Day], int]]:
    """The book as it is stored, without the values of its windows; the sums of ``days``, scaled; and what the records of answered requests that
    the engine has not judged yet will add to them. One statement: all of it stands at one instant.

    The records are summed where they lie: those of a pilot that was set aside for weeks are too many to be fetched.
    """
    wanted = sorted(days)
    cursor = await tx.execute(
        """
        with wanted as materialized (
            select * from unnest(%(metrics)s::text[], %(days)s::date[]) with ordinality as v(metric, day, n)
        ), unread as materialized (
            select s ->> 'metric' as metric, ((s ->> 'at')::timestamptz at time zone interval '7 hours')::date as day,
                round(sum((s ->> 'value')::numeric * %(scale)s)) as value
            from intake i cross join lateral unnest(i.records) with ordinality as p(record, part)
                cross join lateral jsonb_array_elements(convert_from(p.record, 'UTF8')::jsonb -> 'samples') as s
            where i.pilot_id = %(pilot)s and i.consumed_at is null and s ->> 'metric' = any(%(metrics)s::text[])
                and not exists (
                    select 1 from report t
                    where t.pilot_id = i.pilot_id and t.source = i.source and t.sequence = i.sequence and t.part = p.part)
            group by 1, 2
        )
        select b.state,
            array(
                select coalesce(r.value, 0)::text from wanted w
                left join rollup r on r.pilot_id = %(pilot)s and r.metric = w.metric and r.day = w.day order by w.n
            ) as sums,
            array(
                select coalesce(u.value, 0)::text from wanted w
                left join unread u on u.metric = w.metric and u.day = w.day order by w.n
            ) as ahead
        from (select 1) one left join book b on b.pilot_id = %(pilot)s
        """,
        {
            "pilot": pilot_id,
            "metrics": [metric for metric, _ in wanted],
            "days": [date_of(day) for _, day in wanted],
            "scale": SCALE,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    book = Book() if row["state"] is None else decode(row["state"])
    past = {key: int(value) for key, value in zip(wanted, row["sums"], strict=True)}
    ahead = {key: int(value) for key, value in zip(wanted, row["ahead"], strict=True)}
    return book, past, ahead


async def save(tx: Tx, books: Mapping[UUID, tuple[int, Book]]) -> None:
    """Store books, each with its partition: one statement for all. Raises ``JudgingFailed``."""
    rows = []
    for pilot, (partition, book) in books.items():
        with About(pilot, "writing the book"):
            rows.append((pilot, partition, _due(book), bool(book.unrolled), encode(book)))
    await tx.execute(
        """
        insert into book (pilot_id, partition, next_due, unrolled, state)
        select * from unnest(%b::uuid[], %b::int[], %b::timestamptz[], %b::boolean[], %b::bytea[])
        on conflict (pilot_id) do update set partition = excluded.partition, next_due = excluded.next_due,
            unrolled = excluded.unrolled, state = excluded.state
        """,
        _columns(rows, 5),
    )


async def add_gains(tx: Tx, gains: Mapping[tuple[UUID, str, Day], int]) -> None:
    """Move the rollup's sums, scaled, by these differences."""
    rows = [(pilot, metric, date_of(day), str(value)) for (pilot, metric, day), value in gains.items()]
    await tx.execute(
        """
        insert into rollup as r (pilot_id, metric, day, value)
        select * from unnest(%s::uuid[], %s::text[], %s::date[], %s::numeric[])
        on conflict (pilot_id, metric, day) do update set value = r.value + excluded.value
        """,
        _columns(rows, 4),
    )


async def save_points(tx: Tx, points: Mapping[tuple[UUID, str, Instant, str], Point]) -> None:
    rows = [
        (pilot, metric, at, source, one.sequence, str(one.value), None if one.level is None else str(one.level))
        for (pilot, metric, at, source), one in points.items()
    ]
    await tx.execute(
        """
        insert into window_point (pilot_id, metric, at, source, sequence, value, level)
        select * from unnest(%s::uuid[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::numeric[], %s::numeric[])
        on conflict (pilot_id, metric, at, source) do update set sequence = excluded.sequence, value = excluded.value,
            level = excluded.level
        """,
        _columns(rows, 7),
    )


async def forget_points(tx: Tx, pilot_ids: Collection[UUID]) -> None:
    """Of pilots that take no more reports."""
    await tx.execute("delete from window_point where pilot_id = any(%s)", (list(pilot_ids),))


@dataclass(frozen=True)
class Due:
    """A pilot whose earliest clock falls due ``at``."""

    pilot_id: UUID
    partition: int
    at: datetime


async def due(tx: Tx, partitions: Collection[int], until: datetime, limit: int, without: Collection[UUID]) -> list[Due]:
    """Pilots of ``partitions``, but for some, whose clocks fall due by ``until``, earliest first."""
    cursor = await tx.execute(
        "select pilot_id, partition, next_due from book where partition = any(%s) and next_due <= %s and pilot_id <> all(%s) "
        "order by next_due, pilot_id limit %s",
        (list(partitions), until, list(without), limit),
    )
    return [Due(row["pilot_id"], row["partition"], row["next_due"]) for row in await cursor.fetchall()]


async def unrolled(tx: Tx, partitions: Collection[int]) -> list[tuple[int, UUID]]:
    """Pilots whose usage has changed since it was told."""
    cursor = await tx.execute(
        "select partition, pilot_id from book where partition = any(%s) and unrolled", (list(partitions),)
    )
    return [(row["partition"], row["pilot_id"]) for row in await cursor.fetchall()]


async def earliest(tx: Tx, pilot_ids: Collection[UUID]) -> dict[int, datetime]:
    """The earliest clock of these pilots, by partition."""
    cursor = await tx.execute(
        "select partition, min(next_due) as due from book where pilot_id = any(%s) group by partition",
        (list(pilot_ids),),
    )
    return {row["partition"]: row["due"] for row in await cursor.fetchall() if row["due"] is not None}


async def next_due(tx: Tx) -> datetime | None:
    """The earliest clock of all books."""
    # Asked of each partition, the index answers at once; asked of the whole table, all of it is read.
    cursor = await tx.execute(
        "select min(first.due) as due from engine_position p, "
        "lateral (select min(next_due) as due from book where partition = p.partition) first"
    )
    row = await cursor.fetchone()
    return row["due"] if row else None


async def _points(
    tx: Tx, wanted: Collection[tuple[UUID, str, Instant | None]]
) -> dict[tuple[UUID, str], tuple[Point, ...]]:
    cursor = await tx.execute(
        """
        select w.pilot_id, w.metric, w.at, w.source, w.sequence, w.value::text as value, w.level::text as level
        from unnest(%s::uuid[], %s::text[], %s::bigint[]) as v(pilot_id, metric, since)
        join window_point w on w.pilot_id = v.pilot_id and w.metric = v.metric and (v.since is null or w.at > v.since)
        order by w.pilot_id, w.metric, w.at, w.source collate "C"
        """,
        _columns(wanted, 3),
    )
    found: dict[tuple[UUID, str], list[Point]] = {}
    for row in await cursor.fetchall():
        level = None if row["level"] is None else int(row["level"])
        point = Point(row["at"], row["sequence"], int(row["value"]), row["source"], level)
        found.setdefault((row["pilot_id"], row["metric"]), []).append(point)
    return {key: tuple(points) for key, points in found.items()}


def _due(book: Book) -> datetime | None:
    due = book.next_due()
    return None if due is None else moment(due)


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    turned = [list(column) for column in zip(*rows, strict=True)]
    return turned or [[] for _ in range(width)]

"""The platform's own tables, which live in each service's schema. A service's migrations create them and let them grow.

In a service's first revision: ``tables.create(op.execute)``. When the platform gains a version, a new revision of the service calls
``tables.grow(op.execute, since=1, to=2)``. A version that has been released is never edited.

``key`` is an event's key, the pilot's id: it stands in the primary key of every table that grows with pilots, so that these can be
distributed by it.
"""

from __future__ import annotations

from collections.abc import Callable

V1 = """
create table outbox (
    id bigint generated always as identity,
    key uuid not null,
    event_id uuid not null,
    topic text not null,
    type text not null,
    source text not null,
    time timestamptz not null,
    correlation_id text not null,
    causation_id uuid,
    data bytea not null,
    content_hash text not null,
    recorded_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    primary key (key, id)
);
create unique index outbox_event on outbox (event_id, key);
create index outbox_order on outbox (id);
create index outbox_unsent on outbox (id) where sent_at is null;

create table kafka_cluster (
    name text primary key,
    cluster_id text not null,
    seen_at timestamptz not null default clock_timestamp()
);

create table republishing (
    name text primary key,
    next_id bigint not null,
    last_id bigint not null
);

create table inbox (
    key uuid not null,
    consumer text not null,
    event_id uuid not null,
    taken_at timestamptz not null default clock_timestamp(),
    primary key (key, consumer, event_id)
);

create table bus_position (
    consumer text not null,
    topic text not null,
    partition integer not null,
    cluster_id text not null,
    next_offset bigint not null,
    record_at timestamptz,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (consumer, topic, partition)
);

create table set_aside (
    id bigint generated always as identity primary key,
    consumer text not null,
    topic text not null,
    key bytea not null,
    state text not null check (state in ('parked', 'poison', 'dead', 'done')),
    reason text not null,
    partition integer not null,
    "offset" bigint not null,
    headers jsonb not null,
    value bytea,
    record_at timestamptz not null,
    set_aside_at timestamptz not null default clock_timestamp(),
    waits_since timestamptz,
    attempts integer not null default 1,
    try_at timestamptz not null default clock_timestamp(),
    resent_by text,
    resent_at timestamptz,
    done_at timestamptz,
    copied_at timestamptz
);
create index set_aside_queue on set_aside (consumer, topic, key, id) where state in ('parked', 'poison');
create index set_aside_key on set_aside (consumer, key) where state = 'parked';
create index set_aside_counted on set_aside (consumer, topic, state) where state <> 'done';
create index set_aside_uncopied on set_aside (id) where state in ('poison', 'dead') and copied_at is null;

create table deadline (
    pilot_id uuid not null,
    kind text not null,
    subject text not null,
    due timestamptz not null,
    payload jsonb,
    armed_at timestamptz not null default clock_timestamp(),
    fired_at timestamptz,
    attempts integer not null default 0,
    try_at timestamptz,
    last_error text,
    primary key (pilot_id, kind, subject)
);
create index deadline_due on deadline (due, pilot_id, kind, subject) where fired_at is null;

create table heartbeat (
    name text primary key,
    at timestamptz not null,
    beaten_at timestamptz not null default clock_timestamp()
);

create table idempotency (
    caller text not null,
    action text not null,
    key text not null,
    body_hash text not null,
    status integer,
    body bytea,
    content_type text,
    created_at timestamptz not null default clock_timestamp(),
    primary key (caller, action, key)
);
"""

VERSIONS: dict[int, str] = {1: V1}
LATEST = max(VERSIONS)


def create(execute: Callable[[str], object], *, version: int = 1) -> None:
    """Create the platform's tables as they were at ``version``; ``execute`` runs one string of SQL (``alembic.op.execute``)."""
    grow(execute, since=0, to=version)


def grow(execute: Callable[[str], object], *, since: int, to: int) -> None:
    """Bring tables of version ``since`` to version ``to``."""
    for version in range(since + 1, to + 1):
        for statement in VERSIONS[version].split(";"):
            if statement.strip():
                execute(statement)

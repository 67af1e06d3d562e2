"""Everything that monitoring keeps.

``pilot`` holds the facts under a change number; ``seen`` is the change that the engine has taken in. ``book`` is the engine's memory of a
pilot, ``rollup`` the sums by day, ``report`` the identity of every record that counted. ``engine_position`` is the fence and the place of
each metrics partition. ``intake`` holds the requests that were answered: Kafka has those of which ``produced_in`` is the round of
``producing``. ``pilot_aside`` are the pilots on which our own judging failed; what comes for them waits in ``parked_record``,
records and facts in the order in which they came. ``judged`` is what was judged in all pilots of an enterprise, which is the first ten
digits of a tax code.
"""

from alembic import op

from shared.platform import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table pilot (
        pilot_id uuid primary key,
        code text not null,
        tax_code text not null,
        authorities text[] not null,
        partition integer not null,
        facts jsonb not null,
        change bigint not null,
        seen bigint not null default 0
    )
    """,
    "create index pilot_code on pilot (code)",
    "create index pilot_enterprise on pilot (left(tax_code, 10))",
    "create index pilot_changed on pilot (partition) where change <> seen",
    "create index pilot_authorities on pilot using gin (authorities)",
    """
    create table book (
        pilot_id uuid primary key,
        partition integer not null,
        next_due timestamptz,
        unrolled boolean not null,
        state bytea not null
    )
    """,
    "create index book_due on book (partition, next_due) where next_due is not null",
    "create index book_unrolled on book (partition) where unrolled",
    """
    create table rollup (
        pilot_id uuid not null,
        metric text not null,
        day date not null,
        value numeric not null,
        primary key (pilot_id, metric, day)
    )
    """,
    """
    create table window_point (
        pilot_id uuid not null,
        metric text not null,
        at bigint not null,
        source text not null,
        sequence bigint not null,
        value numeric not null,
        level numeric,
        primary key (pilot_id, metric, at, source)
    )
    """,
    """
    create table report (
        pilot_id uuid not null,
        source text not null,
        sequence bigint not null,
        part integer not null,
        parts integer not null,
        corrects bigint,
        samples integer not null,
        newest timestamptz not null,
        sha256 bytea not null,
        taken_at timestamptz not null,
        primary key (pilot_id, source, sequence, part)
    )
    """,
    "create index report_newest on report (pilot_id, taken_at desc)",
    """
    create table rejected_report (
        pilot_id uuid not null,
        sha256 bytea not null,
        signed bytea not null,
        partition integer not null,
        source text,
        sequence bigint,
        part integer,
        problems jsonb not null,
        taken_at timestamptz not null,
        primary key (pilot_id, sha256, signed, partition)
    )
    """,
    "create index rejected_report_newest on rejected_report (pilot_id, taken_at desc)",
    """
    create table parked_record (
        id bigint generated always as identity,
        pilot_id uuid not null,
        partition integer not null,
        "offset" bigint not null,
        headers jsonb not null,
        value bytea,
        facts jsonb,
        record_at timestamptz not null,
        read_at timestamptz not null,
        clocks_until timestamptz,
        parked_at timestamptz not null default clock_timestamp(),
        received timestamptz not null,
        primary key (pilot_id, id),
        check ((value is null) <> (facts is null))
    )
    """,
    "create index parked_record_partition on parked_record (partition)",
    """
    create table pilot_aside (
        pilot_id uuid primary key,
        number bigint not null,
        partition integer not null,
        topic text not null,
        "offset" bigint not null,
        state text not null check (state in ('poison', 'parked', 'done')),
        reason text not null,
        trace text not null,
        set_aside_at timestamptz not null default clock_timestamp(),
        attempts integer not null default 1,
        clocks_until timestamptz,
        resent_by text,
        resent_at timestamptz,
        done_at timestamptz
    )
    """,
    "create unique index pilot_aside_number on pilot_aside (number)",
    "create index pilot_aside_partition on pilot_aside (partition) where state <> 'done'",
    # Written for each rejected record and read by the tidying alone: the bound of both is how long such records are kept.
    "create index set_aside_rejected on set_aside (consumer, set_aside_at) where state = 'dead'",
    """
    create table finding (
        pilot_id uuid not null,
        finding_id uuid not null,
        rule text not null,
        subject text not null,
        severity text not null,
        state text not null check (state in ('open', 'cleared')),
        opened_at timestamptz not null,
        escalated_at timestamptz,
        cleared_at timestamptz,
        clear_reason text,
        evidence jsonb not null,
        measures uuid[] not null default '{}',
        primary key (pilot_id, finding_id)
    )
    """,
    "create unique index finding_open on finding (pilot_id, rule, subject) where state = 'open'",
    "create index finding_newest on finding (opened_at desc, finding_id desc)",
    """
    create table source (
        pilot_id uuid not null,
        source text not null,
        last_sequence bigint not null default 0,
        ingest_secret bytea not null,
        secret bytea,
        issued_at timestamptz,
        primary key (pilot_id, source)
    )
    """,
    """
    create table intake (
        pilot_id uuid not null,
        source text not null,
        sequence bigint not null,
        number bigint generated always as identity,
        correlation_id text not null,
        signatures text[] not null,
        records bytea[] not null,
        counters text[] not null default '{}',
        taken_at timestamptz not null,
        stored_at timestamptz not null default clock_timestamp(),
        produced_in bigint not null default 0,
        parked_at timestamptz,
        consumed_at timestamptz,
        primary key (pilot_id, source, sequence)
    )
    """,
    "create index intake_unproduced on intake (produced_in) where consumed_at is null",
    "create index intake_unread on intake (pilot_id, number, produced_in) where consumed_at is null",
    "create index intake_unconsumed on intake (stored_at) where consumed_at is null",
    "create index intake_consumed on intake (consumed_at) where consumed_at is not null",
    """
    create table producing (
        name text primary key,
        round bigint not null,
        cluster_id text not null
    )
    """,
    """
    create table matter (
        pilot_id uuid not null,
        matter_id uuid not null,
        content_sha256 text not null,
        at timestamptz not null,
        body jsonb not null,
        primary key (pilot_id, matter_id)
    )
    """,
    """
    create table judgement (
        pilot_id uuid not null,
        decision_id uuid not null,
        body jsonb not null,
        primary key (pilot_id, decision_id)
    )
    """,
    """
    create table risk (
        pilot_id uuid primary key,
        past jsonb not null
    )
    """,
    """
    create table judged (
        pilot_id uuid not null,
        event_id uuid not null,
        position integer not null,
        enterprise text not null,
        at timestamptz not null,
        confirmed integer not null,
        decision_id uuid,
        primary key (pilot_id, event_id, position)
    )
    """,
    "create index judged_newest on judged (enterprise, at desc, event_id desc, position desc)",
    """
    create table engine_position (
        partition integer primary key,
        cluster_id text not null,
        next_offset bigint not null default 0,
        epoch bigint not null default 0,
        swept_until timestamptz,
        updated_at timestamptz not null default clock_timestamp()
    )
    """,
)


def upgrade() -> None:
    tables.create(op.execute)
    for statement in _STATEMENTS:
        op.execute(statement)

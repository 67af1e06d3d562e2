"""Pilots as their events tell them, their cases and all that is decided in them, the chains, and what register and statistics read."""

from alembic import op

from shared.platform import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = """
create table frozen_rules (
    rules_id text primary key,
    body json not null
);

create table pilot (
    pilot_id uuid primary key,
    code text not null,
    title text not null,
    organisation jsonb not null,
    tax_code text not null,
    sector text not null,
    tier smallint not null,
    provinces text[] not null,
    objectives text not null,
    hypothesis text not null,
    lead_authority text not null,
    authorities text[] not null,
    registered_at timestamptz not null,
    received_at timestamptz not null,
    told_at timestamptz not null,
    state text not null,
    causes jsonb not null,
    envelope jsonb not null,
    held_permits jsonb not null,
    rules_id text not null references frozen_rules,
    start_at timestamptz,
    end_at timestamptz,
    ended_at timestamptz,
    outcome text,
    winding_since timestamptz,
    reports jsonb not null,
    final jsonb,
    final_criteria jsonb not null,
    risk double precision,
    risk_band text,
    cases integer not null,
    search tsvector not null
);
create unique index pilot_code on pilot (code);
create index pilot_enterprise on pilot (left(tax_code, 10));
create index pilot_newest on pilot (registered_at desc, pilot_id desc);
create index pilot_sector on pilot (sector, registered_at desc, pilot_id desc);
create index pilot_state on pilot (state, registered_at desc, pilot_id desc);
create index pilot_sector_state on pilot (sector, state, registered_at desc, pilot_id desc);
create index pilot_provinces on pilot using gin (provinces) with (fastupdate = off);
create index pilot_search on pilot using gin (search) with (fastupdate = off);

create table register_word (
    word text collate "C" primary key
);

create table case_file (
    pilot_id uuid not null,
    case_id uuid not null,
    code text not null,
    state text not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    claims jsonb not null,
    snoozed_until timestamptz,
    snooze_reason text,
    supplement jsonb,
    supplements smallint not null,
    items integer not null,
    primary key (pilot_id, case_id)
);
create unique index case_one_open on case_file (pilot_id) where closed_at is null;
create index case_by_id on case_file (case_id);

create table item (
    pilot_id uuid not null,
    item_id uuid not null,
    case_id uuid not null,
    kind text not null,
    subject text not null,
    authority text not null,
    opened_at timestamptz not null,
    subject_id uuid,
    severity text,
    clock text,
    clock_from timestamptz,
    due jsonb,
    holds jsonb not null,
    pauses jsonb not null,
    overdue boolean not null,
    late boolean not null,
    state text not null,
    resolved_at timestamptz,
    resolution text,
    decision_id uuid,
    reply_id uuid,
    primary key (pilot_id, item_id)
);
create index item_open on item (pilot_id) where state = 'open';
create index item_kind_open on item (kind) where state = 'open';
create index item_case on item (pilot_id, case_id);

create table proposal (
    pilot_id uuid not null,
    proposal_id uuid not null,
    case_id uuid not null,
    authority text not null,
    proposer text not null,
    drafted_at timestamptz not null,
    content jsonb not null,
    state text not null,
    submitted_at timestamptz,
    asked jsonb,
    reply_over boolean not null,
    reply_id uuid,
    together uuid[] not null,
    closed_reason text,
    decision_id uuid,
    primary key (pilot_id, proposal_id)
);
create index proposal_by_id on proposal (proposal_id);
create index proposal_live on proposal (pilot_id) where state not in ('issued', 'withdrawn');

create table measure (
    pilot_id uuid not null,
    measure_id uuid not null,
    finding_id uuid,
    taken_at timestamptz not null,
    due jsonb not null,
    state text not null,
    ended_at timestamptz,
    decision_id uuid,
    primary key (pilot_id, measure_id)
);
create index measure_in_force on measure (pilot_id) where state in ('taken', 'confirmed');

create table finding (
    pilot_id uuid not null,
    finding_id uuid not null,
    rule text not null,
    subject text not null,
    severity text not null,
    opened_at timestamptz not null,
    cleared_at timestamptz,
    judged_by uuid,
    verdict text,
    primary key (pilot_id, finding_id)
);
create index finding_judged on finding (pilot_id, judged_by) where judged_by is not null;

create table remedy (
    pilot_id uuid not null,
    decision_id uuid not null,
    case_id uuid not null,
    authority text not null,
    clock text not null,
    due jsonb not null,
    items jsonb not null,
    severity text not null,
    state text not null,
    primary key (pilot_id, decision_id)
);
create index remedy_open on remedy (pilot_id) where state in ('ordered', 'to_verify');

create table decision (
    pilot_id uuid not null,
    decision_id uuid not null,
    case_id uuid not null,
    proposal_id uuid not null,
    kind text not null,
    authority text not null,
    items jsonb not null,
    issued_at timestamptz not null,
    effect text not null,
    effect_at timestamptz,
    why text,
    chain_position bigint not null,
    number text not null,
    event_id uuid not null,
    sha256 text not null,
    data bytea not null,
    primary key (pilot_id, decision_id)
);
create index decision_by_id on decision (decision_id);
create unique index decision_chain on decision (authority, chain_position);
create index decision_newest on decision (pilot_id, issued_at desc, authority desc, chain_position desc);

create table chain (
    authority text primary key,
    length bigint not null,
    head text not null,
    numbers jsonb not null
);

create table fact (
    pilot_id uuid not null,
    event_id uuid not null,
    kind text not null,
    at timestamptz not null,
    sha256 text not null,
    about uuid,
    data bytea,
    primary key (pilot_id, event_id)
);
create index fact_listed on fact (pilot_id, at desc, event_id desc) where kind <> 'UsageRolled';

create table queue_entry (
    pilot_id uuid not null,
    case_id uuid not null,
    authority text not null,
    kind text not null,
    lead boolean not null,
    lane text not null,
    due timestamptz,
    risk double precision not null,
    severity text,
    assignee text,
    sector text not null,
    opened_at timestamptz not null,
    primary key (pilot_id, authority, kind)
);
create index queue_by_clock on queue_entry (authority, kind, lane, due, risk desc, case_id)
    include (pilot_id, severity, sector, assignee);
create index queue_by_risk on queue_entry (authority, kind, lane, risk desc, due, case_id)
    include (pilot_id, severity, sector, assignee);
create index queue_all_by_clock on queue_entry (kind, lane, due, risk desc, case_id)
    include (pilot_id, severity, sector, assignee) where lead;
create index queue_all_by_risk on queue_entry (kind, lane, risk desc, due, case_id)
    include (pilot_id, severity, sector, assignee) where lead;
create index queue_oldest on queue_entry (opened_at) where lead and kind = '';
create index queue_narrow on queue_entry (authority, kind, severity, sector, lane);
create index queue_assignee on queue_entry (assignee, kind) where assignee is not null;
create statistics queue_together (mcv) on authority, kind, lane, severity, sector from queue_entry;
-- Rows come and go with every change of a case: an index alone answers where the table was vacuumed since.
alter table queue_entry set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

create table usage (
    pilot_id uuid not null,
    metric text not null,
    quarter text not null,
    total numeric,
    peak numeric,
    primary key (pilot_id, metric, quarter)
);

create table rule_in_the_way (
    pilot_id uuid not null,
    position smallint not null,
    report_id uuid not null,
    legal_basis text not null,
    article text,
    text text not null,
    sector text not null,
    primary key (pilot_id, position)
);
"""


def upgrade() -> None:
    tables.create(op.execute)
    for statement in SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)

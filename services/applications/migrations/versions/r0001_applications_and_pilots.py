"""Applications, the pilots that they become, and what the pages of a pilot project from the other services' events."""

from alembic import op

from shared.platform import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FIRST_YEAR, LAST_YEAR = 2026, 2075
"""Years that have a sequence of codes of their own: numbers begin again at 1 each year."""

SCHEMA = """
create table rule_set (
    version text primary key,
    files jsonb not null,
    loaded_at timestamptz not null default clock_timestamp()
);

create table draft (
    pilot_id uuid primary key,
    tax_code text not null,
    content json not null,
    updated_at timestamptz not null,
    submitted boolean not null default false
);
create index draft_open on draft (tax_code) where not submitted;

create table application (
    pilot_id uuid primary key,
    code text not null,
    tax_code text not null,
    status text not null,
    received_at timestamptz not null,
    rule_set text not null,
    authorities text[] not null,
    supplements_asked smallint not null,
    asked_at timestamptz,
    withdrawn_reason text,
    dossier json not null,
    filed json not null
);
create index application_of_enterprise on application (tax_code, pilot_id desc);
create index application_of_authority on application using gin (authorities);
create index application_status on application (status);

create table pilot (
    pilot_id uuid primary key,
    tax_code text not null,
    authorities text[] not null,
    state text not null,
    tier smallint not null,
    start_at timestamptz,
    end_at timestamptz,
    outcome text,
    body json not null
);
create index pilot_of_enterprise on pilot (tax_code, pilot_id desc);
create index pilot_of_authority on pilot using gin (authorities);
create index pilot_state on pilot (state);

create table bar (
    pilot_id uuid primary key,
    enterprise text not null,
    until timestamptz not null
);
create index bar_enterprise on bar (enterprise, until);

create table request (
    pilot_id uuid not null,
    request_id uuid not null,
    kind text not null,
    decision_kind text,
    text text not null,
    asked_at timestamptz not null,
    due json not null,
    answered_at timestamptz,
    reply_id uuid,
    withdrawn_at timestamptz,
    primary key (pilot_id, request_id)
);

create table decision (
    pilot_id uuid not null,
    decision_id uuid not null,
    number text not null,
    kind text not null,
    authority text not null,
    at timestamptz not null,
    public_reasons text not null,
    remedy text,
    remedy_due timestamptz,
    remedy_done boolean,
    appeal_by timestamptz,
    applied boolean not null,
    why text,
    primary key (pilot_id, decision_id)
);

create table usage (
    pilot_id uuid not null,
    metric text not null,
    "window" text not null,
    bucket date,
    value numeric not null,
    sample_at timestamptz,
    primary key (pilot_id, metric, "window")
);

create table finding (
    pilot_id uuid not null,
    finding_id uuid not null,
    rule text not null,
    subject text not null,
    severity text not null,
    opened_at timestamptz not null,
    escalated_at timestamptz,
    cleared_at timestamptz,
    clear_reason text,
    primary key (pilot_id, finding_id)
);

create table rejected_report (
    pilot_id uuid not null,
    event_id uuid not null,
    at timestamptz not null,
    source text,
    sequence bigint,
    part integer,
    problems json not null,
    primary key (pilot_id, event_id)
);
create index rejected_report_newest on rejected_report (pilot_id, at desc)
"""


def upgrade() -> None:
    tables.create(op.execute)
    for statement in SCHEMA.split(";"):
        op.execute(statement)
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        op.execute(f"create sequence application_code_{year} as integer")

"""Applications, drafts, and what an enterprise's past says against a new application."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.applications.core.model import Application, Standing
from shared.contracts.http.applications import ApplicationRow, ApplicationStatus, Filed
from shared.contracts.pilot import Dossier
from shared.platform.db import Tx

_COLUMNS = """
pilot_id, code, status, received_at, rule_set, supplements_asked, asked_at, withdrawn_reason,
dossier::text as dossier, filed::text as filed
"""


@dataclass(frozen=True)
class Draft:
    """A dossier in the making. One that was ``submitted`` is an application of the same id, and changes no more."""

    pilot_id: UUID
    tax_code: str
    content: dict[str, Any]
    updated_at: datetime
    submitted: bool


@dataclass(frozen=True)
class Confined:
    """Whose rows a caller sees: its own enterprise's, its authority's, or (both None) all."""

    org: str | None = None
    authority: str | None = None

    def condition(self, table: str) -> str:
        """The same in SQL, with the parameters ``org`` and ``authority``: only what is asked for, so that the planner finds the index."""
        mine = [f"{table}.tax_code = %(org)s"] if self.org is not None else []
        ours = [f"{table}.authorities @> array[%(authority)s::text]"] if self.authority is not None else []
        return f"({' or '.join([*mine, *ours])})" if mine or ours else "true"


async def standing(tx: Tx, tax_code: str) -> Standing:
    """What is known of the enterprise. No call for a cohort has been opened in this version, so that none is open."""
    cursor = await tx.execute("select max(until) as until from bar where enterprise = %s", (enterprise(tax_code),))
    row = await cursor.fetchone()
    return Standing(barred_until=row["until"] if row else None)


async def standing_and_number(tx: Tx, tax_code: str, year: int) -> tuple[Standing, int]:
    """:func:`standing`, and the next number of the year for an application's code, in one round trip."""
    cursor = await tx.execute(
        "select (select max(until) from bar where enterprise = %s) as until, nextval(%s::regclass) as number",
        (enterprise(tax_code), f"application_code_{year}"),
    )
    row = await cursor.fetchone()
    assert row is not None
    return Standing(barred_until=row["until"]), row["number"]


def enterprise(tax_code: str) -> str:
    """The enterprise of a tax code: a branch (``0123456789-001``) is no other person, and no way around a bar."""
    return tax_code[:10]


async def bar(tx: Tx, pilot_id: UUID, tax_code: str, until: datetime) -> None:
    """The enterprise may not apply before ``until``, because of this pilot."""
    await tx.execute(
        "insert into bar (pilot_id, enterprise, until) values (%s, %s, %s) "
        "on conflict (pilot_id) do update set until = excluded.until",
        (pilot_id, enterprise(tax_code), until),
    )


async def add(tx: Tx, application: Application) -> None:
    await tx.execute(
        """
        insert into application (pilot_id, code, tax_code, status, received_at, rule_set, authorities, supplements_asked, asked_at,
            withdrawn_reason, dossier, filed)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(application.pilot_id, application.code, application.dossier.organisation.tax_code, application.status),
            *(application.received_at, application.rule_set, list(application.filed.authorities)),
            *(application.supplements_asked, application.asked_at, application.withdrawn_reason),
            *(application.dossier.model_dump_json(), application.filed.model_dump_json()),
        ),
    )


async def save(tx: Tx, application: Application) -> None:
    await tx.execute(
        "update application set status = %s, authorities = %s, supplements_asked = %s, asked_at = %s, withdrawn_reason = %s, "
        "dossier = %s, filed = %s where pilot_id = %s",
        (
            *(application.status, list(application.filed.authorities), application.supplements_asked),
            *(application.asked_at, application.withdrawn_reason),
            *(application.dossier.model_dump_json(), application.filed.model_dump_json(), application.pilot_id),
        ),
    )


async def load(tx: Tx, pilot_id: UUID, *, lock: bool = False) -> Application | None:
    """The application, or None. ``lock`` keeps others from changing it until the transaction ends."""
    query = f"select {_COLUMNS} from application where pilot_id = %s"  # noqa: S608 - columns are ours
    cursor = await tx.execute(f"{query} for update" if lock else query, (pilot_id,))
    row = await cursor.fetchone()
    if row is None:
        return None
    dossier, filed = Dossier.model_validate_json(row.pop("dossier")), Filed.model_validate_json(row.pop("filed"))
    return Application(**row, dossier=dossier, filed=filed)


async def page(
    tx: Tx, seen_by: Confined, status: ApplicationStatus | None, cursor: UUID | None, limit: int
) -> list[ApplicationRow]:
    """Newest first, after ``cursor``."""
    after = "and pilot_id < %(cursor)s" if cursor is not None else ""
    standing = "and status = %(status)s" if status is not None else ""
    found = await tx.execute(
        f"""
        select pilot_id, code, status, received_at, filed->>'lead_authority' as lead_authority,
               filed->'supplement_due' as supplement_due, dossier->'organisation' as organisation, dossier->>'title' as title,
               dossier->>'sector' as sector, dossier->'provinces' as provinces
        from application a where {seen_by.condition("a")} {standing} {after} order by pilot_id desc limit %(limit)s
        """,  # noqa: S608 - the conditions are ours, their values are parameters
        {"org": seen_by.org, "authority": seen_by.authority, "status": status, "cursor": cursor, "limit": limit},
    )
    return [ApplicationRow.model_validate(row) for row in await found.fetchall()]


async def counts(tx: Tx) -> dict[str, int]:
    """How many applications there are, by status."""
    cursor = await tx.execute("select status, count(*) as n from application group by status")
    return {row["status"]: row["n"] for row in await cursor.fetchall()}


async def open_drafts(tx: Tx, tax_code: str) -> int:
    cursor = await tx.execute("select count(*) as n from draft where tax_code = %s and not submitted", (tax_code,))
    row = await cursor.fetchone()
    assert row is not None
    return int(row["n"])


async def save_draft(tx: Tx, draft: Draft) -> None:
    await tx.execute(
        "insert into draft (pilot_id, tax_code, content, updated_at, submitted) values (%s, %s, %s, %s, %s) "
        "on conflict (pilot_id) do update set content = excluded.content, updated_at = excluded.updated_at, "
        "submitted = excluded.submitted",
        (draft.pilot_id, draft.tax_code, json.dumps(draft.content), draft.updated_at, draft.submitted),
    )


async def load_draft(tx: Tx, pilot_id: UUID, *, lock: bool = False) -> Draft | None:
    query = "select pilot_id, tax_code, content, updated_at, submitted from draft where pilot_id = %s"
    cursor = await tx.execute(f"{query} for update" if lock else query, (pilot_id,))
    row = await cursor.fetchone()
    return None if row is None else Draft(**row)


async def discard_draft(tx: Tx, pilot_id: UUID) -> None:
    await tx.execute("delete from draft where pilot_id = %s", (pilot_id,))


async def keep_rule_set(tx: Tx, version: str, files: Mapping[str, bytes]) -> None:
    """Every set of reference files that was ever in force here is kept, so that an application is judged by that of its receipt."""
    await tx.execute(
        "insert into rule_set (version, files) values (%s, %s) on conflict do nothing",
        (version, Jsonb({name: data.decode() for name, data in files.items()})),
    )


async def kept_rule_set(tx: Tx, version: str) -> dict[str, bytes] | None:
    cursor = await tx.execute("select files from rule_set where version = %s", (version,))
    row = await cursor.fetchone()
    return None if row is None else {name: text.encode() for name, text in row["files"].items()}

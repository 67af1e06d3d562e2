"""Queue page and register search among many cases: ``python -m tests.bench.queue_and_register [--cases N] [--rounds N]``.

The service is asked over HTTP in process, on two databases of one PostgreSQL: one with 1,000 open cases, one with as many as asked. Each
question is put to both in turn, so that what else the machine does weighs on both alike. What counts is the ratio of the medians.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog
import uvloop

from deploy.local.testing import shared_server
from shared.platform.db import Tx
from tests import decisions_kit as kit
from tests.bench.document import publish
from tests.handlers.decisions_office import Office, opened

FEW = 1_000
PILOT, CASE = UUID(int=1), UUID(int=2)
"""The one that the others are copies of."""
QUESTIONS: tuple[tuple[str, str | None, str], ...] = (
    ("queue, of one authority", "lan", "/queue"),
    ("queue, of one authority: a kind", "lan", "/queue?kind=permit"),
    ("queue, of one authority: a rare kind", "lan", "/queue?kind=appeal"),
    ("queue, of one authority: one's own, of which there is none", "lan", "/queue?mine=true"),
    ("queue, of one authority: critical", "lan", "/queue?severity=critical"),
    (
        "queue, of one authority: three filters that never meet",
        "lan",
        "/queue?kind=permit&severity=minor&sector=fashion",
    ),
    ("queue, all authorities", "audit", "/queue"),
    ("queue, all authorities: critical", "audit", "/queue?severity=critical"),
    ("register, newest", None, "/register"),
    ("register, a sector", None, "/register?sector=fashion"),
    ("register, a province that has none", None, "/register?province=01"),
    ("register, by code", None, "/register?q=HK-G16-26-0000777"),
    ("register, an enterprise", None, "/register?q=doanh+nghiep+7"),
    ("register, a word of the title", None, "/register?q=trung+thu"),
    ("register, two words that one in eighty has", None, "/register?q=nhac+xiec"),
    ("register, two words that never meet", None, "/register?q=trung+thu+xiec"),
    ("a case", "lan", f"/cases/{CASE}"),
    ("the cases of a pilot", "lan", f"/cases?pilot_id={PILOT}"),
    ("the decisions about a pilot", "lan", f"/decisions?pilot_id={PILOT}"),
)

_WORDS = (
    "array['nhac','kich','xiec','tuong','cheo','tho','phim','anh','mua','roi','trung','xuan','ha','hoi','le','sach']"
)
_TITLE = f"({_WORDS})[1 + n % 16] || ' ' || case when n % 16 = 10 then 'thu' else ({_WORDS})[1 + (n / 16) % 10] end"
_PERSON = "'Doanh nghiep ' || n / 50"
_CODE = "'HK-G16-26-' || lpad(n::text, 7, '0')"
_AUTHORITY = f"case n % 10 when 0 then '{kit.CULTURE}' else 'prov_0' || n % 10 || '_culture' end"
_SECTOR = "(array['performing_arts','fashion','cinema','fine_arts','crafts'])[1 + (n / 10) % 5]"
_PILOT, _CASE, _ITEM = ("md5('pilot' || n)::uuid", "md5('case' || n)::uuid", "md5('item' || n)::uuid")
_RISK = "1 + 3 * (hashint4(n) & 1023) / 1023.0"
_DUE = "timestamptz '2026-07-21 00:00+07' + ((hashint4(n) % 200) * interval '6 hours')"
_KIND = "case when n <= 20 then 'appeal' when n % 20 = 0 then 'permit' else 'finding' end"
_SEVERITY = "(array['critical','minor'])[1 + (n / 10) % 2]"
_OPENED = "timestamptz '2026-07-21 00:00+07' - n * interval '7 seconds'"

ROWS: dict[str, dict[str, str]] = {
    "pilot": {
        "pilot_id": _PILOT,
        "code": _CODE,
        "title": _TITLE,
        "organisation": f"jsonb_build_object('name', {_PERSON}, 'tax_code', '0301234567')",
        # What no page shows is left short: a million envelopes would only fill the disk.
        "envelope": "'{}'::jsonb",
        "final_criteria": "'[]'::jsonb",
        "hypothesis": "''",
        "objectives": "''",
        "tax_code": "lpad((n / 50)::text, 10, '0')",
        "sector": _SECTOR,
        "lead_authority": _AUTHORITY,
        "authorities": f"array[{_AUTHORITY}]",
        "registered_at": _OPENED,
        "told_at": _OPENED,
        "risk": _RISK,
        "search": f"to_tsvector('simple', replace({_CODE}, '-', ' ') || ' ' || {_TITLE} || ' ' || {_PERSON})",
    },
    "fact": {"pilot_id": _PILOT, "event_id": "md5('fact' || n || one.event_id)::uuid", "data": "'{}'"},
    "case_file": {"pilot_id": _PILOT, "case_id": _CASE, "code": f"{_CODE} || '-C1'", "opened_at": _OPENED},
    "item": {
        "pilot_id": _PILOT,
        "case_id": _CASE,
        "item_id": _ITEM,
        "kind": _KIND,
        "severity": _SEVERITY,
        "authority": _AUTHORITY,
        "due": f"one.due || jsonb_build_object('instant', {_DUE})",
        "opened_at": _OPENED,
    },
    "queue_entry": {
        "pilot_id": _PILOT,
        "case_id": _CASE,
        "authority": _AUTHORITY,
        "lane": "case when n % 17 = 0 then 'awaiting' else 'active' end",
        "due": f"case when n % 3 = 0 then null else {_DUE} end",
        "risk": _RISK,
        "severity": _SEVERITY,
        # The one case stands there whole, and once more under its kind.
        "kind": f"case when one.kind = '' then '' else {_KIND} end",
        "sector": _SECTOR,
        "opened_at": _OPENED,
    },
}
"""What a copy of the one row of each table differs in."""


@dataclass(frozen=True)
class Asked:
    """One question's times in milliseconds, and its ratio."""

    name: str
    few: list[float]
    many: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.many) / statistics.median(self.few)

    @property
    def p99(self) -> float:
        return sorted(self.many)[int(len(self.many) * 0.99) - 1]


async def fill(office: Office, cases: int) -> None:
    """One pilot as the service itself stores it, and its copies. Indexes are made after the rows, which is quicker."""
    await office.hear(kit.registered(PILOT))
    async with office.db.tx() as tx:
        await tx.execute("set local statement_timeout = 0")
        for of_case in ("case_file", "item", "queue_entry"):
            await tx.execute(f"update {of_case} set case_id = %s", (CASE,))
        for table, changes in ROWS.items():
            await _copy(tx, table, changes, cases)
        await tx.execute(
            "insert into register_word select distinct word from pilot, unnest(tsvector_to_array(search)) word "
            "where word !~ '^[0-9]+$' on conflict do nothing"
        )
        await tx.execute("analyze")


async def _copy(tx: Tx, table: str, changes: Mapping[str, str], cases: int) -> None:
    indexes = await _all(
        tx,
        "select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as body from pg_index "
        f"where indrelid = '{table}'::regclass and not indisprimary",
    )
    for index in indexes:
        await tx.execute(f"drop index {index['name']}")
    columns = [
        row["name"]
        for row in await _all(
            tx,
            "select attname as name from pg_attribute "
            f"where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped",
        )
    ]
    values = ", ".join(changes.get(column, f"one.{column}") for column in columns)
    await tx.execute(
        f"insert into {table} ({', '.join(columns)}) select {values} "
        f"from (select * from {table}) one, generate_series(1, {cases}) n"
    )
    for index in indexes:
        await tx.execute(index["body"])


async def _all(tx: Tx, sql: str) -> list[dict[str, str]]:
    return await (await tx.execute(sql)).fetchall()


async def ask(office: Office, who: str | None, path: str) -> float:
    began = time.perf_counter()
    answer = await office.ask(who, "GET", path)
    took = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, answer.text
    return took


async def measure(admin_dsn: str, cases: int, rounds: int) -> list[Asked]:
    async with AsyncExitStack() as stack:
        offices = [await stack.enter_async_context(opened(admin_dsn)) for _ in range(2)]
        for office, n in zip(offices, (FEW, cases), strict=True):
            await fill(office, n)
            async with await psycopg.AsyncConnection.connect(office.db.dsn, autocommit=True) as connection:
                await connection.execute("set statement_timeout = 0")
                await connection.execute("vacuum")
            office.now = kit.at("2026-07-21 10:00")
        few, many = offices
        found = []
        for name, who, path in QUESTIONS:
            asked = Asked(name, [], [])
            for number in range(rounds + 10):
                one, other = await ask(few, who, path), await ask(many, who, path)
                if number >= 10:  # the first fill caches and prepare statements
                    asked.few.append(one)
                    asked.many.append(other)
            found.append(asked)
        return found


def table(found: list[Asked], cases: int) -> str:
    head = (
        f"| asked, 50 rows a page | {FEW:,} cases, median ms | {cases:,} cases, median ms | p99 ms | ratio |\n"
        "|---|---|---|---|---|\n"
    )
    return head + "\n".join(
        f"| {one.name} | {statistics.median(one.few):.1f} | {statistics.median(one.many):.1f} | {one.p99:.1f} "
        f"| {one.ratio:.2f} |"
        for one in found
    )


async def run(cases: int, rounds: int) -> str:
    load = os.getloadavg()[0]
    with shared_server("postgres") as admin_dsn:
        found = await measure(admin_dsn, cases, rounds)
    return (
        f"Over HTTP in process, each question asked {rounds} times of each database in turn; {os.cpu_count()} cores shared with PostgreSQL, "
        f"Python {platform.python_version()}, load of the machine {load:.1f} at the beginning and {os.getloadavg()[0]:.1f} at the end: the "
        f"milliseconds say as much of that as of the service, the ratios do not. Made by `make bench`.\n\n{table(found, cases)}"
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--cases", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=200)
    asked.add_argument("--no-document", action="store_true", help="print only")
    known = asked.parse_args()
    logging.disable(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    text = uvloop.run(run(known.cases, known.rounds))
    print(text)
    if not known.no_document:
        publish("Queue and register", "queue and register", text)


if __name__ == "__main__":
    main()

"""What a change reads: as much as is open and as it names, however many years of closed matters lie behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from uuid import UUID, uuid4

import pytest

from services.decisions.core.model import Book
from services.decisions.handlers import clocks
from shared.contracts.pilot import PilotState, Severity
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from tests import decisions_kit as kit
from tests.handlers.decisions_office import Office, content, item, opened

CLOSED = {
    "finding": "'finding_id', gen_random_uuid(), 'cleared_at', now(), 'judged_by', gen_random_uuid()",
    "measure": "'measure_id', gen_random_uuid(), 'state', 'lifted'",
    "remedy": "'decision_id', gen_random_uuid(), 'state', 'done'",
    "item": "'item_id', gen_random_uuid(), 'state', 'resolved'",
    "proposal": "'proposal_id', gen_random_uuid(), 'state', 'issued'",
    "decision": "'decision_id', gen_random_uuid(), 'chain_position', 1000 + n",
}
"""What makes a closed copy of a row of each table that grows with a pilot's years."""


@pytest.fixture
async def office(postgres_admin_dsn: str) -> AsyncIterator[Office]:
    async with opened(postgres_admin_dsn) as found:
        yield found


async def busy(office: Office) -> tuple[UUID, UUID, UUID]:
    """A pilot with one thing of each kind: pilot, finding that was judged, decision about it. A measure and the remedy are open."""
    pilot_id, finding_id, _ = await office.breached()
    case = await office.case_of(pilot_id)
    sent = content(case, "order_takedown", item(case, "finding"), remedy_text="Sắp xếp lại lối đi.")
    draft = await office.post("lan", f"/cases/{case['case_id']}/proposals", sent)
    found = await office.post("lan", f"/proposals/{draft['proposal_id']}/submit", {})
    if found["state"] == "awaiting_second":
        found = await office.post("hoa", f"/proposals/{draft['proposal_id']}/sign")
    return pilot_id, finding_id, UUID(found["decision_id"])


async def add_years(office: Office, n: int) -> None:
    """``n`` closed rows behind each row that there is."""
    async with office.db.tx() as tx:
        for table, closed in CLOSED.items():
            await tx.execute(
                f"insert into {table} select (jsonb_populate_record(one, jsonb_build_object({closed}))).* "
                f"from {table} one, generate_series(1, %s) n where one.ctid = (select min(ctid) from {table})",
                (n,),
            )
        await tx.execute("analyze")


async def read(office: Office, pilot_id: UUID, names: Collection[UUID]) -> tuple[Book, int]:
    """The book, and how many rows PostgreSQL fetched for it."""
    async with office.db.tx() as tx:
        before = await fetched(tx)
        book = await office.desk.books.load(tx, pilot_id, names=names)
        rows = await fetched(tx) - before
    assert book is not None
    return book, rows


async def fetched(tx: Tx) -> int:
    """The rows that this connection has fetched from tables, until what it counted is reported."""
    sql = "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as n from pg_stat_xact_user_tables"
    row = await (await tx.execute(sql)).fetchone()
    assert row is not None
    found: int = row["n"]
    return found


async def test_ten_thousand_closed_matters_of_a_pilot_are_not_read(office: Office) -> None:
    pilot_id, finding_id, decision_id = await busy(office)
    asked: tuple[tuple[UUID, ...], ...] = ((), (finding_id,), (decision_id,))
    before = [(await read(office, pilot_id, names))[0] for names in asked]
    await add_years(office, 10_000)
    for _ in range(8):  # also once the driver has prepared the statements and PostgreSQL planned them for any value
        for names, book in zip(asked, before, strict=True):
            found, rows = await read(office, pilot_id, names)
            assert found == book
            assert 0 < rows <= 15, f"{rows} rows for {names}"


async def test_a_book_holds_what_the_open_and_the_named_are_about(office: Office) -> None:
    pilot_id, finding_id, decision_id = await busy(office)
    book, _ = await read(office, pilot_id, ())
    assert [measure.in_force for measure in book.measures.values()] == [True]
    assert set(book.remedies) == {decision_id} and set(book.findings) == {finding_id}, "what the remedy is for"
    assert not book.decisions and not book.proposals
    await office.hear(kit.applied(pilot_id, office.now, decision_id, "order_takedown", PilotState.ACTIVE))
    await office.post("minh", f"/decisions/{decision_id}/verify-remedy", {"done": True, "note": "Đã xem"})
    closed, _ = await read(office, pilot_id, ())
    assert not closed.remedies and not closed.findings
    named, _ = await read(office, pilot_id, (decision_id,))
    assert named.remedies[decision_id].state == "done"
    assert {one.state for one in named.items.values() if one.decision_id == decision_id} == {"resolved"}
    assert named.findings[finding_id].judged_by == decision_id


async def test_a_clock_of_something_that_is_closed_meanwhile_does_nothing(office: Office) -> None:
    """It was armed when the sweep read it, and its object went while the sweep waited for the pilot."""
    pilot_id, _, measure_id = await office.breached()
    case = await office.case_of(pilot_id)
    draft = await office.post(
        "lan", f"/cases/{case['case_id']}/proposals", content(case, "lift_measure", item(case, "measure"))
    )
    await office.post("lan", f"/proposals/{draft['proposal_id']}/submit", {})
    before = len(await office.told(pilot_id))
    await office.hear(
        kit.finding_opened(pilot_id, office.now, severity=Severity.MINOR, finding_id=uuid4(), subject="s")
    )
    async with office.db.tx() as tx:
        await clocks.fire(office.desk, tx, Deadline(pilot_id, "measure_confirm", str(measure_id), office.now))
    assert len(await office.told(pilot_id)) == before + 1, "the item of the new finding, and no lapse"

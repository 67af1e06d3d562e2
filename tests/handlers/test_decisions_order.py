"""The order of decisions: each has one place in its authority's chain, however many are issued at once, and lists keep the order of issue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.decisions.core.chain import GENESIS
from shared.contracts.pilot import Severity
from tests import decisions_kit as kit
from tests.decisions_kit import at
from tests.handlers.decisions_office import Office, content, item, opened


@pytest.fixture
async def office(postgres_admin_dsn: str) -> AsyncIterator[Office]:
    async with opened(postgres_admin_dsn) as found:
        yield found


async def drafted(office: Office, n: int) -> list[str]:
    """A draft about each of some pilots."""
    found = []
    for _ in range(n):
        pilot_id, _, _ = await office.breached()
        case = await office.case_of(pilot_id)
        sent = content(case, "lift_measure", item(case, "measure"))
        found.append((await office.post("lan", f"/cases/{case['case_id']}/proposals", sent))["proposal_id"])
    return found


async def together(office: Office, n: int) -> UUID:
    """A pilot about which some decisions were issued at one instant."""
    pilot_id = await office.running()
    for number in range(n):
        await office.hear(
            kit.finding_opened(
                pilot_id, at("2026-07-20 10:00"), severity=Severity.MAJOR, subject=f"s{number}", finding_id=uuid4()
            )
        )
    case = await office.case_of(pilot_id)
    drafts = []
    for number in range(n):
        sent = content(case, "warn", item(case, "finding", f"cap_exceeded/s{number}"))
        drafts.append((await office.post("lan", f"/cases/{case['case_id']}/proposals", sent))["proposal_id"])
    issued = await office.post("lan", f"/proposals/{drafts[0]}/submit", {"together": drafts[1:]})
    if issued["state"] == "awaiting_second":
        await office.post("hoa", f"/proposals/{drafts[0]}/sign")
    return pilot_id


async def test_the_first_decisions_of_an_authority_issued_all_at_once_take_places_one_after_the_other(
    office: Office,
) -> None:
    drafts = await drafted(office, 8)
    answers = await asyncio.gather(*(office.ask("lan", "POST", f"/proposals/{one}/submit", {}) for one in drafts))
    assert {answer.status_code for answer in answers} == {200}
    rows = await office.rows("select chain_position, data from decision order by chain_position")
    assert [row["chain_position"] for row in rows] == list(range(1, 9))
    before = GENESIS
    for row in rows:
        data = json.loads(row["data"])
        assert data["number"] == f"{row['chain_position']}/QĐ-HK"
        assert data["previous_hash"] == before, "the place is the one that the hashes tell"
        before = data["hash"]


async def test_a_place_that_is_taken_is_refused_by_the_database_too(office: Office) -> None:
    (draft,) = await drafted(office, 1)
    await office.post("lan", f"/proposals/{draft}/submit", {})
    columns = "pilot_id, case_id, proposal_id, kind, authority, items, issued_at, chain_position, effect, number, event_id, sha256, data"
    with pytest.raises(psycopg.errors.UniqueViolation):
        await office.rows(
            f"insert into decision (decision_id, {columns}) select gen_random_uuid(), {columns} from decision returning 1"
        )


async def test_decisions_of_one_instant_are_listed_in_the_order_of_issue_page_by_page(office: Office) -> None:
    pilot_id = await together(office, 5)
    rows = await office.rows("select decision_id from decision order by chain_position desc")
    newest_first = [str(row["decision_id"]) for row in rows]
    listed: list[str] = []
    page: dict[str, Any] = {"next": None}
    while not listed or page["next"]:
        behind = f"&cursor={page['next']}" if page["next"] else ""
        page = await office.get("lan", f"/decisions?pilot_id={pilot_id}&limit=2{behind}")
        listed += [row["decision_id"] for row in page["rows"]]
    assert listed == newest_first
    (case,) = await office.rows("select distinct case_id from decision")
    view = await office.get("lan", f"/cases/{case['case_id']}")
    assert [one["decision"]["decision_id"] for one in view["decisions"]] == newest_first[::-1]
    (pilot,) = await office.rows("select code from pilot where pilot_id = %s", pilot_id)
    entry = await office.get(None, f"/register/{pilot['code']}")
    assert [one["decision_id"] for one in entry["issued"]] == newest_first[::-1]


async def test_acts_on_one_pilot_are_told_in_the_order_in_which_they_got_its_lock(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    case = await office.case_of(pilot_id)
    office.now = at("2026-07-22 10:00")
    await office.post("lan", f"/cases/{case['case_id']}/supplement-request", {"text": "Đề nghị bổ sung."})
    asked = (await office.told(pilot_id))[-1]
    office.now = at("2026-07-22 09:59")
    sent = content(case, "lift_measure", item(case, "measure"))
    proposal = (await office.post("lan", f"/cases/{case['case_id']}/proposals", sent))["proposal_id"]
    await office.post("lan", f"/proposals/{proposal}/submit")
    told = await office.told(pilot_id)
    assert [event.at for event in told] == sorted(event.at for event in told)
    assert told[-1].at == asked.at == at("2026-07-22 10:00")

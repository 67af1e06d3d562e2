"""Applications and drafts on real PostgreSQL: what is kept, what is published, which clock runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.applications.handlers import drafts, filing, views
from services.applications.store import applications as store
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events.applications import PilotRegistered
from shared.contracts.pilot import Contact, Organisation, PilotState
from shared.platform.db import Tx
from shared.reference import load
from shared.reference.calendar import VIETNAM
from shared.reference.dossier_code import is_own_code
from tests import applications_kit as kit
from tests.applications_kit import MONDAY, START, TAX_CODE, dossier, show
from tests.handlers.applications_office import Office, new_desk, opened

DUE = datetime(2026, 8, 6, tzinfo=VIETNAM)
OTHER = "0999999999"


@pytest.fixture(scope="module")
async def shared_office(postgres_admin_dsn: str) -> AsyncIterator[Office]:
    async with opened(postgres_admin_dsn) as office:
        yield office


@pytest.fixture
def office(shared_office: Office) -> Office:
    """Tests share a database, as enterprises do; each has its own time."""
    return replace(shared_office, now=MONDAY)


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_a_dossier_in_order_becomes_a_pilot_with_its_clock_and_its_events_at_once(office: Office) -> None:
    filed = await office.file()
    assert (filed.status, filed.start_at) == ("registered", START)
    assert is_own_code(filed.code)
    assert filed.code.startswith("HK-G16-26-")
    assert names(await office.told(filed.pilot_id)) == ["ApplicationSubmitted", "PilotRegistered"]
    assert await office.armed(filed.pilot_id) == {"pilot_start": START}
    assert await office.history_agrees(filed.pilot_id)


async def test_a_pilot_that_may_start_at_once_has_started_when_the_answer_is_given(office: Office) -> None:
    filed = await office.file(dossier())
    assert names(await office.told(filed.pilot_id))[-1] == "PilotStarted"
    pilot = await office.pilot(filed.pilot_id)
    assert (pilot.state, pilot.started_at) == (PilotState.ACTIVE, MONDAY)
    assert await office.armed(filed.pilot_id) == {"pilot_end": datetime(2027, 7, 6, 9, tzinfo=VIETNAM)}


async def test_codes_rise_and_begin_again_each_year(office: Office) -> None:
    first, second = [(await office.file()).code for _ in range(2)]
    assert int(second[-6:]) == int(first[-6:]) + 1
    office.now = datetime(2027, 1, 1, tzinfo=VIETNAM)
    assert (await office.file()).code == "HK-G16-27-000001"


async def test_contacts_stay_here_and_in_no_event(office: Office) -> None:
    filed = await office.file(show(contact=Contact(name="Bí Mật", email="bi.mat@example.vn", phone="0900000000")))
    rows = await office.rows("select data from outbox where key = %s", filed.pilot_id)
    assert all("bi.mat" not in bytes(row["data"]).decode() for row in rows)
    assert (await office.read(views.application, filed.pilot_id)).dossier.contact.name == "Bí Mật"


async def test_nobody_files_for_another_enterprise(office: Office) -> None:
    with pytest.raises(Refused, match="organisation_not_yours"):
        await office.do(filing.file, show(), org=OTHER)


async def test_what_is_missing_is_asked_once_and_the_mended_dossier_becomes_the_pilot(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    assert asked.status == "supplement_requested"
    assert await office.armed(asked.pilot_id) == {"supplement_answer": DUE}
    office.now = MONDAY + timedelta(days=1)
    filed = await office.do(filing.supplement, asked.pilot_id, show())
    assert (filed.status, filed.code, filed.received_at) == ("registered", asked.code, MONDAY)
    assert names(await office.told(asked.pilot_id)) == [
        "ApplicationSubmitted",
        "SupplementRequested",
        "SupplementFiled",
        "PilotRegistered",
    ]
    assert list(await office.armed(asked.pilot_id)) == ["pilot_start"]
    assert await office.history_agrees(asked.pilot_id)


async def test_a_second_incomplete_answer_is_the_last(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    refused = await office.do(filing.supplement, asked.pilot_id, show(attachments=()))
    assert refused.status == "refused"
    assert await office.armed(asked.pilot_id) == {}
    with pytest.raises(Refused, match="application_not_open"):
        await office.do(filing.supplement, asked.pilot_id, show())


async def test_an_unanswered_supplement_lapses_once_at_its_due_instant(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    await office.sweep(DUE + timedelta(hours=5))
    *_, lapsed = await office.told(asked.pilot_id)
    assert (names([lapsed]), lapsed.at) == (["ApplicationWithdrawn"], DUE)
    view = await office.read(views.application, asked.pilot_id)
    assert (view.status, view.problems) == ("lapsed", asked.problems)


async def test_a_limit_that_fires_after_the_answer_does_nothing(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    await office.do(filing.supplement, asked.pilot_id, show())
    told = await office.told(asked.pilot_id)
    async with office.db.tx() as tx:
        await filing.on_due(office.desk, tx, asked.pilot_id, DUE)
    assert await office.told(asked.pilot_id) == told


async def test_an_answer_at_the_due_instant_is_too_late_even_before_the_sweep_came(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    office.now = DUE
    with pytest.raises(Refused, match="supplement_over"):
        await office.do(filing.supplement, asked.pilot_id, show())


async def test_an_open_application_is_withdrawn_and_a_registered_one_is_not(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    after = await office.do(filing.withdraw, asked.pilot_id, "Đổi ý")
    kept = await office.read(views.application, asked.pilot_id)
    assert (after.status, kept.status, kept.withdrawn_reason) == ("withdrawn", "withdrawn", "Đổi ý")
    assert await office.armed(asked.pilot_id) == {}
    registered = await office.file()
    with pytest.raises(Refused, match="application_registered"):
        await office.do(filing.withdraw, registered.pilot_id, "Đổi ý")


@pytest.mark.parametrize("use", [filing.supplement, filing.withdraw])
async def test_another_enterprises_application_does_not_exist(office: Office, use: Any) -> None:
    asked = await office.file(show(attachments=()))
    argument = show() if use is filing.supplement else "Đổi ý"
    for pilot_id, org in ((asked.pilot_id, OTHER), (uuid4(), TAX_CODE)):
        with pytest.raises(NotFound):
            await office.do(use, pilot_id, argument, org=org)


async def test_a_branch_is_no_way_around_a_bar(office: Office) -> None:
    async def barred(tx: Tx) -> None:
        await store.bar(tx, uuid4(), "0377777777", MONDAY + timedelta(days=1))

    await office.read(barred)
    branch = Organisation(name="Chi nhánh", tax_code="0377777777-001")
    assert (await office.file(show(organisation=branch))).problems[0].code == "organisation_barred"
    office.now = MONDAY + timedelta(days=1)
    assert (await office.file(show(organisation=branch))).status == "registered"


async def test_an_application_keeps_the_rules_of_its_receipt_when_the_files_change(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    files = dict(kit.rule_set().files)
    code, _, rest = files["rules.toml"].partition(b'code = "wind_down"')
    files["rules.toml"] = code + b'code = "wind_down"' + rest.replace(b"amount = 30", b"amount = 40", 1)
    changed = load.parse(files)
    later = new_desk(changed)
    async with office.db.tx() as tx:
        await filing.supplement(later, tx, asked.pilot_id, show(), TAX_CODE, MONDAY + timedelta(hours=1))
    assert (await office.pilot(asked.pilot_id)).terms.wind_down_days == 30
    *_, registered = await office.told(asked.pilot_id)
    assert isinstance(registered, PilotRegistered)
    assert registered.rules.rule_set == kit.rule_set().version != changed.version
    async with office.db.tx() as tx:
        fresh = await filing.file(later, tx, show(), TAX_CODE, MONDAY)
    assert (await office.pilot(fresh.pilot_id)).terms.wind_down_days == 40


async def test_a_transaction_that_fails_leaves_nothing_behind(office: Office) -> None:
    counts = "select (select count(*) from application) a, (select count(*) from outbox) o, (select count(*) from deadline) d"
    before = await office.rows(counts)

    async def broken(tx: Tx) -> None:
        await filing.file(office.desk, tx, show(), TAX_CODE, MONDAY)
        raise RuntimeError("the power failed")

    with pytest.raises(RuntimeError):
        await office.read(broken)
    assert await office.rows(counts) == before


async def test_two_supplements_at_once_are_answered_one_after_the_other(office: Office) -> None:
    asked = await office.file(show(attachments=()))
    results = await asyncio.gather(
        *(office.do(filing.supplement, asked.pilot_id, show()) for _ in range(4)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == 3
    assert names(await office.told(asked.pilot_id)).count("PilotRegistered") == 1


# Drafts


async def test_a_draft_says_what_it_lacks_and_becomes_an_application_of_its_id(office: Office) -> None:
    content = show().model_dump(mode="json")
    half = {name: content[name] for name in ("title", "sector", "provinces")}
    draft = await office.do(drafts.create, half)
    assert ("/organisation", "invalid_field") in [(each.pointer, each.code) for each in draft.problems]
    with pytest.raises(Refused, match="draft_incomplete") as refused:
        await office.do(drafts.submit, draft.pilot_id)
    assert refused.value.problems == draft.problems

    saved = await office.do(drafts.save, draft.pilot_id, content | {"attachments": []})
    assert {each.code for each in saved.problems} == {"document_missing"}
    whole = await office.do(drafts.save, draft.pilot_id, content)
    assert whole.problems == ()
    filed = await office.do(drafts.submit, draft.pilot_id)
    assert (filed.pilot_id, filed.status) == (draft.pilot_id, "registered")
    assert (await office.do(drafts.show, draft.pilot_id)).content == content

    for use, argument in ((drafts.save, [content]), (drafts.submit, [])):
        with pytest.raises(Refused, match="draft_submitted"):
            await office.do(use, draft.pilot_id, *argument)


async def test_a_slip_in_a_draft_is_located(office: Office) -> None:
    content = show().model_dump(mode="json")
    content["envelope"]["capz"] = []
    draft = await office.do(drafts.create, content)
    assert [(each.pointer, each.code) for each in draft.problems] == [("/envelope/capz", "invalid_field")]


async def test_a_draft_is_nobody_elses_and_makes_no_event(office: Office) -> None:
    draft = await office.do(drafts.create, {"title": "Nháp"})
    assert await office.told(draft.pilot_id) == []
    for use, argument in ((drafts.show, []), (drafts.save, [{}]), (drafts.submit, [])):
        with pytest.raises(NotFound):
            await office.do(use, draft.pilot_id, *argument, org=OTHER)
        with pytest.raises(NotFound):
            await office.do(use, UUID(int=1), *argument)


async def test_a_runaway_script_stores_a_bounded_number_of_drafts(office: Office) -> None:
    org = "0388888888"
    for _ in range(drafts.MOST_OPEN):
        await office.do(drafts.create, {}, org=org)
    with pytest.raises(Refused, match="draft_too_many"):
        await office.do(drafts.create, {}, org=org)

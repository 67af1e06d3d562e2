"""The judged past is the operator's: what was judged in one pilot of an enterprise counts in the risk of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.monitoring.handlers import showing
from services.monitoring.store import risk
from shared.contracts.events.decisions import CheckConcluded, DecisionIssued, ReportReviewed
from shared.contracts.events.monitoring import RiskAssessed, RiskInput
from tests.handlers.monitoring_office import HOUR, NOW, Office, answered, decided, example, opened
from tests.monitoring_samples import CROWD, ended, envelope, registered, started

ENTERPRISE, OTHER = "0109876543", "0311111111"


@pytest.fixture
async def office(fresh_database: str) -> AsyncIterator[Office]:
    async with opened(fresh_database) as found:
        yield found


async def pilot_of(office: Office, tax_code: str, *, begun: bool = True) -> UUID:
    pilot_id = uuid4()
    organisation = {"name": "Công ty", "tax_code": tax_code}
    await office.hear(registered(pilot_id, envelope(CROWD), organisation=organisation))
    if begun:
        await office.hear(started(pilot_id))
    return pilot_id


def check(pilot: UUID, confirmed: int, **more: Any) -> CheckConcluded:
    sent = {"at": NOW.isoformat(), "mode": "remote", **more}
    return example(CheckConcluded, pilot_id=str(pilot), confirmed_findings=confirmed, **sent)  # type: ignore[no-any-return]


async def history_told(office: Office, pilot: UUID) -> RiskInput:
    """As the pilot's last told score has it."""
    told = [one for one in await office.told(RiskAssessed) if one.pilot_id == pilot]
    return _history(told[-1].inputs)


async def history_read(office: Office, pilot: UUID) -> RiskInput:
    async with office.db.tx() as tx:
        return _history((await showing.risk(tx, pilot, NOW + timedelta(days=1))).inputs)


def _history(inputs: tuple[RiskInput, ...]) -> RiskInput:
    return next(one for one in inputs if one.name == "history")


async def judged(office: Office) -> int:
    return int((await office.row("select count(*) as n from judged"))["n"])


async def test_a_new_pilot_of_a_repeat_offender_starts_with_what_was_judged_before(office: Office) -> None:
    first = await pilot_of(office, ENTERPRISE)
    await office.hear(check(first, 3))
    told = await history_told(office, first)
    branch = await pilot_of(office, f"{ENTERPRISE}-001", begun=False)
    stranger = await pilot_of(office, OTHER)
    assert (told.level, told.value) == (4, "30.0 / 1")
    assert await history_told(office, branch) == told, "a branch is no other person; the event is named"
    assert await history_read(office, branch) == told
    assert (await history_told(office, stranger)).value == "none"
    assert (await history_read(office, stranger)).value == "none"


async def test_what_is_judged_is_told_of_the_operators_other_pilots_each_in_its_turn(office: Office) -> None:
    checked, running, pending, over, stranger = [
        await pilot_of(office, code, begun=begun)
        for code, begun in (
            (ENTERPRISE, True),
            (ENTERPRISE, True),
            (ENTERPRISE, False),
            (ENTERPRISE, True),
            (OTHER, True),
        )
    ]
    await office.hear(ended("2026-07-19 10:00").model_copy(update={"pilot_id": over}))
    before = len(await office.told(RiskAssessed))
    await office.hear(check(checked, 2))
    assert len(await office.told(RiskAssessed)) == before + 1, "of the others not in this transaction"
    assert await office.sweep(NOW) == 2
    told = (await office.told(RiskAssessed))[before + 1 :]
    assert {one.pilot_id for one in told} == {running, pending}
    for one in told:
        assert one.changed == ("history: 2 → 3",)
        assert _history(one.inputs) == await history_told(office, checked)
    assert (await history_told(office, over)).value == (await history_told(office, stranger)).value == "none"


async def test_what_changes_no_level_is_told_of_no_other_pilot(office: Office) -> None:
    one, other = await pilot_of(office, ENTERPRISE), await pilot_of(office, ENTERPRISE)
    await office.hear(check(one, 1))
    assert await office.sweep(NOW) == 1
    assert len([told for told in await office.told(RiskAssessed) if told.pilot_id == other]) == 1, "2 is 2"
    permit = example(DecisionIssued, pilot_id=str(one), at=NOW.isoformat(), kind="permit", findings=[], overturns=None)
    await office.hear(permit, answered(permit))
    assert await office.sweep(NOW + 3 * HOUR) == 0, "a decision that judges nothing moves nobody"


async def test_a_score_is_of_all_that_is_known_in_whatever_order_pilots_are_heard(office: Office) -> None:
    """A check that is read late about one pilot must not tell its score without the later one about another."""
    one, other = await pilot_of(office, ENTERPRISE), await pilot_of(office, ENTERPRISE)
    await office.hear(check(other, 3, at=(NOW + HOUR).isoformat()))
    await office.sweep(NOW + HOUR)
    await office.hear(check(one, 0))
    told = await history_told(office, one)
    assert (told.value, told.level) == ("29.1 / 2", 4)
    assert (await office.told(RiskAssessed))[-1].at == NOW + HOUR


async def test_an_overturned_decision_takes_its_judgements_from_every_pilot(office: Office) -> None:
    one, other = await pilot_of(office, ENTERPRISE), await pilot_of(office, ENTERPRISE)
    verdicts = [{"finding_id": str(uuid4()), "verdict": "confirmed"} for _ in range(3)]
    first = decided(one, uuid4(), "warn", findings=verdicts)
    await office.hear(first, answered(first), check(one, 0, at=(NOW - HOUR).isoformat()))
    await office.sweep(NOW + 2 * HOUR)
    assert (await history_told(office, other)).value == "26.3 / 4"
    overturning = decided(
        one, uuid4(), "overturn", findings=[], overturns=str(first.decision_id), at=(NOW + 3 * HOUR).isoformat()
    )
    await office.hear(overturning, answered(overturning))
    await office.sweep(NOW + 3 * HOUR)
    assert await judged(office) == 1
    assert (await history_told(office, one)).value == (await history_told(office, other)).value == "-1.0 / 1"


async def test_no_more_of_a_long_past_is_read_than_the_formula_needs(office: Office) -> None:
    one, other = await pilot_of(office, ENTERPRISE), await pilot_of(office, ENTERPRISE)
    for hours in range(12):
        review = example(ReportReviewed, pilot_id=str(one), at=(NOW - hours * HOUR).isoformat(), confirmed_findings=0)
        await office.hear(review)
    await office.hear(check(other, 0, at=(NOW + HOUR).isoformat()))
    async with office.db.tx() as tx:
        _, history = await risk.load(tx, one, ENTERPRISE)
    assert [found.at for found in history] == [NOW + HOUR, *(NOW - hours * HOUR for hours in range(9))]
    assert await judged(office) == 13


async def test_a_pilot_that_registers_while_another_is_judged_misses_nothing(office: Office) -> None:
    first = await pilot_of(office, ENTERPRISE)
    for confirmed in range(1, 6):
        sent = check(first, confirmed, at=(NOW + confirmed * HOUR).isoformat())
        _, fresh = await asyncio.gather(office.hear(sent), pilot_of(office, ENTERPRISE, begun=False))
        await office.sweep(NOW + confirmed * HOUR)
        assert (await history_told(office, fresh)).level == (await history_read(office, fresh)).level


async def test_two_pilots_of_one_operator_may_be_judged_at_the_same_moment(office: Office) -> None:
    """Each arms the other's clock while its own is armed: nobody waits for ever, and both end with both."""
    pilots = [await pilot_of(office, ENTERPRISE) for _ in range(4)]
    for n in range(5):
        when = (NOW + n * HOUR).isoformat()
        await asyncio.gather(*(office.hear(check(one, 0, at=when)) for one in pilots), office.sweep(NOW + n * HOUR))
    await office.sweep(NOW + 5 * HOUR)
    assert await judged(office) == 20
    histories = [await history_told(office, one) for one in pilots]
    assert [one.level for one in histories] == [1] * 4

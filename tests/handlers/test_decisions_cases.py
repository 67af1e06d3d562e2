"""Cases, proposals and decisions on real PostgreSQL: what is kept, told, armed, and who gets in each other's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.decisions.core.chain import Chain, hash_of
from services.decisions.store import decisions
from shared.contracts.base import content_hash
from shared.contracts.errors import NotYet
from shared.contracts.events import decisions as d
from shared.contracts.pilot import PilotState, Severity
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from tests import decisions_kit as kit
from tests.decisions_kit import at, of_kind
from tests.handlers.decisions_office import Office, content, item, opened


@pytest.fixture(scope="module")
async def shared_office(postgres_admin_dsn: str) -> AsyncIterator[Office]:
    async with opened(postgres_admin_dsn) as found:
        yield found


@pytest.fixture
def office(shared_office: Office) -> Office:
    shared_office.now = at("2026-07-21 10:00")
    return shared_office


async def propose(
    office: Office, pilot_id: UUID, kind: str, about: str, who: str = "lan", **more: Any
) -> dict[str, Any]:
    case = await office.case_of(pilot_id, who)
    return await office.post(who, f"/cases/{case['case_id']}/proposals", content(case, kind, item(case, about), **more))


async def issue(office: Office, pilot_id: UUID, kind: str, about: str, **more: Any) -> d.DecisionIssued:
    proposal = await propose(office, pilot_id, kind, about, **more)
    found = await office.post("lan", f"/proposals/{proposal['proposal_id']}/submit", {})
    if found["state"] == "awaiting_second":
        await office.post("hoa", f"/proposals/{proposal['proposal_id']}/sign")
    return of_kind(await office.told(pilot_id), d.DecisionIssued)[-1]


# What is kept


async def test_a_pilot_that_nobody_heard_of_is_waited_for(office: Office) -> None:
    for event in (
        kit.started(uuid4()),
        kit.finding_opened(uuid4(), office.now),
        kit.reply_filed(uuid4(), office.now, uuid4()),
    ):
        with pytest.raises(NotYet):
            await office.hear(event)


async def test_every_event_is_kept_as_a_fact_with_the_hash_of_its_bytes(office: Office) -> None:
    pilot_id, finding_id, _ = await office.breached()
    case = await office.case_of(pilot_id)
    facts = {f["type"]: f for f in case["facts"]}
    assert {"PilotRegistered", "PilotStarted", "FindingOpened", "InterimMeasureTaken", "CaseOpened"} <= set(facts)
    found = facts["FindingOpened"]
    assert found["about"] == str(finding_id)
    heard = office.heard[UUID(found["event_id"])]
    assert found["sha256"] == content_hash(heard.data())
    (row,) = await office.rows("select data from fact where event_id = %s", UUID(found["event_id"]))
    assert bytes(row["data"]) == heard.data()
    told = [line["en"] for line in case["timeline"]]
    assert "Finding, critical: over the cap, crowd_peak, at one time." in told


async def test_an_event_before_registration_is_kept_without_a_case(office: Office) -> None:
    from shared.contracts.events.applications import ApplicationSubmitted

    registered = kit.registered()
    submitted = ApplicationSubmitted(
        at=kit.RECEIVED,
        pilot_id=registered.pilot_id,
        code=registered.code,
        organisation=registered.organisation,
        title="x",
        sector="performing_arts",
        provinces=("79",),
        dossier_sha256="0" * 64,
    )
    await office.hear(submitted, registered)
    case = await office.case_of(registered.pilot_id)
    assert next(f["type"] for f in case["facts"]) == "ApplicationSubmitted"


async def test_deadlines_stand_as_long_as_what_they_are_about(office: Office) -> None:
    pilot_id, _, measure_id = await office.breached()

    async def armed() -> dict[str, str]:
        rows = await office.rows(
            "select kind, subject from deadline where pilot_id = %s and fired_at is null", pilot_id
        )
        return {row["kind"]: row["subject"] for row in rows}

    assert set(await armed()) == {"measure_confirm", "overdue", "periodic_report", "final_report"}
    assert (await armed())["measure_confirm"] == str(measure_id)
    await issue(office, pilot_id, "lift_measure", "measure")
    assert set(await armed()) == {"overdue", "periodic_report", "final_report"}
    await issue(office, pilot_id, "continue", "finding")
    assert set(await armed()) == {"periodic_report", "final_report"}


async def test_what_is_issued_is_stored_as_it_was_sealed_and_chained(office: Office) -> None:
    pilot_id, finding_id, measure_id = await office.breached()
    first = await issue(office, pilot_id, "confirm_measure", "measure")
    second = await issue(office, pilot_id, "continue", "finding")
    assert (first.measure_id, first.second_signer, second.previous_hash) == (measure_id, "hoa", first.hash)
    assert second.findings[0].finding_id == finding_id
    shown = await office.get("lan", f"/decisions/{second.decision_id}")
    assert shown["effect"] == "awaited"
    (row,) = await office.rows("select data, sha256, event_id from decision where decision_id = %s", second.decision_id)
    assert content_hash(bytes(row["data"])) == row["sha256"] == shown["sha256"]
    assert hash_of(json.loads(bytes(row["data"]))) == second.hash
    (sent,) = await office.rows("select data from outbox where event_id = %s", row["event_id"])
    assert bytes(sent["data"]) == bytes(row["data"]), "what is published is what was sealed"
    chain = await office.get("lan", f"/chains/{kit.CULTURE}")
    assert chain["intact"] and chain["head"] == second.hash


async def test_a_decision_changed_in_the_database_breaks_the_chain(postgres_admin_dsn: str) -> None:
    async with opened(postgres_admin_dsn) as office:
        pilot_id, _, _ = await office.breached()
        await issue(office, pilot_id, "lift_measure", "measure")
        await issue(office, pilot_id, "continue", "finding")
        assert (await office.get("audit", f"/chains/{kit.CULTURE}"))["intact"]
        async with office.db.tx() as tx:
            await tx.execute(
                "update decision set data = convert_to(replace(convert_from(data, 'UTF8'), 'Hồ sơ', 'Hồ sờ'), 'UTF8') "
                "where number = '1/QĐ-HK'"
            )
        broken = await office.get("audit", f"/chains/{kit.CULTURE}")
        assert (broken["intact"], broken["broken_at"]) == (False, "1/QĐ-HK")


async def test_a_decision_issued_while_the_chain_is_walked_does_not_look_like_tampering(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot_id, _, _ = await office.breached()
    await issue(office, pilot_id, "lift_measure", "measure")
    before = await office.get("audit", f"/chains/{kit.CULTURE}")
    head = decisions.chain

    async def and_one_more_is_issued(tx: Tx, authority: str) -> Chain:
        found = await head(tx, authority)
        monkeypatch.setattr(decisions, "chain", head)
        await issue(office, pilot_id, "continue", "finding")
        return found

    monkeypatch.setattr(decisions, "chain", and_one_more_is_issued)
    assert await office.get("audit", f"/chains/{kit.CULTURE}") == before
    after = await office.get("audit", f"/chains/{kit.CULTURE}")
    assert (after["length"], after["intact"]) == (before["length"] + 1, True)


async def test_what_the_pilot_answers_is_shown_and_without_effect_reopens(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    applied = await issue(office, pilot_id, "lift_measure", "measure")
    await office.hear(kit.applied(pilot_id, office.now, applied.decision_id, "lift_measure"))
    office.now += kit.HOUR
    missed = await issue(office, pilot_id, "continue", "finding")
    await office.hear(kit.not_applied(pilot_id, office.now, missed.decision_id, "continue"))
    assert (await office.get("lan", f"/decisions/{applied.decision_id}"))["effect"] == "applied"
    shown = await office.get("lan", f"/decisions/{missed.decision_id}")
    assert (shown["effect"], shown["why"]) == ("without_effect", "đã chuyển trạng thái")
    assert item(await office.case_of(pilot_id), "finding")["state"] == "open"
    lines = await office.get("lan", f"/decisions?pilot_id={pilot_id}&limit=1")
    assert lines["rows"][0]["decision_id"] == str(missed.decision_id)
    more = await office.get("lan", f"/decisions?pilot_id={pilot_id}&limit=1&cursor={lines['next']}")
    assert [row["decision_id"] for row in more["rows"]] == [str(applied.decision_id)]
    assert more["next"] is None


async def test_a_reply_a_supplement_and_a_remedy_go_their_way(office: Office) -> None:
    pilot_id = await office.running()
    finding = kit.finding_opened(pilot_id, at("2026-07-20 10:00"), severity=Severity.MAJOR)
    await office.hear(finding)
    case = await office.case_of(pilot_id)
    asked = await office.post("lan", f"/cases/{case['case_id']}/supplement-request", {"text": "Sơ đồ lối đi"})
    assert asked["awaiting"] == ["supplement"] and item(asked, "finding")["paused"]
    await office.hear(kit.reply_filed(pilot_id, office.now, UUID(asked["supplement"]["request_id"])))
    proposal = await propose(office, pilot_id, "order_correction", "finding", remedy_text="Sắp xếp lại.")
    await office.post("lan", f"/proposals/{proposal['proposal_id']}/submit", {})
    await office.hear(kit.reply_filed(pilot_id, at("2026-07-22 10:00"), UUID(str(proposal["proposal_id"]))))
    office.now = at("2026-07-23 10:00")
    case = await office.case_of(pilot_id)
    assert [(r["in_time"], r["text"]) for r in case["replies"]] == [(True, "Chúng tôi đồng ý.")] * 2
    issued = await office.post("lan", f"/proposals/{proposal['proposal_id']}/submit", {})
    assert issued["state"] == "issued"
    assert "remedy" in await office.sweep(pilot_id, at("2026-08-07 00:00"))
    case = await office.case_of(pilot_id)
    assert item(case, "check", "remedy")["subject_id"] == issued["decision_id"]
    shown = await office.post(
        "minh", f"/decisions/{issued['decision_id']}/verify-remedy", {"done": False, "note": "Chưa làm"}
    )
    assert shown["remedy_state"] == "not_done"
    assert item(await office.case_of(pilot_id), "finding")["severity"] == "critical"


async def test_a_periodic_report_is_reviewed(office: Office) -> None:
    pilot_id = await office.running()
    await office.hear(kit.periodic_filed(pilot_id, at("2027-01-10 10:00")))
    office.now = at("2027-01-20 09:00")
    case = await office.case_of(pilot_id)
    report = item(case, "report", "report/1")
    path = f"/cases/{case['case_id']}/items/{report['item_id']}/review"
    closed = await office.post("lan", path, {"note": "Đạt"})
    assert closed["state"] == "closed"
    assert await office.refused("lan", path, {"note": "Đạt"}) == (409, "item_resolved")
    other = await office.breached()
    foreign = item(await office.case_of(other[0]), "finding")["item_id"]
    assert (await office.refused("lan", f"/cases/{case['case_id']}/items/{foreign}/review", {"note": "x"}))[0] == 404


# Redelivery and order


async def test_a_season_ends_and_only_what_must_be_judged_remains(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    await office.sweep(pilot_id, at("2027-07-01 00:00"))
    await office.hear(kit.winding_down(pilot_id, at("2027-07-14 00:00")), kit.ended(pilot_id, at("2027-08-14 00:00")))
    case = await office.case_of(pilot_id)
    left = [i["subject"] for i in case["items"] if i["state"] == "open"]
    assert left == ["cap_exceeded/crowd_peak/concurrent", "report/1/missing"]
    rows = await office.rows("select * from deadline where pilot_id = %s and fired_at is null", pilot_id)
    assert rows == []
    assert case["pilot"]["state"] == PilotState.ENDED
    assert await office.sweep(pilot_id, at("2028-01-01 00:00")) == []


# Who gets in each other's way


async def test_two_who_sign_at_once_issue_one_decision(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    proposal = await propose(office, pilot_id, "confirm_measure", "measure")
    path = f"/proposals/{proposal['proposal_id']}"
    await office.post("lan", f"{path}/submit", {})
    answers = await asyncio.gather(*(office.ask(who, "POST", f"{path}/sign") for who in ("minh", "hoa", "minh", "hoa")))
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409]
    codes = {a.json()["code"] for a in answers if a.status_code == 409}
    assert codes == {"proposal_not_awaiting_second"}
    assert len(of_kind(await office.told(pilot_id), d.DecisionIssued)) == 1


async def test_a_double_click_gives_one_effect_and_the_same_answer(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    case = await office.case_of(pilot_id)
    sent = content(case, "continue", item(case, "finding"))
    path = f"/cases/{case['case_id']}/proposals"
    drafts = await asyncio.gather(*(office.ask("lan", "POST", path, sent, key="double-1") for _ in range(5)))
    assert {a.status_code for a in drafts} == {201}
    assert len({a.content for a in drafts}) == 1
    proposal_id = drafts[0].json()["proposal_id"]
    submits = await asyncio.gather(
        *(office.ask("lan", "POST", f"/proposals/{proposal_id}/submit", {}, key="double-2") for _ in range(5))
    )
    assert {a.status_code for a in submits} == {200}
    assert len({a.content for a in submits}) == 1
    assert len(of_kind(await office.told(pilot_id), d.DecisionIssued)) == 1
    reused = await office.ask("lan", "POST", path, {**sent, "reasons": "khác"}, key="double-1")
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency_key_reused")


async def test_nobody_signs_the_own_draft_and_a_foreign_officer_finds_nothing(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    proposal = await propose(office, pilot_id, "confirm_measure", "measure")
    path = f"/proposals/{proposal['proposal_id']}"
    await office.post("lan", f"{path}/submit", {})
    assert await office.refused("lan", f"{path}/sign") == (409, "second_signer_drafted")
    for who in ("tam", "binh"):
        assert await office.refused(who, f"{path}/sign") == (404, "not_found")
        assert (await office.ask(who, "GET", f"/cases/{proposal['case_id']}")).status_code == 404
    for who in ("audit", "startup", "ops"):
        assert await office.refused(who, f"{path}/sign") == (403, "forbidden")


async def test_evidence_of_another_pilot_and_of_nobody_is_refused(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    other, _, _ = await office.breached()
    foreign = [f["event_id"] for f in (await office.case_of(other))["facts"] if f["type"] == "FindingOpened"]
    case = await office.case_of(pilot_id)
    path = f"/cases/{case['case_id']}/proposals"
    for evidence in (foreign, [str(uuid4())]):
        sent = content(case, "warn", item(case, "finding"), evidence=evidence)
        assert await office.refused("lan", path, sent) == (422, "evidence_unknown")
    none = await propose(office, pilot_id, "warn", "finding", evidence=[])
    assert await office.refused("lan", f"/proposals/{none['proposal_id']}/submit", {}) == (422, "evidence_required")
    foreign_item = item(await office.case_of(other), "finding")
    sent = content(case, "warn", foreign_item)
    assert await office.refused("lan", path, sent) == (422, "item_unknown")


async def test_evidence_whose_stored_bytes_were_changed_is_refused_at_the_signature(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    proposal = await propose(office, pilot_id, "confirm_measure", "measure")
    path = f"/proposals/{proposal['proposal_id']}"
    await office.post("lan", f"{path}/submit", {})
    async with office.db.tx() as tx:
        await tx.execute(
            "update fact set sha256 = %s where pilot_id = %s and kind = 'FindingOpened'", ("0" * 64, pilot_id)
        )
    assert await office.refused("minh", f"{path}/sign") == (409, "evidence_changed")


async def test_new_facts_about_the_finding_withdraw_the_proposal_before_it_is_signed(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    (opening,) = [e for e in office.heard.values() if getattr(e, "finding_id", None) and e.key == pilot_id][:1]
    proposal = await propose(office, pilot_id, "confirm_measure", "measure")
    path = f"/proposals/{proposal['proposal_id']}"
    await office.post("lan", f"{path}/submit", {})
    await office.hear(kit.finding_cleared(opening, office.now))  # type: ignore[arg-type]
    assert await office.refused("minh", f"{path}/sign") == (409, "proposal_not_awaiting_second")
    assert (await office.get("lan", path))["closed_reason"] == "evidence_changed"


async def test_a_measure_that_is_long_gone_is_evidence_about_its_finding_and_what_rests_on_it_falls_with_that(
    office: Office,
) -> None:
    pilot_id, finding_id, measure_id = await office.breached()
    await issue(office, pilot_id, "lift_measure", "measure")
    other = kit.finding_opened(pilot_id, office.now, subject="y", severity=Severity.MAJOR, finding_id=uuid4())
    await office.hear(other)
    case = await office.case_of(pilot_id)
    taken = [fact["event_id"] for fact in case["facts"] if fact["about"] == str(measure_id)]
    items = [one for one in case["items"] if one["state"] == "open"]
    about = {one["subject_id"]: one for one in items}
    drafts = [
        await office.post(
            "lan",
            f"/cases/{case['case_id']}/proposals",
            content(case, "refer_sanction", about[str(named)], evidence=taken),
        )
        for named in (finding_id, other.finding_id)
    ]
    first, second = (f"/proposals/{draft['proposal_id']}" for draft in drafts)
    assert (await office.post("lan", f"{first}/submit", {}))["state"] == "awaiting_second"
    assert await office.refused("lan", f"{second}/submit", {}) == (422, "verdict_without_evidence")
    opened_again = kit.finding_opened(pilot_id, office.now, finding_id=finding_id)
    await office.hear(kit.finding_cleared(opened_again, office.now))
    for path in (first, second):
        found = await office.get("lan", path)
        assert (found["state"], found["closed_reason"]) == ("withdrawn", "evidence_changed")


@pytest.mark.parametrize("round_", range(8))
async def test_a_lapse_that_races_with_a_confirmation_leaves_exactly_one_of_them(office: Office, round_: int) -> None:
    pilot_id, _, measure_id = await office.breached()
    proposal = await propose(office, pilot_id, "confirm_measure", "measure")
    path = f"/proposals/{proposal['proposal_id']}"
    await office.post("lan", f"{path}/submit", {})
    due = at("2026-07-23 00:00")
    deadline = Deadline(pilot_id, "measure_confirm", str(measure_id), due)
    office.now = at("2026-07-22 23:59")  # the officer is in time; the sweep comes by at the same moment

    async def fire() -> None:
        await asyncio.sleep(0)
        await office.fire(deadline)

    first, second = (office.ask("minh", "POST", f"{path}/sign"), fire())
    answer = (await asyncio.gather(*((first, second) if round_ % 2 else (second, first))))[0 if round_ % 2 else 1]
    assert answer is not None
    told = await office.told(pilot_id)
    confirmed, lapsed = of_kind(told, d.MeasureConfirmed), of_kind(told, d.MeasureLapsed)
    assert len(confirmed) + len(lapsed) == 1
    assert (answer.status_code == 200) is bool(confirmed)
    assert len(of_kind(told, d.DecisionIssued)) == len(confirmed)


async def test_decisions_of_one_authority_about_many_pilots_at_once_make_one_chain(office: Office) -> None:
    pilots = [(await office.breached())[0] for _ in range(6)]
    drafts = [await propose(office, pilot, "lift_measure", "measure") for pilot in pilots]
    before = (await office.get("lan", f"/chains/{kit.CULTURE}"))["length"]
    answers = await asyncio.gather(
        *(office.ask("lan", "POST", f"/proposals/{draft['proposal_id']}/submit", {}) for draft in drafts)
    )
    assert {a.status_code for a in answers} == {200}
    chain = await office.get("lan", f"/chains/{kit.CULTURE}")
    assert (chain["length"], chain["intact"]) == (before + 6, True)


async def test_a_proposal_is_edited_returned_and_withdrawn(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    proposal = await propose(office, pilot_id, "confirm_measure", "measure")
    path = f"/proposals/{proposal['proposal_id']}"
    case = await office.case_of(pilot_id)
    edited = await office.ask(
        "lan", "PUT", path, content(case, "confirm_measure", item(case, "measure"), reasons="Rõ hơn.")
    )
    assert (edited.status_code, edited.json()["reasons"]) == (200, "Rõ hơn.")
    await office.post("lan", f"{path}/submit", {})
    assert (await office.post("minh", f"{path}/return", {"reason": "Thiếu sơ đồ"}))["state"] == "returned"
    assert (await office.get("lan", path))["closed_reason"] == "Thiếu sơ đồ"
    assert (await office.post("lan", f"{path}/withdraw", {"reason": "Không cần nữa"}))["state"] == "withdrawn"
    assert await office.refused("lan", f"{path}/submit", {}) == (409, "proposal_not_to_submit")


async def test_a_limit_that_is_raised_leaves_a_critical_cap_critical_and_its_report_owed(office: Office) -> None:
    pilot_id, _, _ = await office.breached()
    case = await office.case_of(pilot_id)
    raised = {"metric": "crowd_peak", "window": "concurrent", "limit": "1300"}
    sent = content(case, "adjust", item(case, "finding"), caps=[raised])
    drafted = await office.post("lan", f"/cases/{case['case_id']}/proposals", sent)
    whole = {**raised, "critical": True, "reported": True, "source": "main"}
    assert drafted["caps"] == [whole]
    # Written anew, from a source that the envelope does not declare, it does not stand; nothing has changed then.
    foreign = content(case, "adjust", item(case, "finding"), caps=[raised | {"source": "gate"}])
    answer = await office.ask("lan", "PUT", f"/proposals/{drafted['proposal_id']}", foreign)
    assert answer.status_code == 422
    assert [(one["code"], one["pointer"]) for one in answer.json()["errors"]] == [
        ("cap_source_undeclared", "/caps/0/source")
    ]
    assert (await office.get("lan", f"/proposals/{drafted['proposal_id']}"))["caps"] == [whole]

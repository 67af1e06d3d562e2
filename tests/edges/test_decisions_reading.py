"""What is read over HTTP: the ranked queue and its pages, the public register, the statistics, the figures for Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.decisions.store import queue as stored
from shared.contracts.events import applications as a
from shared.contracts.events import monitoring as m
from shared.contracts.http.decisions import (
    CaseLine,
    CasePage,
    CaseView,
    DecisionView,
    QueuePage,
    RegisterEntry,
    RegisterPage,
    Statistics,
)
from shared.contracts.pilot import Outcome, PilotState, Severity, Window
from tests import decisions_kit as kit
from tests.decisions_kit import at
from tests.handlers.decisions_office import Office, content, item, opened


@pytest.fixture
async def office(postgres_admin_dsn: str) -> AsyncIterator[Office]:
    async with opened(postgres_admin_dsn) as found:
        found.now = at("2026-07-21 10:00")
        yield found


async def found_minor(
    office: Office, when: str, *, risk: float | None = None, severity: Severity = Severity.MINOR
) -> UUID:
    pilot_id = await office.running(tax_code=f"03{uuid4().int % 10**8:08d}")
    await office.hear(kit.finding_opened(pilot_id, at(when), severity=severity))
    if risk is not None:
        await office.hear(
            m.RiskAssessed(
                at=at(when),
                pilot_id=pilot_id,
                formula="hk-risk-1",
                score=risk,
                band="high",
                impact=2,
                probability=2,
                detectability=2,
                inputs=(),
            )
        )
    return pilot_id


async def queue(office: Office, query: str = "", who: str = "lan") -> QueuePage:
    return QueuePage.model_validate(await office.get(who, f"/queue{query}"))


async def test_the_queue_stands_by_the_statutory_clock_then_by_risk_and_every_place_says_why(office: Office) -> None:
    overdue = await found_minor(office, "2026-07-14 10:00", severity=Severity.CRITICAL)
    soon = await found_minor(office, "2026-07-17 10:00", severity=Severity.CRITICAL)
    risky = await found_minor(office, "2026-07-20 10:00", risk=3.2)
    calm = await found_minor(office, "2026-07-15 10:00", risk=1.1)
    unknown = await found_minor(office, "2026-07-16 10:00")
    waiting = await found_minor(office, "2026-07-20 10:00", risk=4.0)
    case = await office.case_of(waiting)
    await office.post("lan", f"/cases/{case['case_id']}/supplement-request", {"text": "x"})
    page = await queue(office)
    assert [row.pilot_id for row in page.rows] == [overdue, soon, risky, calm, unknown, waiting]
    assert [row.group for row in page.rows] == ["overdue", "due_soon", "by_risk", "by_risk", "by_risk", "awaiting"]
    assert page.total == 6 and page.next is None
    first = page.rows[0]
    assert first.reasons[0].code == "rank_overdue"
    assert first.reasons[0].en.startswith(
        "Overdue since 2026-07-18 00:00: finding: over the cap, crowd_peak, at one time"
    )
    assert first.reasons[0].vi.startswith(
        "Quá hạn từ 18/07/2026 00:00: phát hiện: vượt giới hạn, crowd_peak, cùng một lúc"
    )
    assert first.items[0].overdue
    assert page.rows[-1].awaiting == ("supplement",)
    assert [reason.code for reason in page.rows[2].reasons] == ["rank_due", "rank_risk", "rank_severity"]


async def test_pages_follow_one_another_without_a_gap_or_a_row_twice(office: Office) -> None:
    for n in range(7):
        risk = None if n % 3 == 0 else 1.0 + n % 3
        await found_minor(
            office, f"2026-07-{14 + n} 10:00", risk=risk, severity=(Severity.CRITICAL, Severity.MINOR)[n % 2]
        )
    whole = [row.case_id for row in (await queue(office)).rows]
    assert len(set(whole)) == 7
    for size in (1, 2, 3):
        walked: list[UUID] = []
        cursor = ""
        while True:
            page = await queue(office, f"?limit={size}{cursor}")
            walked += [row.case_id for row in page.rows]
            if page.next is None:
                break
            cursor = f"&cursor={page.next}"
        assert walked == whole


async def test_filters_narrow_the_queue_and_a_snoozed_case_is_out_of_it(office: Office) -> None:
    one = await found_minor(office, "2026-07-20 10:00")
    two, _, _ = await office.breached()
    await office.hear(kit.final_filed(await office.running(), office.now))
    assert [row.pilot_id for row in (await queue(office, "?kind=measure")).rows] == [two]
    both = await queue(office, "?kind=finding")
    assert ({row.pilot_id for row in both.rows}, len(both.rows), both.total) == ({one, two}, 2, 2)
    assert (await queue(office)).total == len((await queue(office)).rows), "a case of two kinds stands there once"
    assert [row.pilot_id for row in (await queue(office, "?severity=minor")).rows] == [one]
    assert (await queue(office, "?sector=cinema")).rows == ()
    case = await office.case_of(one)
    await office.post("lan", f"/cases/{case['case_id']}/claim")
    assert [row.assignee for row in (await queue(office, "?mine=true")).rows] == ["lan"]
    assert (await office.refused("minh", f"/cases/{case['case_id']}/release"))[1] == "claimed_by_another"
    snoozed = await office.post(
        "lan", f"/cases/{case['case_id']}/snooze", {"until": "2026-07-29T09:00:00+07:00", "reason": "Chờ số liệu"}
    )
    assert snoozed["snooze_reason"] == "Chờ số liệu"
    assert one not in {row.pilot_id for row in (await queue(office)).rows}
    last = (await queue(office, "?snoozed=true")).rows[-1]
    assert (last.pilot_id, last.group, last.reasons[0].code) == (one, "snoozed", "rank_snoozed")
    await office.sweep(one, at("2026-07-29 09:00"))
    assert one in {row.pilot_id for row in (await queue(office)).rows}
    assert (await office.post("lan", f"/cases/{case['case_id']}/release"))["claims"] == {}


async def test_each_authority_sees_its_own_queue_and_an_auditor_all_of_them_once(office: Office) -> None:
    gate = kit.gate("permit", due_at=kit.due("2026-07-30 00:00"))
    both = kit.registered(gates=(gate,))
    await office.hear(both)
    await found_minor(office, "2026-07-20 10:00")
    assert [row.pilot_id for row in (await queue(office, who="tam")).rows] == [both.pilot_id]
    assert len((await queue(office, who="lan")).rows) == 2
    assert (await queue(office, who="binh")).rows == ()
    assert len((await queue(office, who="audit")).rows) == 2
    view = CaseView.model_validate(await office.case_of(both.pilot_id, "audit"))
    assert {option.kind for option in view.options} >= {"permit", "object"}
    mine = CaseView.model_validate(await office.case_of(both.pilot_id, "tam"))
    assert {option.kind for option in mine.options} == {"permit", "refuse"}


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "e30=", "W10=", "WyJhIl0=", "WyJhIiwiYiIsImMiLCJkIiwiZSIsImYiXQ==", "%F0%9F%92%A9"]
)
async def test_a_cursor_that_is_not_ours_is_refused(office: Office, cursor: str) -> None:
    pilot_id = await office.running()
    for path in ("/queue?", "/register?", f"/cases?pilot_id={pilot_id}&", f"/decisions?pilot_id={pilot_id}&"):
        case = "pilot_id" in path
        if case:
            await office.hear(kit.finding_opened(pilot_id, office.now))
        answer = await office.ask("lan", "GET", f"{path}cursor={cursor}")
        assert answer.status_code == 422, (path, answer.text)


async def test_the_cases_of_a_pilot_are_listed_closed_ones_too_newest_first_page_by_page(office: Office) -> None:
    pilot_id = await office.running()  # the standstill was its first case
    for _ in range(3):
        await office.hear(kit.finding_opened(pilot_id, office.now, severity=Severity.MAJOR))
        case = await office.case_of(pilot_id)
        await office.post("lan", f"/cases/{case['case_id']}/claim")
        office.now += kit.HOUR
        await issue(office, case, "warn", "finding")
        office.now += kit.HOUR
    await office.hear(kit.finding_opened(pilot_id, office.now, severity=Severity.MAJOR))
    found: list[CaseLine] = []
    behind = ""
    while True:
        page = CasePage.model_validate(await office.get("lan", f"/cases?pilot_id={pilot_id}&limit=2{behind}"))
        found += page.rows
        if page.next is None:
            break
        behind = f"&cursor={page.next}"
    stored = await office.rows("select case_id from case_file where pilot_id = %s order by opened_at desc", pilot_id)
    assert [one.case_id for one in found] == [row["case_id"] for row in stored]
    assert [(one.state, one.closed_at is None) for one in found] == [("open", True), *[("closed", False)] * 4]
    assert found[1].claims == {kit.CULTURE: "lan"}
    assert [one.code.rpartition("-C")[2] for one in found] == ["5", "4", "3", "2", "1"]
    assert (await office.ask("binh", "GET", f"/cases?pilot_id={pilot_id}")).status_code == 404


# Public


async def completed(office: Office) -> UUID:
    """A pilot from its start to its completion, with a warning on the way and a rule that stood in it."""
    pilot_id = await office.running()
    await office.hear(kit.finding_opened(pilot_id, office.now, severity=Severity.MAJOR))
    case = await office.case_of(pilot_id)
    await issue(office, case, "warn", "finding")
    rule = a.RuleInTheWay(legal_basis="decree-144-2020", article="Điều 10", text="Giấy phép từng đêm diễn.")
    await office.hear(
        kit.final_filed(pilot_id, at("2027-06-20 10:00"), (rule, rule)),
        kit.winding_down(pilot_id, at("2027-07-14 00:00")),
    )
    office.now = at("2027-07-15 10:00")
    decision = await issue(office, await office.case_of(pilot_id), "complete", "final_report")
    await office.hear(
        kit.applied(pilot_id, office.now, decision, "complete", PilotState.ENDED),
        kit.ended(pilot_id, office.now, outcome=Outcome.COMPLETED),
    )
    return pilot_id


async def issue(office: Office, case: dict[str, object], kind: str, about: str) -> UUID:
    draft = await office.post("lan", f"/cases/{case['case_id']}/proposals", content(case, kind, item(case, about)))
    found = await office.post("lan", f"/proposals/{draft['proposal_id']}/submit", {})
    if found["state"] == "awaiting_second":
        found = await office.post("hoa", f"/proposals/{draft['proposal_id']}/sign")
    return UUID(found["decision_id"])


async def test_the_register_shows_a_pilot_and_its_decisions_and_nothing_of_an_open_case(office: Office) -> None:
    pilot_id = await completed(office)
    (row,) = await office.rows("select code from pilot where pilot_id = %s", pilot_id)
    answer = await office.ask(None, "GET", f"/register/{row['code'].lower()}")
    entry = RegisterEntry.model_validate(answer.json())
    assert (entry.state, entry.outcome) == ("ended", "completed")
    assert [decision.kind for decision in entry.issued] == ["warn", "complete"]
    assert entry.certificate == entry.issued[1].number
    assert len(entry.final_criteria) == 7
    shown = {name for decision in answer.json()["issued"] for name in decision} | set(answer.json())
    assert not shown & {
        "proposer",
        "second_signer",
        "evidence",
        "evidence_hash",
        "findings",
        "reasons",
        "contact",
        "cases",
    }
    await office.breached()
    answer = await office.ask(None, "GET", "/register")
    assert "crowd_peak" not in answer.text and "finding" not in answer.text
    assert (await office.ask(None, "GET", "/register/HK-G16-26-999999")).status_code == 404


async def test_the_register_is_searched_without_marks_and_page_by_page(office: Office) -> None:
    first = kit.registered(title="Đờn ca tài tử trên sông", received=at("2026-07-06 08:00"))
    second = kit.registered(title="Chèo làng", received=at("2026-07-07 08:00"))
    await office.hear(first, second)

    async def codes(query: str) -> list[str]:
        answer = await office.ask(None, "GET", f"/register{query}")
        assert answer.status_code == 200, answer.text
        return [row.code for row in RegisterPage.model_validate(answer.json()).rows]

    assert await codes("") == [second.code, first.code]
    assert await codes("?q=don ca tai") == [first.code]
    assert await codes("?q=TỬ TRÊN") == [first.code]
    assert await codes("?q=san khau đờn ca") == [second.code, first.code], "by the enterprise's name"
    assert await codes(f"?q={second.code}") == [second.code]
    assert await codes("?q=!!!") == [second.code, first.code]
    assert await codes("?q=khong co") == []
    assert await codes("?province=79&state=pending&sector=performing_arts") == [second.code, first.code]
    assert await codes("?state=ended") == []
    page = await office.get(None, "/register?limit=1")
    assert (await office.get(None, f"/register?limit=1&cursor={page['next']}"))["rows"][0]["code"] == first.code


async def test_the_statistics_count_what_happened(office: Office) -> None:
    pilot_id = await completed(office)
    breached, _, _ = await office.breached()
    await office.sweep(breached, at("2026-07-25 00:00"))
    office.now = at("2027-07-20 12:00")

    def used(
        metric: str,
        window: Window,
        value: int,
        when: str,
        bucket: date | None = None,
        *,
        sampled: str | None = None,
        peaks: Mapping[str, int] | None = None,
    ) -> m.UsageRolled:
        return m.UsageRolled(
            at=at(when),
            pilot_id=pilot_id,
            metric=metric,
            window=window,
            value=Decimal(value),
            sample_at=at(sampled or when),
            bucket=bucket,
            peaks=tuple(m.Peak(at=at(one), value=Decimal(high)) for one, high in (peaks or {}).items()),
        )

    await office.hear(
        used("revenue_vnd", Window.TOTAL, 100, "2026-08-01 10:00"),
        used("revenue_vnd", Window.TOTAL, 250, "2026-10-01 09:00", sampled="2026-09-30 23:00"),
        used("revenue_vnd", Window.TOTAL, 400, "2026-10-01 00:00"),
        used(
            "revenue_vnd", Window.TOTAL, 390, "2026-09-29 00:00"
        ),  # a late sample: it counts where the book stands now
        used("audience_live", Window.TOTAL, 7, "2026-10-01 00:00"),
        used("audience_live", Window.DAY, 7, "2026-10-01 00:00", date(2026, 10, 1)),
        used("jobs", Window.CONCURRENT, 30, "2026-10-01 00:00"),
        used("jobs", Window.CONCURRENT, 25, "2026-10-02 00:00"),
        # A batch of October that began in September: the gauge stands at 20, and was higher in both quarters.
        used("jobs", Window.CONCURRENT, 20, "2026-10-05 00:00", peaks={"2026-09-30 23:59": 44, "2026-10-01 00:00": 28}),
    )
    found = Statistics.model_validate(await office.get(None, "/statistics"))
    assert found.decisions_by_kind == {"warn": 1, "complete": 1}
    assert found.measures_by_state == {"lapsed": 1}
    assert found.pilots_by_outcome == {"completed": 1}
    assert (found.cases_open, found.items_overdue, found.overdue_ever) == (1, 1, 1)
    times = {row.name: row for row in found.lead_times}
    assert times["receipt_to_start"].count == 2
    assert times["receipt_to_start"].median_hours == pytest.approx(7 * 24 + 16)
    assert times["finding_to_decision"].count == 1
    cells = {row.quarter: row for row in found.figures}
    assert cells["2026Q3"].revenue_vnd == 250 and cells["2026Q4"].revenue_vnd == 140
    assert cells["2026Q4"].participants == 7
    assert cells["2026Q3"].jobs == 44 and cells["2026Q4"].jobs == 30
    assert [cells[q].pilots for q in sorted(cells)] == [2, 2, 2, 2, 2]
    (rule,) = found.law_reform
    assert (rule.legal_basis, rule.article, rule.pilots, len(rule.texts)) == ("decree-144-2020", "Điều 10", 1, 2)


async def test_the_statistics_are_counted_once_for_all_who_read_them_soon_after(office: Office) -> None:
    first = await office.ask(None, "GET", "/statistics")
    tag = first.headers["etag"]
    assert first.headers["cache-control"].startswith("public, max-age=1")
    await office.breached()
    second = await office.ask(None, "GET", "/statistics")
    assert second.content == first.content and second.headers["etag"] == tag
    again = await office.client.get("/statistics", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_prometheus_reads_the_queue_the_items_the_decisions_and_the_measures(office: Office) -> None:
    await office.breached()
    await office.figures.refresh()
    answer = await office.ask(None, "GET", "/metrics")
    for line in (
        "haukiem_queue_cases 1.0",
        'haukiem_open_items{kind="finding"} 1.0',
        'haukiem_interim_measures{state="taken"} 1.0',
    ):
        assert line in answer.text, line
    oldest = next(line for line in answer.text.splitlines() if line.startswith("haukiem_queue_oldest_opened_seconds "))
    assert float(oldest.split()[1]) == at("2026-07-19 23:00").timestamp()
    case = (await queue(office)).rows[0]
    view = await office.get("lan", f"/cases/{case.case_id}")
    await issue(office, view, "continue", "finding")
    await office.figures.refresh()
    answer = await office.ask(None, "GET", "/metrics")
    assert 'haukiem_decisions_issued{kind="continue"} 1.0' in answer.text
    assert 'haukiem_decisions_issued{kind="terminate"} 0.0' in answer.text
    assert 'haukiem_open_items{kind="finding"} 0.0' in answer.text


async def test_a_case_that_closes_while_the_queue_is_read_is_still_on_the_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot_id = await office.running()
    await office.hear(kit.finding_opened(pilot_id, office.now))
    case = await office.case_of(pilot_id)
    page = stored.page

    async def meanwhile(*args: Any) -> Any:
        found = await page(*args)
        monkeypatch.undo()
        await issue(office, case, "continue", "finding")
        return found

    monkeypatch.setattr(stored, "page", meanwhile)
    assert [row.case_id for row in (await queue(office)).rows] == [UUID(str(case["case_id"]))]
    assert (await queue(office)).rows == ()


async def test_a_case_shows_the_enterprises_whole_record(office: Office) -> None:
    first, _, _ = await office.breached()
    second = await office.running()
    await office.hear(kit.finding_opened(second, office.now))
    await issue(office, await office.case_of(first), "continue", "finding")
    record = CaseView.model_validate(await office.case_of(second)).record
    assert {pilot.pilot_id for pilot in record.pilots} == {first, second}
    assert record.decisions == {"continue": 1}
    assert (record.findings_confirmed, record.findings_rejected, record.open_cases) == (0, 1, 2)
    assert record.measures == {"taken": 1}


async def test_the_record_of_an_enterprise_is_that_of_its_branches_too(office: Office) -> None:
    main = f"03{uuid4().int % 10**8:08d}"
    branch, head, other = [await office.running(tax_code=code) for code in (f"{main}-001", main, f"9{main[1:]}")]
    for pilot_id in (branch, head, other):
        await office.hear(kit.finding_opened(pilot_id, office.now))
    await issue(office, await office.case_of(branch), "warn", "finding")
    for asked in (branch, head):
        await office.hear(kit.finding_opened(asked, office.now, finding_id=uuid4(), subject="y"))
        record = CaseView.model_validate(await office.case_of(asked)).record
        assert {pilot.pilot_id for pilot in record.pilots} == {branch, head}
        assert (record.decisions, record.findings_confirmed) == ({"warn": 1}, 1)


async def test_what_does_not_exist_is_404_and_what_is_broken_422(office: Office) -> None:
    for path in ("/cases/{}", "/proposals/{}", "/decisions/{}"):
        assert (await office.ask("lan", "GET", path.format(uuid4()))).status_code == 404
        assert (await office.ask("lan", "GET", path.format("x"))).status_code == 422
    for path in ("/cases", "/decisions"):
        assert (await office.ask("lan", "GET", f"{path}?pilot_id={uuid4()}")).status_code == 404
    assert (await office.ask("binh", "GET", f"/chains/{kit.CULTURE}")).status_code == 404
    pilot_id, _, _ = await office.breached()
    case = await office.case_of(pilot_id)
    path = f"/cases/{case['case_id']}/proposals"
    sent = content(case, "warn", item(case, "finding"))
    wrong = await office.ask("lan", "POST", path, {**sent, "publik_reasons": "x", "items": [sent["items"][0]] * 2})
    assert wrong.status_code == 422
    assert {problem["pointer"] for problem in wrong.json()["errors"]} == {"/publik_reasons", "/items"}
    decision = DecisionView.model_validate(
        await office.get("lan", f"/decisions/{await issue(office, case, 'warn', 'finding')}")
    )
    assert decision.decision.kind == "warn"

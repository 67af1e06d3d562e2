"""Pilots on real PostgreSQL: what moves them, what is published, which clock runs, what their page shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.applications.handlers import events, filing, filings, moves, views
from services.applications.store import applications, pilots, projections
from services.applications.store.applications import Confined
from shared.contracts.base import Due
from shared.contracts.errors import NotFound, NotYet, Refused, problem
from shared.contracts.events.applications import (
    DecisionApplied,
    DecisionNotApplied,
    FinalCriterion,
    IncidentReported,
    PilotAmended,
    PilotEnded,
    PilotStateChanged,
    PilotWindingDown,
    ReplyFiled,
)
from shared.contracts.events.decisions import (
    CaseSupplementRequested,
    MeasureConfirmed,
    MeasureLapsed,
    MeasureLifted,
    Remedy,
    RemedyVerified,
    ReplyRequested,
    RequestWithdrawn,
)
from shared.contracts.events.monitoring import (
    Evidence,
    FindingCleared,
    FindingEscalated,
    FindingOpened,
    InterimMeasureTaken,
    MetricsReportRejected,
    RuleCode,
    UsageRolled,
)
from shared.contracts.http.applications import FinalReportSent, IncidentSent, PeriodicReportSent, ReplySent
from shared.contracts.pilot import PilotState, Severity, Window
from shared.reference.calendar import VIETNAM
from tests import applications_kit as kit
from tests.applications_kit import DAY, END, HASH, HOUR, START, cap, permit_show
from tests.handlers.applications_office import Office, opened

GATE = "show_live_other/prov_79_pc"
EVIDENCE = Evidence(rule_version="1")
OTHER = "0999999999"


@pytest.fixture(scope="module")
async def shared_office(postgres_admin_dsn: str) -> AsyncIterator[Office]:
    async with opened(postgres_admin_dsn) as office:
        yield office


@pytest.fixture
def office(shared_office: Office) -> Office:
    return replace(shared_office, now=kit.MONDAY)


async def running(office: Office) -> UUID:
    """A pilot on its second day, from its own registration on."""
    filed = await office.file()
    office.now = START + DAY
    async with office.db.tx() as tx:
        await moves.on_due(office.desk, tx, filed.pilot_id, START)
    return filed.pilot_id


def measure(pilot_id: UUID, at: datetime = START + DAY) -> InterimMeasureTaken:
    return InterimMeasureTaken(
        at=at,
        pilot_id=pilot_id,
        measure_id=uuid4(),
        finding_id=uuid4(),
        severity=Severity.CRITICAL,
        evidence=EVIDENCE,
    )


def lifted(taken: InterimMeasureTaken, at: datetime = START + DAY) -> MeasureLifted:
    return MeasureLifted(at=at, pilot_id=taken.pilot_id, measure_id=taken.measure_id, reason="decision")


async def decide(office: Office, kind: str, pilot_id: UUID, **more: Any) -> Any:
    decision = kit.decision(kind, office.now, decision_id=uuid4(), pilot_id=pilot_id, **more)
    await office.hear(events.decision_issued, decision)
    return decision


def names(told: list[Any]) -> list[str]:
    return [type(event).__name__ for event in told]


# Clocks


async def test_a_pilot_starts_winds_down_and_ends_by_its_clocks_each_at_its_instant(office: Office) -> None:
    pilot_id = (await office.file()).pilot_id
    await office.sweep(END + 60 * DAY)
    told = await office.told(pilot_id)
    assert names(told)[2:] == ["PilotStarted", "PilotWindingDown", "PilotEnded"]
    assert [event.at for event in told[2:]] == [START, END, datetime(2027, 8, 14, tzinfo=VIETNAM)]
    assert await office.armed(pilot_id) == {}
    fired = await office.rows("select kind from deadline where pilot_id = %s order by due", pilot_id)
    assert [row["kind"] for row in fired] == ["pilot_start", "pilot_end", "wind_down"]
    assert await office.history_agrees(pilot_id)


async def test_an_act_after_a_due_instant_finds_the_pilot_as_if_the_sweep_had_come(office: Office) -> None:
    pilot_id = (await office.file()).pilot_id
    office.now = START + HOUR
    await office.do(filings.withdraw, pilot_id)
    told = await office.told(pilot_id)
    assert names(told)[2:] == ["PilotStarted", "PilotWindingDown"]
    assert [event.at for event in told[2:]] == [START, START + HOUR]
    await office.sweep(START + 2 * HOUR)
    assert await office.told(pilot_id) == told, "the clock that came due fires once more for nobody"


async def test_a_clock_that_no_longer_runs_is_taken_away(office: Office) -> None:
    pilot_id = (await office.file()).pilot_id
    await office.do(filings.withdraw, pilot_id)
    assert await office.armed(pilot_id) == {}
    assert (await office.pilot(pilot_id)).state is PilotState.ENDED


# Decisions


async def test_a_permit_starts_the_pilot_and_arms_its_clock(office: Office) -> None:
    pilot_id = (await office.file(permit_show())).pilot_id
    assert await office.armed(pilot_id) == {}
    await decide(office, "permit", pilot_id, gate=GATE)
    assert await office.armed(pilot_id) == {"pilot_start": START}
    applied = (await office.told(pilot_id))[-1]
    assert isinstance(applied, DecisionApplied)
    assert (applied.gate, applied.start_at) == (GATE, START)


async def test_every_decision_is_answered_exactly_once_however_often_it_is_heard(office: Office) -> None:
    pilot_id = await running(office)
    decision = kit.decision("suspend", office.now, decision_id=uuid4(), pilot_id=pilot_id)
    for _ in range(3):
        await office.hear(events.decision_issued, decision)
    assert names(await office.told(pilot_id)).count("DecisionApplied") == 1
    assert len((await office.pilot(pilot_id)).causes) == 1


async def test_a_decision_that_comes_too_late_is_without_effect_and_its_page_says_why(office: Office) -> None:
    pilot_id = (await office.file()).pilot_id
    await office.do(filings.withdraw, pilot_id)
    decision = await decide(office, "suspend", pilot_id)
    answer = (await office.told(pilot_id))[-1]
    assert isinstance(answer, DecisionNotApplied)
    assert (answer.decision_id, answer.state_found) == (decision.decision_id, PilotState.ENDED)
    (row,) = await office.read(projections.decisions, pilot_id)
    assert (row.applied, row.why) == (False, "the pilot is ended")


async def test_a_termination_bars_the_enterprise_for_twelve_months(office: Office) -> None:
    org = "0355555555"
    stage = kit.show().model_copy(update={"organisation": kit.show().organisation.model_copy(update={"tax_code": org})})
    pilot_id = (await office.file(stage)).pilot_id
    office.now = START + DAY
    await decide(office, "terminate", pilot_id)
    wound = (await office.told(pilot_id))[-2]
    assert isinstance(wound, PilotWindingDown)
    for now, status in (
        (START + 2 * DAY, "refused"),
        (datetime(2027, 7, 14, 23, 59, tzinfo=VIETNAM), "refused"),
        (datetime(2027, 7, 15, tzinfo=VIETNAM), "registered"),
    ):
        office.now = now
        assert (await office.file(stage)).status == status


async def test_an_act_that_waited_for_the_lock_is_not_told_behind_what_it_waited_for(office: Office) -> None:
    pilot_id = await running(office)
    first = measure(pilot_id, office.now)
    await office.hear(events.measure_taken, first)
    office.now -= HOUR / 3600
    gone = await office.do(filings.withdraw, pilot_id)
    told = await office.told(pilot_id)
    assert isinstance(told[-1], PilotWindingDown)
    assert told[-1].at == told[-2].at == gone.at == first.at
    assert [event.at for event in told] == sorted(event.at for event in told)


async def test_a_permit_of_before_the_planned_start_leaves_the_plan_however_late_it_is_heard(office: Office) -> None:
    pilot_id = (await office.file()).pilot_id
    await decide(office, "object", pilot_id, gate="standstill")
    permit = kit.decision("permit", START - HOUR, decision_id=uuid4(), pilot_id=pilot_id, gate="objection")
    office.now = START + 5 * HOUR
    await office.hear(events.decision_issued, permit)
    await office.sweep(office.now)
    pilot = await office.pilot(pilot_id)
    assert (pilot.started_at, pilot.end_at) == (START, END)
    assert await office.history_agrees(pilot_id)


async def test_a_completion_in_time_that_is_heard_behind_the_clock_completes_and_takes_the_clock_away(
    office: Office,
) -> None:
    pilot_id = await running(office)
    await office.do(filings.withdraw, pilot_id)
    due = (await office.armed(pilot_id))["wind_down"]
    complete = kit.decision("complete", due - HOUR, decision_id=uuid4(), pilot_id=pilot_id)
    office.now = due + 5 * HOUR
    await office.hear(events.decision_issued, complete)
    assert (await office.pilot(pilot_id)).outcome == "completed"
    fired = await office.rows("select kind from deadline where pilot_id = %s order by due", pilot_id)
    assert [row["kind"] for row in fired] == ["pilot_start"], "a clock that did not run out did not fire"


async def test_a_start_that_is_due_comes_before_what_is_heard_of_after_it(office: Office) -> None:
    pilot_id = (await office.file()).pilot_id
    objection = kit.decision("object", START - HOUR, decision_id=uuid4(), pilot_id=pilot_id, gate="standstill")
    office.now = START + HOUR
    await office.hear(events.decision_issued, objection)
    told = await office.told(pilot_id)
    assert names(told)[2:] == ["PilotStarted", "PilotStateChanged", "DecisionApplied"]
    assert [event.at for event in told[2:]] == [START] * 3
    assert (await office.armed(pilot_id)).keys() == {"pilot_start", "pilot_end"}, "the sweep counts the start"


async def test_an_adjustment_counts_from_the_decision_however_late_it_is_heard(office: Office) -> None:
    pilot_id = await running(office)
    said = office.now
    decision = kit.decision("adjust", said, decision_id=uuid4(), pilot_id=pilot_id, caps=(cap("crowd_peak", 9),))
    office.now = said + 5 * HOUR
    await office.hear(events.decision_issued, decision)
    amended, applied = (await office.told(pilot_id))[-2:]
    assert isinstance(amended, PilotAmended)
    assert (amended.at, amended.envelope.version, applied.at) == (said, 2, said)


async def test_a_decision_about_an_unknown_pilot_waits(office: Office) -> None:
    with pytest.raises(NotYet):
        await decide(office, "warn", uuid4())


# Measures


async def test_a_measure_restricts_and_lifting_or_lapse_frees(office: Office) -> None:
    pilot_id = await running(office)
    first, second = measure(pilot_id), measure(pilot_id)
    await office.hear(events.measure_taken, first)
    await office.hear(events.measure_taken, second)
    confirmed = MeasureConfirmed(at=office.now, pilot_id=pilot_id, measure_id=first.measure_id, decision_id=uuid4())
    await office.hear(events.measure_confirmed, confirmed)
    await office.hear(events.measure_lifted, lifted(first))
    assert (await office.pilot(pilot_id)).state is PilotState.RESTRICTED
    lapse = MeasureLapsed(at=office.now, pilot_id=pilot_id, measure_id=second.measure_id)
    await office.hear(events.measure_lapsed, lapse)
    changes = [event for event in await office.told(pilot_id) if isinstance(event, PilotStateChanged)]
    assert [(event.reason, event.state_after) for event in changes] == [
        ("measure_taken", "restricted"),
        ("measure_taken", "restricted"),
        ("measure_lifted", "restricted"),
        ("measure_lapsed", "active"),
    ]
    assert await office.history_agrees(pilot_id)


async def test_a_measure_that_comes_after_its_lifting_moves_nothing(office: Office) -> None:
    pilot_id = await running(office)
    taken = measure(pilot_id)
    await office.hear(events.measure_lifted, lifted(taken))
    await office.hear(events.measure_taken, taken)
    assert (await office.pilot(pilot_id)).state is PilotState.ACTIVE
    await decide(office, "lift_measure", pilot_id, measure_id=taken.measure_id)
    assert isinstance((await office.told(pilot_id))[-1], DecisionApplied)


async def test_a_measure_of_an_unknown_pilot_waits(office: Office) -> None:
    with pytest.raises(NotYet):
        await office.hear(events.measure_taken, measure(uuid4()))


# What the enterprise sends


async def test_a_reply_answers_an_open_request_once(office: Office) -> None:
    pilot_id = await running(office)
    proposal, request = uuid4(), uuid4()
    due = Due(instant=START + 5 * DAY, calendar_version="v")
    about: dict[str, Any] = {"at": office.now, "pilot_id": pilot_id, "case_id": uuid4()}
    asked = ReplyRequested(**about, proposal_id=proposal, kind="suspend", public_reasons="Vượt trần.", reply_by=due)
    lacking = CaseSupplementRequested(**about, request_id=request, text="Gửi sơ đồ ghế.", due=due)
    for event in (asked, asked, lacking):
        assert await office.read(projections.add_request, event)

    taken = await office.do(filings.reply, pilot_id, ReplySent(answers=proposal, text="Giải trình."))
    reply = (await office.told(pilot_id))[-1]
    assert isinstance(reply, ReplyFiled)
    assert (reply.reply_id, reply.answers) == (taken.reply_id, proposal)
    with pytest.raises(Refused, match="request_answered"):
        await office.do(filings.reply, pilot_id, ReplySent(answers=proposal, text="Lần hai."))
    with pytest.raises(NotFound):
        await office.do(filings.reply, pilot_id, ReplySent(answers=uuid4(), text="?"))
    office.now = due.instant
    with pytest.raises(Refused, match="request_over"):
        await office.do(filings.reply, pilot_id, ReplySent(answers=request, text="Muộn."))
    first, second = (await office.read(views.pilot, pilot_id, office.now)).requests
    assert {first.request_id: first.answered_at, second.request_id: second.answered_at} == {
        proposal: START + DAY,
        request: None,
    }


async def test_a_proposal_that_was_changed_and_put_to_the_enterprise_again_may_be_answered_again(
    office: Office,
) -> None:
    pilot_id, proposal = await running(office), uuid4()
    about: dict[str, Any] = {"pilot_id": pilot_id, "case_id": uuid4(), "proposal_id": proposal}

    async def ask(kind: str, reasons: str) -> Due:
        due = Due(instant=office.now + 5 * DAY, calendar_version="v")
        asked = ReplyRequested(**about, at=office.now, kind=kind, public_reasons=reasons, reply_by=due)
        assert await office.read(projections.add_request, asked)
        return due

    await ask("order_correction", "Vượt trần.")
    await office.do(filings.reply, pilot_id, ReplySent(answers=proposal, text="Giải trình."))
    office.now += DAY
    due = await ask("terminate", "Vượt trần nhiều lần.")

    (shown,) = (await office.read(views.pilot, pilot_id, office.now)).requests
    assert (shown.decision_kind, shown.text, shown.due) == ("terminate", "Vượt trần nhiều lần.", due)
    assert (shown.asked_at, shown.answered_at, shown.reply_id) == (office.now, None, None)
    second = await office.do(filings.reply, pilot_id, ReplySent(answers=proposal, text="Xin xem xét lại."))
    with pytest.raises(Refused, match="request_answered"):
        await office.do(filings.reply, pilot_id, ReplySent(answers=proposal, text="Lần ba."))
    (shown,) = (await office.read(views.pilot, pilot_id, office.now)).requests
    assert shown.reply_id == second.reply_id


async def test_what_is_no_longer_asked_is_shown_as_that_and_takes_no_reply(office: Office) -> None:
    pilot_id, (proposal, request) = await running(office), (uuid4(), uuid4())
    due = Due(instant=START + 5 * DAY, calendar_version="v")
    about: dict[str, Any] = {"at": office.now, "pilot_id": pilot_id, "case_id": uuid4()}
    asked = ReplyRequested(**about, proposal_id=proposal, kind="suspend", public_reasons="Vượt trần.", reply_by=due)
    lacking = CaseSupplementRequested(**about, request_id=request, text="Gửi sơ đồ ghế.", due=due)
    for event in (asked, lacking):
        await office.read(projections.add_request, event)
    for gone, why in ((proposal, "proposal_withdrawn"), (request, "case_closed")):
        withdrawn = RequestWithdrawn(**about, request_id=gone, reason=why)
        assert await office.read(projections.withdraw_request, withdrawn)
        with pytest.raises(Refused, match="request_withdrawn"):
            await office.do(filings.reply, pilot_id, ReplySent(answers=gone, text="Giải trình."))
    view = await office.read(views.pilot, pilot_id, office.now)
    assert [shown.withdrawn_at for shown in view.requests] == [office.now, office.now]
    assert not {step.what for step in view.steps} & {"reply", "case_supplement"}
    stranger = RequestWithdrawn(**{**about, "pilot_id": uuid4()}, request_id=request, reason="case_closed")
    assert not await office.read(projections.withdraw_request, stranger)


async def test_two_replies_at_once_are_one(office: Office) -> None:
    pilot_id, proposal = await running(office), uuid4()
    due = Due(instant=START + 5 * DAY, calendar_version="v")
    about: dict[str, Any] = {"at": office.now, "pilot_id": pilot_id, "case_id": uuid4()}
    asked = ReplyRequested(**about, proposal_id=proposal, kind="suspend", public_reasons="Vượt trần.", reply_by=due)
    await office.read(projections.add_request, asked)
    sent = ReplySent(answers=proposal, text="Giải trình.")
    results = await asyncio.gather(
        *(office.do(filings.reply, pilot_id, sent) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, Refused) for result in results) == 3
    assert names(await office.told(pilot_id)).count("ReplyFiled") == 1


async def test_reports_and_incidents_are_published_with_their_own_time(office: Office) -> None:
    pilot_id = await running(office)
    known = office.now - HOUR
    told = await office.do(filings.incident, pilot_id, IncidentSent(known_at=known, kind="Ngã", description="…"))
    periodic = await office.do(filings.periodic_report, pilot_id, PeriodicReportSent(number=1, summary="…"))
    codes: Any = ("creativity", "identity", "uniqueness", "professionalism", "healthiness", "competition")
    criteria = tuple(FinalCriterion(code=code, score=3, evidence="…") for code in (*codes, "sustainability"))
    final = await office.do(filings.final_report, pilot_id, FinalReportSent(results="…", criteria=criteria))
    assert (told.late, periodic.due, final.due, final.in_time) == (
        False,
        datetime(2027, 1, 14, tzinfo=VIETNAM),
        datetime(2027, 6, 29, tzinfo=VIETNAM),
        True,
    )
    events_told = await office.told(pilot_id)
    assert names(events_told)[-3:] == ["IncidentReported", "PeriodicReportFiled", "FinalReportFiled"]
    incident = events_told[-3]
    assert isinstance(incident, IncidentReported)
    assert (incident.at, incident.known_at) == (office.now, known)
    assert await office.history_agrees(pilot_id)

    await office.sweep(END + 100 * DAY)
    kept = await office.pilot(pilot_id)
    assert kept.state is PilotState.WINDING_DOWN
    assert await office.armed(pilot_id) == {}
    await decide(office, "complete", pilot_id)
    over = (await office.told(pilot_id))[-2]
    assert isinstance(over, PilotEnded)
    assert over.outcome == "completed"


@pytest.mark.parametrize("org", [OTHER, None])
async def test_another_enterprises_pilot_does_not_exist(office: Office, org: str | None) -> None:
    pilot_id = await running(office)
    for use, sent in (
        (filings.withdraw, []),
        (filings.reply, [ReplySent(answers=uuid4(), text="…")]),
        (filings.incident, [IncidentSent(known_at=office.now, kind="…", description="…")]),
    ):
        with pytest.raises(NotFound):
            await office.do(use, pilot_id, *sent, org=org)


# What its page shows


async def test_the_page_shows_usage_findings_rejected_reports_and_decisions(office: Office) -> None:
    pilot_id = await running(office)
    about: dict[str, Any] = {"at": office.now, "pilot_id": pilot_id}
    rolled = UsageRolled(**about, metric="crowd_peak", window=Window.CONCURRENT, value=Decimal("1240.5"))
    today = UsageRolled(**about, metric="revenue_vnd", window=Window.DAY, bucket=date(2026, 7, 15), value=Decimal(9))
    yesterday = today.model_copy(update={"bucket": date(2026, 7, 14), "value": Decimal(8)})
    for usage in (rolled, today, yesterday):
        assert await office.read(projections.roll_usage, usage)
    finding: dict[str, Any] = {
        "finding_id": uuid4(),
        "rule": RuleCode.CAP_EXCEEDED,
        "subject": "crowd_peak/concurrent",
        "evidence": EVIDENCE,
    }
    opened_ = FindingOpened(**about, **finding, severity=Severity.MAJOR)
    higher = FindingEscalated(**about, **finding, severity=Severity.CRITICAL, severity_before=Severity.MAJOR)
    cleared = FindingCleared(**about, **finding, reason="recovered")
    assert await office.read(projections.open_finding, opened_)
    assert await office.read(projections.escalate_finding, higher)
    assert await office.read(projections.clear_finding, cleared)
    bad = MetricsReportRejected(
        **about,
        source="main",
        sequence=4,
        part=1,
        record_sha256=HASH,
        problems=(problem("internal", correlation_id="x"),),
    )
    assert await office.read(projections.reject_report, uuid4(), bad)
    remedy = Remedy(text="Bớt ghế.", due=Due(instant=START + 10 * DAY, calendar_version="v"))
    order = await decide(office, "order_correction", pilot_id, remedy=remedy)
    verified = RemedyVerified(**about, case_id=uuid4(), decision_id=order.decision_id, done=True, officer="a", note="…")
    assert await office.read(projections.verify_remedy, verified)

    view = await office.read(views.pilot, pilot_id, office.now)
    crowd = next(row for row in view.caps if row.metric == "crowd_peak")
    assert (crowd.limit, crowd.value, crowd.remaining) == (Decimal(1400), Decimal("1240.5"), Decimal("159.5"))
    (stored,) = await office.rows(
        "select value, bucket from usage where pilot_id = %s and bucket is not null", pilot_id
    )
    assert (stored["value"], stored["bucket"]) == (Decimal(9), date(2026, 7, 15))
    (row,) = view.findings
    assert (row.severity, row.clear_reason, row.cleared_at) == (Severity.CRITICAL, "recovered", office.now)
    assert [(each.sequence, each.problems[0].code) for each in view.rejected_reports] == [(4, "internal")]
    assert [(each.kind, each.remedy_done) for each in view.decisions] == [("order_correction", True)]
    assert view.next is not None
    assert view.next.what == "periodic_report"


async def test_what_another_service_tells_of_an_unknown_pilot_waits(office: Office) -> None:
    usage = UsageRolled(
        at=office.now, pilot_id=uuid4(), metric="crowd_peak", window=Window.CONCURRENT, value=Decimal(1)
    )
    written = await office.read(projections.roll_usage, usage)
    assert not written
    with pytest.raises(NotYet):
        await office.read(events.shown, usage.pilot_id, written)
    pilot_id = await running(office)
    await office.read(events.shown, pilot_id, False)


async def test_history_is_read_page_by_page_as_it_was_published(office: Office) -> None:
    pilot_id = await running(office)
    first = await office.read(views.history, pilot_id, 0, 2)
    assert first.next is not None
    rest = await office.read(views.history, pilot_id, int(first.next), 2)
    types = [entry.type.split(".")[2] for entry in (*first.items, *rest.items)]
    assert types == ["ApplicationSubmitted", "PilotRegistered", "PilotStarted"]
    assert rest.next is None


async def test_lists_show_each_their_own(office: Office) -> None:
    org = "0344444444"
    stage = kit.show().model_copy(update={"organisation": kit.show().organisation.model_copy(update={"tax_code": org})})
    ids = [(await office.file(stage)).pilot_id for _ in range(3)]
    mine = Confined(org=org)

    async def page(seen_by: Confined, cursor: UUID | None = None) -> list[UUID]:
        return [row.pilot_id for row in await office.read(pilots.page, seen_by, None, cursor, 2)]

    assert await page(mine) == [ids[2], ids[1]]
    assert await page(mine, ids[1]) == [ids[0]]
    assert (await page(Confined(authority="prov_79_pc")))[0] == ids[2]
    assert await page(Confined(authority="prov_01_culture")) == []
    both = await page(Confined(org=org, authority="prov_01_culture"))
    assert both == [ids[2], ids[1]], "who is both sees both"
    rows = await office.read(pilots.page, mine, PilotState.ACTIVE, None, 2)
    assert rows == []


async def test_what_does_not_exist_is_not_found(office: Office) -> None:
    for use, more in ((views.pilot, [office.now]), (views.application, [])):
        with pytest.raises(NotFound):
            await office.read(use, uuid4(), *more)


async def test_counts_are_by_state_and_by_status(office: Office) -> None:
    await running(office)
    await office.do(filing.file, kit.show(attachments=()))
    states, statuses = await office.read(pilots.counts), await office.read(applications.counts)
    assert states["active"] >= 1
    assert statuses["registered"] >= states["active"]
    assert statuses["supplement_requested"] >= 1

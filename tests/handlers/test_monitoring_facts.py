"""What the other services tell monitoring: facts under a change number, incidents, verdicts, checks; and reports that reach Kafka."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.monitoring import sweep
from services.monitoring.core import judge
from services.monitoring.core.instants import day_of, instant_of
from services.monitoring.handlers import matters, reports
from services.monitoring.handlers.tidying import Tidying
from services.monitoring.store import books, findings, intake, pilots, producing
from shared.contracts.errors import NotFound, NotYet, Refused
from shared.contracts.events.applications import IncidentReported
from shared.contracts.events.decisions import CheckConcluded, ReportReviewed
from shared.contracts.events.monitoring import FindingCleared, FindingOpened, RiskAssessed
from shared.contracts.http.monitoring import ReferralSent, ReportSent, TipSent
from shared.platform.cloudevents import key_of
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from tests.handlers.monitoring_office import HOUR, NOW, Office, answered, decided, example, opened
from tests.monitoring_samples import (
    CROWD,
    START,
    amended,
    at,
    ended,
    envelope,
    registered,
    started,
)


@pytest.fixture
async def office(fresh_database: str) -> AsyncIterator[Office]:
    async with opened(fresh_database) as found:
        yield found


# Facts


async def test_every_fact_raises_the_change_number_that_the_engine_looks_for(office: Office) -> None:
    pilot = await office.pilot()
    row = await office.row("select change, seen, partition from pilot")
    assert (row["change"], row["seen"]) == (2, 0)
    async with office.db.tx() as tx:
        assert await pilots.changed(tx, [row["partition"]], 10) == [pilot]
        await pilots.mark_seen(tx, {pilot: 2})
        assert not await pilots.changed(tx, [row["partition"]], 10)
    await office.hear(amended(envelope(CROWD, version=2), NOW).model_copy(update={"pilot_id": pilot}))
    async with office.db.tx() as tx:
        assert await pilots.changed(tx, [row["partition"]], 10) == [pilot]
        facts = await pilots.facts(tx, pilot)
    assert [one.envelope.version for one in facts.envelopes] == [1, 2]


async def test_a_fact_before_the_registration_waits(office: Office) -> None:
    with pytest.raises(NotYet):
        await office.hear(started(uuid4()))


async def test_people_of_every_gate_see_the_pilot(office: Office) -> None:
    await office.pilot()
    row = await office.row("select authorities from pilot")
    assert len(row["authorities"]) == len(set(row["authorities"])) >= 1


# Incidents, tips, referrals, and how they end


async def an_incident(office: Office) -> tuple[UUID, UUID]:
    """A pilot with an incident, told twice: pilot, finding."""
    pilot = await office.pilot()
    incident = example(IncidentReported, pilot_id=str(pilot), at=NOW.isoformat(), known_at=NOW.isoformat())
    await office.hear(incident, incident)
    (opened,) = await office.told(FindingOpened)
    return pilot, opened.finding_id


@pytest.mark.parametrize("answer_first", [False, True])
@pytest.mark.parametrize("found", [None, "ended"])
async def test_an_incident_clears_when_the_decision_about_it_is_answered_in_either_order(
    office: Office, answer_first: bool, found: str | None
) -> None:
    pilot, finding = await an_incident(office)
    decision = decided(pilot, finding)
    told = [decision, answered(decision, found)]
    await office.hear(told[answer_first])
    assert not await office.told(FindingCleared), "one half says nothing yet"
    await office.hear(told[not answer_first])
    (cleared,) = await office.told(FindingCleared)
    assert (cleared.finding_id, cleared.reason, cleared.at) == (finding, "judged", decision.at)
    assert len(cleared.evidence.facts) == 2
    assert (await office.row("select state from finding"))["state"] == "cleared"
    assert (await office.row("select count(*) as n from judgement"))["n"] == 0
    judged = await office.row("select array_agg(decision_id) as by from judged")
    assert judged["by"] == [decision.decision_id]


@pytest.mark.parametrize("answer_first", [False, True])
async def test_a_decision_without_effect_judges_nothing_and_the_next_one_does(
    office: Office, answer_first: bool
) -> None:
    """The pilot had withdrawn meanwhile: decisions shows the incident to an officer again, so it is open here too."""
    pilot, finding = await an_incident(office)
    without = decided(pilot, finding)
    told = [without, answered(without, "winding_down")]
    await office.hear(told[answer_first], told[not answer_first])
    assert not await office.told(FindingCleared)
    assert (await office.row("select state from finding"))["state"] == "open"
    assert (await office.row("select count(*) as n from judged"))["n"] == 0
    warning = decided(pilot, finding, "warn", at=(NOW + 3 * HOUR).isoformat())
    await office.hear(warning, answered(warning))
    assert [one.at for one in await office.told(FindingCleared)] == [warning.at]


async def test_an_answer_that_comes_after_the_end_has_cleared_everything_clears_nothing_twice(office: Office) -> None:
    pilot, finding = await an_incident(office)
    await office.hear(ended("2026-08-01 10:00").model_copy(update={"pilot_id": pilot}))
    decision = decided(pilot, finding)
    await office.hear(decision)
    row = await office.row("select due, kind, subject from deadline")
    async with office.db.tx() as tx:
        await sweep.fire(office.desk)(tx, Deadline(pilot, row["kind"], row["subject"], row["due"]))
    await office.hear(answered(decision, "ended"))
    assert [one.reason for one in await office.told(FindingCleared)] == ["pilot_ended"]


async def test_the_two_halves_of_a_judgement_may_come_at_the_same_moment(office: Office) -> None:
    """Two topics, two workers: the pilot's lock makes one of them second, and the second finds the first."""
    pilot, finding = await an_incident(office)
    for _ in range(8):
        decision = decided(pilot, finding)
        await asyncio.gather(office.hear(decision), office.hear(answered(decision)))
    assert len(await office.told(FindingCleared)) == 1
    assert (await office.row("select count(*) as n from judgement"))["n"] == 0


async def test_an_item_names_its_finding_too(office: Office) -> None:
    pilot = await office.pilot()
    async with office.db.tx() as tx:
        await matters.tip(office.desk, tx, TipSent(pilot=str(pilot), text="Ồn ào"), NOW)
    (opened,) = await office.told(FindingOpened)
    item = {"item_id": str(uuid4()), "kind": "tip", "subject": opened.subject, "subject_id": str(opened.finding_id)}
    decision = decided(pilot, opened.finding_id, "warn", findings=[], items=[item])
    await office.hear(decision, answered(decision))
    assert [one.reason for one in await office.told(FindingCleared)] == ["judged"]


async def test_a_judged_tip_that_is_told_again_opens_nothing(office: Office) -> None:
    pilot = await office.pilot()
    for _ in range(2):
        async with office.db.tx() as tx:
            await matters.tip(office.desk, tx, TipSent(pilot=str(pilot), text="Ồn ào"), NOW)
            for one in await findings.open_by_people(tx, pilot):
                assert one.rule == "tip"
    assert len(await office.told(FindingOpened)) == 1


async def test_two_authorities_refer_one_content_to_one_finding(office: Office) -> None:
    pilot = await office.pilot()
    sent = ReferralSent(pilot=str(pilot), title="Chương trình", content_sha256="a" * 64, text="Sai lời")
    for authority in ("prov_99_culture", "prov_98_culture"):
        async with office.db.tx() as tx:
            await matters.refer(office.desk, tx, sent, authority, NOW)
    assert len(await office.told(FindingOpened)) == 1


async def test_thirty_days_after_the_end_what_people_brought_is_cleared(office: Office) -> None:
    pilot = await office.pilot(ended("2026-08-01 10:00"))
    async with office.db.tx() as tx:
        await matters.tip(office.desk, tx, TipSent(pilot=str(pilot), text="Ồn ào"), NOW)
    row = await office.row("select due, kind, subject from deadline")
    # The 30th day, 31 August, is swapped; 1 and 2 September are holidays: it ends with the 3rd.
    assert row["due"] == at("2026-09-04 00:00")
    async with office.db.tx() as tx:
        await sweep.fire(office.desk)(tx, Deadline(pilot, row["kind"], row["subject"], row["due"]))
    (cleared,) = await office.told(FindingCleared)
    assert (cleared.reason, cleared.at) == ("pilot_ended", row["due"])


# Risk


async def test_the_risk_is_told_at_registration_and_when_something_was_judged(office: Office) -> None:
    pilot = await office.pilot()
    assert len(await office.told(RiskAssessed)) == 1
    check = example(CheckConcluded, pilot_id=str(pilot), at=NOW.isoformat(), mode="remote", confirmed_findings=3)
    await office.hear(check)
    after = (await office.told(RiskAssessed))[-1]
    assert any(line.startswith("history") for line in after.changed)
    await office.hear(example(ReportReviewed, pilot_id=str(pilot), at=NOW.isoformat(), confirmed_findings=0))
    past = (await office.row("select past from risk"))["past"]
    assert [one["look"] for one in past["looked"]] == ["remote_check", "report_review"]


# Reports over HTTP, as they are kept


def report(**more: Any) -> ReportSent:
    sample = {"metric": "shows", "at": "2026-07-20T08:00:00+07:00", "value": "1"}
    return ReportSent.model_validate({"samples": [sample], **more})


def members(value: int, source: str = "main") -> ReportSent:
    sample = {"metric": "participants_total", "at": "2026-07-20T08:00:00+07:00", "value": value}
    return ReportSent.model_validate({"source": source, "samples": [sample]})


async def test_the_next_report_of_a_counter_waits_until_the_one_before_was_read(office: Office) -> None:
    pilot = await office.pilot()
    async with office.db.tx() as tx:
        await reports.take(office.desk, tx, pilot, members(100), NOW)
    for falls_or_not in (50, 150):
        with pytest.raises(NotYet):
            async with office.db.tx() as tx:
                await reports.take(office.desk, tx, pilot, members(falls_or_not), NOW)
    async with office.db.tx() as tx:
        await reports.take(office.desk, tx, pilot, report(), NOW)  # what is no counter waits for nothing
        await tx.execute("update intake set consumed_at = now()")
        await reports.take(office.desk, tx, pilot, members(150), NOW)


async def test_of_two_reports_of_a_counter_that_come_at_once_one_waits(office: Office) -> None:
    pilot = await office.pilot()

    async def take(value: int) -> bool:
        try:
            async with office.db.tx() as tx:
                await reports.take(office.desk, tx, pilot, members(value), NOW)
        except NotYet:
            return False
        return True

    taken = await asyncio.gather(*(take(value) for value in (100, 50, 20, 10)))
    assert sorted(taken) == [False, False, False, True]


async def test_a_report_is_kept_with_its_sequence_and_our_signature(office: Office) -> None:
    pilot = await office.pilot()
    async with office.db.tx() as tx:
        one = await reports.take(office.desk, tx, pilot, report(), NOW)
        two = await reports.take(office.desk, tx, pilot, report(), NOW)
        await producing.know_cluster(tx, "one")
        number = await producing.number_of(tx, pilot, "main", one.sequence)
        assert number is not None
        found = await producing.next_unproduced(tx, pilot, number)
    assert (one.sequence, two.sequence) == (1, 2)
    assert found is not None
    stored = found.stored
    secret = bytes((await office.row("select ingest_secret from source"))["ingest_secret"])
    assert stored.signatures == [intake.signature(secret, key_of(pilot), stored.records[0])]
    assert reports.cut(pilot, report(), 1) == list(stored.records)
    assert (await office.row("select change from pilot"))["change"] == 3


async def test_a_sequence_rises_above_what_the_startup_sent_itself(office: Office) -> None:
    pilot = await office.pilot()
    async with office.db.tx() as tx:
        await tx.execute("insert into report values (%s, 'main', 40, 1, 1, null, 1, %s, '', %s)", (pilot, NOW, NOW))
        assert (await reports.take(office.desk, tx, pilot, report(), NOW)).sequence == 41
        await tx.execute("update source set last_sequence = %s", (2**53,))
        with pytest.raises(Refused) as refused:
            await reports.take(office.desk, tx, pilot, report(), NOW)
    assert refused.value.code == "sequence_exhausted"


async def test_what_answered_requests_will_add_is_summed_where_it_lies(office: Office) -> None:
    """To the last of ten thousandths and to the last microsecond of a day in Vietnam, beyond 64 bits; without what was read."""
    pilot = await office.pilot()
    samples = [
        ("shows", "2026-07-19T23:59:59.999999+07:00", "0.0001"),
        ("shows", "2026-07-19T17:00:00Z", "-0.0002"),
        ("shows", "2026-07-20T08:00:00+07:00", "1.5"),
        ("audience_live", "2026-07-20T08:00:00+07:00", "7"),
        *[("shows", "2026-07-18T08:00:00+07:00", "1000000000000")] * 1_100,
    ]
    sent = ReportSent.model_validate(
        {"samples": [dict(zip(("metric", "at", "value"), one, strict=True)) for one in samples]}
    )
    unread = intake.Stored(pilot, "main", 7, "c", ["", ""], reports.cut(pilot, sent, 7))
    days = [day_of(instant_of(at(f"2026-07-{day} 12:00"))) for day in (18, 19, 20, 21)]
    async with office.db.tx() as tx:
        await intake.add(tx, unread, NOW)
        _, past, ahead = await books.with_unread(tx, pilot, [("shows", day) for day in days])
        await tx.execute("insert into report values (%s, 'main', 7, 2, 2, null, 1, %s, '', %s)", (pilot, NOW, NOW))
        _, _, without = await books.with_unread(tx, pilot, [("shows", day) for day in days])
    assert set(past.values()) == {0}
    assert [ahead["shows", day] for day in days] == [1_100 * 10**16, 1, 14_998, 0]
    assert [without["shows", day] for day in days] == [997 * 10**16 - 10**16, 1, 14_998, 0]


async def test_a_large_report_is_weighed_and_cut_beside_the_loop(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = await office.pilot()
    threads: dict[str, set[int]] = {"inspect": set(), "cut": set()}

    def noted(name: str, work: Any) -> Any:
        def note(*args: Any, **kwargs: Any) -> Any:
            threads[name].add(threading.get_ident())
            return work(*args, **kwargs)

        return note

    monkeypatch.setattr(judge, "inspect", noted("inspect", judge.inspect))
    monkeypatch.setattr(reports, "cut", noted("cut", reports.cut))
    one = report().samples[0]
    async with office.db.tx() as tx:
        await reports.take(office.desk, tx, pilot, report().model_copy(update={"samples": (one,) * 1_001}), NOW)
    assert threads["inspect"] and threads["cut"]
    assert threading.get_ident() not in threads["inspect"] | threads["cut"]


async def test_a_pilot_that_has_not_started_takes_no_report_yet(office: Office) -> None:
    due, outstanding = uuid4(), uuid4()
    await office.hear(registered(due, envelope(CROWD), start_at=START.isoformat()))
    await office.hear(registered(outstanding, envelope(CROWD), start_at=None))
    async with office.db.tx() as tx:
        for pilot_id, now in ((due, START - HOUR), (outstanding, NOW)):
            with pytest.raises(Refused) as refused:
                await reports.take(office.desk, tx, pilot_id, report(), now)
            assert (refused.value.code, refused.value.status) == ("pilot_not_started", 409)
        with pytest.raises(NotFound):
            await reports.take(office.desk, tx, uuid4(), report(), NOW)


async def test_a_start_that_is_due_and_not_read_is_waited_for(office: Office) -> None:
    pilot_id = uuid4()
    await office.hear(registered(pilot_id, envelope(CROWD), start_at=START.isoformat()))
    async with office.db.tx() as tx:
        with pytest.raises(NotYet, match="the start of pilot"):
            await reports.take(office.desk, tx, pilot_id, report(), START)
    await office.hear(started(pilot_id))
    async with office.db.tx() as tx:
        assert (await reports.take(office.desk, tx, pilot_id, report(), NOW)).parts == 1


@pytest.mark.parametrize(
    ("metric", "direct", "refused"),
    [
        ("shows", None, False),
        ("shows", "main", True),
        ("shows", "till", False),
        ("participants_total", "till", True),
    ],
)
async def test_nothing_that_is_produced_beside_comes_between_the_parts_of_a_report(
    office: Office, metric: str, direct: str | None, refused: bool
) -> None:
    pilot_id = uuid4()
    await office.hear(registered(pilot_id, envelope(CROWD, sources=("main", "till"))), started(pilot_id))
    sample = {"metric": metric, "at": "2026-07-20T08:00:00+07:00", "value": "1"}
    large = ReportSent.model_validate({"source": "main", "samples": [sample] * 1_001})
    if direct is not None:
        async with office.db.tx() as tx:
            await reports.issue_secret(tx, pilot_id, direct, NOW)
    async with office.db.tx() as tx:
        if refused:
            with pytest.raises(Refused) as found:
                await reports.take(office.desk, tx, pilot_id, large, NOW)
            assert (found.value.code, found.value.status) == ("report_must_be_split", 409)
        else:
            assert (await reports.take(office.desk, tx, pilot_id, large, NOW)).parts == 2
    one = ReportSent.model_validate({"source": "till", "samples": [sample]})
    async with office.db.tx() as tx:
        if refused:
            assert (await reports.take(office.desk, tx, pilot_id, one, NOW)).parts == 1


async def test_a_source_begins_to_produce_when_all_parts_of_a_report_are_read(office: Office) -> None:
    pilot_id = await office.pilot()
    large = report().model_copy(update={"samples": report().samples * 1_001})
    async with office.db.tx() as tx:
        taken = await reports.take(office.desk, tx, pilot_id, large, NOW)
    async with office.db.tx() as tx:
        with pytest.raises(NotYet):
            await reports.issue_secret(tx, pilot_id, "main", NOW)
    async with office.db.tx() as tx:
        last = await _last_part(tx, pilot_id, taken.sequence)
        await intake.mark_consumed(tx, [(pilot_id, "main", taken.sequence, last)])
        assert (await reports.issue_secret(tx, pilot_id, "main", NOW)).source == "main"


async def test_what_was_read_a_day_ago_goes_and_another_cluster_gets_the_rest_again(office: Office) -> None:
    pilot = await office.pilot()
    async with office.db.tx() as tx:
        for _ in range(3):
            await reports.take(office.desk, tx, pilot, report(), NOW)
        assert await producing.unproduced(tx, timedelta(0), 10) == [], "while no cluster is known"
        assert not await producing.know_cluster(tx, "one")
        for _ in range(2):
            await produce_next(tx, pilot)
        await intake.mark_consumed(tx, [(pilot, "main", 1, b"of another record"), (pilot, "main", 2, b"")])
        await intake.mark_consumed(tx, [(pilot, "main", 1, await _last_part(tx, pilot, 1))])
        await tx.execute("update intake set consumed_at = now() - interval '25 hours' where sequence = 1")
        assert await intake.tidy(tx, timedelta(days=1), 10) == 1
        assert await intake.unconsumed(tx, [pilot], NOW) == {pilot}
        assert not await intake.unconsumed(tx, [pilot], START)
        assert not await producing.know_cluster(tx, "one")
        assert await producing.know_cluster(tx, "two")
        assert not await producing.know_cluster(tx, "two")
        assert await producing.count_produced(tx) == 1
        assert await producing.number_of(tx, pilot, "main", 1) is None
        number = await producing.number_of(tx, pilot, "main", 3)
        assert number is not None
        assert await producing.unproduced(tx, timedelta(0), 10) == [(pilot, number)]
        assert await producing.unproduced(tx, timedelta(hours=1), 10) == []
        assert [await produce_next(tx, pilot), await produce_next(tx, pilot)] == [2, 3]
        assert await producing.next_unproduced(tx, pilot, number) is None
        assert await producing.begin_round(tx) == 2
        assert await produce_next(tx, pilot) == 2
        assert await intake.is_taken(tx, pilot, "main", 3)
        assert await intake.count_unconsumed(tx) == 2


async def produce_next(tx: Tx, pilot: UUID) -> int:
    """Mark the next request that is not produced, and give its sequence."""
    found = await producing.next_unproduced(tx, pilot, 2**62)
    assert found is not None
    await producing.mark_produced(tx, found)
    return found.stored.sequence


async def test_a_mark_of_the_round_before_does_not_count(office: Office) -> None:
    """Who read the request before all was to be sent again sent it to a cluster that is gone."""
    pilot = await office.pilot()
    async with office.db.tx() as tx:
        await producing.know_cluster(tx, "one")
        report_taken = await reports.take(office.desk, tx, pilot, report(), NOW)
        before = await producing.next_unproduced(tx, pilot, 2**62)
        assert before is not None
        assert before.cluster_id == "one"
        await producing.know_cluster(tx, "two")
        await producing.mark_produced(tx, before)
        after = await producing.next_unproduced(tx, pilot, 2**62)
        assert after is not None
        assert (after.stored.sequence, after.cluster_id) == (report_taken.sequence, "two")
        await producing.mark_produced(tx, after)
        await producing.mark_produced(tx, before)
        assert await producing.next_unproduced(tx, pilot, 2**62) is None, "a late mark takes none back"


async def test_rejected_records_go_when_their_time_is_over_and_nothing_else_does(office: Office) -> None:
    async with office.db.tx() as tx:
        for state, consumer, days, copied in (
            ("dead", "monitoring.metrics", 91, True),
            ("dead", "monitoring.metrics", 91, False),
            ("dead", "monitoring.metrics", 89, True),
            ("dead", "monitoring", 91, True),
            ("poison", "monitoring.metrics", 91, True),
        ):
            await tx.execute(
                'insert into set_aside (consumer, topic, key, state, reason, partition, "offset", headers, record_at, set_aside_at, '
                "copied_at) values (%s, 't', '', %s, %s, 0, 0, '[]', now(), now() - %s, case when %s then now() end)",
                (consumer, state, f"{days} days, copied: {copied}", timedelta(days=days), copied),
            )
    await Tidying(office.db, timedelta(days=90)).once()
    async with office.db.tx() as tx:
        left = await (await tx.execute("select consumer, state, reason from set_aside order by id")).fetchall()
    assert [(row["consumer"], row["state"], row["reason"]) for row in left] == [
        ("monitoring.metrics", "dead", "91 days, copied: False"),
        ("monitoring.metrics", "dead", "89 days, copied: True"),
        ("monitoring", "dead", "91 days, copied: True"),
        ("monitoring.metrics", "poison", "91 days, copied: True"),
    ]


async def _last_part(tx: Tx, pilot: UUID, sequence: int) -> bytes:
    """The SHA-256 of the last record of a request."""
    cursor = await tx.execute(
        "select sha256(records[cardinality(records)]) as sha256 from intake where pilot_id = %s and sequence = %s",
        (pilot, sequence),
    )
    row = await cursor.fetchone()
    assert row is not None
    return bytes(row["sha256"])

"""The queue's order and its reasons, the chain, evidence hashes, quarters and what counts persons."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.decisions.core import cases, chain, evidence, queue
from services.decisions.core.chain import GENESIS, Chain
from services.decisions.core.clocks import soon
from services.decisions.core.quarters import persons, quarter_of
from shared.contracts.errors import Refused
from shared.contracts.events import applications as a
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.events.monitoring import EventRef
from shared.contracts.pilot import Severity
from tests.decisions_kit import (
    CULTURE,
    LAN,
    MINISTRY,
    TUESDAY,
    Office,
    at,
    breached,
    calendar,
    due,
    final_filed,
    finding_opened,
    gate,
    of_kind,
    registered,
    rules,
    running,
)


def risk(pilot_id: UUID, score: float = 2.5) -> m.RiskAssessed:
    return m.RiskAssessed(
        at=TUESDAY,
        pilot_id=pilot_id,
        formula="hk-risk-1",
        score=score,
        band="high",
        impact=2,
        probability=2,
        detectability=2,
        inputs=(),
    )


# The queue


def test_the_statutory_clock_comes_first_then_risk_then_what_waits_for_others() -> None:
    now = TUESDAY
    line = soon(now, calendar())
    assert line == at("2026-07-23 00:00"), "the end of the next working day"
    assert queue.group("active", now, now, line) == "overdue"
    assert queue.group("active", now + timedelta(seconds=1), now, line) == "due_soon"
    assert queue.group("active", line, now, line) == "due_soon"
    assert queue.group("active", line + timedelta(seconds=1), now, line) == "by_risk"
    assert queue.group("active", None, now, line) == "by_risk"
    assert queue.group("awaiting", None, now, line) == "awaiting"
    assert queue.group("snoozed", now, now, line) == "snoozed"
    assert queue.GROUPS == ("overdue", "due_soon", "by_risk", "awaiting", "snoozed")


def test_a_case_has_a_place_with_the_lead_and_with_each_authority_that_has_something_open() -> None:
    office = Office.of(registered(gates=(gate("permit", due_at=due("2026-07-10 00:00")),)))
    office.hear(risk(office.pilot_id))
    places = {e.authority: e for e in queue.entries(office.book)}
    assert (places[CULTURE].lead, places[CULTURE].due, places[CULTURE].kinds) == (
        True,
        at("2026-07-10 00:00"),
        ("permit", "standstill"),
    )
    assert (places[MINISTRY].lead, places[MINISTRY].kinds, places[MINISTRY].risk) == (False, ("permit",), 2.5)
    assert queue.entries(replace(office.book, case=None)) == ()


def test_a_closed_case_has_no_place() -> None:
    office = Office.of(registered())
    office.fire_until(at("2026-07-14 00:00"))
    assert queue.entries(office.book) == ()


def test_only_a_case_in_which_nothing_runs_waits_for_others() -> None:
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MAJOR))
    proposal = office.draft(TUESDAY, "suspend", office.item("finding"))
    office.submit(TUESDAY, proposal)
    (entry,) = queue.entries(office.book)
    assert (entry.lane, entry.due) == ("awaiting", None)
    office.hear(finding_opened(office.pilot_id, TUESDAY, subject="y", severity=Severity.MINOR))
    (entry,) = queue.entries(office.book)
    assert (entry.lane, entry.severity) == ("active", Severity.MAJOR)


def codes(office: Office, group: queue.Group) -> list[str]:
    case = office.book.case
    assert case is not None
    waits = queue.awaiting(case, office.book.proposals.values())
    return [
        r.code
        for r in queue.reasons(
            office.book.pilot.risk, office.book.pilot.risk_band, group, case, office.book.open_items, waits
        )
    ]


def test_each_place_says_why_strongest_reason_first() -> None:
    office, _, _ = breached()
    assert codes(office, "overdue") == ["rank_overdue", "rank_risk_unknown", "rank_severity"]
    assert codes(office, "due_soon") == ["rank_due_soon", "rank_risk_unknown", "rank_severity"]
    office.hear(risk(office.pilot_id))
    assert codes(office, "by_risk") == ["rank_due", "rank_risk", "rank_severity"]


def test_what_is_waited_for_is_among_the_reasons() -> None:
    office, _, _ = breached()
    office.submit(TUESDAY, office.draft(TUESDAY, "suspend", office.item("finding")))
    office.submit(TUESDAY, office.draft(TUESDAY, "confirm_measure", office.item("measure")))
    office.keep(cases.ask_supplement(office.book, LAN, uuid4(), "x", TUESDAY, calendar()))
    assert codes(office, "by_risk")[1:4] == [
        "rank_awaiting_reply",
        "rank_awaiting_supplement",
        "rank_awaiting_second_signer",
    ]


def test_a_snooze_and_a_provisional_day_are_said() -> None:
    office = running()
    office.hear(final_filed(office.pilot_id, TUESDAY))
    office.keep(cases.snooze(office.book, LAN, at("2026-07-23 10:00"), "Chờ", TUESDAY, calendar()))
    assert queue.entries(office.book)[0].lane == "snoozed"
    assert codes(office, "snoozed") == ["rank_snoozed", "rank_risk_unknown"]
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2027-01-29 14:00"), severity=Severity.MAJOR))
    assert "rank_provisional" in codes(office, "by_risk")


# The chain


def issue_many(count: int = 4) -> list[d.DecisionIssued]:
    office = running()
    for n in range(count):
        office.hear(finding_opened(office.pilot_id, TUESDAY, subject=f"s{n}", severity=Severity.MINOR))
        office.decide(TUESDAY + timedelta(days=60 * n), "continue", office.item("finding"))
    return of_kind(office.told, d.DecisionIssued)


def wire(decisions: list[d.DecisionIssued]) -> list[dict[str, Any]]:
    return [json.loads(decision.data()) for decision in decisions]


def head(decisions: list[d.DecisionIssued]) -> Chain:
    return Chain(CULTURE, length=len(decisions), head=decisions[-1].hash if decisions else GENESIS)


def test_a_chain_verifies_from_its_bytes_and_the_hash_is_over_what_is_sealed() -> None:
    issued = issue_many()
    assert chain.verify(wire(issued), head(issued)).intact
    assert issued[0].previous_hash == GENESIS
    assert all(chain.hash_of(decision.sealed()) == decision.hash for decision in issued)
    assert chain.verify([], Chain(CULTURE)).intact


def test_each_year_counts_its_decisions_from_one() -> None:
    assert [decision.number for decision in issue_many()] == ["1/QĐ-HK", "2/QĐ-HK", "3/QĐ-HK", "1/QĐ-HK"]


def test_a_decision_of_the_old_year_that_comes_after_new_year_is_the_next_of_its_own_year() -> None:
    stands, numbers = Chain(CULTURE), []
    for instant in ("2026-12-31 23:58", "2027-01-01 00:00", "2026-12-31 23:59", "2027-01-01 00:01"):
        stands, number = chain.next_number(stands, at(instant))
        numbers.append(number)
    assert numbers == ["1/QĐ-HK", "1/QĐ-HK", "2/QĐ-HK", "2/QĐ-HK"]


@given(st.data())
def test_every_changed_bit_of_a_decision_is_found(data: st.DataObject) -> None:
    issued = ISSUED
    n = data.draw(st.integers(0, len(issued) - 1))
    raw = bytearray(issued[n].data())
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[place // 8] ^= 1 << (place % 8)
    try:
        changed = json.loads(raw)
    except ValueError:
        return  # no JSON any more: nobody takes it for a decision
    chained = wire(issued)
    if not isinstance(changed, dict) or changed == chained[n]:
        return  # the same value in other words, such as an escaped character
    chained[n] = changed
    found = chain.verify(chained, head(issued))
    assert not found.intact and found.why


ISSUED = issue_many(3)


def test_a_decision_left_out_moved_or_cut_off_is_found() -> None:
    issued = ISSUED
    for broken in (wire(issued)[1:], wire(issued)[:-1], [wire(issued)[i] for i in (1, 0, 2)], []):
        assert not chain.verify(broken, head(issued)).intact
    again = replace(head(issued), length=2)
    assert chain.verify(wire(issued), again).broken_at == "head"


# Evidence


@given(st.lists(st.tuples(st.uuids(), st.binary(min_size=32, max_size=32)), max_size=8), st.randoms())
def test_the_hash_of_an_evidence_set_does_not_depend_on_its_order(found: list[tuple[UUID, bytes]], random: Any) -> None:
    refs = [EventRef(event_id=one, sha256=sha.hex()) for one, sha in found]
    shuffled = refs.copy()
    random.shuffle(shuffled)
    assert evidence.evidence_hash(refs) == evidence.evidence_hash(shuffled)
    if refs:
        other = EventRef(event_id=refs[0].event_id, sha256="0" * 64)
        assert evidence.evidence_hash([other, *refs[1:]]) != evidence.evidence_hash(refs) or refs[0] == other


def test_evidence_is_a_fact_of_this_pilot_and_never_its_risk() -> None:
    office, _, _ = breached()
    facts = list(office.facts.values())
    assert evidence.bind([facts[0].event_id], office.facts, office.pilot_id) == (facts[0],)
    foreign = replace(facts[0], pilot_id=uuid4())
    scored = replace(facts[0], kind="RiskAssessed")
    for fact, code in ((foreign, "evidence_unknown"), (scored, "evidence_not_allowed")):
        with pytest.raises(Refused) as caught:
            evidence.bind([fact.event_id], {fact.event_id: fact}, office.pilot_id)
        assert (caught.value.code, caught.value.main.pointer) == (code, "/evidence/0")
    with pytest.raises(Refused):
        evidence.bind([uuid4()], office.facts, office.pilot_id)


def test_every_event_is_about_the_thing_that_it_names() -> None:
    folder = Path(__file__).parents[2] / "shared" / "contracts" / "examples"
    ids = {
        "InterimMeasureTaken": "measure_id",
        "MeasureLapsed": "measure_id",
        "FindingOpened": "finding_id",
        "FindingCleared": "finding_id",
        "PeriodicReportFiled": "report_id",
        "ReportReviewed": "report_id",
        "ReplyFiled": "answers",
        "IncidentReported": "incident_id",
        "TipReceived": "tip_id",
        "ReferralReceived": "referral_id",
        "DecisionIssued": "decision_id",
        "DecisionNotApplied": "decision_id",
        "RemedyVerified": "decision_id",
        "ReplyRequested": "proposal_id",
        "CaseSupplementRequested": "request_id",
        "RequestWithdrawn": "request_id",
        "ItemOpened": "item_id",
        "CaseOpened": "case_id",
        "PilotStarted": None,
        "UsageRolled": None,
    }
    for module in (a, d, m):
        for kind in module.EVENTS:
            if kind.__name__ in ids:
                event = kind.model_validate(json.loads((folder / f"{kind.__name__}.json").read_bytes())["data"])
                named = ids.pop(kind.__name__)
                assert evidence.about(event) == (None if named is None else getattr(event, named)), kind
    assert ids == {}


# Quarters


@pytest.mark.parametrize(
    ("instant", "quarter"),
    [
        (at("2026-07-01 00:00"), "2026Q3"),
        (at("2026-06-30 23:59"), "2026Q2"),
        (at("2027-01-01 00:00"), "2027Q1"),
        (at("2026-12-31 23:59"), "2026Q4"),
        (datetime.fromisoformat("2026-12-31T17:00:00+00:00"), "2027Q1"),
    ],
)
def test_quarters_are_those_of_vietnam(instant: datetime, quarter: str) -> None:
    assert quarter_of(instant) == quarter


def test_persons_are_counted_one_by_one_or_at_one_time() -> None:
    found = persons(rules().metrics)
    assert (found["audience_live"], found["crowd_peak"], found["participants_active"]) == (True, False, False)
    assert not {"jobs", "revenue_vnd"} & set(found)

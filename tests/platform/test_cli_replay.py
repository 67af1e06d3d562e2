"""Replay from the log alone: identical when nothing was touched, and the very thing named when something was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID, uuid5

import pytest

from deploy.cli.eventlog import Logged
from deploy.cli.recompute import Told, recompute
from deploy.cli.replay import _candidates
from deploy.cli.replaying import (
    Ambiguous,
    Chains,
    Replay,
    UnknownDecision,
    Wanted,
    choose,
    issued_in,
    replay_in,
)
from deploy.demo import season
from services.decisions.core.chain import Chain, seal
from services.decisions.core.evidence import evidence_hash
from services.monitoring.engine.reading import FORGED
from shared.contracts.base import content_hash
from shared.contracts.errors import problem
from shared.contracts.events.applications import PilotRegistered, PilotStarted
from shared.contracts.events.decisions import DecisionIssued, MadeUpon, VerdictOnFinding
from shared.contracts.events.monitoring import (
    EventRef,
    FindingCleared,
    FindingOpened,
    InterimMeasureTaken,
    MetricsReportRejected,
)
from shared.contracts.pilot import PilotState
from shared.contracts.topics import APPLICATIONS, DECISIONS, METRICS, MONITORING
from tests.journeys.simulated import SPACE, Simulation, law, name_of, play

SHOWS = {show.name: show for show in season.load()}


@cache
def played(name: str) -> Simulation:
    return play(SHOWS[name])


@pytest.mark.parametrize("name", sorted(SHOWS))
def test_the_log_alone_gives_every_finding_again_byte_for_byte(name: str) -> None:
    pilot = played(name)
    before = [event for event in pilot.told if isinstance(event, Told)]
    after = recompute(pilot.log, law().calendar)
    assert [one.data() for one in after] == [one.data() for one in before]


def test_records_sent_twice_and_facts_sent_twice_change_nothing() -> None:
    pilot = played("Rent")
    doubled = [copy for record in pilot.log for copy in (record, record)]
    assert recompute(doubled, law().calendar) == recompute(pilot.log, law().calendar)


def rejected(forged: Logged, code: str, **changes: Any) -> MetricsReportRejected:
    """What monitoring tells of a record that does not speak for its pilot."""
    return MetricsReportRejected.model_validate(
        {
            "at": "2026-08-01T00:00:00+07:00",
            "pilot_id": UUID(forged.key),
            "partition": forged.partition,
            "offset": forged.offset,
            "record_sha256": forged.sha256,
            "signature_sha256": content_hash(b"forged"),
            "problems": [problem(code, "", None, source="main", partition=0, expected=0)],
            **changes,
        }
    )


@pytest.mark.parametrize("code", sorted(FORGED))
def test_records_that_monitoring_found_forged_do_not_count_however_often_they_come(code: str) -> None:
    pilot = played("Rent")
    genuine = next(one for one in pilot.log if one.topic == METRICS.name)
    body = rewritten(genuine, lambda data: data["samples"][3].update(value="999999") or data.update(sequence=77))
    forged = replace(body, offset=genuine.offset, headers=(("hk-signature", b"forged"),))
    log = [*pilot.log[: pilot.log.index(genuine)], forged, forged, *pilot.log[pilot.log.index(genuine) :]]
    before = recompute(pilot.log, law().calendar)
    assert recompute(log, law().calendar) != before, "a forgery that changes nothing shows nothing"
    told = replace(pilot, log=list(log)).write(MONITORING, rejected(forged, code))
    assert recompute([*log, told], law().calendar) == before
    # What says another place or signature, or that it was judged, is about another record.
    for other in ({"offset": forged.offset + 1}, {"partition": 5}, {"signature_sha256": None}):
        told = replace(pilot, log=list(log)).write(MONITORING, rejected(forged, code, **other))
        assert recompute([*log, told], law().calendar) != before


def test_a_record_under_the_key_of_another_pilot_does_not_count() -> None:
    pilot = played("Rent")
    stranger = str(uuid5(SPACE, "another"))
    foreign = [
        rewritten(one, lambda data: data["samples"][3].update(value="999999") or data.update(pilot_id=stranger))
        for one in pilot.log
        if one.topic == METRICS.name
    ]
    assert recompute([*foreign, *pilot.log], law().calendar) == recompute(pilot.log, law().calendar)


def decided(pilot: Simulation) -> tuple[Logged, list[Logged], Chains]:
    """A decision on the pilot's first crowd breach, sealed as the first of its authority, and the log with it."""
    opened = next(one for one in pilot.told if isinstance(one, FindingOpened) and one.rule == "cap_exceeded")
    measure = next(one for one in pilot.told if isinstance(one, InterimMeasureTaken))
    bound = [one for one in pilot.log if one.event_id in (name_of(opened), name_of(measure))]
    fresh = replace(pilot, log=list(pilot.log))
    record = fresh.write(DECISIONS, warning(opened, bound))
    return record, fresh.log, Chains.of(issued_in(fresh.log))


def warning(opened: FindingOpened, bound: Iterable[Logged]) -> DecisionIssued:
    """A decision about ``opened``, on the evidence ``bound``, sealed as the first of its authority."""
    refs = tuple(EventRef(event_id=name_of(one.event), sha256=one.sha256) for one in bound if one.event)
    draft = DecisionIssued(
        at=opened.at,
        pilot_id=opened.pilot_id,
        case_id=uuid5(SPACE, "case"),
        decision_id=uuid5(SPACE, "decision"),
        number="1/QĐ-HK",
        kind="warn",
        authority="prov_79_culture",
        items=(),
        reasons="Over the cap.",
        public_reasons="Over the cap.",
        legal_bases=(),
        evidence=refs,
        evidence_hash=evidence_hash(refs),
        findings=(VerdictOnFinding(finding_id=opened.finding_id, verdict="confirmed"),),
        rule_set="0" * 64,
        proposer="lan",
        made_upon=MadeUpon(state=PilotState.ACTIVE, causes=(), envelope_version=1),
        previous_hash="0" * 64,
        hash="0" * 64,
    )
    return seal(Chain("prov_79_culture"), draft)[1]


def replayed(change: Callable[[Logged], Logged | None] = lambda record: record) -> Replay:
    """The replay of the decision about Rent, with every record changed, or dropped where ``change`` gives None."""
    record, log, _ = decided(played("Rent"))
    changed = [after for one in log if (after := change(one)) is not None]
    issued = issued_in(changed)
    return replay_in(issued[0] if issued else record, changed, Chains.of(issued), law().calendar)


def rewritten(record: Logged, change: Callable[[dict[str, Any]], None]) -> Logged:
    data = json.loads(record.data)
    change(data)
    return replace(record, data=json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())


def broken(found: Replay) -> list[str]:
    return [f"{check.what}: {check.difference}" for check in found.checks if not check.holds]


def test_an_untouched_log_replays_identical() -> None:
    found = replayed()
    assert found.identical, broken(found)
    assert {"the evidence set", "the chain of prov_79_culture", "the state that it was made upon"} < {
        check.what for check in found.checks
    }
    assert any(check.what == "FindingOpened cap_exceeded crowd_peak/concurrent" for check in found.checks)


def test_a_report_with_other_figures_makes_another_finding() -> None:
    def lower(record: Logged) -> Logged:
        if record.topic != METRICS.name:
            return record
        return rewritten(record, lambda data: data["samples"][3].update(value="1"))

    assert "FindingOpened cap_exceeded crowd_peak/concurrent: recomputed, it does not happen" in broken(replayed(lower))


def test_a_report_changed_by_one_person_shows_in_the_hash_that_the_finding_names() -> None:
    def one_more(record: Logged) -> Logged:
        if record.topic != METRICS.name or record.offset != 2:
            return record
        return rewritten(record, lambda data: data["samples"][3].update(value="1191"))

    said = broken(replayed(one_more))
    assert any("/evidence/value was 1190, is 1191" in one for one in said), said
    assert any("/evidence/records was" in one for one in said), said


def test_changed_evidence_is_named_by_its_hash() -> None:
    def milder(record: Logged) -> Logged:
        event = record.event
        if not isinstance(event, FindingOpened) or event.rule != "cap_exceeded":
            return record
        return rewritten(record, lambda data: data.update(severity="minor"))

    said = broken(replayed(milder))
    assert any(one.startswith("evidence ") and "its bytes hash to" in one for one in said), said


def test_missing_evidence_is_named() -> None:
    said = broken(replayed(lambda record: None if isinstance(record.event, InterimMeasureTaken) else record))
    assert any("the log does not hold this event" in one for one in said), said


def test_the_lost_opening_of_a_judged_finding_is_named() -> None:
    said = broken(replayed(lambda record: None if record.topic == MONITORING.name else record))
    assert any(one.startswith("finding ") and "does not hold its opening" in one for one in said), said


def test_every_field_of_the_decision_is_under_its_hash() -> None:
    def reworded(record: Logged) -> Logged:
        if record.topic != DECISIONS.name:
            return record
        return rewritten(record, lambda data: data.update(reasons="Another reason."))

    assert "the chain of prov_79_culture: 1/QĐ-HK: its hash is not that of its fields" in broken(replayed(reworded))


def test_an_exchanged_evidence_set_is_found() -> None:
    def swapped(record: Logged) -> Logged:
        if record.topic != DECISIONS.name:
            return record
        return rewritten(record, lambda data: data.update(evidence=data["evidence"][:1]))

    assert any(one.startswith("the evidence set: hashes to") for one in broken(replayed(swapped)))


def test_a_state_that_never_was_is_found() -> None:
    def never_started(record: Logged) -> Logged | None:
        return None if isinstance(record.event, PilotStarted) else record

    said = broken(replayed(never_started))
    assert any(one.startswith("the state that it was made upon: was") for one in said), said


def test_a_decision_outside_the_chain_is_found() -> None:
    def loose(record: Logged) -> Logged:
        if record.topic != DECISIONS.name:
            return record
        return rewritten(record, lambda data: data.update(previous_hash="1" * 64))

    assert "the chain of prov_79_culture: breaks after 0 of 1 decisions" in broken(replayed(loose))


def test_two_decisions_after_one_hash_are_a_fork() -> None:
    record, log, _ = decided(played("Rent"))
    twin = rewritten(record, lambda data: data.update(number="2/QĐ-HK"))
    chains = Chains.of([record, replace(twin, headers=())])
    (found,) = [one for one in replay_in(record, log, chains, law().calendar).checks if "chain" in one.what]
    assert found.difference == "forks after 0 decisions: 1/QĐ-HK, 2/QĐ-HK"


def test_clearings_are_recomputed_too() -> None:
    again = recompute(played("Rent").log, law().calendar)
    assert {one.reason for one in again if isinstance(one, FindingCleared)} == {"recovered", "adjusted"}
    assert APPLICATIONS.name in {one.topic for one in played("Rent").log}


# --- which decision is meant

PILOT, OTHER = UUID("0198f000-0000-7000-8000-00000000000a"), UUID("0198f000-0000-7000-8000-00000000000b")


def _issued() -> list[Logged]:
    """Number 1 of two authorities, and of one of them in two years."""
    record, _, _ = decided(played("Rent"))
    made = (
        ("prov_79_culture", "2007-08-01T09:00:00+07:00", PILOT),
        ("prov_79_culture", "2008-01-03T09:00:00+07:00", OTHER),
        ("prov_01_culture", "2008-02-03T09:00:00+07:00", PILOT),
    )
    log = []
    for n, (authority, at, pilot) in enumerate(made, start=1):
        fields = {"decision_id": str(UUID(int=n)), "authority": authority, "at": at, "pilot_id": str(pilot)}
        log.append(replace(record, data=json.dumps({**json.loads(record.data), **fields}).encode()))
    return log


def _chosen(wanted: Wanted, registrations: Sequence[Logged] = ()) -> int:
    event = choose(_issued(), wanted, registrations).event
    assert isinstance(event, DecisionIssued)
    return event.decision_id.int


def test_a_decision_is_named_by_its_id_or_by_its_number_where_that_is_enough() -> None:
    assert _chosen(Wanted(str(UUID(int=2)))) == 2
    assert _chosen(Wanted("1/QĐ-HK", authority="prov_01_culture")) == 3
    assert _chosen(Wanted("1/QĐ-HK", pilot=str(OTHER))) == 2
    assert _chosen(Wanted("1/QĐ-HK", authority="prov_79_culture", pilot=str(PILOT))) == 1
    # As a keyboard without Vietnamese letters has it.
    assert _chosen(Wanted("1/qd-hk", pilot=str(OTHER))) == 2


def test_a_pilot_is_known_by_the_code_that_it_was_registered_under() -> None:
    log = played("Rent").log
    code = next(one.event.code for one in log if isinstance(one.event, PilotRegistered))
    pilot_id = next(one.event.pilot_id for one in log if isinstance(one.event, PilotRegistered))
    mine = rewritten(_issued()[1], lambda data: data.update(pilot_id=str(pilot_id)))
    event = choose([*_issued(), mine], Wanted("1/QĐ-HK", pilot=code.lower()), log).event
    assert isinstance(event, DecisionIssued)
    assert event.pilot_id == pilot_id


def test_a_number_that_several_have_names_them_all_and_one_that_none_has_is_said() -> None:
    with pytest.raises(Ambiguous) as several:
        _chosen(Wanted("1/QĐ-HK"))
    assert [one.decision_id.int for one in several.value.candidates] == [1, 2, 3]
    said = _candidates(several.value.candidates)
    assert f"2008-01-03 09:00 warn of prov_79_culture: haukiem replay {UUID(int=2)}" in said
    with pytest.raises(UnknownDecision, match="no decision 2/QĐ-HK of prov_79_culture about HK-G16-26-999999"):
        _chosen(Wanted("2/QĐ-HK", authority="prov_79_culture", pilot="HK-G16-26-999999"))

"""What the demo tells while a season is played: the system's acts with their figures, a line for many; people's by their names."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.demo import script
from deploy.demo.director import describe
from deploy.demo.narrator import Narrator
from shared.contracts.base import Event
from shared.contracts.events import applications as a
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.pilot import Outcome, PilotState, Severity
from tests import decisions_kit as kit
from tests.decisions_kit import at

SHOWS = {uuid4(): name for name in ("Chicago", "Jersey Boys", "Rent", "Wicked")}
ONE, TWO, THREE, FOUR = SHOWS
SUNDAY = at("2026-07-19 23:00")


@pytest.fixture
def narrator() -> Narrator:
    return Narrator(SHOWS.__getitem__)


def opened(pilot_id: UUID, rule: str, severity: Severity = Severity.CRITICAL, **evidence: Any) -> m.FindingOpened:
    subject = {"silence": "main"}.get(rule, "crowd_peak/concurrent")
    return m.FindingOpened.model_validate(
        {
            "at": SUNDAY, "pilot_id": pilot_id, "finding_id": uuid4(), "rule": rule, "subject": subject, "severity": severity,
            "evidence": {"rule_version": "1", **evidence},
        }
    )  # fmt: skip


def exceeded(pilot_id: UUID, value: int, limit: int) -> m.FindingOpened:
    return opened(pilot_id, "cap_exceeded", metric="crowd_peak", value=str(value), limit=str(limit))


def taken(finding: m.FindingOpened) -> m.InterimMeasureTaken:
    return m.InterimMeasureTaken(
        at=finding.at,
        pilot_id=finding.pilot_id,
        measure_id=uuid4(),
        finding_id=finding.finding_id,
        severity=Severity.CRITICAL,
        evidence=finding.evidence,
    )


def started(pilot_id: UUID) -> a.PilotStarted:
    return a.PilotStarted(
        at=SUNDAY, pilot_id=pilot_id, state_after=PilotState.ACTIVE, causes=(), end_at=at("2027-07-14 00:00")
    )


def silent(pilot_id: UUID) -> m.FindingOpened:
    week = {"period_start": "2026-11-09T00:00:00+07:00", "period_end": "2026-11-16T00:00:00+07:00"}
    return opened(pilot_id, "silence", Severity.MINOR, **week)


def said(narrator: Narrator, *events: Event) -> list[str]:
    return [what for _, what in narrator.tell(events)]


def test_a_cap_exceeded_is_told_with_its_figures_and_what_followed_at_once(narrator: Narrator) -> None:
    crowd = exceeded(TWO, 1232, 1222)
    assert said(narrator, taken(crowd), crowd) == [
        "Jersey Boys exceeds a cap: 1,232 people at one time, 1,222 allowed: intake is restricted at once"
    ]
    assert said(narrator, exceeded(TWO, 1232, 1222)) == [
        "Jersey Boys exceeds a cap: 1,232 people at one time, 1,222 allowed, and a case is open"
    ]


def test_what_several_meet_at_one_instant_is_one_line(narrator: Narrator) -> None:
    assert said(narrator, *map(started, (THREE, ONE, TWO))) == ["Chicago, Jersey Boys and Rent start by themselves"]
    assert said(narrator, *map(started, SHOWS)) == ["4 pilots start by themselves"]
    assert said(narrator, started(ONE)) == ["Chicago starts by itself"]
    ending = [kit.winding_down(one, SUNDAY) for one in (ONE, TWO)]
    assert said(narrator, *ending) == ["Chicago and Jersey Boys wind down: the time is up"]
    assert said(narrator, silent(ONE), silent(FOUR)) == [
        "Chicago and Wicked fall silent: no figures for 2026-11-09 to 2026-11-15"
    ]


def test_each_turn_of_a_pilot_is_told(narrator: Narrator) -> None:
    gone = m.FindingCleared(
        at=SUNDAY, pilot_id=ONE, finding_id=uuid4(), rule=m.RuleCode.SILENCE, subject="main", reason="recovered",
        evidence=m.Evidence(rule_version="1"),
    )  # fmt: skip
    longer = m.FindingEscalated.model_validate(
        silent(ONE).model_dump() | {"severity": Severity.MAJOR, "severity_before": Severity.MINOR}
    )
    for event, what in (
        (d.MeasureLapsed(at=SUNDAY, pilot_id=ONE, measure_id=uuid4()), "the measure lapses"),
        (kit.winding_down(ONE, SUNDAY), "Chicago winds down: the time is up"),
        (kit.ended(ONE, SUNDAY, outcome=Outcome.COMPLETED), "Chicago has ended: completed"),
        (kit.not_applied(ONE, SUNDAY, uuid4(), "continue"), "the decision is without effect"),
        (longer, "Chicago stays silent: no figures for 2026-11-09 to 2026-11-15 either: major"),
        (gone, "Chicago reports again"),
        (opened(ONE, "anomaly", Severity.MAJOR), "Chicago has a finding, major: unusual figures"),
    ):
        (line,) = said(narrator, event)
        assert what in line, (event, line)


def test_a_new_envelope_is_told_by_what_changed_in_it(narrator: Narrator) -> None:
    registered = kit.registered(pilot_id=ONE)
    assert said(narrator, registered)[0].startswith("Chicago is registered at once and starts by itself")
    caps = registered.envelope.caps
    raised = caps[0].model_copy(update={"limit": caps[0].limit + Decimal(1000)})
    envelope = registered.envelope.model_copy(update={"version": 2, "caps": (raised, *caps[1:])})
    amended = a.PilotAmended(
        at=SUNDAY, pilot_id=ONE, state_after=PilotState.ACTIVE, causes=(), envelope=envelope, decision_id=uuid4()
    )
    (line,) = said(narrator, amended)
    assert line.startswith("Chicago has a new envelope: ") and line.count("instead of") == 1
    assert said(narrator, amended) == ["Chicago has a new envelope: version 2"]


def test_what_nobody_would_tell_another_is_not_told(narrator: Narrator) -> None:
    warned = opened(ONE, "cap_warning", Severity.INFO)
    assert said(narrator, warned, kit.applied(ONE, SUNDAY, uuid4(), "continue")) == []


def test_people_and_proposals_have_names_and_one_enterprise_is_one() -> None:
    played = script.load()
    lines = [describe(act, played) for act in played.act]
    slugs = {act.name for act in played.act if isinstance(act, script.Proposing) and act.name}
    assert slugs and not [line for line in lines for slug in slugs if slug in line]
    assert not [line for line in lines if line.startswith(("lan ", "minh ")) or "_" in line]
    assert "Trần Văn Minh signs as the second: object during the standstill, Wicked" in lines
    assert "Nguyễn Thị Lan sends on, the reply being in: adjust the envelope, Jersey Boys" in lines
    assert "Mamma Mia! files its periodic report" in lines
    assert "7 enterprises file their periodic reports" in lines


def test_lines_come_in_the_order_of_what_happened(narrator: Narrator) -> None:
    early: datetime = at("2026-07-14 00:00")
    told = narrator.tell([silent(ONE), started(TWO).model_copy(update={"at": early})])
    assert [instant for instant, _ in told] == [early, SUNDAY]

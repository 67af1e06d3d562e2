"""The decision table: what each kind needs, and the states of the pilot in which it can take effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from services.decisions.core import table
from services.decisions.core.life import ProposalState
from services.decisions.core.model import Actor
from shared.contracts.errors import Refused
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.events.decisions import VerdictOnFinding
from shared.contracts.http.decisions import CapChange
from shared.contracts.pilot import Envelope, Severity, Window
from shared.contracts.rules import FrozenRules
from tests.decisions_kit import (
    BASIS,
    CROWD,
    CULTURE,
    HOA,
    MINH,
    MINISTRY,
    START,
    TAM,
    TUESDAY,
    Office,
    at,
    breached,
    due,
    ended,
    final_filed,
    finding_cleared,
    finding_opened,
    gate,
    incident_reported,
    measure_taken,
    of_kind,
    refused,
    registered,
    rules,
    running,
    started,
    winding_down,
)

# What each kind needs: one row a flaw


def _with(frozen: FrozenRules, basis: str, **changes: object) -> FrozenRules:
    bases = {**frozen.legal_bases, basis: frozen.legal_bases[basis].model_copy(update=changes)}
    return frozen.model_copy(update={"legal_bases": bases})


@pytest.mark.parametrize(
    ("kind", "about", "more", "code", "pointer", "status"),
    [
        ("bless", "finding", {}, "kind_unknown", "/kind", 422),
        ("extend", "finding", {}, "kind_not_offered", "/kind", 422),
        ("permit", "finding", {}, "item_not_resolved_by", "/items/0", 422),
        ("complete", "finding", {}, "item_not_resolved_by", "/items/0", 422),
        ("warn", "finding", {"items": (uuid4(),)}, "item_unknown", "/items/0", 422),
        ("warn", "finding", {"legal_bases": ("law-0-0",)}, "legal_basis_unknown", "/legal_bases/0", 422),
        ("warn", "finding", {"verdict": "rejected"}, "verdict_contradicts", "/verdicts", 422),
        ("warn", "finding", {"verdicts": ()}, "verdict_missing", "/verdicts", 422),
        ("continue", "finding", {"verdict": "confirmed"}, "verdict_not_confirmable", "/verdicts/0/verdict", 422),
        (
            "warn",
            "finding",
            {"verdicts": (VerdictOnFinding(finding_id=uuid4(), verdict="confirmed"),)},
            "verdict_foreign",
            "/verdicts/0/finding_id",
            422,
        ),
        ("warn", "finding", {"caps": (CROWD,)}, "caps_not_expected", "/caps", 422),
        ("warn", "finding", {"remedy_text": "x"}, "remedy_not_expected", "/remedy_text", 422),
        ("adjust", "finding", {}, "caps_required", "/caps", 422),
        ("adjust", "finding", {"caps": (CROWD, CROWD)}, "cap_changed_twice", "/caps/1", 422),
        (
            "adjust",
            "finding",
            {"caps": (CROWD.model_copy(update={"metric": "no_such"}),)},
            "cap_metric_unknown",
            "/caps/0/metric",
            422,
        ),
        (
            "adjust",
            "finding",
            {"caps": (CROWD.model_copy(update={"window": Window.TOTAL}),)},
            "cap_window_unfit",
            "/caps/0/window",
            422,
        ),
        (
            "adjust",
            "finding",
            {"caps": (CROWD.model_copy(update={"source": "gate"}),)},
            "cap_source_undeclared",
            "/caps/0/source",
            422,
        ),
        ("order_correction", "finding", {}, "remedy_required", "/remedy_text", 422),
        ("confirm_measure", "measure", {"gate": "x"}, "follows_from_item", "/gate", 422),
        ("confirm_measure", "measure", {"measure_id": uuid4()}, "follows_from_item", "/measure_id", 422),
        ("confirm_measure", "measure", {"lifts": uuid4()}, "follows_from_item", "/lifts", 422),
        ("lift_suspension", "measure", {}, "item_not_resolved_by", "/items/0", 422),
    ],
)
def test_what_a_proposal_lacks_or_says_wrong_is_named_with_its_place(
    kind: str, about: str, more: dict[str, Any], code: str, pointer: str, status: int
) -> None:
    office, _, _ = breached()
    with pytest.raises(Refused) as caught:
        proposal = office.draft(TUESDAY, kind, office.item(about), **more)
        office.submit(TUESDAY, proposal)
    found = {(p.code, p.pointer) for p in caught.value.problems}
    assert (code, pointer) in found
    assert caught.value.status == status


def test_what_may_be_cited_is_said_to_who_cites_something_else() -> None:
    office, _, _ = breached()
    frozen = office.book.pilot.rules
    gone = next(iter(frozen.legal_bases))
    assert gone in [basis.code for basis in table.citable(frozen, TUESDAY)]
    office.book = replace(office.book, pilot=replace(office.book.pilot, rules=_with(frozen, gone, status="superseded")))
    known = [basis.code for basis in table.citable(office.book.pilot.rules, TUESDAY)]
    assert gone not in known and known
    with pytest.raises(Refused) as caught:
        office.draft(TUESDAY, "warn", office.item("finding"), legal_bases=("law-0-0",))
    assert ", ".join(known) in caught.value.main.vi and ", ".join(known) in caught.value.main.en


def test_every_flaw_is_said_at_once() -> None:
    office, _, _ = breached()
    with pytest.raises(Refused) as caught:
        office.draft(TUESDAY, "warn", office.item("finding"), caps=(CROWD,), remedy_text="x", legal_bases=("a", "b"))
    assert [p.code for p in caught.value.problems] == [
        "legal_basis_unknown",
        "legal_basis_unknown",
        "caps_not_expected",
        "remedy_not_expected",
    ]


def test_one_thing_at_a_time_where_the_effect_is_on_one_thing() -> None:
    office, opened, _ = breached()
    second = finding_opened(office.pilot_id, TUESDAY, subject="y", severity=Severity.CRITICAL)
    office.hear(second)
    office.hear(measure_taken(second))
    items = [i for i in office.book.open_items if i.kind == "measure"]
    with refused("one_item_only"):
        office.draft(TUESDAY, "lift_measure", *items)
    with refused("verdict_twice"):
        verdict = VerdictOnFinding(finding_id=opened.finding_id, verdict="confirmed")
        item = office.item("finding", "cap_exceeded/crowd_peak/concurrent")
        office.draft(TUESDAY, "warn", item, verdicts=(verdict, verdict))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "superseded"},
        {"effective_from": at("2026-08-01 00:00").date()},
        {"effective_to": at("2026-07-20 00:00").date()},
    ],
)
def test_an_act_that_is_not_in_force_is_no_basis(changes: dict[str, object]) -> None:
    event = registered(frozen=_with(rules(), BASIS, **changes))
    office = Office.of(event)
    office.hear(started(event.pilot_id))
    office.hear(finding_opened(event.pilot_id, at("2026-07-20 10:00")))
    with refused("legal_basis_not_in_force"):
        office.draft(TUESDAY, "continue", office.item("finding"))


# No verdict without evidence


def test_a_finding_is_confirmed_only_upon_evidence_about_it() -> None:
    """What was seen of another finding proves nothing about this one; to reject it takes none."""
    office, first, _ = breached()
    second = finding_opened(office.pilot_id, TUESDAY, subject="y", severity=Severity.MAJOR)
    office.hear(second)
    items = [i for i in office.book.open_items if i.kind == "finding"]
    proposal = office.draft(TUESDAY, "warn", *items, evidence=office.telling(first))
    with pytest.raises(Refused) as caught:
        office.submit(TUESDAY, proposal)
    assert [(p.code, p.pointer) for p in caught.value.problems] == [("verdict_without_evidence", "/verdicts/1")]
    assert str(second.finding_id) in caught.value.main.en
    one_of_two = tuple(
        VerdictOnFinding(finding_id=f, verdict=v)
        for f, v in ((first.finding_id, "confirmed"), (second.finding_id, "rejected"))
    )
    office.edit(TUESDAY, proposal, office.content("warn", *items, evidence=office.telling(first), verdicts=one_of_two))
    office.submit(TUESDAY, proposal)
    assert office.now_of(proposal).state is ProposalState.ISSUED


def test_an_interim_measure_tells_of_the_finding_that_it_was_taken_on() -> None:
    office, _, taken = breached()
    office.decide(TUESDAY, "warn", office.item("finding"), evidence=office.telling(taken))


def test_a_report_of_an_incident_tells_of_the_finding_about_it() -> None:
    office = running()
    incident = incident_reported(office.pilot_id, TUESDAY)
    office.hear(incident)
    office.hear(finding_opened(office.pilot_id, TUESDAY, rule=m.RuleCode.INCIDENT, subject=str(incident.incident_id)))
    office.decide(TUESDAY, "warn", office.item("finding"), evidence=office.telling(incident))


def test_an_item_that_was_resolved_meanwhile_is_refused() -> None:
    office, opened, _ = breached()
    finding = office.item("finding")
    office.draft(TUESDAY, "lift_measure", office.item("measure"))
    office.hear(finding_cleared(opened, TUESDAY))
    with refused("item_resolved"):
        office.draft(TUESDAY, "continue", finding)


def test_a_closed_case_takes_no_proposal() -> None:
    office, _, _ = breached()
    finding, measure = office.item("finding"), office.item("measure")
    office.decide(TUESDAY, "continue", finding)
    office.decide(TUESDAY, "lift_measure", measure)
    with refused("case_closed"):
        office.draft(TUESDAY, "continue", finding)


def test_a_proposal_on_its_way_is_not_edited() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, proposal)
    with refused("proposal_not_editable"):
        office.edit(TUESDAY, proposal, proposal.content)


# States of the pilot


@pytest.mark.parametrize("kind", sorted(set(rules().decision_types) - table.NOT_OFFERED))
def test_about_an_ended_pilot_only_three_kinds_remain(kind: str) -> None:
    office, _, _ = breached()
    office.hear(ended(office.pilot_id, at("2026-07-20 12:00")))
    row = rules().decision_types[kind]
    if kind in table.AFTER_THE_END:
        office.decide(TUESDAY, kind, office.item("finding"))
        return
    if "finding" in row.resolves:
        with refused("pilot_ended"):
            more: dict[str, Any] = {"caps": (CROWD,)} if kind == "adjust" else {}
            office.draft(TUESDAY, kind, office.item("finding"), **more)
    assert kind not in {found.code for found, _ in table.options(office.book, CULTURE)}


def test_what_was_proposed_before_the_end_and_has_no_object_after_it_is_withdrawn() -> None:
    office, _, _ = breached()
    warn = office.draft(TUESDAY, "warn", office.item("finding"))
    suspend = office.draft(TUESDAY, "suspend", office.item("finding"))
    office.hear(ended(office.pilot_id, at("2026-07-21 12:00")))
    assert office.now_of(warn).state is ProposalState.DRAFT
    assert (office.now_of(suspend).state, office.now_of(suspend).closed_reason) == (
        ProposalState.WITHDRAWN,
        "pilot_ended",
    )


def test_a_pending_pilot_is_not_suspended() -> None:
    office = Office.of(registered())
    office.hear(finding_opened(office.pilot_id, at("2026-07-07 10:00"), rule=m.RuleCode.INCIDENT))
    with refused("pilot_state"):
        office.draft(at("2026-07-07 11:00"), "suspend", office.item("finding"))


def test_an_objection_counts_only_before_the_standstill_ends_even_if_no_sweep_came_by() -> None:
    office = Office.of(registered())
    item = office.item("standstill")
    proposal = office.draft(at("2026-07-13 23:59"), "object", item)
    with refused("standstill_over"):
        office.submit(START, proposal)
    office.submit(at("2026-07-13 23:59"), proposal)
    with refused("standstill_over"):
        office.sign(START, proposal)


def test_an_objection_opens_a_permit_with_the_rows_standstill_days_and_the_permit_ends_it() -> None:
    office = Office.of(registered())
    now = at("2026-07-08 10:00")
    office.decide(now, "object", office.item("standstill"), second=MINH)
    permit = office.item("permit", "objection")
    assert (permit.clock, permit.due) == ("permit", due("2026-07-16 00:00"))
    proposal = office.decide(at("2026-07-10 11:00"), "permit", permit, gate="objection")
    assert of_kind(office.told, d.DecisionIssued)[-1].gate == "objection"
    assert office.now_of(proposal).state is ProposalState.ISSUED


def test_an_objection_to_a_gates_silence_has_the_gates_days_where_the_row_has_none() -> None:
    frozen = rules().model_copy(update={"policy": rules().policy.model_copy(update={"standstill_working_days": 0})})
    silence = gate("notice_silence", due_at=due("2026-07-16 00:00"), queue=CULTURE)
    other = gate("notice_silence", due_at=due("2026-07-17 00:00"), queue=CULTURE).model_copy(
        update={"gate": "other_gate"}
    )
    office = Office.of(registered(frozen=frozen, standstill=False, gates=(silence, other)))
    office.decide(at("2026-07-08 10:00"), "object", office.item("standstill", silence.subject), second=MINH)
    # 7 to 15 July are seven working days; seven working days from 8 July end with the 17th.
    assert office.item("permit", "objection").due == due("2026-07-18 00:00")
    office.decide(at("2026-07-08 11:00"), "object", office.item("standstill", other.subject), second=MINH)
    assert len([i for i in office.book.open_items if i.subject == "objection"]) == 2


def test_an_authority_permits_only_what_it_objected_to_itself() -> None:
    silence = gate("notice_silence", due_at=due("2026-07-16 00:00"), queue=MINISTRY)
    office = Office.of(registered(gates=(silence,)))
    ours = office.decide(at("2026-07-08 10:00"), "object", office.item("standstill", "standstill"), second=MINH)
    theirs = office.decide(
        at("2026-07-08 11:00"),
        "object",
        office.item("standstill", silence.subject),
        by=TAM,
        second=Actor("binh", MINISTRY, supervisor=True),
    )
    objections = {i.authority: i for i in office.book.open_items if i.subject == "objection"}
    assert {name: item.subject_id for name, item in objections.items()} == {
        CULTURE: ours.decision_id,
        MINISTRY: theirs.decision_id,
    }
    office.decide(at("2026-07-09 10:00"), "permit", objections[CULTURE])
    permit = of_kind(office.told, d.DecisionIssued)[-1]
    assert (permit.gate, permit.lifts) == ("objection", ours.decision_id)
    with refused("item_of_other_authority"):
        office.draft(at("2026-07-09 11:00"), "permit", objections[MINISTRY])


def test_a_decision_that_was_issued_together_is_not_signed_again() -> None:
    office, _, _ = breached()
    now = at("2026-07-20 10:00")
    warn = office.draft(now, "warn", office.item("finding"))
    keep = office.draft(now, "confirm_measure", office.item("measure"))
    office.submit(now, warn, together=[keep])
    office.sign(now, warn, HOA)
    # The store loads the proposal that is named, and of the others only those that still live.
    left = {k: p for k, p in office.book.proposals.items() if k == warn.proposal_id or p.live}
    office.book = replace(office.book, proposals=left)
    with refused("proposal_not_awaiting_second"):
        office.sign(now, warn, HOA)


def test_a_refusal_names_the_gate_that_it_refuses() -> None:
    office = Office.of(registered(standstill=False, permit=True))
    office.decide(at("2026-07-07 10:00"), "refuse", office.item("permit", "pilot"))
    assert of_kind(office.told, d.DecisionIssued)[-1].gate == "pilot"


def test_completion_is_decided_upon_a_filed_report_of_a_pilot_that_winds_down() -> None:
    office = running()
    office.fire_until(at("2027-06-29 00:00"))
    with pytest.raises(Refused) as caught:
        office.draft(at("2027-06-29 09:00"), "complete", office.item("final_report"))
    assert [p.code for p in caught.value.problems] == ["final_report_missing", "pilot_state"]
    office.hear(winding_down(office.pilot_id, at("2027-07-14 00:00")))
    with refused("final_report_missing"):
        office.draft(at("2027-07-14 09:00"), "complete", office.item("final_report"))
    office.hear(final_filed(office.pilot_id, at("2027-07-15 09:00")))
    assert office.item("final_report").late
    office.decide(at("2027-07-15 10:00"), "complete", office.item("final_report"))
    assert of_kind(office.told, d.DecisionIssued)[-1].kind == "complete"


def test_the_options_of_a_case_are_what_could_be_proposed_now() -> None:
    office, _, _ = breached()
    mine = {row.code: {i.kind.value for i in items} for row, items in table.options(office.book, CULTURE)}
    assert mine["confirm_measure"] == {"measure"} and mine["warn"] == {"finding"}
    assert "permit" not in mine and "extend" not in mine and "complete" not in mine
    assert table.options(office.book, MINISTRY) == []
    assert {row.code for row, _ in table.options(office.book, None)} == set(mine)


# Caps


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (True, True, "gate")),
        ({"critical": False}, (False, True, "gate")),
        ({"reported": False, "source": "main"}, (True, False, "main")),
        ({"window": "total"}, (False, False, "main")),
    ],
)
def test_a_cap_that_is_adjusted_keeps_what_the_decision_does_not_speak_of(
    said: dict[str, Any], expected: tuple[bool, bool, str]
) -> None:
    in_force = CROWD.model_copy(update={"critical": True, "reported": True, "source": "gate"})
    envelope = Envelope(caps=(in_force,), sources=("main", "gate"))
    change = CapChange.model_validate({"metric": "crowd_peak", "window": "concurrent", "limit": 1300} | said)
    (whole,) = table.whole_caps(envelope, [change])
    assert (whole.critical, whole.reported, whole.source) == expected
    assert (whole.metric, str(whole.limit)) == ("crowd_peak", "1300")

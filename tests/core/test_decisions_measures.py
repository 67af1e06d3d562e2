"""Interim measures: confirm, lift, lapse, whichever is first."""

from __future__ import annotations

from dataclasses import replace

from services.decisions.core.model import MeasureState
from shared.contracts.events import decisions as d
from tests.decisions_kit import (
    TUESDAY,
    at,
    breached,
    names,
    of_kind,
    refused,
)

# Measures


def test_a_measure_that_nobody_confirms_lapses_at_its_due_instant() -> None:
    office, _, taken = breached()
    told = office.fire_until(at("2026-07-23 00:00"))
    (lapsed,) = of_kind(told, d.MeasureLapsed)
    assert (lapsed.at, lapsed.measure_id) == (at("2026-07-23 00:00"), taken.measure_id)
    assert ("measure", "measure_lapsed") in {(r.kind.value, r.reason) for r in of_kind(told, d.ItemResolved)}
    assert office.book.measures[taken.measure_id].state is MeasureState.LAPSED


def test_after_the_due_instant_nobody_confirms_even_if_no_sweep_came_by() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, proposal)
    with refused("measure_lapsed"):
        office.sign(at("2026-07-23 00:00"), proposal)
    office.fire_until(at("2026-07-23 00:00"))
    assert office.now_of(proposal).closed_reason == "item_resolved"


def test_a_confirmed_measure_does_not_lapse_and_stays_in_sight_until_it_is_lifted() -> None:
    office, opened, taken = breached()
    office.decide(TUESDAY, "confirm_measure", office.item("measure"))
    assert office.fire_until(at("2026-07-23 00:00")) == ()
    item = office.item("measure", "confirmed")
    assert (item.subject_id, item.due) == (taken.measure_id, None)
    with refused("measure_already_confirmed"):
        office.draft(TUESDAY, "confirm_measure", item)
    office.decide(at("2026-09-03 10:00"), "lift_measure", item)
    (lifted,) = of_kind(office.told, d.MeasureLifted)
    assert (lifted.reason, lifted.finding_id) == ("decision", opened.finding_id)


def test_the_measure_moves_before_the_decision_and_the_items_after_it() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, proposal)
    assert names(office.sign(TUESDAY, proposal)) == ["MeasureConfirmed", "DecisionIssued", "ItemResolved", "ItemOpened"]


def test_a_lapse_that_fires_after_the_decision_does_nothing() -> None:
    office, _, taken = breached()
    (deadline,) = [x for x in office.deadlines() if x.kind == "measure_confirm"]
    office.decide(TUESDAY, "lift_measure", office.item("measure"))
    assert office.fire(deadline) == ()
    assert office.book.measures[taken.measure_id].state is MeasureState.LIFTED


def test_a_measure_that_is_out_of_force_cannot_be_decided_upon() -> None:
    office, _, taken = breached()
    measure = office.book.measures[taken.measure_id]
    item = office.item("measure")
    office.book = replace(
        office.book, measures={taken.measure_id: replace(measure, state=MeasureState.LIFTED, ended_at=TUESDAY)}
    )
    with refused("measure_not_in_force"):
        office.draft(TUESDAY, "lift_measure", item)

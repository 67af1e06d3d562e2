"""Pauses of a clock, against the calendar's own count."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.decisions.core import cases, clocks
from services.decisions.core.model import Actor, Item
from shared.contracts.events.decisions import ItemKind
from shared.contracts.pilot import Severity
from shared.contracts.rules import ClockUnit, Pause
from shared.reference.calendar import VIETNAM, PauseSpan
from tests.decisions_kit import (
    CULTURE,
    MINISTRY,
    TAM,
    TUESDAY,
    Office,
    at,
    calendar,
    due,
    gate,
    refused,
    registered,
    rules,
)

# Pauses, against the calendar's own count


def _item(start: datetime, n: int) -> Item:
    return Item(
        item_id=uuid4(),
        case_id=uuid4(),
        pilot_id=uuid4(),
        kind=ItemKind.FINDING,
        subject="x",
        authority=CULTURE,
        opened_at=start,
        clock="case_minor",
        clock_from=start,
        due=calendar().due_working_days(start, n),
    )


@given(
    start=st.integers(0, 24 * 300),
    n=st.integers(1, 30),
    gaps=st.lists(st.tuples(st.integers(0, 24 * 12), st.integers(0, 24 * 12)), min_size=1, max_size=4),
)
def test_pauses_one_after_another_give_the_day_that_counting_without_their_days_gives(
    start: int, n: int, gaps: list[tuple[int, int]]
) -> None:
    begun = datetime(2026, 7, 1, tzinfo=VIETNAM) + timedelta(hours=start)
    item, now, spans = _item(begun, n), begun, []
    for wait, length in gaps:
        asked = now + timedelta(hours=wait)
        assert item.due is not None
        if asked >= item.due.instant:
            break
        answered = asked + timedelta(hours=length)
        ref = uuid4()
        item = clocks.release(clocks.hold(item, ref, asked), ref, answered, rules(), calendar(), why=Pause.REPLY)
        spans.append(PauseSpan(asked, answered))
        now = answered
    expected = calendar().due_working_days(begun, n, spans)
    assert item.due is not None and item.due.instant == expected.instant
    assert item.due.provisional or not expected.provisional
    assert item.pauses == tuple(spans)


def test_two_reasons_to_wait_are_one_pause_from_the_first_to_the_last() -> None:
    item = _item(at("2026-07-20 10:00"), 10)
    one, two = uuid4(), uuid4()
    item = clocks.hold(clocks.hold(item, one, at("2026-07-21 10:00")), two, at("2026-07-22 10:00"))
    item = clocks.release(item, one, at("2026-07-23 10:00"), rules(), calendar(), why=Pause.REPLY)
    assert item.holds and item.running_due is None
    item = clocks.release(item, two, at("2026-07-24 10:00"), rules(), calendar(), why=Pause.SUPPLEMENT)
    assert item.pauses == (PauseSpan(at("2026-07-21 10:00"), at("2026-07-24 10:00")),)
    assert clocks.release(item, two, at("2026-07-25 10:00"), rules(), calendar(), why=Pause.REPLY) == item


def test_a_late_fact_of_a_time_before_the_question_shortens_no_limit() -> None:
    item = _item(at("2026-07-20 10:00"), 10)
    ref = uuid4()
    held = clocks.hold(item, ref, at("2026-07-27 10:00"))
    freed = clocks.release(held, ref, at("2026-07-22 10:00"), rules(), calendar(), why=Pause.REPLY)
    assert freed.due == calendar().due_working_days(
        at("2026-07-20 10:00"), 10, [PauseSpan(at("2026-07-27 10:00"), at("2026-07-27 10:00"))]
    )


def test_only_the_lead_moves_the_whole_case_and_who_decides_something_in_it_may_ask() -> None:
    office = Office.of(registered(gates=(gate("permit", due_at=due("2026-07-30 00:00")),)))
    now = at("2026-07-07 10:00")
    with refused("not_the_lead_authority"):
        cases.snooze(office.book, TAM, at("2026-07-08 10:00"), "x", now, calendar())
    assert cases.ask_supplement(office.book, TAM, uuid4(), "x", now, calendar())[1]
    office.decide(now, "permit", office.item("permit"), by=TAM, second=Actor("chief", MINISTRY, supervisor=True))
    with refused("not_the_lead_authority"):
        cases.ask_supplement(office.book, TAM, uuid4(), "x", now, calendar())


def test_a_pause_that_begins_when_all_time_was_used_up_moves_nothing() -> None:
    item = replace(_item(at("2026-07-20 10:00"), 1), overdue=True)
    ref = uuid4()
    item = clocks.hold(item, ref, at("2026-07-25 10:00"))
    item = clocks.release(item, ref, at("2026-07-28 10:00"), rules(), calendar(), why=Pause.REPLY)
    assert (item.due, item.overdue) == (due("2026-07-22 00:00"), True)


def test_a_clock_without_a_length_of_its_own_belongs_to_no_item() -> None:
    with pytest.raises(ValueError, match="info"):
        clocks.case_clock(Severity.INFO)
    frozen = rules()
    row = frozen.clocks["takedown"].model_copy(update={"unit": ClockUnit.MONTH})
    frozen = frozen.model_copy(update={"clocks": {**frozen.clocks, "takedown": row}})
    with pytest.raises(ValueError, match="month"):
        clocks.due_by_clock(frozen, "takedown", TUESDAY, calendar())
    assert clocks.due_by_clock(rules(), "takedown", TUESDAY, calendar()) == due("2026-07-22 10:00")

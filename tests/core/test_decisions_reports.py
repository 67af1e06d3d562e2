"""Periodic and final reports: owed, filed, late, missing, reviewed."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from services.decisions.core import reports
from shared.contracts.errors import NotFound
from shared.contracts.events import decisions as d
from shared.contracts.events.decisions import ItemKind
from tests.decisions_kit import (
    LAN,
    TAM,
    TUESDAY,
    Office,
    at,
    breached,
    calendar,
    ended,
    final_filed,
    names,
    of_kind,
    periodic_filed,
    refused,
    registered,
    running,
)

# Reports


def test_a_report_in_time_is_read_and_that_is_all() -> None:
    office = running()
    filed = periodic_filed(office.pilot_id, at("2027-01-13 23:59"))
    office.hear(filed)
    item = office.item("report")
    assert (item.subject, item.subject_id, item.clock, item.late) == ("report/1", filed.report_id, "case_minor", False)
    assert [x.kind for x in office.deadlines() if x.kind == "periodic_report"] == []
    told = office.keep(reports.review(office.book, LAN, item.item_id, "Đạt", 0, at("2027-01-20 09:00"), calendar()))
    assert names(told) == ["ReportReviewed", "ItemResolved", "CaseClosed"]


def test_a_missing_report_opens_an_item_and_the_late_one_resolves_it() -> None:
    office = running()
    told = office.fire_until(at("2027-01-14 00:00"))
    assert names(told) == ["CaseOpened", "ItemOpened"]
    item = office.item("report", "report/1/missing")
    with refused("report_not_filed"):
        reports.review(office.book, LAN, item.item_id, "x", 0, at("2027-01-15 09:00"), calendar())
    office.hear(periodic_filed(office.pilot_id, at("2027-01-14 00:00")))
    assert office.item("report", "report/1").late
    assert office.book.open_item(ItemKind.REPORT, subject="report/1/missing") is None


def test_a_report_in_time_that_arrives_late_is_not_late() -> None:
    office = running()
    office.fire_until(at("2027-01-14 00:00"))
    office.hear(periodic_filed(office.pilot_id, at("2027-01-13 23:59")))
    assert not office.item("report", "report/1").late


def test_a_report_nobody_owed_is_read_all_the_same_and_one_of_after_the_end_by_nobody() -> None:
    office = running()
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 10:00"), number=7))
    assert not office.item("report", "report/7").late
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 11:00"), number=1))
    office.hear(periodic_filed(office.pilot_id, at("2027-01-11 11:00"), number=1))
    office.hear(ended(office.pilot_id, at("2027-01-12 10:00")))
    office.hear(periodic_filed(office.pilot_id, at("2027-01-12 11:00"), number=2))
    office.hear(final_filed(office.pilot_id, at("2027-01-12 11:00")))
    assert [i.subject for i in office.book.open_items] == ["report/7", "report/1", "report/1"]


def test_a_second_final_report_takes_the_place_of_the_first() -> None:
    office = running()
    office.hear(final_filed(office.pilot_id, at("2027-06-20 10:00")))
    second = final_filed(office.pilot_id, at("2027-06-21 10:00"))
    office.hear(second)
    assert office.item("final_report").subject_id == second.report_id


def test_a_final_report_before_the_start_was_known_is_kept() -> None:
    office = Office.of(registered())
    office.hear(final_filed(office.pilot_id, at("2026-07-10 10:00")))
    assert office.book.pilot.final is None


def test_a_clock_of_a_report_that_is_no_longer_owed_does_nothing() -> None:
    office = running()
    dues = {x.kind.value: x for x in office.deadlines()}
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 10:00")))
    office.hear(final_filed(office.pilot_id, at("2027-01-10 10:00")))
    assert office.fire(dues["periodic_report"]) == ()
    assert office.fire(dues["final_report"]) == ()


def test_reading_the_final_report_does_not_decide_upon_it() -> None:
    office = running()
    office.hear(final_filed(office.pilot_id, at("2027-06-20 10:00")))
    item = office.item("final_report")
    told = office.keep(reports.review(office.book, LAN, item.item_id, "Đã đọc", 1, at("2027-06-21 10:00"), calendar()))
    (reviewed,) = of_kind(told, d.ReportReviewed)
    assert (reviewed.final, reviewed.confirmed_findings, reviewed.officer) == (True, 1, "lan")
    assert office.item("final_report").open


def test_what_is_no_report_or_not_ones_own_is_not_reviewed() -> None:
    office, _, _ = breached()
    filed = periodic_filed(office.pilot_id, TUESDAY)
    office.hear(filed)
    report = office.item("report")
    with pytest.raises(NotFound):
        reports.review(office.book, LAN, uuid4(), "x", 0, TUESDAY, calendar())
    with refused("item_not_a_report"):
        reports.review(office.book, LAN, office.item("measure").item_id, "x", 0, TUESDAY, calendar())
    with refused("item_of_other_authority"):
        reports.review(office.book, TAM, report.item_id, "x", 0, TUESDAY, calendar())
    office.keep(reports.review(office.book, LAN, report.item_id, "x", 0, TUESDAY, calendar()))
    with refused("item_resolved"):
        reports.review(office.book, LAN, report.item_id, "x", 0, TUESDAY, calendar())
    office.book = replace(office.book, case=None, items={report.item_id: report})
    assert reports.review(office.book, LAN, report.item_id, "x", 0, TUESDAY, calendar())[1]

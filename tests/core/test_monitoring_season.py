"""A whole season of nine shows, judged by the core alone, makes exactly the findings that a naive program computes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from services.monitoring.core import judge
from services.monitoring.core.book import Book, Judgement, Report, Sample
from services.monitoring.core.facts import Fact, PilotFacts, take
from services.monitoring.core.instants import instant_of, moment
from services.monitoring.core.view import View, view_of
from shared.contracts.events.applications import PilotAmended, PilotEnded, PilotWindingDown
from shared.contracts.events.monitoring import FindingCleared, FindingEscalated, FindingOpened
from shared.contracts.numbers import SCALE
from shared.contracts.pilot import Cap, Outcome, PilotState, Window
from tests.journeys import oracle
from tests.monitoring_samples import CALENDAR, envelope, ref, registered, report, started

HORIZON = oracle.END + timedelta(days=6)


class Show:
    """One pilot of the season, led through its year."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.rows = sorted(rows, key=lambda row: row["week_ending"])
        self.seats = int(self.rows[0]["seats_in_theatre"])
        first = int(self.rows[0]["weekly_gross"]) * 25_000
        self.caps = (
            Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=Decimal(self.seats), critical=True, reported=True),
            Cap(metric="audience_live", window=Window.TOTAL, limit=Decimal(8 * self.seats * 49), reported=True),
            Cap(metric="revenue_vnd", window=Window.TOTAL, limit=Decimal(45 * first), reported=True),
        )
        self.id = uuid4()
        self.facts: PilotFacts | None = None
        self.view: View
        self.book = Book()
        self.told: list[Any] = []

    def learn(self, event: Fact, now: datetime) -> None:
        self.facts = take(self.facts, event, ref(event))
        self.view = view_of(self.facts, CALENDAR)
        self._keep(judge.take_facts(self.book, self.view, now, self.book.change + 1))

    def send(self, one: Report, now: datetime) -> None:
        judged = judge.take_reports(self.book, self.view, [one], now, {})
        assert judged.verdicts[0].outcome == "accepted", judged.verdicts
        self._keep(judged)

    def fire_until(self, now: datetime) -> None:
        while (due := self.book.next_due()) is not None and due <= instant_of(now):
            self._keep(judge.fire(self.book, self.view, due))

    def _keep(self, judged: Judgement) -> None:
        self.book = judged.book
        self.told += [one.event for one in judged.told]


def reports_of(show: Show) -> Iterator[tuple[datetime, Report]]:
    for number, row in enumerate(show.rows, 1):
        if row["performances"] == "0":
            continue
        day = datetime.fromisoformat(row["week_ending"]) + 991 * oracle.WEEK
        now = day.replace(hour=23, tzinfo=oracle.HANOI)
        at = instant_of(now)
        crowd = oracle.half_up(Decimal(row["pct_capacity"]) * show.seats)
        values = {
            "audience_live": int(row["seats_sold"]),
            "shows": int(row["performances"]),
            "revenue_vnd": int(row["weekly_gross"]) * 25_000,
            "crowd_peak": crowd,
        }
        yield now, report(number, *(Sample(metric, at, value * SCALE) for metric, value in values.items()))


def lead(name: str, rows: list[dict[str, str]], withdrawn: datetime | None, script: dict[str, Any]) -> Show:
    show = Show(rows)
    show.learn(registered(show.id, envelope(*show.caps)), oracle.START)
    show.learn(started(show.id, oracle.START), oracle.START)
    acts: list[tuple[datetime, int, Any]] = [(now, 2, one) for now, one in reports_of(show)]
    caps = {cap.subject: cap for cap in show.caps}
    for version, (now, subject, limit) in enumerate(oracle.adjustments(name, script), 2):
        caps[subject] = caps[subject].model_copy(update={"limit": Decimal(limit)})
        amended = PilotAmended(
            at=now,
            pilot_id=show.id,
            state_after=PilotState.RESTRICTED,
            causes=(),
            envelope=envelope(*caps.values(), version=version),
            decision_id=uuid4(),
        )
        acts.append((now, 1, amended))
    over = withdrawn or oracle.END
    cause = Outcome.WITHDRAWN if withdrawn else Outcome.EXPIRED
    due = CALENDAR.due_calendar_days(over, 30)
    common: dict[str, Any] = {"pilot_id": show.id, "causes": ()}
    acts.append(
        (over, 1, PilotWindingDown(at=over, state_after=PilotState.WINDING_DOWN, cause=cause, due=due, **common))
    )
    if withdrawn:
        ended = due.instant
        acts.append((ended, 1, PilotEnded(at=ended, state_after=PilotState.ENDED, outcome=cause, **common)))
    for now, _, act in sorted(acts, key=lambda one: one[:2]):
        show.fire_until(now)
        if isinstance(act, Report):
            show.send(act, now)
        else:
            show.learn(act, now)
    show.fire_until(HORIZON)
    return show


def findings_of(name: str, show: Show) -> list[oracle.Finding]:
    found: dict[Any, oracle.Finding] = {}
    for event in show.told:
        match event:
            case FindingOpened():
                found[event.finding_id] = oracle.Finding(name, event.rule, event.subject, event.at, event.severity)
            case FindingEscalated():
                found[event.finding_id].escalated.append((event.at, event.severity))
            case FindingCleared():
                found[event.finding_id].cleared = event.at
                found[event.finding_id].reason = event.reason
    return list(found.values())


def compare(expected: oracle.Outcome, script: dict[str, Any]) -> None:
    found: list[oracle.Finding] = []
    for name, rows in oracle.season_rows().items():
        found += findings_of(name, lead(name, rows, expected.withdrawals.get(name), script))
    key = lambda one: (one.opened, one.show, one.rule, one.subject)  # noqa: E731
    assert sorted(found, key=key) == expected.findings


def script() -> dict[str, Any]:
    return tomllib.loads(oracle.SCRIPT.read_text(encoding="utf-8"))


def test_the_season_with_all_its_acts() -> None:
    expected = oracle.season(HORIZON)
    assert len(expected.findings) > 70
    compare(expected, script())


def test_instants_are_exact() -> None:
    assert moment(instant_of(oracle.START)) == oracle.START

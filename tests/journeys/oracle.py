"""What the season must lead to, computed the naive way: plain loops over the CSV and the script's dated acts.

Shares no code with the engine, the cores or the demo: files are read with the standard library, rules are written out anew as
``domain.md`` states them. One show at a time, one instant after the other.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CSV = ROOT / "deploy" / "demo" / "data" / "broadway-weekly.csv"
SCRIPT = ROOT / "deploy" / "demo" / "script.toml"
CALENDAR = ROOT / "shared" / "reference" / "calendar.toml"

HANOI = timezone(timedelta(hours=7))
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
START = datetime(2026, 7, 14, tzinfo=HANOI)
END = datetime(2027, 7, 14, tzinfo=HANOI)
CROWD, AUDIENCE, REVENUE = "crowd_peak/concurrent", "audience_live/total", "revenue_vnd/total"


@dataclass(order=True)
class Finding:
    """One finding from its opening to its clearing; ``escalated`` holds (instant, severity)."""

    show: str
    rule: str
    subject: str
    opened: datetime
    severity: str
    escalated: list[tuple[datetime, str]] = field(default_factory=list)
    cleared: datetime | None = None
    reason: str | None = None


@dataclass
class Outcome:
    """What the whole season makes."""

    findings: list[Finding]
    reports: int
    samples: int
    totals: dict[tuple[str, str], int]
    withdrawals: dict[str, datetime]

    def count(self, rule: str, *subjects: str) -> int:
        return sum(one.rule == rule and (not subjects or one.subject in subjects) for one in self.findings)


# The calendar, by looking each day up


def days_off_and_on() -> tuple[set[date], set[date]]:
    """Weekdays that are not worked, and weekend days that are."""
    rows = tomllib.loads(CALENDAR.read_text(encoding="utf-8"))["day"]
    worked = {row["date"] for row in rows if row["kind"] == "makeup_work"}
    return {row["date"] for row in rows} - worked, worked


OFF, ON = days_off_and_on()


def is_worked(day: date) -> bool:
    if day in ON:
        return True
    return day.isoweekday() <= 5 and day not in OFF


def silence_due(period_end: datetime) -> datetime:
    """End of the second working day after the period's last day (the day before ``period_end``)."""
    day, worked = period_end.date() - DAY, 0
    while worked < 2:
        day += DAY
        if is_worked(day):
            worked += 1
    return datetime.combine(day + DAY, time(), HANOI)


def after_calendar_days(instant: datetime, days: int) -> datetime:
    """End of the ``days``-th day after ``instant``'s own, moved to a worked day."""
    day = instant.date() + days * DAY
    while not is_worked(day):
        day += DAY
    return datetime.combine(day + DAY, time(), HANOI)


def monday_after(instant: datetime) -> datetime:
    day = instant.date() + DAY
    while day.isoweekday() != 1:
        day += DAY
    return datetime.combine(day, time(10), HANOI)


# The input


def season_rows() -> dict[str, list[dict[str, str]]]:
    shows: dict[str, list[dict[str, str]]] = {}
    with CSV.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if "2007-07-22" <= row["week_ending"] <= "2008-07-13":
                shows.setdefault(row["show"], []).append(row)
    return shows


def read_script() -> dict[str, Any]:
    return tomllib.loads(SCRIPT.read_text(encoding="utf-8"))


def half_up(value: Decimal) -> int:
    whole = int(value)
    return whole + 1 if value - whole >= Decimal("0.5") else whole


def adjustments(show: str, script: dict[str, Any]) -> list[tuple[datetime, str, int]]:
    """(instant, subject, new limit) of every ``adjust`` about ``show``: in force when its second signer signs."""
    found = []
    for act in script["act"]:
        if act["do"] == "propose" and act["kind"] == "adjust" and act["show"] == show:
            signed = next(one["at"] for one in script["act"] if one["do"] == "sign" and one["proposal"] == act["as"])
            found += [(signed, f"{cap['metric']}/{cap['window']}", int(cap["limit"])) for cap in act["caps"]]
    return found


# The rules


@dataclass
class Book:
    """One pilot as the rules see it."""

    show: str
    limits: dict[str, int]
    used: dict[str, int]
    open: dict[tuple[str, str], Finding] = field(default_factory=dict)
    below: dict[tuple[str, str], int] = field(default_factory=dict)
    done: list[Finding] = field(default_factory=list)

    def raise_(self, rule: str, subject: str, at: datetime, severity: str) -> None:
        finding = Finding(self.show, rule, subject, at, severity)
        self.open[rule, subject] = finding
        self.done.append(finding)

    def clear(self, rule: str, subject: str, at: datetime, reason: str) -> None:
        finding = self.open.pop((rule, subject))
        finding.cleared, finding.reason = at, reason


def warns(value: int, limit: int) -> bool:
    return 10 * value >= 8 * limit


def breaks(value: int, limit: int) -> bool:
    return value > limit


RULES = (("cap_warning", warns), ("cap_exceeded", breaks))


def severity_of(rule: str, subject: str) -> str:
    if rule == "cap_warning":
        return "info"
    return "critical" if subject == CROWD else "major"


def judge_crowd(book: Book, at: datetime, crowd: int) -> None:
    """A gauge opens at once and clears after two evaluations in a row that no longer meet it."""
    for rule, meets in RULES:
        key = (rule, CROWD)
        if meets(crowd, book.limits[CROWD]):
            book.below[key] = 0
            if key not in book.open:
                book.raise_(rule, CROWD, at, severity_of(rule, CROWD))
        elif key in book.open:
            book.below[key] = book.below.get(key, 0) + 1
            if book.below[key] == 2:
                book.clear(rule, CROWD, at, "recovered")


def judge_totals(book: Book, at: datetime, reason: str) -> None:
    """A total opens and clears at once."""
    for subject in (AUDIENCE, REVENUE):
        for rule, meets in RULES:
            met = meets(book.used[subject], book.limits[subject])
            if met and (rule, subject) not in book.open:
                book.raise_(rule, subject, at, severity_of(rule, subject))
            if not met and (rule, subject) in book.open:
                book.clear(rule, subject, at, reason)


def judge_silence(book: Book, due: datetime, misses: int) -> None:
    key = ("silence", "main")
    if key not in book.open:
        book.raise_(*key, due, "minor" if misses == 1 else "major")
    elif misses == 2:
        book.open[key].escalated.append((due, "major"))


@dataclass
class Run:
    """One show's season: its book, and an agenda of (instant, rank, what, with what). At one instant what falls due comes first."""

    book: Book
    seats: int
    closed: bool
    reports: dict[datetime, dict[str, str]]
    agenda: list[tuple[datetime, int, str, Any]]
    sent: int = 0
    misses: int = 0
    withdrawn: datetime | None = None

    def play(self, stop: datetime) -> None:
        while self.agenda:
            self.agenda.sort(key=lambda entry: entry[:2])
            at, _, what, it = self.agenda.pop(0)
            if at > stop:
                break
            if what == "report":
                self.report(at, it)
            elif what == "adjust":
                self.book.limits[it[0]] = it[1]
                judge_totals(self.book, at, "adjusted")
            elif what == "silence":
                self.silence(at, it)
            else:
                for rule, subject in list(self.book.open):
                    self.book.clear(rule, subject, at, "pilot_ended")

    def report(self, at: datetime, row: dict[str, str]) -> None:
        self.sent += 1
        self.misses = 0
        book = self.book
        if ("silence", "main") in book.open:
            book.clear("silence", "main", at, "recovered")
        book.used[AUDIENCE] += int(row["seats_sold"])
        book.used[REVENUE] += int(row["weekly_gross"]) * 25_000
        judge_crowd(book, at, half_up(Decimal(row["pct_capacity"]) * self.seats))
        judge_totals(book, at, "recovered")

    def silence(self, due: datetime, monday: datetime) -> None:
        """The report of the week from ``monday`` is due; what was told before ``due`` counts."""
        if due > END or (self.withdrawn is not None and due > self.withdrawn):
            return
        if any(monday <= told < monday + WEEK for told in self.reports if told < due):
            return
        self.misses += 1
        judge_silence(self.book, due, self.misses)
        if self.closed and due > max(self.reports) and self.withdrawn is None:
            self.withdrawn = monday_after(due)
            ended = after_calendar_days(self.withdrawn, 30)
            self.agenda.append((after_calendar_days(ended, 30), 0, "tidy", None))


def run_of(show: str, rows: list[dict[str, str]], script: dict[str, Any]) -> Run:
    """One show with all that lies ahead of it at the start."""
    rows = sorted(rows, key=lambda row: row["week_ending"])
    seats, first = int(rows[0]["seats_in_theatre"]), int(rows[0]["weekly_gross"]) * 25_000
    book = Book(show, {CROWD: seats, AUDIENCE: 8 * seats * 49, REVENUE: 45 * first}, {AUDIENCE: 0, REVENUE: 0})
    reports = {}
    for row in rows:
        if row["performances"] != "0":
            day = date.fromisoformat(row["week_ending"]) + 991 * WEEK
            reports[datetime.combine(day, time(23), HANOI)] = row
    agenda: list[tuple[datetime, int, str, Any]] = [(at, 2, "report", row) for at, row in reports.items()]
    agenda += [(at, 1, "adjust", (subject, limit)) for at, subject, limit in adjustments(show, script)]
    monday = datetime(2026, 7, 20, tzinfo=HANOI)
    while monday + WEEK <= END:
        agenda.append((silence_due(monday + WEEK), 0, "silence", monday))
        monday += WEEK
    return Run(book, seats, rows[-1]["week_ending"] < "2008-07-13", reports, agenda)


def season(stop: datetime | None = None, *, with_acts: bool = True) -> Outcome:
    """The whole season until ``stop`` (its own stop when None). Without acts, only Jersey Boys' adjustment takes place."""
    script = read_script()
    if not with_acts:
        script["act"] = [act for act in script["act"] if str(act.get("as", act.get("proposal"))) == "jersey-adjust"]
    until = stop or script["season"]["stops"]
    findings: list[Finding] = []
    totals: dict[tuple[str, str], int] = {}
    withdrawals: dict[str, datetime] = {}
    reports = 0
    for show, rows in sorted(season_rows().items()):
        run = run_of(show, rows, script)
        run.play(until)
        findings += run.book.done
        reports += run.sent
        totals |= {(show, subject): value for subject, value in run.book.used.items()}
        if run.withdrawn is not None and run.withdrawn <= until:
            withdrawals[show] = run.withdrawn
    return Outcome(
        sorted(findings, key=lambda one: (one.opened, one.show, one.rule, one.subject)),
        reports,
        4 * reports,
        totals,
        withdrawals,
    )

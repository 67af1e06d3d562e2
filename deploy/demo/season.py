"""The season 2007/2008 of Broadway as pilots of the performing arts: enterprises, dossiers and weekly reports from the CSV. Pure.

Every date is shifted by exactly 991 weeks, so that weekdays stay and the policy and calendar of 2026–2027 apply. A week is reported on
its last day, Sunday, at 23:00 (+07:00). A week without performances is not reported, nor any week after a show has closed.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from deploy.demo.script import Application
from shared.contracts.events.metrics import Sample
from shared.contracts.pilot import (
    Attachment,
    Cap,
    Contact,
    Dossier,
    Envelope,
    HeldPermit,
    Organisation,
    Period,
    Safeguards,
    Window,
)
from shared.reference.calendar import VIETNAM

DATA = Path(__file__).parent / "data" / "broadway-weekly.csv"
FIRST_WEEK = date(2007, 7, 22)
LAST_WEEK = date(2008, 7, 13)
SHIFT = timedelta(weeks=991)
REPORTED_AT = time(23, 0)

VND_PER_DOLLAR = 25_000
SHOWS_A_WEEK = 8
WEEKS_OF_AUDIENCE = 49
WEEKS_OF_REVENUE = 45


@dataclass(frozen=True)
class WeekReport:
    """What one show reports for the week that ends on ``ending``: four samples, all at ``at``."""

    ending: date
    at: datetime
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Show:
    """One show: one enterprise, one application, one pilot. ``seats`` and ``first_gross`` (US dollars) are those of its first row."""

    name: str
    number: int
    theatre: str
    seats: int
    first_gross: int
    reports: tuple[WeekReport, ...]
    closed: bool
    """Whether the run ended within the season: its enterprise withdraws."""

    @property
    def tax_code(self) -> str:
        return f"{319_900_000 + self.number:010d}"

    @property
    def first_revenue(self) -> int:
        """Revenue of the first week in VND."""
        return self.first_gross * VND_PER_DOLLAR

    @property
    def envelope(self) -> Envelope:
        return Envelope(
            caps=(
                Cap(
                    metric="crowd_peak",
                    window=Window.CONCURRENT,
                    limit=Decimal(self.seats),
                    critical=True,
                    reported=True,
                ),
                Cap(
                    metric="audience_live",
                    window=Window.TOTAL,
                    limit=Decimal(SHOWS_A_WEEK * self.seats * WEEKS_OF_AUDIENCE),
                    reported=True,
                ),
                Cap(
                    metric="revenue_vnd",
                    window=Window.TOTAL,
                    limit=Decimal(WEEKS_OF_REVENUE * self.first_revenue),
                    reported=True,
                ),
                Cap(metric="participants_active", window=Window.CONCURRENT, limit=Decimal(self.seats)),
                Cap(metric="provinces_covered", window=Window.CONCURRENT, limit=Decimal(1)),
            ),
            reporting_period=Period.WEEK,
        )

    def dossier(self, form: Application) -> Dossier:
        """The application of this show: the texts are the form's, filled in with the show's name and house."""

        def fill(text: str) -> str:
            return text.format(show=self.name, theatre=self.theatre, seats=self.seats)

        return Dossier(
            organisation=Organisation(name=fill(form.organisation), tax_code=self.tax_code),
            contact=Contact(name=form.contact, email=f"lien-he-{self.number}@san-khau.example"),
            title=fill(form.title),
            sector=form.sector,
            provinces=(form.province,),
            objectives=fill(form.objectives),
            hypothesis=fill(form.hypothesis),
            planned_start=form.planned_start,
            duration_months=form.duration_months,
            answers=form.answers | {"participants_cap": self.seats, "crowd_cap": self.seats, "provinces_cap": 1},
            activities=(form.activity,),
            held_permits=(
                HeldPermit(
                    gate=form.activity,
                    number=form.permit_number.format(number=self.number),
                    date=form.permit_date,
                    issuer=form.permit_issuer,
                ),
            ),
            envelope=self.envelope,
            safeguards=Safeguards(disclosure=fill(form.disclosure), complaint_channel=form.complaint_channel),
            exit_plan=fill(form.exit_plan),
            attachments=tuple(self._attachment(document, fill(name)) for document, name in form.documents.items()),
        )

    def _attachment(self, document: str, name: str) -> Attachment:
        content = f"{name}\n{self.name}\n".encode()
        return Attachment(document=document, name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def load(path: Path = DATA) -> tuple[Show, ...]:
    """The shows of the season by name. Raises ``ValueError`` for a row that is not as the demo needs it."""
    rows_of: dict[str, list[Mapping[str, str]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if FIRST_WEEK <= date.fromisoformat(row["week_ending"]) <= LAST_WEEK:
                rows_of.setdefault(row["show"], []).append(row)
    return tuple(_show(name, number, rows_of[name]) for number, name in enumerate(sorted(rows_of), start=1))


def _show(name: str, number: int, rows: Iterable[Mapping[str, str]]) -> Show:
    weeks = sorted(rows, key=lambda row: row["week_ending"])
    first = weeks[0]
    seats = int(first["seats_in_theatre"])
    return Show(
        name=name,
        number=number,
        theatre=first["theatre"],
        seats=seats,
        first_gross=int(first["weekly_gross"]),
        reports=tuple(_report(row, seats) for row in weeks if int(row["performances"]) > 0),
        closed=date.fromisoformat(weeks[-1]["week_ending"]) < LAST_WEEK,
    )


def _report(row: Mapping[str, str], seats: int) -> WeekReport:
    ending = date.fromisoformat(row["week_ending"]) + SHIFT
    at = datetime.combine(ending, REPORTED_AT, VIETNAM)
    values = {
        "audience_live": Decimal(row["seats_sold"]),
        "shows": Decimal(row["performances"]),
        "revenue_vnd": Decimal(row["weekly_gross"]) * VND_PER_DOLLAR,
        "crowd_peak": whole(Decimal(row["pct_capacity"]) * seats),
    }
    return WeekReport(ending, at, tuple(Sample(metric=metric, at=at, value=value) for metric, value in values.items()))


def whole(value: Decimal) -> Decimal:
    """To whole persons, half up."""
    return value.quantize(Decimal(1), ROUND_HALF_UP)

"""What the system does by itself, in words: a line for each thing that one person would tell another. Pure: events come in, lines go out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from shared.contracts.base import Event
from shared.contracts.events import applications as a
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.messages.words import word
from shared.contracts.numbers import plain
from shared.contracts.pilot import Cap, Outcome, Severity
from shared.reference.calendar import VIETNAM

NAMED = 3
"""Of so many pilots that meet the same at one instant the names are told; of more their number."""

UNITS = {"crowd_peak": "people at one time", "audience_live": "people in all", "revenue_vnd": "VND of revenue in all"}
_WINDING = {
    Outcome.EXPIRED: "the time is up",
    Outcome.WITHDRAWN: "withdrawn by the enterprise",
    Outcome.TERMINATED: "terminated by a decision",
    Outcome.REFUSED: "refused by a decision",
}


@dataclass(frozen=True)
class Told:
    """What happened to a pilot: said of one (``is``) and of several (``are``). Pilots with the same at one instant share a line."""

    one: str
    several: str | None = None

    def line(self, shows: list[str]) -> str:
        if len(shows) == 1 or self.several is None:
            return f"{', '.join(shows)} {self.one}"
        names = f"{', '.join(shows[:-1])} and {shows[-1]}" if len(shows) <= NAMED else f"{len(shows)} pilots"
        return f"{names} {self.several}"


class Narrator:
    """Knows the pilots and their caps from the events that it was told. ``show`` names a pilot."""

    KINDS: Collection[type[Event]] = (
        a.PilotRegistered, a.PilotStarted, a.PilotAmended, a.PilotWindingDown, a.PilotEnded, a.DecisionNotApplied,
        m.FindingOpened, m.FindingEscalated, m.FindingCleared, m.InterimMeasureTaken, m.MetricsReportRejected,
        d.MeasureLapsed, d.ItemOpened,
    )  # fmt: skip
    """What it has words for."""

    def __init__(self, show: Callable[[UUID], str]) -> None:
        self._show = show
        self._caps: dict[UUID, tuple[Cap, ...]] = {}

    def tell(self, events: Iterable[Event]) -> list[tuple[datetime, str]]:
        """Lines by the instant of what happened. Events of one instant must come in one call to share a line."""
        listed = list(events)
        restricted = {one.finding_id for one in listed if isinstance(one, m.InterimMeasureTaken)}
        found: dict[tuple[datetime, Told], list[str]] = {}
        for event in sorted(listed, key=lambda one: one.at):
            pilot_id = getattr(event, "pilot_id", None)
            told = None if pilot_id is None else self._told(event, restricted)
            if told is not None and pilot_id is not None:
                shows = found.setdefault((event.at, told), [])
                if (name := self._show(pilot_id)) not in shows:
                    shows.append(name)
        return [(at, told.line(sorted(shows))) for (at, told), shows in found.items()]

    def _told(self, event: Event, restricted: Collection[UUID]) -> Told | None:
        match event:
            case a.PilotRegistered():
                self._caps[event.pilot_id] = event.envelope.caps
                starts = "" if event.start_at is None else f" on {_day(event.start_at)} unless an authority objects"
                return Told(
                    f"is registered at once and starts by itself{starts}",
                    f"are registered at once and start by themselves{starts}",
                )
            case a.PilotStarted():
                return Told("starts by itself", "start by themselves")
            case a.PilotAmended():
                return self._amended(event)
            case a.PilotWindingDown():
                why = _WINDING.get(event.cause, event.cause)
                return Told(f"winds down: {why}", f"wind down: {why}")
            case a.PilotEnded():
                return Told(f"has ended: {event.outcome}", f"have ended: {event.outcome}")
            case a.DecisionNotApplied():
                return Told(f"had moved on: the decision is without effect ({event.why})")
            case m.InterimMeasureTaken() | m.FindingOpened() | m.FindingEscalated() | m.FindingCleared():
                return _of_finding(event, restricted)
            case m.MetricsReportRejected():
                return Told(f"has a report rejected, whole: {event.problems[0].en}")
            case d.MeasureLapsed():
                return Told("was restricted and nobody confirmed it in time: the measure lapses, intake is open again")
            case d.ItemOpened() if event.subject.endswith("/missing"):
                what = word(event.kind).en
                return Told(
                    f"owes its {what}: it is missing, and a case is open", f"owe their {what}s: a case each is open"
                )
        return None

    def _amended(self, event: a.PilotAmended) -> Told:
        before = {(cap.metric, cap.window): cap.limit for cap in self._caps.get(event.pilot_id, ())}
        self._caps[event.pilot_id] = event.envelope.caps
        changed = [
            f"{figure(cap.limit)} {_unit(cap.metric)} instead of {figure(before[cap.metric, cap.window])}"
            for cap in event.envelope.caps
            if before.get((cap.metric, cap.window), cap.limit) != cap.limit
        ]
        return Told(f"has a new envelope: {', '.join(changed) or f'version {event.envelope.version}'}")


def _of_finding(
    event: m.InterimMeasureTaken | m.FindingOpened | m.FindingEscalated | m.FindingCleared, restricted: Collection[UUID]
) -> Told | None:
    of = event.evidence
    match event:
        case m.FindingOpened(rule=m.RuleCode.CAP_EXCEEDED):
            at_once = ": intake is restricted at once" if event.finding_id in restricted else ", and a case is open"
            cap = "–" if of.limit is None else figure(of.limit)
            return Told(
                f"exceeds a cap: {figure(of.value or Decimal())} {_unit(of.metric or '')}, {cap} allowed{at_once}"
            )
        case m.FindingOpened(rule=m.RuleCode.SILENCE):
            period = _period(of)
            return Told(f"falls silent: no figures {period}", f"fall silent: no figures {period}")
        case m.FindingEscalated(rule=m.RuleCode.SILENCE):
            period = f"{_period(of)} either: {word(event.severity).en}"
            return Told(f"stays silent: no figures {period}", f"stay silent: no figures {period}")
        case m.FindingCleared(rule=m.RuleCode.SILENCE, reason="recovered"):
            return Told("reports again", "report again")
        case m.FindingOpened() | m.FindingEscalated() if event.severity is not Severity.INFO:
            about = ", ".join(word(part).en for part in event.subject.split("/"))
            return Told(f"has a finding, {event.severity}: {word(event.rule).en}, {about}")
    return None


def _period(of: m.Evidence) -> str:
    if of.period_start is None or of.period_end is None:
        return "when they were due"
    return f"for {_day(of.period_start)} to {_day(of.period_end - timedelta(seconds=1))}"


def _unit(metric: str) -> str:
    return UNITS.get(metric, metric)


def _day(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%Y-%m-%d}"


def figure(value: Decimal) -> str:
    """A number with its thousands apart."""
    whole, _, places = plain(value).partition(".")
    return f"{int(whole):,}" + (f".{places}" if places else "")

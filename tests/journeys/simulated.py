"""One pilot of the season through the pure cores of applications and monitoring: no service, no database, no broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from uuid import UUID, uuid5

from deploy.cli.eventlog import Logged
from deploy.demo import script, season
from services.applications.core.admission import Law, receive
from services.applications.core.model import Standing
from services.monitoring.core import facts as known
from services.monitoring.core import judge
from services.monitoring.core.book import Book, Judgement, Report, Sample
from services.monitoring.core.instants import instant_of
from services.monitoring.core.view import View, view_of
from shared.contracts.base import Event, Meta
from shared.contracts.events.applications import (
    PilotAmended,
    PilotEnded,
    PilotRegistered,
    PilotStarted,
    PilotWindingDown,
)
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.events.monitoring import (
    EventRef,
    FindingCleared,
    FindingEscalated,
    FindingOpened,
)
from shared.contracts.numbers import scaled
from shared.contracts.pilot import Outcome, PilotState
from shared.contracts.topics import APPLICATIONS, METRICS, MONITORING, Topic
from shared.platform.cloudevents import encode
from shared.reference.calendar import Calendar, anniversary
from shared.reference.load import load, load_calendar
from tests.journeys import oracle

SPACE = UUID("0198f000-0000-7000-8000-000000000000")
SCRIPT = script.load()


@cache
def law() -> Law:
    return Law(load().on(SCRIPT.season.opens.date()), load_calendar())


def registered(show: season.Show) -> PilotRegistered:
    filed_at = SCRIPT.act[0].at
    _, events = receive(
        uuid5(SPACE, show.name),
        f"HK-G16-26-{show.number:06d}",
        show.dossier(SCRIPT.application),
        Standing(),
        law(),
        filed_at,
    )
    answer = events[-1]
    assert isinstance(answer, PilotRegistered), answer
    return answer


def name_of(event: Event) -> UUID:
    """The id that an event has here: the same for the same event."""
    return uuid5(SPACE, event.type_name() + event.model_dump_json())


@dataclass
class Simulation:
    """One pilot through monitoring's core. What falls due at an instant comes before what people do then."""

    show: season.Show
    calendar: Calendar
    book: Book = field(default_factory=Book)
    facts: known.PilotFacts | None = None
    told: list[Event] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)
    """Every record as it would stand in Kafka."""
    changes: int = 0

    def learn(self, event: known.Fact) -> None:
        self.due_before(event.at)
        record = self.write(APPLICATIONS, event)
        ref = EventRef(event_id=name_of(event), sha256=record.sha256)
        self.facts = known.take(self.facts, event, ref)
        self.changes += 1
        self._take(judge.take_facts(self.book, self.view, event.at, self.changes))

    def report(self, sequence: int, week: season.WeekReport) -> None:
        self.due_before(week.at)
        samples = tuple(Sample(one.metric, instant_of(one.at), scaled(one.value)) for one in week.samples)
        record = self._append(METRICS, self._reported(sequence, week), ())
        sent = Report("main", sequence, 1, 1, None, samples, record.sha256)
        judgement = judge.take_reports(self.book, self.view, [sent], week.at, {})
        assert [verdict.outcome for verdict in judgement.verdicts] == ["accepted"]
        self._take(judgement)

    def due_before(self, until: datetime) -> None:
        while (due := self.book.next_due()) is not None and due <= instant_of(until):
            self._take(judge.fire(self.book, self.view, due))

    @property
    def view(self) -> View:
        assert self.facts is not None
        return view_of(self.facts, self.calendar)

    def _take(self, judgement: Judgement) -> None:
        self.book = judgement.book
        self.told += [one.event for one in judgement.told]
        for one in judgement.told:
            self.write(MONITORING, one.event)

    def _reported(self, sequence: int, week: season.WeekReport) -> bytes:
        assert self.facts is not None
        reported = MetricsReported(pilot_id=self.facts.pilot_id, sequence=sequence, samples=week.samples)
        return reported.model_dump_json().encode()

    def write(self, topic: Topic, event: Event) -> Logged:
        """Put an event into the log, as a relay would."""
        meta = Meta(
            id=name_of(event), type=event.type_name(), source="haukiem/test", time=event.at, correlation_id="simulated"
        )
        return self._append(topic, event.data(), tuple(encode(meta)))

    def _append(self, topic: Topic, data: bytes, headers: tuple[tuple[str, bytes], ...]) -> Logged:
        offset = sum(one.topic == topic.name for one in self.log)
        record = Logged(topic.name, 0, offset, str(uuid5(SPACE, self.show.name)), headers, data)
        self.log.append(record)
        return record

    def go_on_to_silence(self, after: datetime) -> datetime:
        """Let fall due what does, until a silence opens later than ``after``; when it did."""
        while True:
            for one in self.told:
                if isinstance(one, FindingOpened) and one.rule == "silence" and one.at > after:
                    return one.at
            due = self.book.next_due()
            assert due is not None
            self._take(judge.fire(self.book, self.view, due))


def play(show: season.Show) -> Simulation:
    pilot = Simulation(show, law().calendar)
    first = registered(show)
    pilot.learn(first)
    pilot_id, end = first.pilot_id, anniversary(oracle.START, first.duration_months)
    pilot.learn(PilotStarted(at=oracle.START, pilot_id=pilot_id, state_after=PilotState.ACTIVE, causes=(), end_at=end))
    acts: list[tuple[datetime, season.WeekReport | known.Fact]] = [(week.at, week) for week in show.reports]
    acts += [(event.at, event) for event in amendments(show, first)]
    for number, (_, act) in enumerate(sorted(acts, key=lambda act: act[0]), start=1):
        if isinstance(act, season.WeekReport):
            pilot.report(number, act)
        else:
            pilot.learn(act)
    stop = SCRIPT.season.stops
    if show.closed:
        silent = pilot.go_on_to_silence(show.reports[-1].at)
        wind_down(pilot, pilot_id, oracle.monday_after(silent), Outcome.WITHDRAWN)
    else:
        wind_down(pilot, pilot_id, end, Outcome.EXPIRED, ends=False)
    pilot.due_before(stop)
    return pilot


def amendments(show: season.Show, first: PilotRegistered) -> list[PilotAmended]:
    """The envelope after each adjustment of the script, in force from the second signature on."""
    found = []
    for at, subject, limit in oracle.adjustments(show.name, oracle.read_script()):
        caps = tuple(
            cap.model_copy(update={"limit": Decimal(limit)}) if cap.subject == subject else cap
            for cap in first.envelope.caps
        )
        envelope = first.envelope.model_copy(update={"caps": caps, "version": 2})
        found.append(
            PilotAmended(
                at=at,
                pilot_id=first.pilot_id,
                state_after=PilotState.ACTIVE,
                causes=(),
                envelope=envelope,
                decision_id=uuid5(SPACE, f"{show.name}/{at}"),
            )
        )
    return found


def wind_down(pilot: Simulation, pilot_id: UUID, at: datetime, cause: Outcome, *, ends: bool = True) -> None:
    due = pilot.calendar.due_calendar_days(at, 30)
    state = PilotState.WINDING_DOWN
    pilot.learn(PilotWindingDown(at=at, pilot_id=pilot_id, state_after=state, causes=(), cause=cause, due=due))
    if ends:
        pilot.learn(
            PilotEnded(at=due.instant, pilot_id=pilot_id, state_after=PilotState.ENDED, causes=(), outcome=cause)
        )


def findings_of(pilot: Simulation) -> list[oracle.Finding]:
    """What monitoring told, in the oracle's words."""
    found: dict[UUID, oracle.Finding] = {}
    for event in pilot.told:
        match event:
            case FindingOpened():
                assert event.finding_id not in found
                found[event.finding_id] = oracle.Finding(
                    pilot.show.name, event.rule.value, event.subject, event.at, event.severity.value
                )
            case FindingEscalated():
                found[event.finding_id].escalated.append((event.at, event.severity.value))
            case FindingCleared():
                found[event.finding_id].cleared, found[event.finding_id].reason = event.at, event.reason
    return list(found.values())

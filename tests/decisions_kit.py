"""What the tests of decisions share: a pilot's events as the other services write them, and an office that decides on a book in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4, uuid5

import pytest

from services.decisions.core import (
    cases,
    evidence,
    findings,
    issuing,
    measures,
    pilots,
    proposals,
    remedies,
    replies,
    reports,
)
from services.decisions.core.chain import Chain
from services.decisions.core.change import Step
from services.decisions.core.clocks import Deadline, DeadlineKind, deadlines
from services.decisions.core.evidence import Fact
from services.decisions.core.life import Content, Proposal
from services.decisions.core.model import Actor, Book, Item
from shared.contracts.base import Due, Event, content_hash
from shared.contracts.errors import Refused
from shared.contracts.events import applications as a
from shared.contracts.events import monitoring as m
from shared.contracts.events.decisions import ItemKind, VerdictOnFinding
from shared.contracts.pilot import (
    Cap,
    Cause,
    CauseKind,
    Envelope,
    HeldPermit,
    Organisation,
    Outcome,
    PilotState,
    Severity,
    StartMode,
    Window,
)
from shared.contracts.rules import FrozenRules
from shared.reference.calendar import VIETNAM, Calendar, anniversary
from shared.reference.load import load, load_calendar

E = TypeVar("E", bound=Event)

CULTURE = "prov_79_culture"
MINISTRY = "mcst_performing_arts"
LAN = Actor("lan", CULTURE)
MINH = Actor("minh", CULTURE)
HOA = Actor("hoa", CULTURE, supervisor=True)
TAM = Actor("tam", MINISTRY)

BASIS = "decree-144-2020"
RECEIVED = datetime(2026, 7, 6, 8, 0, tzinfo=VIETNAM)
START = datetime(2026, 7, 14, tzinfo=VIETNAM)


@cache
def calendar() -> Calendar:
    return load_calendar()


@cache
def rules(sector: str = "performing_arts", tier: int = 2) -> FrozenRules:
    return load().on(date(2026, 7, 6)).freeze(sector, tier)


def at(text: str) -> datetime:
    """``2026-07-21 10:00`` in Vietnam."""
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def due(text: str) -> Due:
    return Due(instant=at(text), calendar_version=calendar().version)


# Events of a pilot, as the others write them


def registered(
    pilot_id: UUID | None = None,
    *,
    tier: Literal[1, 2, 3] = 2,
    sector: str = "performing_arts",
    tax_code: str = "0301234567",
    code: str | None = None,
    title: str = "Jersey Boys: giá vé theo nhu cầu",
    lead: str = CULTURE,
    gates: tuple[a.PilotGate, ...] = (),
    standstill: bool = True,
    permit: bool = False,
    frozen: FrozenRules | None = None,
    received: datetime = RECEIVED,
) -> a.PilotRegistered:
    pilot_id = pilot_id or uuid4()
    frozen = frozen or rules(sector, tier)
    days = frozen.policy.standstill_working_days
    return a.PilotRegistered(
        at=received,
        pilot_id=pilot_id,
        code=code or f"HK-G16-26-{pilot_id.int % 1_000_000:06d}",
        organisation=Organisation(name="Công ty Sân khấu Đờn Ca", tax_code=tax_code),
        title=title,
        sector=sector,
        provinces=("79",),
        objectives="Bán vé theo nhu cầu.",
        hypothesis="Không vượt số chỗ.",
        received_at=received,
        tier=tier,
        criteria=(),
        lead_authority=lead,
        authorities=(lead, *(g.authority for g in gates)),
        start_mode=StartMode.PERMIT if permit else StartMode.STANDSTILL,
        planned_start=START,
        duration_months=12,
        standstill_due=calendar().due_working_days(received, days or 5) if standstill else None,
        permit_due=calendar().due_working_days(received, 10) if permit else None,
        gates=gates,
        start_at=None if permit else START,
        envelope=Envelope(
            caps=(Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=1222, critical=True, reported=True),)
        ),
        declared={},
        documents=(),
        rules=frozen,
    )


def gate(
    requires: Literal["notice_silence", "permit", "notice_only"],
    *,
    phase: Literal["start", "exit"] = "start",
    due_at: Due | None = None,
    queue: str = MINISTRY,
    held: bool = False,
) -> a.PilotGate:
    permit = HeldPermit(gate="show_live_other", number="12/GP", date=date(2026, 6, 1), issuer="UBND")
    return a.PilotGate(
        gate="show_live_other",
        requires=requires,
        phase=phase,
        authority=queue,
        queue=queue,
        legal_basis=BASIS,
        due=due_at,
        held=permit if held else None,
    )


def started(pilot_id: UUID, *, months: int = 12, start: datetime = START) -> a.PilotStarted:
    return a.PilotStarted(
        at=start, pilot_id=pilot_id, state_after=PilotState.ACTIVE, causes=(), end_at=anniversary(start, months)
    )


def state_changed(pilot_id: UUID, when: datetime, state: PilotState, *, ref: UUID | None = None) -> a.PilotStateChanged:
    ref = ref or uuid4()
    kind = CauseKind.MEASURE if state is PilotState.RESTRICTED else CauseKind.SUSPENSION
    causes = () if state is PilotState.ACTIVE else (Cause(kind=kind, ref=ref, since=when),)
    return a.PilotStateChanged(
        at=when,
        pilot_id=pilot_id,
        state_before=PilotState.ACTIVE,
        state_after=state,
        causes=causes,
        reason="measure_taken",
        ref=ref,
    )


def winding_down(pilot_id: UUID, when: datetime, *, cause: Outcome = Outcome.EXPIRED) -> a.PilotWindingDown:
    return a.PilotWindingDown(
        at=when,
        pilot_id=pilot_id,
        state_after=PilotState.WINDING_DOWN,
        causes=(),
        cause=cause,
        due=calendar().due_calendar_days(when, 30),
    )


def ended(pilot_id: UUID, when: datetime, *, outcome: Outcome = Outcome.EXPIRED) -> a.PilotEnded:
    return a.PilotEnded(at=when, pilot_id=pilot_id, state_after=PilotState.ENDED, causes=(), outcome=outcome)


def finding_id_of(pilot_id: UUID, subject: str = "crowd_peak/concurrent", n: int = 1) -> UUID:
    return uuid5(pilot_id, f"cap_exceeded/{subject}/{n}")


def finding_opened(
    pilot_id: UUID,
    when: datetime,
    *,
    severity: Severity = Severity.CRITICAL,
    rule: m.RuleCode = m.RuleCode.CAP_EXCEEDED,
    subject: str = "crowd_peak/concurrent",
    finding_id: UUID | None = None,
) -> m.FindingOpened:
    return m.FindingOpened(
        at=when,
        pilot_id=pilot_id,
        finding_id=finding_id or finding_id_of(pilot_id, subject),
        rule=rule,
        subject=subject,
        severity=severity,
        evidence=m.Evidence(rule_version="1", value=1240, limit=1222),
    )


def finding_escalated(opened: m.FindingOpened, when: datetime, severity: Severity) -> m.FindingEscalated:
    return m.FindingEscalated(
        at=when,
        pilot_id=opened.pilot_id,
        finding_id=opened.finding_id,
        rule=opened.rule,
        subject=opened.subject,
        severity=severity,
        severity_before=opened.severity,
        evidence=opened.evidence,
    )


def finding_cleared(
    opened: m.FindingOpened, when: datetime, reason: Literal["recovered", "pilot_ended", "judged"] = "recovered"
) -> m.FindingCleared:
    return m.FindingCleared(
        at=when,
        pilot_id=opened.pilot_id,
        finding_id=opened.finding_id,
        rule=opened.rule,
        subject=opened.subject,
        evidence=opened.evidence,
        reason=reason,
    )


def measure_taken(opened: m.FindingOpened, n: int = 1, when: datetime | None = None) -> m.InterimMeasureTaken:
    return m.InterimMeasureTaken(
        at=when or opened.at,
        pilot_id=opened.pilot_id,
        measure_id=uuid5(opened.finding_id, f"measure/{n}"),
        finding_id=opened.finding_id,
        severity=Severity.CRITICAL,
        evidence=opened.evidence,
    )


def periodic_filed(pilot_id: UUID, when: datetime, number: int = 1) -> a.PeriodicReportFiled:
    return a.PeriodicReportFiled(at=when, pilot_id=pilot_id, report_id=uuid4(), number=number, summary="Đúng phạm vi.")


def final_filed(
    pilot_id: UUID, when: datetime, rules_in_the_way: tuple[a.RuleInTheWay, ...] = ()
) -> a.FinalReportFiled:
    codes: tuple[Any, ...] = (
        "creativity",
        "identity",
        "uniqueness",
        "professionalism",
        "healthiness",
        "competition",
        "sustainability",
    )
    return a.FinalReportFiled(
        at=when,
        pilot_id=pilot_id,
        report_id=uuid4(),
        results="Đạt.",
        criteria=tuple(a.FinalCriterion(code=code, score=4, evidence="Số liệu.") for code in codes),
        rules_in_the_way=rules_in_the_way,
    )


def incident_reported(pilot_id: UUID, when: datetime) -> a.IncidentReported:
    return a.IncidentReported(
        at=when, pilot_id=pilot_id, incident_id=uuid4(), known_at=when, kind="crowd", description="Chen lấn ở cửa."
    )


def reply_filed(pilot_id: UUID, when: datetime, answers: UUID) -> a.ReplyFiled:
    return a.ReplyFiled(at=when, pilot_id=pilot_id, reply_id=uuid4(), answers=answers, text="Chúng tôi đồng ý.")


def applied(
    pilot_id: UUID, when: datetime, decision_id: UUID, kind: str, state: PilotState = PilotState.ACTIVE
) -> a.DecisionApplied:
    return a.DecisionApplied(
        at=when, pilot_id=pilot_id, decision_id=decision_id, kind=kind, state_after=state, causes=()
    )


def not_applied(
    pilot_id: UUID, when: datetime, decision_id: UUID, kind: str, found: PilotState = PilotState.ACTIVE
) -> a.DecisionNotApplied:
    return a.DecisionNotApplied(
        at=when, pilot_id=pilot_id, decision_id=decision_id, kind=kind, state_found=found, why="đã chuyển trạng thái"
    )


HEARD: dict[type[Event], Callable[..., Step]] = {
    a.PilotStarted: pilots.started,
    a.PilotWindingDown: pilots.winding_down,
    a.PilotEnded: pilots.ended,
    a.ReplyFiled: replies.filed,
    a.PeriodicReportFiled: reports.periodic_filed,
    a.FinalReportFiled: reports.final_filed,
    a.DecisionNotApplied: issuing.not_applied,
    m.FindingOpened: findings.opened,
    m.FindingEscalated: findings.escalated,
    m.FindingCleared: findings.cleared,
    m.InterimMeasureTaken: measures.taken,
}


@dataclass
class Office:
    """A book in memory, its events and facts: what handlers and store do, without a database."""

    book: Book
    told: list[Event] = field(default_factory=list)
    facts: dict[UUID, Fact] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)

    @classmethod
    def of(cls, event: a.PilotRegistered) -> Office:
        book, events = pilots.registered(event, calendar())
        office = cls(book=book, told=list(events))
        office._know((event, *events))
        return office

    @property
    def pilot_id(self) -> UUID:
        return self.book.pilot.pilot_id

    def hear(self, event: Event) -> tuple[Event, ...]:
        """What another service told."""
        self._know((event,))
        if isinstance(event, a.IncidentReported):
            return ()
        if isinstance(event, a.DecisionApplied):
            self.book = issuing.applied(pilots.moved(self.book, event), event)
            return ()
        if isinstance(event, (a.PilotStateChanged, a.PilotAmended)):
            self.book = pilots.moved(self.book, event)
            return ()
        if isinstance(event, m.RiskAssessed):
            self.book = findings.risk_assessed(self.book, event)
            return ()
        return self.keep(HEARD[type(event)](self.book, event, calendar()))

    def keep(self, step: Step) -> tuple[Event, ...]:
        self.book, events = step
        self.told += events
        self._know(events)
        return events

    # Officers

    def item(self, kind: ItemKind | str, subject: str | None = None) -> Item:
        found = self.book.open_item(ItemKind(kind), subject=subject)
        assert found is not None, (
            f"no open item {kind} {subject}: {[(i.kind, i.subject) for i in self.book.open_items]}"
        )
        return found

    def content(self, kind: str, *items: Item, **more: Any) -> Content:
        """A content that holds: verdicts on all findings, every fact of the pilot as evidence."""
        verdict = more.pop("verdict", "rejected" if kind == "continue" else "confirmed")
        judged = [i.subject_id for i in items if i.kind in findings.FINDING_KINDS and i.subject_id is not None]
        bound = more.setdefault("evidence", tuple(fact.ref for fact in self.facts.values() if fact.bindable))
        return Content(
            **{
                "kind": kind,
                "items": tuple(i.item_id for i in items),
                "reasons": "Hồ sơ cho thấy.",
                "public_reasons": "Vì an toàn của khán giả.",
                "legal_bases": (BASIS,),
                "about": evidence.subjects([self.facts[ref.event_id] for ref in bound]),
                "verdicts": tuple(VerdictOnFinding(finding_id=f, verdict=verdict) for f in judged),
                **more,
            }
        )

    def telling(self, *of: Event) -> tuple[m.EventRef, ...]:
        """These events as evidence."""
        hashes = {content_hash(event.data()) for event in of}
        return tuple(fact.ref for fact in self.facts.values() if fact.sha256 in hashes)

    def draft(self, now: datetime, kind: str, *items: Item, by: Actor = LAN, **more: Any) -> Proposal:
        proposal_id = uuid4()
        self.keep(proposals.draft(self.book, by, proposal_id, self.content(kind, *items, **more), now, calendar()))
        return self.book.proposals[proposal_id]

    def edit(self, now: datetime, proposal: Proposal, content: Content, by: Actor = LAN) -> Proposal:
        self.keep(proposals.edit(self.book, by, proposal.proposal_id, content, now, calendar()))
        return self.book.proposals[proposal.proposal_id]

    def submit(
        self, now: datetime, proposal: Proposal, *, by: Actor = LAN, together: Iterable[Proposal] = ()
    ) -> tuple[Event, ...]:
        others = tuple(p.proposal_id for p in together)
        return self._issue(
            by,
            lambda chain: proposals.submit(
                self.book, by, proposal.proposal_id, others, self.facts, chain, now, calendar()
            ),
        )

    def sign(self, now: datetime, proposal: Proposal, by: Actor = MINH) -> tuple[Event, ...]:
        return self._issue(
            by,
            lambda chain: proposals.sign(self.book, by, proposal.proposal_id, self.facts, chain, now, calendar()),
        )

    def decide(
        self, now: datetime, kind: str, *items: Item, by: Actor = LAN, second: Actor = HOA, **more: Any
    ) -> Proposal:
        """Draft, submit, wait out a reply window, sign where it needs a second: the decision is in force."""
        proposal = self.draft(now, kind, *items, by=by, **more)
        self.submit(now, proposal, by=by)
        asked = self.now_of(proposal).asked
        if asked is not None:
            self.fire_until(asked.reply_by.instant)
            now = asked.reply_by.instant
            self.submit(now, proposal, by=by)
        if self.now_of(proposal).state == "awaiting_second":
            self.sign(now, proposal, second)
        found = self.now_of(proposal)
        assert found.state == "issued", found
        return found

    def now_of(self, proposal: Proposal) -> Proposal:
        return self.book.proposals[proposal.proposal_id]

    def _issue(self, by: Actor, act: Callable[[Chain], proposals.Issue]) -> tuple[Event, ...]:
        book, events, chain = act(self.chains.get(by.authority, Chain(by.authority)))
        self.chains[by.authority] = chain
        return self.keep((book, events))

    # Clocks

    def deadlines(self) -> list[Deadline]:
        return sorted(deadlines(self.book), key=lambda d: (d.due, d.kind, d.subject))

    def fire_until(self, now: datetime) -> tuple[Event, ...]:
        """What the sweep does: every due clock once, in the order of due instants."""
        before = len(self.told)
        while (first := next(iter(self.deadlines()), None)) is not None and first.due <= now:
            self.fire(first)
            assert first not in deadlines(self.book), f"{first} would fire for ever"
        return tuple(self.told[before:])

    def fire(self, deadline: Deadline) -> tuple[Event, ...]:
        book, subject, due_at, cal = self.book, deadline.subject, deadline.due, calendar()
        match deadline.kind:
            case DeadlineKind.STANDSTILL:
                return self.keep(pilots.standstill_due(book, UUID(subject), due_at, cal))
            case DeadlineKind.OVERDUE:
                return self.keep(pilots.overdue(book, UUID(subject), due_at, cal))
            case DeadlineKind.MEASURE_CONFIRM:
                return self.keep(measures.lapsed(book, UUID(subject), due_at, cal))
            case DeadlineKind.PERIODIC_REPORT:
                return self.keep(reports.periodic_due(book, int(subject), due_at, cal))
            case DeadlineKind.FINAL_REPORT:
                return self.keep(reports.final_due(book, due_at, cal))
            case DeadlineKind.REMEDY:
                return self.keep(remedies.due(book, UUID(subject), due_at, cal))
            case DeadlineKind.REPLY:
                return self.keep(replies.reply_due(book, UUID(subject), due_at, cal))
            case DeadlineKind.SUPPLEMENT:
                return self.keep(replies.supplement_due(book, UUID(subject), due_at, cal))
            case DeadlineKind.SNOOZE:
                return self.keep(cases.wake(book, due_at, cal))

    def _know(self, events: Iterable[Event]) -> None:
        for event in events:
            data = event.data()
            fact = Fact(
                event_id=uuid4(),
                pilot_id=event.key,
                kind=type(event).__name__,
                at=event.at,
                sha256=content_hash(data),
                about=evidence.about(event),
            )
            self.facts[fact.event_id] = fact


def running() -> Office:
    """An office with an active pilot and nothing open."""
    event = registered()
    office = Office.of(event)
    office.hear(started(event.pilot_id))
    return office


def breached(
    when: datetime | None = None, *, severity: Severity = Severity.CRITICAL
) -> tuple[Office, m.FindingOpened, m.InterimMeasureTaken]:
    """A running pilot whose crowd cap is exceeded and whose intake is restricted."""
    office = running()
    opened = finding_opened(office.pilot_id, when or at("2026-07-19 23:00"), severity=severity)
    taken = measure_taken(opened)
    office.hear(opened)
    office.hear(taken)
    office.hear(state_changed(office.pilot_id, opened.at, PilotState.RESTRICTED, ref=taken.measure_id))
    return office, opened, taken


def names(events: Iterable[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def of_kind(events: Iterable[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def refused(code: str) -> pytest.RaisesExc[Refused]:
    """``with refused("case_closed"): ...`` — the block is refused with this code first."""
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


HOUR = timedelta(hours=1)
TUESDAY = at("2026-07-21 10:00")
"""Two days after the breach of :func:`breached`, before its measure lapses."""
CROWD = Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=1240, critical=True, reported=True)

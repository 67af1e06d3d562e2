"""A state machine drives one pilot's cases through random legal and illegal moves, late facts, sweeps and restarts, and holds the
invariants after each: one open case, one item a finding, no decision without its eyes and evidence, every measure ended once, a chain
that verifies, and deadlines that follow from the book alone."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import TypeAdapter

from services.decisions.core import cases, chain, proposals, queue, remedies, reports, table
from services.decisions.core.chain import Chain
from services.decisions.core.clocks import deadlines
from services.decisions.core.findings import FINDING_KINDS
from services.decisions.core.life import MOVES, Proposal, ProposalState
from services.decisions.core.model import Actor, Book, CaseState, MeasureState
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.events.decisions import ItemKind
from shared.contracts.pilot import RUNNING, Cap, Outcome, PilotState, Severity, Window
from tests.decisions_kit import (
    BASIS,
    CULTURE,
    HOA,
    LAN,
    MINH,
    MINISTRY,
    START,
    TAM,
    Office,
    applied,
    calendar,
    due,
    ended,
    final_filed,
    finding_cleared,
    finding_escalated,
    finding_opened,
    gate,
    measure_taken,
    not_applied,
    of_kind,
    periodic_filed,
    registered,
    reply_filed,
    rules,
    started,
    winding_down,
)

BOOK = TypeAdapter(Book)
PEOPLE = st.sampled_from([LAN, LAN, MINH, HOA, TAM, Actor("lan", CULTURE, supervisor=True)])
KINDS = sorted(set(rules().decision_types))
CAP = Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=1240)
PICK = st.integers(0, 10_000)


class Season(RuleBasedStateMachine):
    """``now`` only goes forward; facts may tell of a time before it, as late ones do."""

    @initialize(with_gate=st.booleans(), tier=st.sampled_from([1, 2, 3]), begun=st.sampled_from([True, True, False]))
    def register(self, with_gate: bool, tier: int, begun: bool) -> None:
        gates = (gate("permit", due_at=due("2026-07-30 00:00")),) if with_gate else ()
        self.office = Office.of(registered(gates=gates, tier=tier))  # type: ignore[arg-type]
        self.now = datetime.fromisoformat("2026-07-06T09:00:00+07:00")
        self.opened: list[m.FindingOpened] = []
        self.seen: dict[UUID, ProposalState] = {}
        if begun:
            self.the_pilot_starts()
            self.a_finding_opens(0, Severity.CRITICAL, m.RuleCode.CAP_EXCEEDED)

    # Time

    @rule(hours=st.integers(1, 200))
    def time_passes_and_the_sweep_comes_by(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.office.fire_until(self.now)

    @rule(hours=st.integers(1, 80))
    def time_passes_and_no_sweep_comes_by(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def the_process_restarts(self) -> None:
        """What is kept is what there was: nothing lives outside the book."""
        before = self.office.book
        self.office.book = BOOK.validate_json(BOOK.dump_json(before))
        assert self.office.book == before
        assert deadlines(self.office.book) == deadlines(before)

    # What the others tell

    @precondition(lambda self: self.office.book.pilot.state is PilotState.PENDING)
    @rule()
    def the_pilot_starts(self) -> None:
        self.now = max(self.now, START)
        self.office.hear(started(self.office.pilot_id, start=max(START, self.now)))

    @rule(late=st.integers(0, 100), severity=st.sampled_from(list(Severity)), kind=st.sampled_from(list(m.RuleCode)))
    def a_finding_opens(self, late: int, severity: Severity, kind: m.RuleCode) -> None:
        opened = finding_opened(
            self.office.pilot_id,
            self.now - timedelta(hours=late),
            severity=severity,
            rule=kind,
            subject=f"s{len(self.opened)}",
            finding_id=uuid4(),
        )
        self.opened.append(opened)
        self.office.hear(opened)
        if severity is Severity.CRITICAL and kind is m.RuleCode.CAP_EXCEEDED:
            self.office.hear(measure_taken(opened))

    @precondition(lambda self: self.opened)
    @rule(which=PICK, severity=st.sampled_from([Severity.MINOR, Severity.MAJOR, Severity.CRITICAL]))
    def a_finding_escalates(self, which: int, severity: Severity) -> None:
        opened = self.opened[which % len(self.opened)]
        if self.office.book.findings[opened.finding_id].cleared_at is None:
            self.office.hear(finding_escalated(opened, self.now, severity))

    @precondition(lambda self: self.opened)
    @rule(which=PICK, reason=st.sampled_from(["recovered", "judged", "pilot_ended"]))
    def a_finding_clears(self, which: int, reason: str) -> None:
        opened = self.opened[which % len(self.opened)]
        if self.office.book.findings[opened.finding_id].cleared_at is None:
            self.office.hear(finding_cleared(opened, self.now, reason))  # type: ignore[arg-type]

    @rule(number=st.integers(1, 4), final=st.booleans())
    def a_report_is_filed(self, number: int, final: bool) -> None:
        if final:
            self.office.hear(final_filed(self.office.pilot_id, self.now))
        else:
            self.office.hear(periodic_filed(self.office.pilot_id, self.now, number))

    @precondition(lambda self: self.office.book.proposals)
    @rule(which=PICK, late=st.integers(0, 200))
    def a_reply_comes(self, which: int, late: int) -> None:
        """It is told twice, and a second one is sent: what the first did is all that happens."""
        proposal = self._proposal(which)
        when = self.now - timedelta(hours=late)
        reply = reply_filed(self.office.pilot_id, when, proposal.proposal_id)
        told = self.office.hear(reply)
        opened = of_kind(told, d.ItemOpened)
        after = self.office.book
        assert all(one.reply_id == reply.reply_id for one in opened)
        for again in (reply, reply_filed(self.office.pilot_id, when, proposal.proposal_id)):
            assert self.office.hear(again) == ()
            assert self.office.book == after

    @precondition(lambda self: self.office.book.pilot.state in RUNNING)
    @rule()
    def the_pilot_winds_down(self) -> None:
        self.office.hear(winding_down(self.office.pilot_id, self.now))

    @precondition(lambda self: self.office.book.pilot.state is PilotState.WINDING_DOWN)
    @rule()
    def the_pilot_ends(self) -> None:
        self.office.hear(ended(self.office.pilot_id, self.now, outcome=Outcome.EXPIRED))

    @precondition(lambda self: self.office.book.decisions)
    @rule(which=PICK, took=st.booleans())
    def the_pilot_answers(self, which: int, took: bool) -> None:
        waiting = [x for x in self.office.book.decisions.values() if x.effect == "awaited"]
        if not waiting:
            return
        decision = waiting[which % len(waiting)]
        state = self.office.book.pilot.state
        if took:
            self.office.hear(applied(self.office.pilot_id, self.now, decision.decision_id, decision.kind, state))
        else:
            self.office.hear(not_applied(self.office.pilot_id, self.now, decision.decision_id, decision.kind, state))

    # What officers do, allowed or not

    @rule(by=PEOPLE, kind=st.sampled_from(KINDS), picks=st.lists(PICK, min_size=1, max_size=2), bind=st.booleans())
    def somebody_drafts(self, by: Actor, kind: str, picks: list[int], bind: bool) -> None:
        items = tuple(self.office.book.items.values())
        if not items:
            return
        chosen = {items[p % len(items)].item_id: items[p % len(items)] for p in picks}
        more: dict[str, object] = {} if bind else {"evidence": ()}
        if kind == "adjust":
            more["caps"] = (CAP,)
        if kind in table.REMEDY_CLOCKS:
            more["remedy_text"] = "Sắp xếp lại."
        with suppress(Refused):
            self.office.draft(self.now, kind, *chosen.values(), by=by, **more)

    @precondition(lambda self: self.office.book.open_items)
    @rule(which=PICK, through=st.booleans(), by=st.sampled_from([LAN, LAN, MINH, TAM]))
    def somebody_does_what_the_case_offers(self, which: int, through: bool, by: Actor) -> None:
        """Draft and submit something allowed; ``through``: also wait out the reply window, and have it signed."""
        offered = table.options(self.office.book, by.authority)
        if not offered:
            return
        row, items = offered[which % len(offered)]
        more: dict[str, object] = {"caps": (CAP,)} if row.code == "adjust" else {}
        if row.code in table.REMEDY_CLOCKS:
            more["remedy_text"] = "Sắp xếp lại."
        with suppress(Refused):
            proposal = self.office.draft(self.now, row.code, items[which % len(items)], by=by, **more)
            self.office.submit(self.now, proposal, by=by)
            asked = self.office.now_of(proposal).asked
            if through and asked is not None:
                self.now = max(self.now, asked.reply_by.instant)
                self.office.fire_until(self.now)
                self.office.submit(self.now, proposal, by=by)
            if through:
                self.office.sign(self.now, proposal, Actor("chief", by.authority, supervisor=True))

    @precondition(lambda self: self.office.book.proposals)
    @rule(which=PICK, by=PEOPLE, others=st.lists(PICK, max_size=2))
    def somebody_submits(self, which: int, by: Actor, others: list[int]) -> None:
        together = {self._proposal(other).proposal_id: self._proposal(other) for other in others}
        with suppress(Refused):
            self.office.submit(self.now, self._proposal(which), by=by, together=together.values())

    @precondition(lambda self: self.office.book.proposals)
    @rule(which=PICK, by=PEOPLE)
    def somebody_signs(self, which: int, by: Actor) -> None:
        waiting = [p for p in self.office.book.proposals.values() if p.state is ProposalState.AWAITING_SECOND]
        proposal = waiting[which % len(waiting)] if waiting else self._proposal(which)
        with suppress(Refused):
            self.office.sign(self.now, proposal, by)

    @precondition(
        lambda self: any(p.state is ProposalState.AWAITING_SECOND for p in self.office.book.proposals.values())
    )
    @rule()
    def the_proposer_tries_to_be_the_second_too(self) -> None:
        for proposal in self.office.book.proposals.values():
            if proposal.state is ProposalState.AWAITING_SECOND:
                themselves = Actor(proposal.proposer, proposal.authority, supervisor=True)
                try:
                    self.office.sign(self.now, proposal, themselves)
                except Refused as refused:
                    assert refused.code == "second_signer_drafted"
                else:
                    raise AssertionError("one pair of eyes signed twice")

    @precondition(lambda self: any(p.live for p in self.office.book.proposals.values()))
    @rule(which=PICK)
    def the_proposer_takes_one_back(self, which: int) -> None:
        live = [p for p in self.office.book.proposals.values() if p.live]
        proposal = live[which % len(live)]
        by = Actor(proposal.proposer, proposal.authority)
        self.office.keep(
            proposals.withdraw(self.office.book, by, proposal.proposal_id, "Vì thế.", self.now, calendar())
        )

    @precondition(lambda self: self.office.book.proposals)
    @rule(which=PICK, by=PEOPLE, back=st.booleans())
    def somebody_takes_or_sends_it_back(self, which: int, by: Actor, back: bool) -> None:
        act = proposals.send_back if back else proposals.withdraw
        with suppress(Refused):
            self.office.keep(
                act(self.office.book, by, self._proposal(which).proposal_id, "Vì thế.", self.now, calendar())
            )

    @rule(by=PEOPLE, act=st.sampled_from(["claim", "release", "snooze", "supplement"]), hours=st.integers(-5, 300))
    def somebody_acts_in_the_case(self, by: Actor, act: str, hours: int) -> None:
        book, cal = self.office.book, calendar()
        with suppress(Refused):
            if act == "claim":
                self.office.keep(cases.claim(book, by, self.now, cal))
            elif act == "release":
                self.office.keep(cases.release(book, by, self.now, cal))
            elif act == "snooze":
                until = self.now + timedelta(hours=hours)
                self.office.keep(cases.snooze(book, by, until, "Chờ", self.now, cal))
            else:
                self.office.keep(cases.ask_supplement(book, by, uuid4(), "Sơ đồ", self.now, cal))

    @rule(by=PEOPLE, which=PICK, done=st.booleans())
    def somebody_reviews_or_verifies(self, by: Actor, which: int, done: bool) -> None:
        items, ordered = tuple(self.office.book.items), tuple(self.office.book.remedies)
        with suppress(Refused, NotFound):
            if items and which % 2:
                self.office.keep(
                    reports.review(self.office.book, by, items[which % len(items)], "x", 0, self.now, calendar())
                )
            elif ordered:
                decision = ordered[which % len(ordered)]
                self.office.keep(remedies.verify(self.office.book, by, decision, done, "x", self.now, calendar()))

    def _proposal(self, which: int) -> Proposal:
        known = tuple(self.office.book.proposals.values())
        return known[which % len(known)]

    # What always holds

    @invariant()
    def at_most_one_case_is_open_and_it_is_open_because_something_in_it_is(self) -> None:
        if not hasattr(self, "office"):
            return
        opened, closed = of_kind(self.office.told, d.CaseOpened), of_kind(self.office.told, d.CaseClosed)
        case = self.office.book.case
        is_open = case is not None and case.state is not CaseState.CLOSED
        assert len(opened) - len(closed) == is_open
        assert len({c.case_id for c in opened}) == len(opened)
        assert bool(self.office.book.open_items) == is_open
        assert bool(queue.entries(self.office.book)) == is_open
        if is_open and case is not None:
            assert {i.case_id for i in self.office.book.open_items} == {case.case_id}

    @invariant()
    def every_item_is_opened_once_and_resolved_at_most_once(self) -> None:
        if not hasattr(self, "office"):
            return
        opened = [i.item_id for i in of_kind(self.office.told, d.ItemOpened)]
        resolved = [i.item_id for i in of_kind(self.office.told, d.ItemResolved)]
        assert len(set(opened)) == len(opened) and len(set(resolved)) == len(resolved)
        assert set(opened) - set(resolved) == {i.item_id for i in self.office.book.open_items}

    @invariant()
    def one_thing_stands_before_an_officer_once(self) -> None:
        if not hasattr(self, "office"):
            return
        about = [(i.kind, i.subject, i.subject_id) for i in self.office.book.open_items]
        assert len(set(about)) == len(about), about
        findings_open = [i.subject_id for i in self.office.book.open_items if i.kind in FINDING_KINDS]
        assert len(set(findings_open)) == len(findings_open)

    @invariant()
    def no_decision_without_its_evidence_its_eyes_and_its_authority(self) -> None:
        if not hasattr(self, "office"):
            return
        frozen = self.office.book.pilot.rules
        for issued in of_kind(self.office.told, d.DecisionIssued):
            row = frozen.decision_types[issued.kind]
            assert issued.evidence or not row.evidence
            assert issued.kind not in table.NOT_OFFERED
            if frozen.needs_second_signer(issued.kind):
                assert issued.second_signer not in (None, issued.proposer)
                if row.second_signer == "supervisor":
                    assert issued.second_signer in ("hoa", "chief", "lan")
            assert {i.kind for i in issued.items} <= set(row.resolves)
            judged = {v.finding_id for v in issued.findings}
            assert judged == {i.subject_id for i in issued.items if i.kind in FINDING_KINDS}
            assert [b.code for b in issued.legal_bases] == [BASIS]

    @invariant()
    def every_authoritys_chain_verifies(self) -> None:
        if not hasattr(self, "office"):
            return
        issued = of_kind(self.office.told, d.DecisionIssued)
        for authority in (CULTURE, MINISTRY):
            mine = [json.loads(x.data()) for x in issued if x.authority == authority]
            assert chain.verify(mine, self.office.chains.get(authority, Chain(authority))).intact

    @invariant()
    def every_measure_ends_once_and_moves_only_by_what_was_told(self) -> None:
        if not hasattr(self, "office"):
            return
        told = self.office.told
        for measure_id, measure in self.office.book.measures.items():
            confirmed = [e for e in of_kind(told, d.MeasureConfirmed) if e.measure_id == measure_id]
            lifted = [e for e in of_kind(told, d.MeasureLifted) if e.measure_id == measure_id]
            lapsed = [e for e in of_kind(told, d.MeasureLapsed) if e.measure_id == measure_id]
            assert len(confirmed) <= 1 and len(lifted) + len(lapsed) <= 1
            assert not (confirmed and lapsed)
            assert all(e.at < measure.due.instant for e in confirmed)
            assert all(e.at == measure.due.instant for e in lapsed)
            assert (measure.state is MeasureState.LIFTED) == bool(lifted)
            assert (measure.state is MeasureState.LAPSED) == bool(lapsed)
            in_sight = [
                i for i in self.office.book.open_items if i.kind is ItemKind.MEASURE and i.subject_id == measure_id
            ]
            assert len(in_sight) == measure.in_force

    @invariant()
    def proposals_move_only_along_their_table_and_live_only_on_open_items(self) -> None:
        if not hasattr(self, "office"):
            return
        for proposal in self.office.book.proposals.values():
            before = self.seen.get(proposal.proposal_id, ProposalState.DRAFT)
            assert before is proposal.state or _reachable(before, proposal.state)
            self.seen[proposal.proposal_id] = proposal.state
            if proposal.live:
                assert all(self.office.book.items[i].open for i in proposal.content.items)
            else:
                held = {h.ref for i in self.office.book.open_items for h in i.holds}
                assert proposal.proposal_id not in held

    @invariant()
    def no_clock_of_an_ended_pilots_own_duties_runs_on(self) -> None:
        if hasattr(self, "office") and self.office.book.pilot.ended:
            kinds = {x.kind.value for x in deadlines(self.office.book) if x.due > self.now}
            assert not kinds & {"standstill", "measure_confirm", "periodic_report", "final_report"}


def _reachable(before: ProposalState, after: ProposalState) -> bool:
    """One act may take a proposal more than one step (asked, and withdrawn by what it was about)."""
    open_, seen = [before], {before}
    while open_:
        for to in MOVES[open_.pop()] - seen:
            seen.add(to)
            open_.append(to)
    return after in seen


TestSeason = Season.TestCase
TestSeason.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)

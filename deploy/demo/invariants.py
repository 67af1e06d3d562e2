"""The invariants of the domain, as far as they can be checked from outside: over HTTP and in the event log."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from uuid import UUID

from deploy.cli.eventlog import Logged
from deploy.cli.replaying import Replay
from deploy.demo.look import Seen
from deploy.demo.stage import Stage
from shared.client import ApiProblem
from shared.contracts.base import Contract
from shared.contracts.events.applications import (
    DecisionApplied,
    DecisionNotApplied,
    PilotAmended,
    PilotEnded,
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotWindingDown,
    ReplyFiled,
)
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.events.monitoring import FindingOpened
from shared.contracts.http.decisions import MeasureView, ProposalWrite
from shared.contracts.pilot import CauseKind, PilotState
from shared.contracts.pilot import PilotState as S

MOVES: dict[PilotState, frozenset[PilotState]] = {
    S.PENDING: frozenset({S.PENDING, S.ACTIVE, S.ENDED}),
    S.ACTIVE: frozenset({S.ACTIVE, S.RESTRICTED, S.SUSPENDED, S.WINDING_DOWN}),
    S.RESTRICTED: frozenset({S.ACTIVE, S.RESTRICTED, S.SUSPENDED, S.WINDING_DOWN}),
    S.SUSPENDED: frozenset({S.ACTIVE, S.RESTRICTED, S.SUSPENDED, S.WINDING_DOWN}),
    S.WINDING_DOWN: frozenset({S.WINDING_DOWN, S.ENDED}),
    S.ENDED: frozenset({S.ENDED}),
}
"""The table of moves as the domain states it, without appeals: written out here so that the services do not vouch for themselves."""

_MOVED = (PilotStarted, PilotStateChanged, PilotAmended, PilotWindingDown, PilotEnded, DecisionApplied)


class Invariant(Contract):
    """One invariant. ``faults`` say what contradicts it; empty when it holds. ``looked_at`` counts the things that were checked."""

    number: int
    what: str
    looked_at: int
    faults: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.faults


Rule = Callable[[Stage, Seen], Iterator[str | None]]
"""Yields once for each thing that it looked at: None, or what is wrong with it."""


async def check(stage: Stage, seen: Seen, replays: list[Replay]) -> tuple[Invariant, ...]:
    """Check them all."""
    rules: list[tuple[int, str, Rule]] = [
        (1, "every acknowledged report counts exactly once", reports_count_once),
        (1, "what is used is the exact sum of what was acknowledged", sums_are_exact),
        (1, "every acknowledged application, reply, report and decision is there", nothing_is_lost),
        (2, "each application is one pilot, each pilot has at most one open case", one_pilot_one_case),
        (2, "at most one open finding for each pilot, rule and subject", one_open_finding),
        (3, "every state is reached by the table of moves, and the history gives the state", moves_are_legal),
        (4, "no decision without evidence where evidence is required", evidence_where_required),
        (4, "no decision under four eyes with one pair of eyes", four_eyes),
        (5, "every clock that came due has fired, and nothing is left to do", clocks_have_fired),
        (5, "every interim measure is lifted, lapsed, or in sight of an officer", measures_end),
        (6, "the three services agree on pilots, states and findings", services_agree),
        (6, "every decision was applied or is marked without effect", decisions_are_answered),
        (7, "the chains of decisions verify", chains_verify),
    ]
    found = [_counted(number, what, rule(stage, seen)) for number, what, rule in rules]
    found.append(_counted(7, "every decision replays identical from the log", _replayed(replays)))
    strangers = [fault async for fault in strangers_see_nothing(stage, seen)]
    found.append(_counted(8, "a startup sees only its own pilots, an officer only the authority's", iter(strangers)))
    edits = [fault async for fault in issued_is_issued(stage, seen)]
    found.append(_counted(8, "nobody edits an issued decision", iter(edits)))
    return tuple(found)


def _counted(number: int, what: str, faults: Iterator[str | None]) -> Invariant:
    every = list(faults)
    return Invariant(number=number, what=what, looked_at=len(every), faults=tuple(one for one in every if one))


# 1 · Nothing lost, nothing twice


def reports_count_once(stage: Stage, seen: Seen) -> Iterator[str | None]:
    accepted = Counter(
        (seen.show(pilot_id), row.sequence or 0)
        for pilot_id, rows in seen.reports.items()
        for row in rows
        if row.state == "accepted"
    )
    for key in stage.ledger.reports:
        yield None if accepted[key] == 1 else f"report {key[1]} of {key[0]} counts {accepted[key]} times"
    for key in accepted.keys() - stage.ledger.reports.keys():
        yield f"report {key[1]} of {key[0]} counts and was never acknowledged"


def sums_are_exact(stage: Stage, seen: Seen) -> Iterator[str | None]:
    sums: Counter[tuple[str, str]] = Counter()
    for (show, _), report in stage.ledger.reports.items():
        for sample in report.samples:
            if sample.metric != "crowd_peak":
                sums[show, sample.metric] += int(sample.value)
    for pilot_id, usage in seen.usage.items():
        for row in usage.rows:
            if row.window == "total":
                expected = Decimal(sums[seen.show(pilot_id), row.metric])
                same = row.value == expected
                yield None if same else f"{seen.show(pilot_id)}: {row.metric} is {row.value}, sent was {expected}"


def nothing_is_lost(stage: Stage, seen: Seen) -> Iterator[str | None]:
    ledger = stage.ledger
    for show, pilot_id in ledger.pilots.items():
        yield None if pilot_id in seen.pilots else f"the pilot of {show} is gone"
    replied = {one.event.reply_id for one in seen.log if isinstance(one.event, ReplyFiled)}
    shown = {reply.reply_id for case in seen.cases.values() for reply in case.replies}
    for reply_id, show in ledger.replies.items():
        yield None if reply_id in replied & shown else f"a reply of {show} is not in its case"
    filed = {
        entry.data.get("report_id")
        for history in seen.histories.values()
        for entry in history
        if "ReportFiled" in entry.type
    }
    for report_id, show in ledger.filed.items():
        yield None if str(report_id) in filed else f"a report filed by {show} is gone"
    for decision_id, show in ledger.decisions.items():
        yield None if decision_id in seen.decisions else f"a decision about {show} is gone"
    for show in ledger.withdrawn:
        kept = seen.pilots[ledger.pilots[show]].state in (S.WINDING_DOWN, S.ENDED)
        yield None if kept else f"the withdrawal of {show} is forgotten"


# 2 · One pilot, one case, one finding


def one_pilot_one_case(stage: Stage, seen: Seen) -> Iterator[str | None]:
    registered = Counter(one.event.pilot_id for one in _unique(seen) if isinstance(one.event, PilotRegistered))
    for show, pilot_id in stage.ledger.pilots.items():
        yield None if registered[pilot_id] == 1 else f"{show} was registered {registered[pilot_id]} times"
    for pilot_id in seen.pilots.keys() - set(stage.ledger.pilots.values()):
        yield f"the pilot {pilot_id} was never filed by anybody"
    open_now = Counter(row.pilot_id for row in seen.queue)
    for pilot_id in seen.pilots:
        yield None if open_now[pilot_id] <= 1 else f"{seen.show(pilot_id)} has {open_now[pilot_id]} open cases"


def one_open_finding(stage: Stage, seen: Seen) -> Iterator[str | None]:
    standing = Counter((one.pilot_id, one.rule, one.subject) for one in seen.findings if one.state == "open")
    for (pilot_id, rule, subject), count in standing.items():
        yield None if count == 1 else f"{seen.show(pilot_id)}: {rule} {subject} is open {count} times"


# 3 · States


def moves_are_legal(stage: Stage, seen: Seen) -> Iterator[str | None]:
    for pilot_id, pilot in seen.pilots.items():
        state, fault = S.PENDING, None
        for record in _unique(seen):
            event = record.event
            if isinstance(event, _MOVED) and event.pilot_id == pilot_id:
                after = event.state_after
                if after not in MOVES[state]:
                    fault = fault or f"{seen.show(pilot_id)} went from {state} to {after} by {type(event).__name__}"
                if after is not _derived(after, {cause.kind for cause in event.causes}):
                    fault = fault or f"{seen.show(pilot_id)} is {after} with the causes {event.causes}"
                state = after
        if fault is None and state is not pilot.state:
            fault = f"{seen.show(pilot_id)} is {pilot.state}, its history says {state}"
        yield fault


def _derived(state: PilotState, causes: set[CauseKind]) -> PilotState:
    """What the causes in force make of a running pilot; any other state stands by itself."""
    if state not in (S.ACTIVE, S.RESTRICTED, S.SUSPENDED):
        return state
    if causes & {CauseKind.SUSPENSION, CauseKind.OBJECTION}:
        return S.SUSPENDED
    return S.RESTRICTED if causes else S.ACTIVE


# 4 · Decisions


def evidence_where_required(stage: Stage, seen: Seen) -> Iterator[str | None]:
    rules = {one.event.pilot_id: one.event.rules for one in seen.log if isinstance(one.event, PilotRegistered)}
    for view in seen.decisions.values():
        decision = view.decision
        required = rules[decision.pilot_id].decision_types[decision.kind].evidence
        yield f"{decision.number} {decision.kind} has no evidence" if required and not decision.evidence else None


def four_eyes(stage: Stage, seen: Seen) -> Iterator[str | None]:
    rules = {one.event.pilot_id: one.event.rules for one in seen.log if isinstance(one.event, PilotRegistered)}
    for view in seen.decisions.values():
        decision = view.decision
        if not rules[decision.pilot_id].needs_second_signer(decision.kind):
            yield None
        elif decision.second_signer in (None, decision.proposer):
            yield f"{decision.number} {decision.kind} was signed by {decision.proposer} alone"
        else:
            yield None


# 5 · Clocks and measures


def clocks_have_fired(stage: Stage, seen: Seen) -> Iterator[str | None]:
    for name, one in seen.progress.items():
        behind = one.swept_until is None or one.swept_until < one.now
        yield f"{name} has swept until {one.swept_until}, it is {one.now}" if behind else None
        overdue = one.next_due is not None and one.next_due <= one.now
        yield f"{name} has a clock that was due at {one.next_due}" if overdue else None
        left = (one.lag, one.parked, one.poison, one.outbox_unsent)
        yield f"{name} has lag, parked, poison, unsent = {left}" if any(left) else None


def measures_end(stage: Stage, seen: Seen) -> Iterator[str | None]:
    measures: dict[UUID, tuple[str, MeasureView]] = {
        one.measure_id: (seen.show(case.pilot.pilot_id), one)
        for case in sorted(seen.cases.values(), key=lambda case: case.opened_at)
        for one in case.measures
    }
    in_sight = {item.subject_id for row in seen.queue for item in row.items if item.kind == "measure"}
    for show, measure in measures.values():
        ended = measure.state in ("lifted", "lapsed")
        yield None if ended or measure.measure_id in in_sight else f"a measure of {show} is {measure.state} for nobody"


# 6 · Agreement


def services_agree(stage: Stage, seen: Seen) -> Iterator[str | None]:
    for case in seen.cases.values():
        pilot = seen.pilots[case.pilot.pilot_id]
        same = (case.pilot.state, case.pilot.outcome) == (pilot.state, pilot.outcome)
        yield None if same else f"{seen.show(pilot.pilot_id)} is {pilot.state} here and {case.pilot.state} there"
    for pilot_id, pilot in seen.pilots.items():
        here = {one.finding_id: one.cleared_at for one in pilot.findings}
        there = {one.finding_id: one.cleared_at for one in seen.findings if one.pilot_id == pilot_id}
        yield None if here == there else f"{seen.show(pilot_id)}: {len(here)} findings here, {len(there)} there"
        version = seen.usage[pilot_id].envelope_version
        same = version == pilot.envelope.version
        yield None if same else f"{seen.show(pilot_id)}: envelope {pilot.envelope.version} here, {version} there"
    told = {one.event.finding_id for one in seen.log if isinstance(one.event, FindingOpened)}
    stored = {one.finding_id for one in seen.findings}
    yield None if told == stored else f"{len(told)} findings were told, {len(stored)} are stored"


def decisions_are_answered(stage: Stage, seen: Seen) -> Iterator[str | None]:
    answers = Counter(
        one.event.decision_id for one in _unique(seen) if isinstance(one.event, DecisionApplied | DecisionNotApplied)
    )
    issued = {one.event.decision_id: one.event for one in seen.log if isinstance(one.event, DecisionIssued)}
    for decision_id, decision in issued.items():
        view = seen.decisions.get(decision_id)
        if answers[decision_id] != 1:
            yield f"{decision.number} was answered {answers[decision_id]} times"
        elif view is None or view.effect == "awaited":
            yield f"{decision.number} still awaits what was answered"
        else:
            yield None


# 7 · Chains and replay


def chains_verify(stage: Stage, seen: Seen) -> Iterator[str | None]:
    for chain in seen.chains.values():
        yield None if chain.intact else f"{chain.authority}: broken at {chain.broken_at}: {chain.why}"


def _replayed(replays: list[Replay]) -> Iterator[str | None]:
    for one in replays:
        different = "; ".join(f"{check.what}: {check.difference}" for check in one.checks if not check.holds)
        yield f"{one.number} {one.kind}: {different}" if different else None


# 8 · Nobody in


async def strangers_see_nothing(stage: Stage, seen: Seen) -> AsyncIterator[str | None]:
    names = list(stage.ledger.pilots)
    for mine, other in zip(names, names[1:] + names[:1], strict=True):
        pilot_id = stage.ledger.pilots[other]
        startup = stage.enterprise(mine)
        yield await _hidden(startup.applications.pilot(pilot_id), f"{mine} reads the pilot of {other}")
        yield await _hidden(startup.monitoring.usage(pilot_id), f"{mine} reads the usage of {other}")
        yield await _hidden(
            stage.stranger.applications.pilot(pilot_id), f"an officer of another authority reads {other}"
        )
    for case_id in list(seen.cases)[:3]:
        yield await _hidden(stage.stranger.decisions.case(case_id), "an officer of another authority reads a case")


async def _hidden(asked: Awaitable[object], what: str) -> str | None:
    try:
        await asked
    except ApiProblem as problem:
        return None if problem.status == 404 else f"{what}: {problem}"
    return what


async def issued_is_issued(stage: Stage, seen: Seen) -> AsyncIterator[str | None]:
    for proposed in stage.proposals.values():
        if proposed.decision_id is None:
            continue
        view = seen.decisions[proposed.decision_id]
        client = stage.officer(view.decision.proposer)
        proposal = await client.decisions.proposal(proposed.proposal_id)
        again = ProposalWrite(
            kind=proposal.kind,
            items=proposal.items,
            reasons="Another text.",
            public_reasons="Another text.",
            legal_bases=proposal.legal_bases,
        )
        try:
            await client.decisions.redraft(proposed.proposal_id, again)
        except ApiProblem as problem:
            yield None if problem.status == 409 else f"{view.decision.number}: {problem}"
        else:
            yield f"{view.decision.number} was edited after it was issued"


def _unique(seen: Seen) -> Iterator[Logged]:
    """The log with each event once, however often it was sent."""
    met: set[UUID | None] = set()
    for record in seen.log:
        if record.event_id not in met:
            met.add(record.event_id)
            yield record

"""Does a decision replay identical? From the event log alone: what it stood on is recomputed, every hash and the chain are checked."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from deploy.cli.eventlog import EventLog, Logged
from deploy.cli.look import as_uuid
from deploy.cli.recompute import Told, recompute
from services.decisions.core.chain import GENESIS, hash_of
from services.decisions.core.evidence import evidence_hash
from services.monitoring.core.people import BY_PEOPLE
from shared.contracts.base import Contract, Instant
from shared.contracts.events.applications import (
    DecisionApplied,
    IncidentReported,
    PilotAmended,
    PilotEnded,
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotWindingDown,
)
from shared.contracts.events.decisions import DecisionIssued, MadeUpon
from shared.contracts.events.monitoring import FindingOpened, ReferralReceived, TipReceived
from shared.contracts.pilot import Cause, PilotState
from shared.contracts.topics import APPLICATIONS, DECISIONS, TOPICS
from shared.reference.calendar import Calendar

_MOVES = (PilotStarted, PilotStateChanged, PilotAmended, PilotWindingDown, PilotEnded, DecisionApplied)


class Check(Contract):
    """One thing that was looked at. ``difference`` is empty when it is as it was."""

    what: str
    difference: str = ""

    @property
    def holds(self) -> bool:
        return not self.difference


class Replay(Contract):
    """What a replay found."""

    decision_id: UUID
    number: str
    kind: str
    authority: str
    at: Instant
    checks: tuple[Check, ...]

    @property
    def identical(self) -> bool:
        return all(check.holds for check in self.checks)


@dataclass(frozen=True)
class Wanted:
    """Which decision is meant: its id, or its number, which begins again every year in each authority and so may need more."""

    name: str
    authority: str | None = None
    pilot: str | None = None
    """Its id or its code."""


class UnknownDecision(Exception):
    """The log holds no such decision."""


class Ambiguous(Exception):
    """Several decisions have that number; ``candidates`` are they, oldest first."""

    def __init__(self, candidates: Sequence[DecisionIssued]) -> None:
        super().__init__(f"{len(candidates)} decisions have that number.")
        self.candidates = candidates


@dataclass(frozen=True)
class Chains:
    """Every decision of the log as it was written, by its hash before: the chains of all authorities."""

    after: Mapping[tuple[str, str], tuple[dict[str, Any], ...]]

    @classmethod
    def of(cls, issued: Iterable[Logged]) -> Chains:
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        seen: set[UUID | None] = set()
        for record in issued:
            if record.event_id not in seen:
                seen.add(record.event_id)
                data = json.loads(record.data)
                found.setdefault((str(data["authority"]), str(data["previous_hash"])), []).append(data)
        return cls({key: tuple(many) for key, many in found.items()})

    def verify(self, authority: str, wanted: UUID) -> Check:
        """Walk the authority's chain from its first decision to its last; ``wanted`` must be on the way."""
        what = f"the chain of {authority}"
        head, length, met = GENESIS, 0, False
        while (found := self.after.get((authority, head))) is not None:
            if len(found) > 1:
                numbers = ", ".join(str(one.get("number")) for one in found)
                return Check(what=what, difference=f"forks after {length} decisions: {numbers}")
            data, length = found[0], length + 1
            if hash_of(data) != data.get("hash"):
                return Check(what=what, difference=f"{data.get('number')}: its hash is not that of its fields")
            head, met = str(data["hash"]), met or str(data.get("decision_id")) == str(wanted)
        total = sum(len(many) for (owner, _), many in self.after.items() if owner == authority)
        if length != total:
            return Check(what=what, difference=f"breaks after {length} of {total} decisions")
        return Check(what=what, difference="" if met else "does not hold this decision")


async def replay(log: EventLog, wanted: Wanted, calendar: Calendar) -> Replay:
    """Replay one decision. Raises :class:`UnknownDecision` and :class:`Ambiguous`."""
    issued = issued_in(await log.whole((DECISIONS,)))
    # A code is known from the registration of its pilot.
    named = await log.whole((APPLICATIONS,)) if wanted.pilot and as_uuid(wanted.pilot) is None else ()
    record = choose(issued, wanted, named)
    return replay_in(record, await log.of_pilot(_decision(record).pilot_id), Chains.of(issued), calendar)


def choose(issued: Sequence[Logged], wanted: Wanted, registrations: Iterable[Logged] = ()) -> Logged:
    """The one decision that is meant. Raises :class:`UnknownDecision` and :class:`Ambiguous`."""
    decision_id = as_uuid(wanted.name)

    def is_meant(decision: DecisionIssued) -> bool:
        if decision_id is not None:
            return decision.decision_id == decision_id
        return _plain(decision.number) == _plain(wanted.name)

    found = [one for one in issued if is_meant(_decision(one))]
    if wanted.authority is not None:
        found = [one for one in found if _decision(one).authority == wanted.authority]
    if wanted.pilot is not None:
        pilot_id = as_uuid(wanted.pilot) or _coded(wanted.pilot, registrations)
        found = [one for one in found if _decision(one).pilot_id == pilot_id]
    if not found:
        more = [f"of {wanted.authority}"] * bool(wanted.authority) + [f"about {wanted.pilot}"] * bool(wanted.pilot)
        raise UnknownDecision(" ".join(["The log holds no decision", wanted.name, *more]) + ".")
    if len(found) > 1:
        raise Ambiguous(sorted((_decision(one) for one in found), key=lambda one: one.at))
    return found[0]


def _coded(code: str, registrations: Iterable[Logged]) -> UUID | None:
    """The pilot that was registered under a code."""
    for record in registrations:
        if isinstance(record.event, PilotRegistered) and record.event.code == code.upper():
            return record.event.pilot_id
    return None


def _plain(number: str) -> str:
    """A number as it can be compared: however its letters were composed, and typed on a keyboard without Đ too."""
    return unicodedata.normalize("NFC", number).strip().upper().replace("Đ", "D")


async def replay_all(log: EventLog, calendar: Calendar) -> Iterator[Replay]:
    """Replay every decision of the log, reading it once; each is worked out when it is asked for."""
    records = await log.whole(TOPICS)
    issued = issued_in(records)
    chains = Chains.of(issued)
    by_pilot: dict[str, list[Logged]] = {}
    for record in records:
        by_pilot.setdefault(record.key, []).append(record)

    @cache
    def told(key: str) -> list[Told]:
        return recompute(by_pilot[key], calendar)

    return (_replayed(one, by_pilot[one.key], chains, told(one.key)) for one in issued)


def replay_in(record: Logged, mine: Sequence[Logged], chains: Chains, calendar: Calendar) -> Replay:
    """Replay the decision of ``record`` from all records of its pilot."""
    return _replayed(record, mine, chains, recompute(mine, calendar))


def issued_in(records: Iterable[Logged]) -> list[Logged]:
    """The decisions among these records, each once."""
    found: dict[UUID, Logged] = {}
    for record in records:
        if record.topic == DECISIONS.name and isinstance(record.event, DecisionIssued):
            found.setdefault(record.event.decision_id, record)
    return list(found.values())


def _decision(record: Logged) -> DecisionIssued:
    assert isinstance(record.event, DecisionIssued)
    return record.event


def _replayed(record: Logged, mine: Sequence[Logged], chains: Chains, told: Sequence[Told]) -> Replay:
    decision = _decision(record)
    checks = (
        *_evidence(decision, mine),
        *_findings(decision, mine, told),
        _made_upon(decision, mine),
        chains.verify(decision.authority, decision.decision_id),
    )
    return Replay(
        decision_id=decision.decision_id,
        number=decision.number,
        kind=decision.kind,
        authority=decision.authority,
        at=decision.at,
        checks=checks,
    )


# The evidence set


def _evidence(decision: DecisionIssued, mine: Sequence[Logged]) -> Iterator[Check]:
    by_id: dict[UUID, set[str]] = {}
    for record in mine:
        if record.event_id is not None:
            by_id.setdefault(record.event_id, set()).add(record.sha256)
    for ref in decision.evidence:
        found = by_id.get(ref.event_id)
        if found is None:
            difference = "the log does not hold this event"
        elif found != {ref.sha256}:
            difference = f"its bytes hash to {', '.join(sorted(found))}, not to {ref.sha256}"
        else:
            difference = ""
        yield Check(what=f"evidence {ref.event_id}", difference=difference)
    again = evidence_hash(decision.evidence)
    difference = "" if again == decision.evidence_hash else f"hashes to {again}, not to {decision.evidence_hash}"
    yield Check(what="the evidence set", difference=difference)


# The findings


def _findings(decision: DecisionIssued, mine: Sequence[Logged], told: Sequence[Told]) -> Iterator[Check]:
    """What the evidence tells of findings and measures, against what the log makes of it; and each judged finding."""
    bound = {ref.event_id for ref in decision.evidence}
    judged = {one.finding_id for one in decision.findings}
    again = {_name(event): event for event in told}
    met: set[UUID] = set()
    for record in {one.event_id: one for one in reversed(mine)}.values():
        event = record.event
        if not isinstance(event, Told):
            continue
        if record.event_id in bound or (event.finding_id in judged and isinstance(event, FindingOpened)):
            met.add(event.finding_id)
            if isinstance(event, FindingOpened) and event.rule in BY_PEOPLE:
                yield _said_by_people(event, mine)
            else:
                yield _same(event, again.get(_name(event)))
    for finding_id in sorted(judged - met, key=str):
        yield Check(what=f"finding {finding_id}", difference="the log does not hold its opening")


def _name(event: Told) -> tuple[str, UUID, str]:
    severity = getattr(event, "severity", "")
    return type(event).__name__, event.finding_id, str(severity)


def _same(event: Told, again: Told | None) -> Check:
    subject = getattr(event, "subject", "")
    what = f"{type(event).__name__} {getattr(event, 'rule', '')} {subject}".strip()
    if again is None:
        return Check(what=what, difference="recomputed, it does not happen")
    before, after = event.model_dump(mode="json"), again.model_dump(mode="json")
    if "at" in before and event.at == again.at:
        after["at"] = before["at"]  # the same instant, written with another offset
    for said, found in zip(before["evidence"]["records"], after["evidence"]["records"], strict=False):
        if said["received"] is None:
            found["received"] = None  # written before findings said it
    differing = list(_differences(before, after))
    return Check(what=what, difference="; ".join(differing))


def _differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _differences(before.get(name), after.get(name), f"{place}/{name}")
    elif before != after:
        yield f"{place} was {before}, is {after}"


def _said_by_people(event: FindingOpened, mine: Sequence[Logged]) -> Check:
    """An incident, a tip, a referral: the words that it stands on must be in the log, with the bytes that it names."""
    what = f"FindingOpened {event.rule} {event.subject}"
    said = {
        record.event_id: record.sha256
        for record in mine
        if isinstance(record.event, IncidentReported | TipReceived | ReferralReceived)
    }
    wrong = [ref.event_id for ref in event.evidence.facts if said.get(ref.event_id, ref.sha256) != ref.sha256]
    if not said:
        return Check(what=what, difference="the log does not hold what was said")
    return Check(what=what, difference=f"the words of {wrong[0]} are others" if wrong else "")


# The state it was made upon


def _made_upon(decision: DecisionIssued, mine: Sequence[Logged]) -> Check:
    """What the proposer saw must have been the pilot's state at some point of its history before the decision."""
    what = "the state that it was made upon"
    wanted = decision.made_upon
    state, version = PilotState.PENDING, 1
    causes: tuple[Cause, ...] = ()
    seen = []
    for record in mine:
        event = record.event
        if record.topic != APPLICATIONS.name or event is None or event.at > decision.at:
            continue
        if isinstance(event, PilotRegistered):
            version = event.envelope.version
        elif isinstance(event, _MOVES):
            state, causes = event.state_after, event.causes
            version = event.envelope.version if isinstance(event, PilotAmended) else version
        else:
            continue
        seen.append(MadeUpon(state=state, causes=causes, envelope_version=version))
    if wanted in seen:
        return Check(what=what)
    last = seen[-1].model_dump_json() if seen else "nothing"
    return Check(what=what, difference=f"was {wanted.model_dump_json()}, the history says {last}")

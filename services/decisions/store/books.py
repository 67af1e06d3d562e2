"""A pilot's book: loaded under the pilot's lock, saved by what a change made different, with its events, facts, deadlines and ranks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from services.decisions.core import clocks, evidence, queue
from services.decisions.core.life import Proposal
from services.decisions.core.model import Book, Case, Finding, Issued, Item, Measure, OrderedRemedy, Pilot
from services.decisions.store.queue import WHOLE
from services.decisions.store.rows import Table
from services.decisions.store.words import folded, kept
from shared.contracts.base import Event
from shared.contracts.events.decisions import DecisionIssued, ItemRef
from shared.contracts.rules import FrozenRules
from shared.platform import deadlines
from shared.platform.db import Tx
from shared.platform.outbox import Outbox, Recorded

T = TypeVar("T")

PILOT = Table(
    "pilot",
    Pilot,
    key=("pilot_id",),
    nested=("organisation", "causes", "envelope", "held_permits", "reports", "final", "final_criteria"),
    elsewhere=("rules",),
)
CASE = Table("case_file", Case, key=("pilot_id", "case_id"), nested=("claims", "supplement"))
ITEM = Table("item", Item, key=("pilot_id", "item_id"), nested=("due", "holds", "pauses"))
PROPOSAL = Table("proposal", Proposal, key=("pilot_id", "proposal_id"), nested=("content", "asked"))
MEASURE = Table("measure", Measure, key=("pilot_id", "measure_id"), nested=("due",))
FINDING = Table("finding", Finding, key=("pilot_id", "finding_id"))
REMEDY = Table("remedy", OrderedRemedy, key=("pilot_id", "decision_id"), nested=("due", "items"))
DECISION = Table("decision", Issued, key=("pilot_id", "decision_id"), nested=("items",))


class Books:
    """Loads and saves books. Keeps the rule rows that it has read: they are many pilots' and never change."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._rules: dict[str, FrozenRules] = {}

    async def load(
        self,
        tx: Tx,
        pilot_id: UUID,
        *,
        lock: bool = True,
        case_id: UUID | None = None,
        names: Collection[UUID] = (),
    ) -> Book | None:
        """The book of a pilot, None for an unknown one. ``lock`` orders all changes of this pilot.

        It holds what is open, what has one of the ids in ``names`` whatever its state (an item, proposal, decision, remedy, measure, finding),
        and what those are about. What is closed and not named stays where it is: a book is as large as the day's work, not as the years.
        ``case_id`` names the case instead of the open one.
        """
        row = await _one(tx, f"{_PILOT_SELECT} where pilot_id = %s {'for update' if lock else ''}", (pilot_id,))
        if row is None:
            return None
        pilot = PILOT.read(row, rules=await self.frozen(tx, row["rules_id"]))
        known = list(names)
        proposals = await _all(tx, PROPOSAL, _LIVE_PROPOSALS, (pilot_id, known))
        decisions = await _all(tx, DECISION, "where pilot_id = %s and decision_id = any(%s)", (pilot_id, known))
        remedies = await _all(tx, REMEDY, _OPEN_REMEDIES, (pilot_id, known))
        about = [i for p in proposals for i in p.content.items] + [ref.item_id for d in decisions for ref in d.items]
        items = await _all(tx, ITEM, _OPEN_ITEMS, (pilot_id, known + about))
        subjects = _subjects(items) + _subjects(ref for remedy in remedies for ref in remedy.items)
        measures = await _all(tx, MEASURE, _MEASURES_IN_FORCE, (pilot_id, known + subjects))
        findings = await _all(tx, FINDING, _FINDINGS, (pilot_id, known + subjects, [d.decision_id for d in decisions]))
        return Book(
            pilot=pilot,
            case=await self._case(tx, pilot_id, case_id),
            items={item.item_id: item for item in items},
            proposals={proposal.proposal_id: proposal for proposal in proposals},
            measures={measure.measure_id: measure for measure in measures},
            findings={finding.finding_id: finding for finding in findings},
            remedies={remedy.decision_id: remedy for remedy in remedies},
            decisions={decision.decision_id: decision for decision in decisions},
        )

    async def save(self, tx: Tx, before: Book | None, after: Book, events: Sequence[Event]) -> list[Recorded]:
        """Save what differs from ``before`` (None for a new pilot) and store the events; each is a fact of the pilot from now on."""
        old = before if before is not None else Book(pilot=after.pilot)
        if before is None:
            await self._add_pilot(tx, after.pilot)
        elif before.pilot != after.pilot:
            await PILOT.update(tx, after.pilot)
        if after.case is not None and old.case != after.case:
            await CASE.save(tx, (after.case,))
        await ITEM.save(tx, _changed(old.items, after.items))
        await PROPOSAL.save(tx, _changed(old.proposals, after.proposals))
        await MEASURE.save(tx, _changed(old.measures, after.measures))
        await FINDING.save(tx, _changed(old.findings, after.findings))
        await REMEDY.save(tx, _changed(old.remedies, after.remedies))
        recorded = await self._outbox.add_all(tx, events)
        await add_facts(tx, recorded)
        await _save_decisions(tx, old, after, recorded)
        await _save_deadlines(tx, old, after)
        await _save_ranks(tx, old, after)
        return recorded

    async def rules_of(self, tx: Tx, pilot_id: UUID) -> FrozenRules | None:
        """The rule rows that bind a pilot, None for an unknown one."""
        row = await _one(tx, "select rules_id from pilot where pilot_id = %s", (pilot_id,))
        return None if row is None else await self.frozen(tx, row["rules_id"])

    async def _case(self, tx: Tx, pilot_id: UUID, case_id: UUID | None) -> Case | None:
        if case_id is not None:
            found = await _all(tx, CASE, "where pilot_id = %s and case_id = %s", (pilot_id, case_id))
        else:
            found = await _all(tx, CASE, "where pilot_id = %s and closed_at is null", (pilot_id,))
        return found[0] if found else None

    async def frozen(self, tx: Tx, rules_id: str) -> FrozenRules:
        """The rule rows of an id."""
        if rules_id not in self._rules:
            row = await _one(tx, "select body from frozen_rules where rules_id = %s", (rules_id,))
            assert row is not None, "the foreign key holds"
            self._rules[rules_id] = FrozenRules.model_validate(row["body"])
        return self._rules[rules_id]

    async def _add_pilot(self, tx: Tx, pilot: Pilot) -> None:
        rules = pilot.rules.model_dump_json()
        rules_id = hashlib.sha256(rules.encode()).hexdigest()
        await tx.execute(
            "insert into frozen_rules (rules_id, body) values (%s, %s) on conflict do nothing", (rules_id, rules)
        )
        searched = folded(pilot.code, pilot.title, pilot.organisation.name, pilot.organisation.tax_code)
        await tx.execute(_NEW_PILOT, (*PILOT.values(pilot), pilot.organisation.tax_code, rules_id, searched))
        await tx.execute(_NEW_WORDS, (kept(searched.split()),))


# Each reads by the primary key or by a partial index of what is open.
_LIVE_PROPOSALS = "where pilot_id = %s and (state not in ('issued', 'withdrawn') or proposal_id = any(%s))"
_OPEN_REMEDIES = "where pilot_id = %s and (state in ('ordered', 'to_verify') or decision_id = any(%s))"
_OPEN_ITEMS = "where pilot_id = %s and (state = 'open' or item_id = any(%s)) order by opened_at, item_id"
_MEASURES_IN_FORCE = "where pilot_id = %s and (state in ('taken', 'confirmed') or measure_id = any(%s))"
_FINDINGS = "where pilot_id = %s and (finding_id = any(%s) or judged_by = any(%s))"
_PILOT_SELECT = f"select {', '.join(PILOT.columns)}, rules_id from pilot"  # noqa: S608 - names of our own tables
# In the order of the alphabet: two pilots that bring the same new words never wait for each other both.
_NEW_WORDS = "insert into register_word (word) select unnest(%s::text[]) on conflict do nothing"
_NEW_PILOT = PILOT.insert(tax_code="%s", rules_id="%s", search="to_tsvector('simple', %s)")


async def add_facts(tx: Tx, recorded: Iterable[Recorded]) -> None:
    """Our own events are facts of their pilot too: what was decided, reviewed, verified may be evidence later."""
    rows = [
        (
            r.event.key,
            r.meta.id,
            type(r.event).__name__,
            r.event.at,
            r.content_hash,
            evidence.about(r.event),
            r.event.data(),
        )
        for r in recorded
    ]
    if rows:
        async with tx.cursor() as cursor:
            await cursor.executemany(_FACT, rows)


async def add_fact(tx: Tx, event_id: UUID, event: Event, sha256: str, data: bytes | None) -> None:
    """Keep a received event. ``data`` is None for what is many and never read again."""
    await tx.execute(_FACT, (event.key, event_id, type(event).__name__, event.at, sha256, evidence.about(event), data))


_FACT = (
    "insert into fact (pilot_id, event_id, kind, at, sha256, about, data) values (%s, %s, %s, %s, %s, %s, %s) "
    "on conflict do nothing"
)


async def _save_decisions(tx: Tx, before: Book, after: Book, recorded: Iterable[Recorded]) -> None:
    new = {r.event.decision_id: r for r in recorded if isinstance(r.event, DecisionIssued)}
    for decision in _changed(before.decisions, after.decisions):
        fresh = new.get(decision.decision_id)
        if fresh is None:
            await tx.execute(
                "update decision set effect = %s, effect_at = %s, why = %s where pilot_id = %s and decision_id = %s",
                (decision.effect, decision.effect_at, decision.why, decision.pilot_id, decision.decision_id),
            )
            continue
        event = fresh.event
        assert isinstance(event, DecisionIssued)
        await tx.execute(
            _NEW_DECISION,
            (
                *DECISION.values(decision),
                event.number,
                fresh.meta.id,
                fresh.content_hash,
                event.data(),
            ),
        )


_NEW_DECISION = DECISION.insert(number="%s", event_id="%s", sha256="%s", data="%s")


async def _save_deadlines(tx: Tx, before: Book, after: Book) -> None:
    had = clocks.deadlines(before)
    has = clocks.deadlines(after)
    pilot_id = after.pilot.pilot_id
    still = {(d.kind, d.subject) for d in has}
    for gone in had - has:
        if (gone.kind, gone.subject) not in still:
            await deadlines.disarm(tx, pilot_id, gone.kind.value, gone.subject)
    for new in has - had:
        await deadlines.arm(tx, pilot_id, new.kind.value, new.subject, new.due)


async def _save_ranks(tx: Tx, before: Book, after: Book) -> None:
    had = queue.entries(before)
    has = queue.entries(after)
    if had == has and (before.case and before.case.case_id) == (after.case and after.case.case_id):
        return
    pilot = after.pilot
    if had:
        await tx.execute("delete from queue_entry where pilot_id = %s", (pilot.pilot_id,))
    if not has or after.case is None:
        return
    rows = [
        (
            *(pilot.pilot_id, after.case.case_id, entry.authority, kind, entry.lead, entry.lane, entry.due, entry.risk),
            *(entry.severity and entry.severity.value, entry.assignee, pilot.sector, after.case.opened_at),
        )
        for entry in has
        for kind in (WHOLE, *entry.kinds)
    ]
    async with tx.cursor() as cursor:
        await cursor.executemany(_NEW_RANK, rows)


_NEW_RANK = (
    "insert into queue_entry (pilot_id, case_id, authority, kind, lead, lane, due, risk, severity, assignee, sector, opened_at) "
    "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def _subjects(of: Iterable[Item | ItemRef]) -> list[UUID]:
    """The ids of what items are about: a finding, a measure, a report, a decision."""
    return [one.subject_id for one in of if one.subject_id is not None]


def _changed(before: Mapping[UUID, T], after: Mapping[UUID, T]) -> list[T]:
    return [value for key, value in after.items() if before.get(key) != value]


async def _one(tx: Tx, sql: str, params: Sequence[Any]) -> dict[str, Any] | None:
    return await (await tx.execute(sql, params)).fetchone()


async def _all(tx: Tx, table: Table[T], where: str, params: Sequence[Any]) -> list[T]:
    cursor = await tx.execute(table.select + where, params)
    return [table.read(row) for row in await cursor.fetchall()]

"""The decision table: what a kind of decision resolves, needs and presupposes.

What the rows of the reference data say (``[[decision_type]]``, frozen at receipt) is read from the pilot's own rows: what it resolves,
evidence, reply window, four eyes, who signs second, appeal. Here stands only what no row says: how a kind's items are shaped, and in
which states of the pilot it can take effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.decisions.core import findings
from services.decisions.core.findings import FINDING_KINDS
from services.decisions.core.life import Content
from services.decisions.core.model import CONFIRMED, FINAL, OBJECTION, TAKEDOWN, Book, Case, Item, MeasureState, Pilot
from shared.contracts.errors import Problem, Refused, problem
from shared.contracts.events.decisions import ItemKind
from shared.contracts.http.decisions import CapChange
from shared.contracts.pilot import RUNNING, Cap, Envelope, PilotState
from shared.contracts.rules import WINDOWS_OF, DecisionType, FrozenRules, LegalBasis
from shared.reference.calendar import local_day

NOT_OFFERED = frozenset(
    {"extend", "refuse_extension", "uphold", "vary", "overturn", "open_check_onsite", "open_check_over_budget"}
)
"""Kinds whose acts (extensions, appeals, checks) this version does not have yet."""

AFTER_THE_END = frozenset({"continue", "warn", "refer_sanction"})
"""What may still be decided about a pilot that has ended."""

ONE_ITEM = frozenset(
    {
        "permit",
        "object",
        "refuse",
        "confirm_measure",
        "lift_measure",
        "lift_suspension",
        "complete",
        "refuse_completion",
    }
)
"""Kinds whose effect is on one thing, which the item names: a gate, a measure, a suspension, the final report."""

REMEDY_CLOCKS = {"order_correction": "correction", "order_takedown": TAKEDOWN}
"""Kinds that order a remedy, and the clock that it runs on."""

STATES: dict[str, frozenset[PilotState]] = {
    "permit": frozenset({PilotState.PENDING, PilotState.SUSPENDED}),
    "object": frozenset({PilotState.PENDING}),
    "refuse": frozenset({PilotState.PENDING, PilotState.SUSPENDED}),
    "adjust": RUNNING | {PilotState.PENDING},
    "suspend": RUNNING,
    "lift_suspension": frozenset({PilotState.SUSPENDED}),
    "confirm_measure": RUNNING | {PilotState.WINDING_DOWN},
    "lift_measure": RUNNING | {PilotState.WINDING_DOWN},
    "terminate": RUNNING | {PilotState.WINDING_DOWN},
    "complete": frozenset({PilotState.WINDING_DOWN}),
    "refuse_completion": frozenset({PilotState.WINDING_DOWN}),
}
"""States in which a kind can take effect; a kind that is not named can in every state but ``ended``."""


@dataclass(frozen=True)
class Flaw:
    """One reason why a proposal cannot stand. 409: the state does not allow it; 422: what it says is wrong."""

    code: str
    pointer: str
    status: int = 422
    params: dict[str, Any] = field(default_factory=dict)

    def problem(self) -> Problem:
        return problem(self.code, self.pointer, **self.params)


def row_of(rules: FrozenRules, kind: str) -> DecisionType:
    """The row of a kind that may be proposed. Refused for one that the rules do not know or that is not offered."""
    row = rules.decision_types.get(kind)
    if row is None:
        raise Refused("kind_unknown", "/kind", status=422, kind=kind)
    if kind in NOT_OFFERED:
        raise Refused("kind_not_offered", "/kind", status=422, kind=kind)
    return row


def check(book: Book, case: Case, content: Content, authority: str, now: datetime, *, complete: bool) -> None:
    """Refused, with every flaw at once, unless the proposal can stand. ``complete``: also what a draft may still lack."""
    row = row_of(book.pilot.rules, content.kind)
    flaws = [
        *_items(book, case, content, row, authority),
        *_pilot_state(book, content),
        *_clocks(book, content, now),
        *_verdicts(book, content, row, complete),
        *_legal_bases(book.pilot.rules, content, now),
        *_caps(book.pilot, content, complete),
        *_remedy(content, complete),
    ]
    if complete and row.evidence and not content.evidence:
        flaws.append(Flaw("evidence_required", "/evidence", params={"kind": content.kind}))
    if flaws:
        raise Refused(
            flaws[0].code,
            flaws[0].pointer,
            status=flaws[0].status,
            problems=[flaw.problem() for flaw in flaws],
            **flaws[0].params,
        )


def filled(book: Book, content: Content) -> Content:
    """The content with what follows from its items and its evidence. Refused where what was given of gate, measure or suspension disagrees."""
    items = [book.items[i] for i in content.items if i in book.items]
    gate = _only(items, {"permit", "object", "refuse"}, content.kind, lambda item: item.subject)
    measure = _only(items, {"confirm_measure", "lift_measure"}, content.kind, lambda item: item.subject_id)
    lifts = _only(items, {"lift_suspension", "permit"}, content.kind, _lifted)
    for name, given, found in (
        ("gate", content.gate, gate),
        ("measure_id", content.measure_id, measure),
        ("lifts", content.lifts, lifts),
    ):
        if given is not None and given != found:
            raise Refused("follows_from_item", f"/{name}", status=422, field=name)
    return replace(content, gate=gate, measure_id=measure, lifts=lifts, about=findings.told_of(book, content.about))


def _lifted(item: Item) -> UUID | None:
    """The decision whose effect goes: a suspension, an objection. A gate's permit lifts nothing; another's objection stands beside ours."""
    return item.subject_id if item.kind is ItemKind.SUSPENSION or item.subject == OBJECTION else None


def _only(items: list[Item], kinds: set[str], kind: str, read: Any) -> Any:
    return read(items[0]) if kind in kinds and len(items) == 1 else None


def options(book: Book, authority: str | None) -> list[tuple[DecisionType, tuple[Item, ...]]]:
    """The kinds that could be proposed now, each with the open items that it may name."""
    found = []
    for row in book.pilot.rules.decision_types.values():
        if row.code in NOT_OFFERED or not _allowed(book, row.code):
            continue
        items = tuple(
            item
            for item in book.open_items
            if item.kind in row.resolves
            and (authority is None or item.authority == authority)
            and not list(_shape(row.code, item))
        )
        if items:
            found.append((row, items))
    return found


def citable(rules: FrozenRules, now: datetime) -> tuple[LegalBasis, ...]:
    """The acts that a decision may cite now: those that the pilot's own rules stand on, and that are in force."""
    return tuple(basis for basis in rules.legal_bases.values() if basis.in_force(local_day(now)))


def _items(book: Book, case: Case, content: Content, row: DecisionType, authority: str) -> Iterator[Flaw]:
    if content.kind in ONE_ITEM and len(content.items) != 1:
        yield Flaw("one_item_only", "/items", params={"kind": content.kind})
    for n, item_id in enumerate(content.items):
        pointer = f"/items/{n}"
        item = book.items.get(item_id)
        if item is None or item.case_id != case.case_id:
            yield Flaw("item_unknown", pointer, params={"item_id": item_id})
        elif not item.open:
            yield Flaw("item_resolved", pointer, 409, {"item_id": item_id})
        elif item.kind not in row.resolves:
            yield Flaw("item_not_resolved_by", pointer, params={"kind": content.kind, "item": item.kind})
        elif item.authority != authority:
            yield Flaw("item_of_other_authority", pointer, 409, {"authority": item.authority})
        else:
            for code in _shape(content.kind, item):
                yield Flaw(code, pointer, 409)


def _shape(kind: str, item: Item) -> Iterator[str]:
    if kind == "confirm_measure" and item.subject == CONFIRMED:
        yield "measure_already_confirmed"
    if kind in ("complete", "refuse_completion") and item.subject != FINAL:
        yield "final_report_missing"


def _allowed(book: Book, kind: str) -> bool:
    pilot = book.pilot
    return kind in AFTER_THE_END if pilot.ended else pilot.state in STATES.get(kind, frozenset(PilotState))


def _pilot_state(book: Book, content: Content) -> Iterator[Flaw]:
    if not _allowed(book, content.kind):
        code = "pilot_ended" if book.pilot.ended else "pilot_state"
        yield Flaw(code, "/kind", 409, {"kind": content.kind, "state": book.pilot.state})


def _clocks(book: Book, content: Content, now: datetime) -> Iterator[Flaw]:
    """An act after the due instant does not count: the standstill is over, the measure has lapsed, whether or not the sweep came by."""
    for n, item_id in enumerate(content.items):
        item = book.items.get(item_id)
        if item is None or not item.open:
            continue
        over = item.running_due is not None and now >= item.running_due
        if item.kind is ItemKind.STANDSTILL and over:
            yield Flaw("standstill_over", f"/items/{n}", 409, {"due": item.running_due})
        if item.kind is ItemKind.MEASURE and over:
            yield Flaw("measure_lapsed", f"/items/{n}", 409, {"due": item.running_due})
        measure = book.measures.get(item.subject_id) if item.kind is ItemKind.MEASURE and item.subject_id else None
        if measure is not None and measure.state in (MeasureState.LIFTED, MeasureState.LAPSED):
            yield Flaw("measure_not_in_force", f"/items/{n}", 409, {"state": measure.state})


def _verdicts(book: Book, content: Content, row: DecisionType, complete: bool) -> Iterator[Flaw]:
    named = {
        item.subject_id
        for item in (book.items.get(i) for i in content.items)
        if item is not None and item.kind in FINDING_KINDS
    }
    given = {v.finding_id for v in content.verdicts}
    for n, verdict in enumerate(content.verdicts):
        if verdict.finding_id not in named:
            yield Flaw("verdict_foreign", f"/verdicts/{n}/finding_id", params={"finding_id": verdict.finding_id})
    if len(given) != len(content.verdicts):
        yield Flaw("verdict_twice", "/verdicts")
    if complete and named - given:
        yield Flaw("verdict_missing", "/verdicts", params={"count": len(named - given)})
    for n, verdict in enumerate(content.verdicts):
        if verdict.verdict != "confirmed":
            continue
        if not row.evidence:
            yield Flaw("verdict_not_confirmable", f"/verdicts/{n}/verdict", params={"kind": content.kind})
        elif complete and content.evidence and verdict.finding_id not in content.about:
            yield Flaw("verdict_without_evidence", f"/verdicts/{n}", params={"finding_id": verdict.finding_id})
    if row.evidence and named and given >= named and all(v.verdict == "rejected" for v in content.verdicts):
        yield Flaw("verdict_contradicts", "/verdicts", params={"kind": content.kind})


def _legal_bases(rules: FrozenRules, content: Content, now: datetime) -> Iterator[Flaw]:
    known = ", ".join(basis.code for basis in citable(rules, now))
    for n, code in enumerate(content.legal_bases):
        basis = rules.legal_bases.get(code)
        if basis is None:
            yield Flaw("legal_basis_unknown", f"/legal_bases/{n}", params={"legal_basis": code, "known": known})
        elif not basis.in_force(local_day(now)):
            yield Flaw("legal_basis_not_in_force", f"/legal_bases/{n}", params={"number": basis.number})


def whole_caps(envelope: Envelope, changes: Iterable[CapChange]) -> tuple[Cap, ...]:
    """The caps that an ``adjust`` sets: who raises a limit says nothing of what else the cap in force demands."""
    in_force = {(cap.metric, cap.window): cap for cap in envelope.caps}
    return tuple(change.whole(in_force.get((change.metric, change.window))) for change in changes)


def _caps(pilot: Pilot, content: Content, complete: bool) -> Iterator[Flaw]:
    if content.kind != "adjust":
        if content.caps:
            yield Flaw("caps_not_expected", "/caps", params={"kind": content.kind})
        return
    if complete and not content.caps:
        yield Flaw("caps_required", "/caps")
    subjects = [cap.subject for cap in content.caps]
    for n, cap in enumerate(content.caps):
        metric = pilot.rules.metrics.get(cap.metric)
        if metric is None or not metric.cap:
            yield Flaw("cap_metric_unknown", f"/caps/{n}/metric", params={"metric": cap.metric})
        elif cap.window not in WINDOWS_OF[metric.kind]:
            yield Flaw("cap_window_unfit", f"/caps/{n}/window", params={"metric": cap.metric, "window": cap.window})
        if cap.source not in pilot.envelope.sources:
            declared = ", ".join(pilot.envelope.sources)
            yield Flaw(
                "cap_source_undeclared", f"/caps/{n}/source", params={"source": cap.source, "declared": declared}
            )
        if subjects.index(cap.subject) != n:
            yield Flaw("cap_changed_twice", f"/caps/{n}", params={"cap": cap.subject})


def _remedy(content: Content, complete: bool) -> Iterator[Flaw]:
    orders = content.kind in REMEDY_CLOCKS
    if not orders and content.remedy_text is not None:
        yield Flaw("remedy_not_expected", "/remedy_text", params={"kind": content.kind})
    if orders and complete and content.remedy_text is None:
        yield Flaw("remedy_required", "/remedy_text", params={"kind": content.kind})

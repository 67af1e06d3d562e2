"""What the officers of the season do: look at the queue, propose, decide, co-sign, review, verify. By HTTP alone, each as themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from deploy.demo.enterprises import NotAsScripted
from deploy.demo.script import Following, HabitException, ItemPattern, Proposing, Reviewing
from deploy.demo.stage import Proposed, Stage
from shared.client import Client
from shared.contracts.events.decisions import ItemKind
from shared.contracts.http.decisions import CaseView, ItemView, ProposalView, ProposalWrite, QueueRow
from shared.contracts.http.monitoring import FindingView
from shared.reference.calendar import VIETNAM, local_day

Judgement = Literal["confirmed", "rejected"]

CONFIRMED = "confirmed"
"""Subject of the item that keeps a confirmed measure in sight."""


@dataclass(frozen=True)
class Dossier:
    """A case as an officer reads it: the case itself and the findings about its pilot."""

    case: CaseView
    findings: Mapping[UUID, FindingView]

    def open_items(self) -> tuple[ItemView, ...]:
        return tuple(item for item in self.case.items if item.state == "open")

    def matching(self, patterns: Iterable[ItemPattern]) -> tuple[ItemView, ...]:
        return tuple(item for item in self.open_items() if any(self._matches(item, pattern) for pattern in patterns))

    def finding_of(self, item: ItemView) -> FindingView | None:
        """The finding that an item is about, also by way of its measure."""
        about = item.subject_id
        if item.kind is ItemKind.MEASURE:
            about = next((one.finding_id for one in self.case.measures if one.measure_id == about), None)
        return self.findings.get(about) if about is not None else None

    def _matches(self, item: ItemView, pattern: ItemPattern) -> bool:
        if item.kind != pattern.kind:
            return False
        finding = self.finding_of(item) if item.kind is ItemKind.FINDING else None
        subject = item.subject if finding is None else finding.subject
        rule = None if finding is None else finding.rule
        return pattern.rule in (None, rule) and pattern.subject in (None, subject)

    def evidence_for(self, items: Iterable[ItemView]) -> tuple[UUID, ...]:
        """Every fact that may be bound about these items: what their findings, measures and reports are known by."""
        about: set[UUID] = set()
        for item in items:
            finding = self.finding_of(item)
            about |= {one for one in (item.subject_id, finding.finding_id if finding else None) if one is not None}
        return tuple(fact.event_id for fact in self.case.facts if fact.bindable and fact.about in about)


async def propose(stage: Stage, act: Proposing) -> None:
    """Draft and submit; with ``decide`` it must be in force at once. Without a show: about every pilot that has such an item."""
    client = stage.officer(act.who)
    done = 0
    for row in await client.decisions.whole_queue():
        show = stage.show_of(row.pilot_id)
        if show is None or act.show not in (None, show):
            continue
        dossier = await read(client, row)
        if not dossier.matching(act.items):
            continue
        await _propose(stage, client, act, show, dossier)
        done += 1
    if not done:
        raise NotAsScripted(f"{act.at}: {act.who} finds nothing open to {act.kind} about {act.show or 'any show'}")


async def _propose(stage: Stage, client: Client, act: Proposing, show: str, dossier: Dossier) -> None:
    name = f"demo-{act.at:%Y%m%d%H%M}-{act.kind}-{stage.shows[show].number}"
    together = []
    for number, other in enumerate(act.together):
        written = _written(stage, dossier, other.kind, dossier.matching(other.items), other.reasons)
        drafted = await client.decisions.propose(dossier.case.case_id, written, key=f"{name}-with-{number}")
        together.append(drafted.proposal_id)
    written = _written(
        stage,
        dossier,
        act.kind,
        dossier.matching(act.items),
        act.reasons,
        verdict=act.verdict,
        caps=[cap.model_dump() for cap in act.caps],
        remedy_text=act.remedy,
        gate=act.gate,
    )
    submitted = await _submit(client, dossier.case.case_id, written, name, tuple(together))
    if (submitted.state == "issued") != (act.do == "decide"):
        raise NotAsScripted(f"{act.at}: the {act.kind} about {show} is {submitted.state} after {act.do}")
    await _note(stage, client, show, submitted, tuple(together))
    if act.name is not None:
        stage.proposals[act.name] = Proposed(
            show, dossier.case.case_id, submitted.proposal_id, tuple(together), submitted.decision_id
        )


async def move_on(stage: Stage, act: Following) -> None:
    """The proposer sends on what the enterprise has answered."""
    proposed = stage.proposals[act.proposal]
    client = stage.officer(act.who)
    after = await client.decisions.submit(
        proposed.proposal_id, together=proposed.together, key=f"demo-{act.do}-{act.proposal}"
    )
    await _noted(stage, client, act.proposal, after)


async def sign(stage: Stage, act: Following) -> None:
    """Another officer signs as the second, which issues it."""
    proposed = stage.proposals[act.proposal]
    client = stage.officer(act.who)
    after = await client.decisions.sign(proposed.proposal_id, key=f"demo-{act.do}-{act.proposal}")
    if after.state != "issued":
        raise NotAsScripted(f"{act.at}: {act.proposal} is {after.state} after the second signature")
    await _noted(stage, client, act.proposal, after)


async def verify(stage: Stage, act: Following) -> None:
    """An officer looks whether the remedy was done, and finds that it was."""
    proposed = stage.proposals[act.proposal]
    if proposed.decision_id is None:
        raise NotAsScripted(f"{act.at}: {act.proposal} is not issued: there is no remedy to verify")
    await stage.officer(act.who).decisions.verify_remedy(
        proposed.decision_id, act.text or "", done=True, key=f"demo-{act.do}-{act.proposal}"
    )


async def review(stage: Stage, act: Reviewing) -> None:
    """Read every periodic report that lies open."""
    client = stage.officer(act.who)
    for row in await client.decisions.whole_queue():
        for item in row.items:
            if item.kind is ItemKind.REPORT and item.state == "open" and item.subject_id is not None:
                await client.decisions.review(row.case_id, item.item_id, act.text, key=f"demo-review-{item.item_id}")


# The habit of standing places


async def measures_to_look_at(stage: Stage) -> Iterable[tuple[datetime, str]]:
    """When the officer of the habit means to be at the desk, for which show: 09:00 of the working day after a measure was taken."""
    habit = stage.script.standing_places
    client = stage.officer(habit.who)
    wishes = []
    for row in await client.decisions.whole_queue():
        show = stage.show_of(row.pilot_id)
        taken = [item for item in row.items if _fresh_measure(item)]
        if show is None or not taken:
            continue
        opened = local_day(taken[0].opened_at)
        exception = habit.exception(show, opened)
        if exception is None or exception.measure == "lift":
            day = stage.calendar.next_working_day(opened + timedelta(days=1))
            wishes.append((datetime.combine(day, habit.at, VIETNAM), show))
    return wishes


async def lift_standing_places(stage: Stage, show: str) -> None:
    """Lift the measure about the crowd and, unless somebody else sees to the finding, decide on it in the same transaction."""
    habit = stage.script.standing_places
    client = stage.officer(habit.who)
    row = next(row for row in await client.decisions.whole_queue() if row.pilot_id == stage.pilot(show))
    dossier = await read(client, row)
    for item in dossier.open_items():
        finding = dossier.finding_of(item)
        if not _fresh_measure(item) or finding is None or finding.subject != habit.subject:
            continue
        exception = habit.exception(show, local_day(finding.opened_at))
        await _lift(stage, client, dossier, item, finding, show, exception)


async def _lift(
    stage: Stage,
    client: Client,
    dossier: Dossier,
    measure: ItemView,
    finding: FindingView,
    show: str,
    exception: HabitException | None,
) -> None:
    habit = stage.script.standing_places
    name = f"demo-standing-{measure.item_id}"
    what = "continue" if exception is None else exception.finding
    lift = _written(stage, dossier, "lift_measure", (measure,), habit.lift)
    about = [item for item in dossier.open_items() if item.subject_id == finding.finding_id]
    if what == "leave" or not about:
        issued = await _submit(client, dossier.case.case_id, lift, name)
        await _note(stage, client, show, issued, ())
        return
    drafted = await client.decisions.propose(dossier.case.case_id, lift, key=f"{name}-lift")
    reasons = (exception.reasons if exception is not None else None) or habit.continue_
    verdict: Judgement = "confirmed" if what == "warn" else "rejected"
    decided = _written(stage, dossier, what, tuple(about), reasons, verdict=verdict)
    issued = await _submit(client, dossier.case.case_id, decided, name, (drafted.proposal_id,))
    await _note(stage, client, show, issued, (drafted.proposal_id,))


def _fresh_measure(item: ItemView) -> bool:
    return item.kind is ItemKind.MEASURE and item.state == "open" and item.subject != CONFIRMED


# Parts


async def read(client: Client, row: QueueRow) -> Dossier:
    """Open a case from its row in the queue."""
    findings = await client.monitoring.findings_of(row.pilot_id)
    return Dossier(await client.decisions.case(row.case_id), {one.finding_id: one for one in findings})


def _written(
    stage: Stage,
    dossier: Dossier,
    kind: str,
    items: tuple[ItemView, ...],
    reasons: str,
    verdict: Judgement | None = None,
    **more: object,
) -> ProposalWrite:
    """A proposal about these items, with every fact about them as evidence and ``verdict`` on each finding among them."""
    findings = [item.subject_id for item in items if item.kind is ItemKind.FINDING] if verdict else []
    return ProposalWrite.model_validate(
        {
            "kind": kind,
            "items": [item.item_id for item in items],
            "reasons": reasons,
            "public_reasons": reasons,
            "legal_bases": stage.script.season.legal_bases,
            "evidence": dossier.evidence_for(items),
            "verdicts": [{"finding_id": one, "verdict": verdict} for one in findings],
            **more,
        }
    )


async def _submit(
    client: Client, case_id: UUID, written: ProposalWrite, name: str, together: tuple[UUID, ...] = ()
) -> ProposalView:
    drafted = await client.decisions.propose(case_id, written, key=f"{name}-draft")
    return await client.decisions.submit(drafted.proposal_id, together=together, key=f"{name}-submit")


async def _noted(stage: Stage, client: Client, name: str, after: ProposalView) -> None:
    """Remember what became of a named proposal."""
    proposed = stage.proposals[name]
    stage.proposals[name] = Proposed(
        proposed.show, proposed.case_id, proposed.proposal_id, proposed.together, after.decision_id
    )
    await _note(stage, client, proposed.show, after, proposed.together)


async def _note(stage: Stage, client: Client, show: str, after: ProposalView, together: tuple[UUID, ...]) -> None:
    """Put what was issued into the ledger, with what was issued together with it."""
    if after.state != "issued" or after.decision_id is None:
        return
    stage.ledger.decisions[after.decision_id] = show
    for other in together:
        decision_id = (await client.decisions.proposal(other)).decision_id
        if decision_id is None:
            raise NotAsScripted(f"{after.kind} about {show} was issued without what was to be issued together with it")
        stage.ledger.decisions[decision_id] = show

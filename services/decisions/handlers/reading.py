"""What is read by officers and auditors: the queue, cases, decisions, chains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.decisions.core import queue
from services.decisions.core.chain import Walk
from services.decisions.core.clocks import soon
from services.decisions.core.life import Proposal
from services.decisions.core.model import Case, Item
from services.decisions.handlers import showing
from services.decisions.handlers.cursors import cursor_of, instant_and_id, place_of, place_of_decision, places_cursor
from services.decisions.handlers.desk import Desk, pilot_of_case, pilot_of_decision, see_pilot
from services.decisions.handlers.words import ranked
from services.decisions.store import cases, decisions
from services.decisions.store import queue as stored
from services.decisions.store.queue import Filter, PilotLine, Place
from shared.contracts.http import decisions as http
from shared.platform.access import Grant
from shared.platform.db import Tx


async def show_queue(
    desk: Desk, tx: Tx, wanted: Filter, limit: int, cursor: str | None, now: datetime
) -> http.QueuePage:
    """A page of the queue: what is overdue, what is due within one working day, the rest by risk, what waits for others."""
    threshold = soon(now, desk.calendar)
    after = place_of(cursor)
    total = await stored.length(tx, wanted)
    places = await stored.page(tx, wanted, threshold, limit + 1, after, total)
    more, places = len(places) > limit, places[:limit]
    ids = [place.pilot_id for place in places]
    pilots = await stored.lines(tx, ids)
    open_cases = await cases.cases_of(tx, ids)
    items: dict[UUID, list[Item]] = defaultdict(list)
    for item in await cases.items_of(tx, ids):
        items[item.pilot_id].append(item)
    proposals: dict[UUID, list[Proposal]] = defaultdict(list)
    for proposal in await cases.live_proposals(tx, ids):
        proposals[proposal.pilot_id].append(proposal)
    rows = tuple(
        _row(
            wanted.authority,
            place,
            pilots[place.pilot_id],
            open_cases[place.pilot_id],
            items[place.pilot_id],
            proposals[place.pilot_id],
            threshold,
            now,
        )
        for place in places
    )
    return http.QueuePage(rows=rows, total=total, next=places_cursor(places[-1]) if more else None)


def _row(
    authority: str | None,
    place: Place,
    pilot: PilotLine,
    case: Case,
    items: Sequence[Item],
    proposals: Sequence[Proposal],
    threshold: datetime,
    now: datetime,
) -> http.QueueRow:
    seen_by = authority or pilot.lead_authority
    own = [item for item in items if seen_by in (item.authority, pilot.lead_authority)]
    group = queue.group(place.lane, place.due, now, threshold)
    waits = queue.awaiting(case, proposals)
    return http.QueueRow(
        case_id=case.case_id,
        code=case.code,
        pilot_id=pilot.pilot_id,
        pilot_code=pilot.code,
        title=pilot.title,
        organisation=pilot.organisation,
        sector=pilot.sector,
        tier=pilot.tier,
        pilot_state=pilot.state,
        lead_authority=pilot.lead_authority,
        state="claimed" if case.claims else "open",
        assignee=case.claims.get(seen_by),
        awaiting=waits,
        snoozed_until=case.snoozed_until,
        opened_at=case.opened_at,
        due=next((item.due for item in own if item.running_due is not None and item.running_due == place.due), None),
        risk=pilot.risk,
        risk_band=pilot.risk_band,
        severity=queue.gravest(own),
        items=tuple(showing.item(item, case.claims, now) for item in items),
        group=group,
        reasons=tuple(ranked(reason) for reason in queue.reasons(pilot.risk, pilot.risk_band, group, case, own, waits)),
    )


async def show_case(desk: Desk, tx: Tx, grant: Grant, case_id: UUID, now: datetime) -> http.CaseView:
    pilot_id = await pilot_of_case(tx, grant, case_id)
    return await showing.case(desk, tx, grant, pilot_id, case_id, now)


async def list_cases(tx: Tx, grant: Grant, pilot_id: UUID, limit: int, cursor: str | None) -> http.CasePage:
    """Every case that there ever was about a pilot, newest first."""
    await see_pilot(tx, grant, pilot_id)
    found = await cases.of_pilot(tx, pilot_id, limit + 1, None if cursor is None else instant_and_id(cursor))
    lines = tuple(
        http.CaseLine(
            case_id=one.case_id,
            code=one.code,
            pilot_id=pilot_id,
            state=one.state.value,
            opened_at=one.opened_at,
            closed_at=one.closed_at,
            claims=dict(one.claims),
        )
        for one in found[:limit]
    )
    more = len(found) > limit
    return http.CasePage(rows=lines, next=cursor_of([lines[-1].opened_at, lines[-1].case_id]) if more else None)


async def show_decision(tx: Tx, grant: Grant, decision_id: UUID) -> http.DecisionView:
    pilot_id = await pilot_of_decision(tx, grant, decision_id)
    return await showing.decision(tx, pilot_id, decision_id)


async def list_decisions(tx: Tx, grant: Grant, pilot_id: UUID, limit: int, cursor: str | None) -> http.DecisionPage:
    """The decisions about a pilot, newest first."""
    await see_pilot(tx, grant, pilot_id)
    rows = await decisions.of_pilot(tx, pilot_id, limit + 1, None if cursor is None else place_of_decision(cursor))
    lines = tuple(_line(row) for row in rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    places = None if last is None else cursor_of([last["issued_at"], last["authority"], last["chain_position"]])
    return http.DecisionPage(rows=lines, next=places)


def _line(row: dict[str, Any]) -> http.DecisionLine:
    issued = showing.issued(row)
    decision = issued.decision
    return http.DecisionLine(
        decision_id=decision.decision_id,
        pilot_id=decision.pilot_id,
        pilot_code=row["pilot_code"],
        number=decision.number,
        kind=decision.kind,
        authority=decision.authority,
        at=decision.at,
        public_reasons=decision.public_reasons,
        effect=issued.effect,
        hash=decision.hash,
    )


async def show_chain(tx: Tx, grant: Grant, authority: str) -> http.ChainView:
    """Recompute the authority's chain from its first decision, in a snapshot: a decision issued between two reads must not look like a
    chain that was tampered with. An officer sees that of the own authority."""
    grant.check(authorities=(authority,), what="chain")
    expected = await decisions.chain(tx, authority)
    walk = Walk()
    async for data in decisions.chained(tx, authority):
        walk.step(data)
    found = walk.done(expected)
    return http.ChainView(
        authority=authority,
        length=found.length,
        head=found.head,
        intact=found.intact,
        broken_at=found.broken_at,
        why=found.why,
    )

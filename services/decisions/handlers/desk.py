"""What the handlers work with: the calendar and the books. And whose a case is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from services.decisions.core.change import Step
from services.decisions.core.model import Actor, Book
from services.decisions.store import cases
from services.decisions.store.books import Books
from shared.contracts.errors import Forbidden, NotFound, NotYet
from shared.platform.access import Grant
from shared.platform.db import Tx
from shared.platform.outbox import Outbox
from shared.reference.calendar import Calendar

Decide = Callable[[Book], Step]
"""What a fact or a due clock does; its instant is its own."""
Act = Callable[[Book, datetime], Step]
"""What an officer does, and when."""


class Desk:
    """One per process."""

    def __init__(self, calendar: Calendar, outbox: Outbox) -> None:
        self.calendar = calendar
        self.books = Books(outbox)

    async def load(
        self,
        tx: Tx,
        pilot_id: UUID,
        *,
        case_id: UUID | None = None,
        names: Collection[UUID] = (),
    ) -> Book:
        """The pilot's book, locked, with what ``names`` are the ids of. Raises :class:`NotYet` for a pilot that has not been heard of."""
        book = await self.books.load(tx, pilot_id, case_id=case_id, names=names)
        if book is None:
            raise NotYet(f"pilot {pilot_id}")
        return book

    async def change(
        self,
        tx: Tx,
        pilot_id: UUID,
        decide: Decide,
        *,
        names: Collection[UUID] = (),
    ) -> Book:
        """Load the book locked, let core decide, save what differs. The book after."""
        before = await self.load(tx, pilot_id, names=names)
        after, events = decide(before)
        await self.books.save(tx, before, after, events)
        return after

    async def open(
        self,
        tx: Tx,
        pilot_id: UUID,
        now: datetime,
        *,
        case_id: UUID | None = None,
        names: Collection[UUID] = (),
    ) -> tuple[Book, datetime]:
        """The book for an officer's act, locked, and the act's instant: ``now`` was read before it had the lock."""
        book = await self.load(tx, pilot_id, case_id=case_id, names=names)
        return book, book.pilot.not_before(now)

    async def act(
        self,
        tx: Tx,
        pilot_id: UUID,
        now: datetime,
        act: Act,
        *,
        case_id: UUID | None = None,
        names: Collection[UUID] = (),
    ) -> Book:
        """As :meth:`change`, for what an officer does."""
        before, instant = await self.open(tx, pilot_id, now, case_id=case_id, names=names)
        after, events = act(before, instant)
        await self.books.save(tx, before, after, events)
        return after


def actor_of(grant: Grant) -> Actor:
    """Who acts, for the authority of the token. Raises :class:`Forbidden` without one."""
    caller = grant.caller
    if caller.authority is None:
        raise Forbidden(grant.action)
    return Actor(sub=caller.sub, authority=caller.authority, supervisor="supervisor" in grant.roles)


async def pilot_of_case(tx: Tx, grant: Grant, case_id: UUID) -> UUID:
    """The pilot of a case. Raises :class:`NotFound` for a case that is not the caller's to see."""
    return await _seen(tx, grant, await cases.pilot_of_case(tx, case_id), "case")


async def pilot_of_proposal(tx: Tx, grant: Grant, proposal_id: UUID) -> UUID:
    return await _seen(tx, grant, await cases.pilot_of_proposal(tx, proposal_id), "proposal")


async def pilot_of_decision(tx: Tx, grant: Grant, decision_id: UUID) -> UUID:
    return await _seen(tx, grant, await cases.pilot_of_decision(tx, decision_id), "decision")


async def see_pilot(tx: Tx, grant: Grant, pilot_id: UUID) -> None:
    grant.check(authorities=await cases.authorities_of(tx, pilot_id), what="pilot")


async def _seen(tx: Tx, grant: Grant, pilot_id: UUID | None, what: str) -> UUID:
    if pilot_id is None:
        raise NotFound(what)
    grant.check(authorities=await cases.authorities_of(tx, pilot_id), what=what)
    return pilot_id

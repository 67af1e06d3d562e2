"""What every route stands on: database, clock and desk; and the one way in which a writing route does its work once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel

from services.applications.handlers.desk import Desk
from services.applications.store.applications import Confined
from shared.platform.access import Grant
from shared.platform.clock import Clock
from shared.platform.db import Database, Tx
from shared.platform.idempotency import Answer, Once

Work = Callable[[Tx, str, datetime], Awaitable[BaseModel]]
"""Gets the transaction, the caller's enterprise and the time."""

Cursor = Annotated[UUID | None, Query(description="next, of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]


@dataclass(frozen=True)
class Counter:
    db: Database
    clock: Clock
    desk: Desk

    async def once(self, grant: Grant, once: Once, work: Work, *, about: UUID | None = None) -> Response:
        """Do ``work`` in a transaction of its own, or give the answer that it gave before. ``about`` is the thing in the path: the
        same key may be used for another."""
        org = enterprise(grant)
        action = grant.action if about is None else f"{grant.action} {about}"
        async with self.db.tx() as tx:
            now = self.clock.now()

            async def answer() -> Answer:
                return Answer.of(await work(tx, org, now))

            done = await once.run(tx, caller=org, action=action, work=answer)
        return done.response()


def enterprise(grant: Grant) -> str:
    """The caller's enterprise, on a route for startups alone."""
    assert grant.org is not None, "a startup whose token names no enterprise is let in nowhere"
    return grant.org


def confined(grant: Grant) -> Confined:
    """Whose rows the caller sees in a list."""
    return Confined(org=grant.org, authority=grant.authority)

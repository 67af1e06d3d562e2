"""What every route stands on: database, clock and desk; and the one way in which a writing route does its work once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel

from services.decisions.handlers.desk import Desk
from shared.contracts.http.decisions import MAX_PAGE
from shared.platform.access import Grant
from shared.platform.clock import Clock
from shared.platform.db import Database, Tx
from shared.platform.idempotency import Answer, Once

Work = Callable[[Tx, datetime], Awaitable[BaseModel]]
"""Gets the transaction and the time."""

Cursor = Annotated[str | None, Query(max_length=500, description="next, of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


@dataclass(frozen=True)
class Counter:
    """``figures_seconds`` is how long what was counted for everybody is kept."""

    db: Database
    clock: Clock
    desk: Desk
    figures_seconds: float

    async def once(self, grant: Grant, once: Once, work: Work, *, about: UUID, status: int = 200) -> Response:
        """Do ``work`` in a transaction of its own, or give the answer that it gave before. ``about`` is the thing in the path: the
        same key may be used for another."""
        async with self.db.tx() as tx:
            now = self.clock.now()

            async def answer() -> Answer:
                return Answer.of(await work(tx, now), status)

            done = await once.run(tx, caller=grant.caller.sub, action=f"{grant.action} {about}", work=answer)
        return done.response()

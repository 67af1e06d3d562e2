"""What every route stands on, and whether a pilot is the caller's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.monitoring.handlers.desk import Desk
from services.monitoring.store import pilots
from shared.platform.access import Grant
from shared.platform.clock import Clock
from shared.platform.db import Database, Tx

Produce = Callable[[UUID, str, int], Awaitable[None]]
"""Sends the records of a stored report: pilot, source, sequence. Raises ``Transient``."""

Cursor = Annotated[str | None, Query(max_length=200, description="next, of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]


@dataclass(frozen=True)
class Counter:
    db: Database
    clock: Clock
    desk: Desk
    produce: Produce


async def check(tx: Tx, grant: Grant, pilot_id: UUID) -> None:
    """Raise ``NotFound`` unless the pilot is the caller's to touch."""
    owner = await pilots.owner(tx, pilot_id)
    grant.check(org=owner.tax_code, authorities=owner.authorities, what="pilot")

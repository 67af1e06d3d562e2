"""What each due clock of this service does."""

from __future__ import annotations

from typing import get_args

from services.applications.core.model import ClockKind
from services.applications.handlers import filing, moves
from services.applications.handlers.desk import Desk
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from shared.platform.sweep import Fire

KINDS: tuple[str, ...] = (filing.SUPPLEMENT_ANSWER, *get_args(ClockKind))
"""The kinds of deadlines that this service arms."""
WAITING = frozenset({"pilot_end", "wind_down"})
"""Clocks that run out on decisions not made: they wait until all decisions of before their due instant are known here. A start waits for
nobody: an objection that is heard of later suspends."""


def fire(desk: Desk) -> Fire:
    """``deadline.due`` is the time at which what it fires happened, however late the sweep comes by."""

    async def on_due(tx: Tx, deadline: Deadline) -> None:
        if deadline.kind == filing.SUPPLEMENT_ANSWER:
            await filing.on_due(desk, tx, deadline.pilot_id, deadline.due)
        else:
            await moves.on_due(desk, tx, deadline.pilot_id, deadline.due)

    return on_due

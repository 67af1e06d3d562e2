"""What each due clock of this service does."""

from __future__ import annotations

from services.decisions.core.clocks import DeadlineKind
from services.decisions.handlers import clocks
from services.decisions.handlers.desk import Desk
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from shared.platform.sweep import Fire

KINDS: tuple[str, ...] = tuple(DeadlineKind)
"""The kinds of deadlines that this service arms."""


def fire(desk: Desk) -> Fire:
    """``deadline.due`` is the time at which what it fires happened, however late the sweep comes by."""

    async def on_due(tx: Tx, deadline: Deadline) -> None:
        await clocks.fire(desk, tx, deadline)

    return on_due

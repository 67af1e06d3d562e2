"""What each due clock of this service does, beside those that the engine decides for its own partitions."""

from __future__ import annotations

from services.monitoring.handlers import facts
from services.monitoring.handlers.desk import Desk, locked
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from shared.platform.sweep import Fire

KINDS = (facts.AFTER_END,)
"""The kinds of deadlines that this service arms."""


def fire(desk: Desk) -> Fire:
    """``deadline.due`` is the time at which what it fires happened, however late the sweep comes by."""

    async def on_due(tx: Tx, deadline: Deadline) -> None:
        await facts.after_end(desk, tx, await locked(tx, deadline.pilot_id), deadline.due)

    return on_due

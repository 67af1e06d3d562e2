"""What each due clock of this service does, beside those that the engine decides for its own partitions."""

from __future__ import annotations

from services.monitoring.handlers import facts, risk
from services.monitoring.handlers.desk import Desk, locked
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from shared.platform.sweep import Fire

_ACTS = {facts.AFTER_END: facts.after_end, risk.OF_THE_OPERATOR: risk.on_clock}
KINDS = tuple(_ACTS)
"""The kinds of deadlines that this service arms."""


def fire(desk: Desk) -> Fire:
    """``deadline.due`` is the time at which what it fires happened, however late the sweep comes by."""

    async def on_due(tx: Tx, deadline: Deadline) -> None:
        await _ACTS[deadline.kind](desk, tx, await locked(tx, deadline.pilot_id), deadline)

    return on_due

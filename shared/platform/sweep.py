"""The sweep: fires each deadline once, in the order of due instants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.platform.clock import Clock
from shared.platform.db import Database, Tx
from shared.platform.deadlines import Deadline
from shared.platform.metrics import Metrics

Fire = Callable[[Tx, Deadline], Awaitable[None]]


class Sweep:
    """Fires due deadlines. One sweep per service is active."""

    def __init__(self, db: Database, clock: Clock, fire: Fire, metrics: Metrics) -> None: ...

    async def run(self, stop: asyncio.Event) -> None:
        raise NotImplementedError

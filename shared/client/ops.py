"""What the people who keep a service running may ask it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.client.transport import Transport
from shared.contracts.base import Contract, Instant


class Progress(Contract):
    """How far a service has come. ``swept_until``: all clocks due until then have fired; ``next_due``: the earliest still to come.

    ``outbox_unsent``, ``lag``, ``parked``, ``poison`` and ``pending`` count what is still to be done: rows to publish, records to read,
    records that wait for another or were set aside, and accepted intake that is not read yet.
    """

    service: str
    now: Instant
    swept_until: Instant | None = None
    next_due: Instant | None = None
    consumed: int = 0
    outbox_id: int = 0
    outbox_unsent: int = 0
    lag: int = 0
    parked: int = 0
    poison: int = 0
    pending: int = 0


class Ops:
    """One service's operations."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport
        self.service = transport.service

    async def progress(self) -> Progress:
        return await self._to.get("/ops/progress", Progress)

    async def dead(self) -> Any:
        """Records that consumers of the service set aside, newest first."""
        return await self._to.get_json("/ops/dead")

    async def show_dead(self, record_id: UUID) -> Any:
        return await self._to.get_json(f"/ops/dead/{record_id}")

    async def resend(self, record_id: UUID) -> Any:
        """Hand a record that was set aside to its consumer again, and to that consumer alone."""
        return await self._to.post_json(f"/ops/dead/{record_id}/resend")

    async def republish(self) -> Any:
        """Publish the retained outbox again, after Kafka was lost or wiped."""
        return await self._to.post_json("/ops/republish")

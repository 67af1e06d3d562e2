"""What the people who keep a service running may ask it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.client.transport import Transport
from shared.contracts.base import Contract, Instant


class Progress(Contract):
    """How far a service has come. ``swept_until``: all clocks due until then have fired; ``next_due``: the earliest still to come.

    ``outbox_unsent``, ``lag``, ``parked`` and ``poison`` count what is still to be done: rows to publish, records to read, records that
    wait for another or were set aside. ``extra`` holds the service's own figures.
    """

    service: str
    now: Instant
    swept_until: Instant | None = None
    next_due: Instant | None = None
    consumed: int = 0
    outbox_last_id: int = 0
    outbox_unsent: int = 0
    lag: int = 0
    parked: int = 0
    poison: int = 0
    extra: dict[str, Any] = Field(default_factory=dict)


class DeadLetter(Contract):
    """A record that a consumer set aside. ``headers`` and ``value`` are there when it was asked for alone."""

    id: int
    consumer: str
    state: str
    topic: str
    partition: int
    offset: int
    key: str
    reason: str
    set_aside_at: Instant
    attempts: int
    resent_by: str | None = None
    resent_at: Instant | None = None
    done_at: Instant | None = None
    headers: tuple[tuple[str, str], ...] = ()
    value: str | None = None


class DeadLetters(Contract):
    items: tuple[DeadLetter, ...]


class Republished(Contract):
    """``rows``: how many retained events are sent again."""

    rows: int


class Ops:
    """One service's operations."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport
        self.service = transport.service

    async def progress(self) -> Progress:
        return await self._to.get("/ops/progress", Progress)

    async def dead(self, state: str | None = None) -> tuple[DeadLetter, ...]:
        """Records that consumers of the service set aside, oldest first; by default those that nobody has seen to."""
        found: list[DeadLetter] = []
        while True:
            after = found[-1].id if found else 0
            page = await self._to.get("/ops/dead", DeadLetters, {"state": state, "after": after})
            if not page.items:
                return tuple(found)
            found += page.items

    async def show_dead(self, row_id: int) -> DeadLetter:
        return await self._to.get(f"/ops/dead/{row_id}", DeadLetter)

    async def resend(self, row_id: int) -> None:
        """Hand a record that was set aside to its consumer again, and to that consumer alone."""
        await self._to.post_json(f"/ops/dead/{row_id}/resend")

    async def republish(self) -> Republished:
        """Publish the retained outbox again, after Kafka was lost or wiped."""
        return Republished.model_validate(await self._to.post_json("/ops/republish"))

"""What the engine holds of one metrics partition between two flushes. Thrown away whole whenever anything goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.monitoring.core.book import Book
from services.monitoring.core.instants import Day, Instant
from services.monitoring.core.meters import Point
from services.monitoring.core.view import View
from services.monitoring.store.records import Parking, Rejection, Taken
from shared.contracts.base import Event


@dataclass(slots=True)
class Pilot:
    """A pilot at hand: its facts at ``change``, and what the engine remembers of it."""

    view: View
    change: int
    partition: int
    secrets: Mapping[str, Sequence[bytes]]
    book: Book


@dataclass(frozen=True, slots=True)
class Telling:
    """An event that a flush stores, with the correlation id of the request that led to it."""

    event: Event
    correlation: str | None


@dataclass(slots=True)
class Pending:
    """What the next flush writes for one partition."""

    dirty: set[UUID] = field(default_factory=set)
    seen: dict[UUID, int] = field(default_factory=dict)
    gains: dict[tuple[UUID, str, Day], int] = field(default_factory=dict)
    points: dict[tuple[UUID, str, Instant, str], Point] = field(default_factory=dict)
    tellings: list[Telling] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    rejections: list[tuple[Rejection, Any, str | None]] = field(default_factory=list)
    strays: list[tuple[Any, str]] = field(default_factory=list)
    """Records that belong to no known pilot, and why they are dead."""
    parked: list[Parking] = field(default_factory=list)
    unparked: list[tuple[UUID, int]] = field(default_factory=list)
    clocks_until: dict[UUID, datetime] = field(default_factory=dict)
    """Until when the clocks of pilots that are set aside would have fired."""
    resumed: set[UUID] = field(default_factory=set)
    """Pilots that were set aside and of which everything that waited is judged."""
    consumed: set[tuple[UUID, str, int, bytes]] = field(default_factory=set)
    """Requests of which the last part was read: pilot, source, sequence, and the SHA-256 of that part as it was read."""
    finished: set[UUID] = field(default_factory=set)
    reassess: set[UUID] = field(default_factory=set)
    """Pilots of which a gauge that the risk reads has a new value."""
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0


@dataclass(slots=True)
class Lane:
    """One partition that is ours under ``epoch``. ``offset`` is durable, ``position`` is where reading stands; ``swept`` is durable too,
    ``sweeping`` is how far the clocks have fired in what is pending."""

    partition: int
    epoch: int
    offset: int
    position: int
    swept: datetime | None
    sweeping: datetime | None = None
    pilots: dict[UUID, Pilot] = field(default_factory=dict)
    waiting: set[UUID] = field(default_factory=set)
    """Pilots with parked records: later ones queue behind them."""
    aside: set[UUID] = field(default_factory=set)
    """Those of them on which our own judging failed: nothing of theirs is looked at before ops send them again."""
    sent_again: set[UUID] = field(default_factory=set)
    """Those of them that are being taken up."""
    elsewhere: dict[UUID, int] = field(default_factory=dict)
    """Pilots whose records came here although they belong on another partition, which is given."""
    unrolled: set[UUID] = field(default_factory=set)
    pending: Pending = field(default_factory=Pending)

    @property
    def busy(self) -> bool:
        """Whether there is anything to write."""
        pending = self.pending
        return (
            self.position != self.offset
            or bool(pending.dirty or pending.seen or pending.unparked or pending.parked)
            or bool(pending.clocks_until or pending.resumed)
            or (self.sweeping is not None and self.sweeping != self.swept)
        )

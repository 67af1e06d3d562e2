"""The queue, page by page. Each section is one range of one index, so that a page costs the same however long the queue is.

A case stands in it once whole, and once more under each kind of its open items: a kind is a queue of its own, however rare. The other filters
pass over what they do not want while they read the range; the index holds what they name, so that passing over is no look at the table.
Where little is wanted, an index of what the filter names is shorter. Which of the two it is, the count tells, which comes first. These statements
are planned each time, for the values at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.decisions.core.queue import Lane
from shared.contracts.pilot import PilotState
from shared.platform.db import Tx

MOST_COUNTED = 1_000
"""The queue's length is counted up to here."""

WHOLE = ""
"""What stands in place of a kind where a case stands whole."""

SECTIONS = ("clock", "risk", "awaiting", "snoozed")
"""In the queue's order. ``clock`` is what is overdue or due soon, ``risk`` the rest that waits for an officer."""


@dataclass(frozen=True)
class Filter:
    """Which entries: of one authority, or of all (each case once, where it is led)."""

    authority: str | None
    kind: str | None = None
    severity: str | None = None
    sector: str | None = None
    assignee: str | None = None
    snoozed: bool = False

    def where(self) -> tuple[str, list[Any]]:
        parts: list[str] = []
        params: list[Any] = []
        for sql, value in (
            ("authority = %s", self.authority),
            ("kind = %s", self.kind or WHOLE),
            ("severity = %s", self.severity),
            ("sector = %s", self.sector),
            ("assignee = %s", self.assignee),
        ):
            if value is not None:
                parts.append(sql)
                params.append(value)
        if self.authority is None:
            parts.append("lead")
        return " and ".join(parts), params

    @property
    def passes_over(self) -> bool:
        """Whether it wants less than the ranges of the queue's indexes hold."""
        return any(value is not None for value in (self.severity, self.sector, self.assignee))

    @property
    def sections(self) -> tuple[str, ...]:
        return SECTIONS if self.snoozed else SECTIONS[:-1]


@dataclass(frozen=True)
class Place:
    """Where an entry stands: enough to read on behind it."""

    section: str
    pilot_id: UUID
    case_id: UUID
    lane: Lane
    due: datetime | None
    risk: float


@dataclass(frozen=True)
class PilotLine:
    """What a row of the queue shows of a pilot: no more is read than that."""

    pilot_id: UUID
    code: str
    title: str
    organisation: str
    sector: str
    tier: int
    state: PilotState
    lead_authority: str
    risk: float | None
    risk_band: str | None


async def lines(tx: Tx, pilot_ids: Collection[UUID]) -> dict[UUID, PilotLine]:
    cursor = await tx.execute(
        "select pilot_id, code, title, organisation ->> 'name' as organisation, sector, tier, state, lead_authority, risk, risk_band "
        "from pilot where pilot_id = any(%s)",
        (list(pilot_ids),),
    )
    return {row["pilot_id"]: PilotLine(**{**row, "state": PilotState(row["state"])}) for row in await cursor.fetchall()}


async def page(tx: Tx, wanted: Filter, soon: datetime, limit: int, after: Place | None, total: int) -> list[Place]:
    """At most ``limit`` places behind ``after`` in the queue's order; ``soon`` divides the sections clock and risk.

    ``total`` is the queue's :func:`length`, which says how to read it.
    """
    few = wanted.passes_over and total < MOST_COUNTED
    found: list[Place] = []
    sections = wanted.sections
    if after is not None:
        sections = sections[sections.index(after.section) :] if after.section in sections else ()
    for section in sections:
        behind = after if after is not None and after.section == section else None
        found += await _section(tx, wanted, section, soon, limit - len(found), behind, few)
        if len(found) >= limit:
            break
    return found


async def _section(
    tx: Tx, wanted: Filter, section: str, soon: datetime, limit: int, after: Place | None, few: bool
) -> list[Place]:
    where, params = wanted.where()
    source = "queue_entry"
    if few:
        # All of them, then in order: "offset 0" keeps the planner from walking the section for them.
        source = f"(select * from queue_entry where {where} offset 0) few"  # noqa: S608
        where = "true"
    by_clock = section == "clock"
    lane = "active" if section in ("clock", "risk") else section
    where += " and lane = %s"
    params.append(lane)
    if section in ("clock", "risk"):
        where += " and due <= %s" if by_clock else " and (due is null or due > %s)"
        params.append(soon)
    if after is not None:
        behind, more = _behind(after, by_clock)
        where += f" and {behind}"
        params += more
    order = "due, risk desc, case_id" if by_clock else "risk desc, due, case_id"
    cursor = await tx.execute(
        f"select pilot_id, case_id, lane, due, risk from {source} where {where} order by {order} limit %s",  # noqa: S608
        (*params, limit),
        prepare=False,
    )
    return [Place(section=section, **row) for row in await cursor.fetchall()]


def _behind(after: Place, by_clock: bool) -> tuple[str, list[Any]]:
    """The condition for what stands behind ``after``; its first part is the range that the index starts from."""
    if by_clock:
        return (
            "due >= %s and (due, -risk, case_id) > (%s, %s, %s)",
            [after.due, after.due, -after.risk, after.case_id],
        )
    return (
        "risk <= %s and (-risk, coalesce(due, 'infinity'), case_id) > (%s, coalesce(%s::timestamptz, 'infinity'), %s)",
        [after.risk, -after.risk, after.due, after.case_id],
    )


async def length(tx: Tx, wanted: Filter) -> int:
    """How many entries the queue has, counted up to :data:`MOST_COUNTED`."""
    where, params = wanted.where()
    lanes: Sequence[str] = ("active", "awaiting", "snoozed") if wanted.snoozed else ("active", "awaiting")
    cursor = await tx.execute(
        f"select count(*) as n from (select 1 from queue_entry where {where} and lane = any(%s) limit %s) counted",  # noqa: S608
        (*params, list(lanes), MOST_COUNTED),
        prepare=False,
    )
    row = await cursor.fetchone()
    return row["n"] if row else 0

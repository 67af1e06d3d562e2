"""The sandbox clock's hand: forward to the earliest thing that is due, wait for quiet, go on. So the outcome owes nothing to scheduling.

Quiet is when every service has swept until now, two rounds in a row find the same counters, nothing waits to be published or read,
nothing is parked and nothing was set aside as poison.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from shared.client import ClientError
from shared.client.ops import Ops, Progress

PATIENCE_SECONDS = 60.0
"""Wall time without progress after which waiting fails."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 0.2
"""Between two rounds: short while something moves, longer while services only wait, so that asking does not take their time."""


class Stuck(Exception):
    """No progress for too long; the message names the service and what it has not done."""


class Hand(Protocol):
    """Moves the sandbox clock."""

    def now(self) -> datetime: ...
    def move(self, to: datetime) -> None:
        """Forward only."""
        ...


def unfinished(progress: Progress, now: datetime) -> str | None:
    """What keeps a service from being quiet at ``now``, in words; None when nothing does."""
    if progress.now != now:
        return f"its clock stands at {progress.now.isoformat()}"
    if progress.swept_until is None or progress.swept_until < now:
        return f"it has swept until {progress.swept_until.isoformat() if progress.swept_until else 'nothing'}"
    left = {
        "rows to publish": progress.outbox_unsent,
        "records to read": progress.lag,
        "parked records": progress.parked,
        "poisoned records": progress.poison,
        "accepted reports not read": int(progress.extra.get("intake_unconsumed", 0)),
        "facts not judged by": int(progress.extra.get("facts_unseen", 0)),
    }
    said = ", ".join(f"{count} {what}" for what, count in left.items() if count)
    return f"it has {said}" if said else None


async def wait_for_quiet(
    services: Collection[Ops], now: datetime, *, patience: float = PATIENCE_SECONDS
) -> Mapping[str, Progress]:
    """Wait until all services are quiet at ``now``; returns what they said last.

    Raises :class:`Stuck` when ``patience`` seconds pass without progress.
    """
    seen: dict[str, Progress] = {}
    quiet_before = False
    moved_at = time.monotonic()
    pause = _SHORTEST_PAUSE
    while True:
        found = await asyncio.gather(*(_ask(one) for one in services))
        fresh = {
            one.service: answer for one, answer in zip(services, found, strict=True) if isinstance(answer, Progress)
        }
        moved = fresh != seen
        if moved:
            moved_at = time.monotonic()
        quiet = len(fresh) == len(services) and not any(unfinished(one, now) for one in fresh.values())
        if quiet and quiet_before and not moved:
            return fresh
        if time.monotonic() - moved_at > patience:
            raise Stuck(_why(services, found, now, patience))
        pause = _SHORTEST_PAUSE if moved or quiet else min(2 * pause, _LONGEST_PAUSE)
        seen, quiet_before = fresh, quiet
        await asyncio.sleep(pause)


async def _ask(service: Ops) -> Progress | ClientError:
    try:
        return await service.progress()
    except ClientError as error:
        return error


def _why(services: Collection[Ops], found: list[Progress | ClientError], now: datetime, patience: float) -> str:
    said = []
    for service, answer in zip(services, found, strict=True):
        if isinstance(answer, Progress):
            if (why := unfinished(answer, now)) is not None:
                said.append(f"{service.service}: {why}")
        else:
            said.append(f"{service.service}: {answer}")
    reasons = "; ".join(said) or "the services keep changing their counters"
    return f"no progress for {patience:.0f} s at {now.isoformat()}: {reasons}"


def earliest_due(progress: Mapping[str, Progress], after: datetime) -> datetime | None:
    """The earliest due instant of the services later than ``after``."""
    return min((one.next_due for one in progress.values() if one.next_due and one.next_due > after), default=None)


Agenda = Callable[[datetime], Awaitable[datetime | None]]
"""When somebody means to act next, after the given instant."""
Play = Callable[[datetime], Awaitable[None]]
"""Does what people do at an instant."""
Watch = Callable[[datetime, Mapping[str, Progress]], None]
"""Is told of each step."""


async def _nobody(after: datetime) -> datetime | None:
    return None


async def _nothing(at: datetime) -> None:
    return None


async def forward(
    hand: Hand,
    services: Collection[Ops],
    to: datetime | None,
    *,
    agenda: Agenda = _nobody,
    play: Play = _nothing,
    watch: Watch = lambda now, progress: None,
    patience: float = PATIENCE_SECONDS,
) -> int:
    """Move the clock step by step to ``to`` (None: one step, to the next thing due); returns how many steps were taken.

    At each instant what falls due comes first (it is judged on facts before that instant); then people act. Raises :class:`Stuck`.
    """
    steps = 0
    progress = await wait_for_quiet(services, hand.now(), patience=patience)
    while True:
        now = hand.now()
        due, act = earliest_due(progress, now), await agenda(now)
        step = min((one for one in (due, act) if one is not None), default=None)
        if step is None or (to is not None and step > to):
            break
        hand.move(step)
        if due == step:
            progress = await wait_for_quiet(services, step, patience=patience)
            watch(step, progress)
        if act == step:
            await play(step)
            progress = await wait_for_quiet(services, step, patience=patience)
            watch(step, progress)
        steps += 1
        if to is None:
            return steps
    if to is not None and hand.now() < to:
        hand.move(to)
        await wait_for_quiet(services, to, patience=patience)
    return steps

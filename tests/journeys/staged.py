"""A stack of a test's own, in a folder of its own, on which seasons are played; and a hand that kills parts as it moves the clock."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from deploy.cli.clock import ClockHand
from deploy.demo import run, script
from deploy.local import stack
from deploy.local.instance import Instance
from shared.client import Addresses


@contextmanager
def stage(folder: Path, *, split: bool = False, brokers: int = 1) -> Iterator[Instance]:
    """A running stack under ``folder`` whose clock stands at the season's beginning; stopped and removed at the end."""
    instance = Instance("season", folder)
    stack.up(instance, clock=script.load().season.opens, split=split, brokers=brokers, say=lambda _: None)
    try:
        yield instance
    finally:
        stack.clean(instance, say=lambda _: None)


async def play(instance: Instance, weeks: int, hand: ClockHand | None = None) -> run.Played:
    """Play so many weeks of the season on a running stack."""
    place = run.Place(
        addresses=Addresses(**instance.urls),
        kafka=instance.kafka_bootstrap,
        hand=hand or ClockHand(instance),
        mint=instance.mint,
    )
    return await run.play(place, weeks=weeks)


class DeadlyHand(ClockHand):
    """Moves the clock, and in the moment of certain moves kills a part with SIGKILL: while the sweeps fire and people act."""

    def __init__(self, instance: Instance, kills: dict[datetime, tuple[str, ...]]) -> None:
        super().__init__(instance)
        self._instance = instance
        self._kills = dict(kills)
        self.killed: list[str] = []

    def move(self, to: datetime) -> None:
        before = self.now()
        super().move(to)
        for at in [at for at in self._kills if before < at <= to]:
            for part in self._kills.pop(at):
                # A moment later, in the middle of what the move set off.
                asyncio.get_running_loop().call_later(0.03, self._kill, part)

    def _kill(self, part: str) -> None:
        status = stack.current_status(self._instance)
        found = status.part(part) if status else None
        assert found is not None and found.pid is not None, f"{part} is not running"
        os.kill(found.pid, signal.SIGKILL)
        self.killed.append(part)

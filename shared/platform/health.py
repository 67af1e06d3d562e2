"""Liveness and readiness. Liveness is progress of this process and never asks the database; readiness is pool and fresh metadata."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from shared.platform.waiting import wait_for_any

Live = Callable[[], str | None]
Ready = Callable[[], Awaitable[None]]

READY_SECONDS = 3.0


@dataclass(frozen=True)
class Health:
    """``live`` says None or why the process should be restarted; ``ready`` raises while the process should get no traffic.

    ``degraded`` says None or what a person must mend: a restart would not, and would only stop the parts that work.
    """

    live: Mapping[str, Live] = field(default_factory=dict)
    ready: Mapping[str, Ready] = field(default_factory=dict)
    degraded: Mapping[str, Live] = field(default_factory=dict)

    def failing(self) -> dict[str, str]:
        """By name, why this process should be restarted. Empty when it is alive."""
        return _said(self.live)

    def impaired(self) -> dict[str, str]:
        """By name, what of this process stands still until a person mends it. Empty when all of it works."""
        return _said(self.degraded)

    async def unready(self) -> dict[str, str]:
        """By name, what this process still misses. Empty when it may get traffic. Answers within some seconds."""
        reasons = await asyncio.gather(*(_missing(check) for check in self.ready.values()))
        return {name: reason for name, reason in zip(self.ready, reasons, strict=True) if reason is not None}


class LoopTick:
    """Whether the event loop turns: a step that came much too late means that something blocked it."""

    def __init__(self, *, every: float = 0.5, too_late: float = 5.0, forgiven_after: float = 30.0) -> None:
        self._every = every
        self._too_late = too_late
        self._forgiven_after = forgiven_after
        self._late: tuple[float, float] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            before = time.monotonic()
            await wait_for_any(stop, seconds=self._every)
            late = time.monotonic() - before - self._every
            if late > self._too_late:
                self._late = (time.monotonic(), late)

    def alive(self) -> str | None:
        if self._late is None or time.monotonic() - self._late[0] > self._forgiven_after:
            return None
        return f"the event loop stood still for {self._late[1]:.1f} s"


def _said(checks: Mapping[str, Live]) -> dict[str, str]:
    reasons = {name: check() for name, check in checks.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


async def _missing(check: Ready) -> str | None:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {READY_SECONDS:.0f} s"
    except Exception as error:
        return str(error) or type(error).__name__
    return None

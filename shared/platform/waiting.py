"""Waiting that ends early: for an event, for a stop, or with a growing pause."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator


async def wait_for_any(*events: asyncio.Event, seconds: float) -> bool:
    """Wait until one of ``events`` is set, at most ``seconds``. True when one is set."""
    if any(event.is_set() for event in events):
        return True
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
    return bool(done)


def backoff(first: float = 0.05, most: float = 5.0) -> Iterator[float]:
    """Pauses in seconds, doubling up to ``most``, each with a quarter of jitter, so that many waiters do not return together."""
    pause = first
    while True:
        yield pause * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, protects nothing
        pause = min(most, pause * 2)

"""Liveness and readiness. Liveness is progress of this process and never asks the database; readiness is pool and fresh metadata."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Live = Callable[[], str | None]
Ready = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Health:
    """``live`` says None or why the process should be restarted; ``ready`` raises while the process should get no traffic."""

    live: Mapping[str, Live] = field(default_factory=dict)
    ready: Mapping[str, Ready] = field(default_factory=dict)

"""How often an action may be called: by one client address, and by everybody together in one process.

The figures stand in the access table, beside who may; ``HAUKIEM_RATE_LIMITS`` changes them. Each process counts by itself.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from shared.contracts.access.rule import RateLimit
from shared.contracts.errors import TooMany
from shared.platform.access import AccessTable
from shared.platform.metrics import Metrics


@dataclass(frozen=True)
class _Rates:
    each: Sequence[RateLimitItem]
    all: Sequence[RateLimitItem]


class RateLimits:
    """The limits of one process. Raises ``ValueError`` for a setting about an action that there is not, or that is no limit."""

    def __init__(self, access: AccessTable, changed: Mapping[str, RateLimit], metrics: Metrics) -> None:
        if strangers := changed.keys() - access.keys():
            raise ValueError(f"HAUKIEM_RATE_LIMITS names no action of this service: {', '.join(sorted(strangers))}")
        limits = {action: changed.get(action, rule.limit) for action, rule in access.items()}
        self._rates = {action: _read(limit) for action, limit in limits.items() if limit is not None}
        self._refused = metrics.rate_limited
        for action, rates in self._rates.items():
            by = [name for name, some in (("address", rates.each), ("process", rates.all)) if some]
            metrics.know(metrics.rate_limited, [action], by)
        # Two counters for an address, and no list of its calls: nobody fills our memory by calling often.
        self._counted = SlidingWindowCounterRateLimiter(MemoryStorage())

    @property
    def actions(self) -> frozenset[str]:
        """The actions that have a limit."""
        return frozenset(self._rates)

    async def take(self, action: str, host: str | None) -> None:
        """Count one call of ``action`` from ``host``. Raises :class:`TooMany`, and counts nothing, where that would be one too many."""
        rates = self._rates.get(action)
        if rates is None:
            return
        address = _address(host)
        keys: list[tuple[str, RateLimitItem, tuple[str, ...]]]
        keys = [("address", rate, (action, address)) for rate in rates.each]
        keys += [("process", rate, (action,)) for rate in rates.all]
        for by, rate, key in keys:
            if not await self._counted.test(rate, *key):
                self._refused.labels(action, by).inc()
                free = await self._counted.get_window_stats(rate, *key)
                raise TooMany(max(1, math.ceil(free.reset_time - time.time())))
        for _, rate, key in keys:
            await self._counted.hit(rate, *key)


def _read(limit: RateLimit) -> _Rates:
    return _Rates(parse_many(limit.each), parse_many(limit.all))


def _address(host: str | None) -> str:
    """What is counted as one client: an IPv4 address, or the network of an IPv6 address, of which one client has 2^64 addresses."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))

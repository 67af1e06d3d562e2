"""Identifiers: UUID version 7 (RFC 9562, section 5.7), ordered by wall time, so that indexes grow at their end."""

from __future__ import annotations

import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A new id: 48 bits of Unix milliseconds, then 74 random bits. Ids made by one process rise strictly (RFC 9562, 6.2, method 2)."""
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << 74 | secrets.randbits(73)
        # Within one millisecond, or after the clock stepped back, the id before plus a random step keeps the order.
        _last = fresh if fresh > _last else _last + 1 + secrets.randbits(32)
        stamp, tail = _last >> 74, _last & ((1 << 74) - 1)
    value = stamp << 80 | 0x7 << 76 | (tail >> 62) << 64 | 0b10 << 62 | tail & ((1 << 62) - 1)
    return UUID(int=value)

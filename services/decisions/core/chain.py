"""The chain of an authority's decisions: each seals its fields and the hash of the one before, so that no bit can change unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.contracts.events.decisions import DecisionIssued
from shared.reference.calendar import local_day

GENESIS = "0" * 64
"""What the first decision of an authority chains to."""


@dataclass(frozen=True)
class Chain:
    """Where an authority's chain stands: decisions so far, the last hash, and by year (+07:00) the last number given."""

    authority: str
    length: int = 0
    head: str = GENESIS
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verified:
    """What a walk over a chain found. ``broken_at`` is the number of the first decision that does not fit, with the reason."""

    length: int
    head: str
    broken_at: str | None = None
    why: str | None = None

    @property
    def intact(self) -> bool:
        return self.broken_at is None


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys, no spaces, in UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(data: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a decision's data without its ``hash``.

    It reads the JSON as it was written, not the model of today, so that a contract that grows leaves old decisions as they were.
    """
    return hashlib.sha256(canonical({k: v for k, v in data.items() if k != "hash"})).hexdigest()


def next_number(chain: Chain, at: datetime) -> tuple[Chain, str]:
    """The next number of the authority in the year of ``at``, such as ``3/QĐ-HK``; each year counts from 1.

    A decision of the old year may get the chain after one of the new year, having waited for it: it is the next of its own year.
    """
    year = str(local_day(at).year)
    number = chain.numbers.get(year, 0) + 1
    return replace(chain, numbers={**chain.numbers, year: number}), f"{number}/QĐ-HK"


def seal(chain: Chain, decision: DecisionIssued) -> tuple[Chain, DecisionIssued]:
    """The decision chained and hashed, and where the chain stands then."""
    linked = decision.model_copy(update={"previous_hash": chain.head})
    sealed = linked.model_copy(update={"hash": hash_of(linked.sealed())})
    return replace(chain, length=chain.length + 1, head=sealed.hash), sealed


class Walk:
    """Walks a chain from its first decision; :meth:`step` may be called as rows are read, so that no chain is too long."""

    def __init__(self) -> None:
        self.length = 0
        self.head = GENESIS
        self._broken: tuple[str, str] | None = None

    def step(self, data: Mapping[str, Any]) -> None:
        self.length += 1
        if self._broken is None and data.get("previous_hash") != self.head:
            self._broken = str(data.get("number")), "previous_hash is not the hash of the decision before"
        if self._broken is None and hash_of(data) != data.get("hash"):
            self._broken = str(data.get("number")), "hash is not that of the decision's fields"
        self.head = str(data.get("hash"))

    def done(self, expected: Chain) -> Verified:
        """What was found; the chain must also end where the authority's head says."""
        if self._broken is None and (self.length, self.head) != (expected.length, expected.head):
            self._broken = "head", "the chain does not end where its head says"
        at, why = self._broken or (None, None)
        return Verified(self.length, self.head, at, why)


def verify(decisions: Iterable[Mapping[str, Any]], expected: Chain) -> Verified:
    """Recompute every hash and link, in the order of issue."""
    walk = Walk()
    for data in decisions:
        walk.step(data)
    return walk.done(expected)

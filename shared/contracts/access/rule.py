"""The form of one row of the access table: which roles may do an action, on whose things, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    STARTUP = "startup"
    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    OPS = "ops"


class Ownership(StrEnum):
    """``public`` needs no token; ``any`` asks for the role alone; ``own``: a startup only for its enterprise, and an officer or
    supervisor only for the authority's cases (auditors read everything)."""

    PUBLIC = "public"
    ANY = "any"
    OWN = "own"


@dataclass(frozen=True)
class RateLimit:
    """How often an action may be called, such as ``10/minute`` or ``10/minute; 100/day``: ``each`` by one client address, ``all`` by
    everybody together in one process."""

    each: str
    all: str


@dataclass(frozen=True)
class Rule:
    """``limit`` is what a process holds to unless its settings say otherwise; None does not count calls."""

    roles: frozenset[Role]
    ownership: Ownership
    limit: RateLimit | None = None


def rule(ownership: Ownership, *roles: Role, limit: RateLimit | None = None) -> Rule:
    """A row of the table; ``public`` rows name no role."""
    return Rule(frozenset(roles), ownership, limit)

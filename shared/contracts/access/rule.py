"""The form of one row of the access table: which roles may do an action, and on whose things."""

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
class Rule:
    roles: frozenset[Role]
    ownership: Ownership


def rule(ownership: Ownership, *roles: Role) -> Rule:
    """A row of the table; ``public`` rows name no role."""
    return Rule(frozenset(roles), ownership)

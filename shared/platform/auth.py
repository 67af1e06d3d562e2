"""Who calls: OIDC bearer tokens, verified against the keys of the one configured issuer."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = frozenset({"startup", "officer", "supervisor", "auditor", "ops"})


@dataclass(frozen=True)
class Principal:
    """Who calls, as the issuer says. ``org`` is a startup's enterprise, ``authority`` an officer's or supervisor's office."""

    sub: str
    roles: frozenset[str]
    org: str | None = None
    authority: str | None = None
    name: str | None = None


class Verifier:
    """Verifies bearer tokens. Its keys come from the issuer's discovery document alone."""

    def __init__(self, issuer: str, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def verify(self, token: str) -> Principal:
        """The caller that ``token`` names. Raises ``Unauthenticated`` when it does not hold, ``Transient`` when no key could be had."""
        raise NotImplementedError

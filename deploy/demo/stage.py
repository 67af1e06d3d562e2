"""What the people of the season share: who signs in how, which pilot is whose, and what has been acknowledged to them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Protocol
from uuid import UUID

import httpx

from deploy.demo.script import Script
from deploy.demo.season import Show, WeekReport
from shared.client import Addresses, Client, Patience
from shared.contracts.access.rule import Role
from shared.reference.calendar import Calendar

TOKEN_SECONDS = 240.0
"""How long a token is used before another is made: well within its lifetime."""


class Mint(Protocol):
    """Makes a bearer token of the local stack's development issuer."""

    def __call__(self, role: Role, sub: str, *, org: str | None = None, authority: str | None = None) -> str: ...


@dataclass(frozen=True)
class Proposed:
    """A proposal by the name that the script gave it; ``decision_id`` once issued."""

    show: str
    case_id: UUID
    proposal_id: UUID
    together: tuple[UUID, ...] = ()
    decision_id: UUID | None = None


@dataclass
class Acknowledged:
    """What services said yes to. None of it may be lost, and none may count twice."""

    pilots: dict[str, UUID] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    reports: dict[tuple[str, int], WeekReport] = field(default_factory=dict)
    replies: dict[UUID, str] = field(default_factory=dict)
    filed: dict[UUID, str] = field(default_factory=dict)
    """Periodic and final reports: id and show."""
    withdrawn: set[str] = field(default_factory=set)
    decisions: dict[UUID, str] = field(default_factory=dict)
    """Issued decisions: id and show."""


class Stage:
    """The people's common knowledge. Clients share one pool of connections."""

    def __init__(
        self,
        script: Script,
        shows: tuple[Show, ...],
        calendar: Calendar,
        addresses: Addresses,
        mint: Mint,
        http: httpx.AsyncClient,
        patience: Patience | None = None,
    ) -> None:
        self.script = script
        self.shows = {show.name: show for show in shows}
        self.calendar = calendar
        self.ledger = Acknowledged()
        self.proposals: dict[str, Proposed] = {}
        self._addresses = addresses
        self._mint = mint
        self._http = http
        self._patience = patience
        self.officer = cache(self._officer)
        self.enterprise = cache(self._enterprise)

    def _officer(self, sub: str) -> Client:
        person = self.script.named(sub)
        return self._client(Role(person.role), sub, authority=person.authority)

    def _enterprise(self, show: str) -> Client:
        org = self.shows[show].tax_code
        return self._client(Role.STARTUP, f"enterprise-{org}", org=org)

    @cached_property
    def auditor(self) -> Client:
        """Reads everything, changes nothing."""
        return self._client(Role.AUDITOR, "auditor")

    @cached_property
    def ops(self) -> Client:
        return self._client(Role.OPS, "ops")

    @cached_property
    def stranger(self) -> Client:
        """An officer of an authority that has no part in any of these pilots."""
        return self._client(Role.OFFICER, "stranger", authority="prov_01_culture")

    def _client(self, role: Role, sub: str, *, org: str | None = None, authority: str | None = None) -> Client:
        made_at, made = 0.0, ""

        def token() -> str:
            nonlocal made_at, made
            if not made or time.monotonic() - made_at > TOKEN_SECONDS:
                made_at, made = time.monotonic(), self._mint(role, sub, org=org, authority=authority)
            return made

        return Client(self._addresses, token, http=self._http, patience=self._patience)

    def pilot(self, show: str) -> UUID:
        """Raises ``KeyError`` before the show has filed."""
        return self.ledger.pilots[show]

    def show_of(self, pilot_id: UUID) -> str | None:
        return next((show for show, one in self.ledger.pilots.items() if one == pilot_id), None)

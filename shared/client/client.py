"""The three services as one caller sees them."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from shared.client.applications import Applications
from shared.client.decisions import Decisions
from shared.client.monitoring import Monitoring
from shared.client.ops import Ops
from shared.client.transport import Patience, Token, Transport


@dataclass(frozen=True)
class Addresses:
    """Base URLs of the three services."""

    applications: str
    monitoring: str
    decisions: str

    def items(self) -> tuple[tuple[str, str], ...]:
        """(service, address) of each."""
        return (("applications", self.applications), ("monitoring", self.monitoring), ("decisions", self.decisions))


class Client:
    """All three services with one caller's token. Use it as an async context manager::

        async with Client(addresses, lambda: token) as client:
            filed = await client.applications.file(dossier)
            await client.monitoring.report(filed.pilot_id, ReportSent(samples=samples), key="week-1")

    ``http`` may be shared between clients; then it is closed by whoever made it. Every call raises :class:`ApiProblem` for a refusal,
    with its code and problems, and :class:`Unreachable` when the service stays away longer than ``patience``.
    Texts of refusals come in ``language`` (``vi`` or ``en``).
    """

    def __init__(
        self,
        addresses: Addresses,
        token: Token = lambda: None,
        *,
        http: httpx.AsyncClient | None = None,
        patience: Patience | None = None,
        language: str = "en",
    ) -> None:
        self._own = http is None
        self._http = http or connections()
        transports = {
            name: Transport(name, url, token, self._http, patience, language) for name, url in addresses.items()
        }
        self.applications = Applications(transports["applications"])
        self.monitoring = Monitoring(transports["monitoring"])
        self.decisions = Decisions(transports["decisions"])
        self.ops = {name: Ops(transport) for name, transport in transports.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            await self._http.aclose()


def connections(timeout: float = 30.0) -> httpx.AsyncClient:
    """A pool of connections that several clients may share. ``timeout`` in seconds holds for each attempt of a call."""
    return httpx.AsyncClient(timeout=httpx.Timeout(timeout, connect=5.0), trust_env=False)

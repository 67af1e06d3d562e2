"""One service, exactly as its main builds it, on a database of its own: asked in process, from a test's own thread.

Tests with generated requests are not asynchronous. The service's loop therefore turns in a thread beside them, and every request is
handed over to it.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
from anyio.from_thread import BlockingPortal
from pydantic import SecretStr

from shared.contracts import access
from shared.contracts.access.rule import Ownership, RateLimit, Role, Rule
from shared.contracts.base import Meta
from shared.contracts.topics import METRICS
from shared.platform import inbox
from shared.platform.bus import Consumer
from shared.platform.cloudevents import Headers, encode, key_of
from shared.platform.db import Database
from shared.platform.figures import Figures
from shared.platform.migrate import migrate
from shared.platform.outcomes import Outcome
from shared.platform.service import Service
from shared.platform.settings import Role as Part
from tests.platform.issuer import ISSUER, Issuer

T = TypeVar("T")

APIS = ("applications", "monitoring", "decisions")
ROLES = ("startup", "officer", "supervisor", "auditor", "ops", "nobody")
"""``nobody`` calls without a token."""
ACCESS: Mapping[str, Mapping[str, Rule]] = {
    "applications": access.APPLICATIONS,
    "monitoring": access.MONITORING,
    "decisions": access.DECISIONS,
}
_PLENTY = RateLimit(each="1000000/second", all="1000000/second")
_UNLIMITED = {
    api: {action: _PLENTY for action, rule in table.items() if rule.limit is not None} for api, table in ACCESS.items()
}
"""All tests come from one address, and as fast as they can; the limits have a test of their own."""
_TOKEN_SECONDS = 12 * 3600


def may(api: str, action: str, role: str) -> bool:
    """Whether the table opens ``action`` to ``role``."""
    rule = ACCESS[api][action]
    return rule.ownership is Ownership.PUBLIC or role in {one.value for one in rule.roles}


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or nobody at all."""

    role: str
    sub: str = ""
    org: str | None = None
    authority: str | None = None


NOBODY = Caller("nobody")


@dataclass(frozen=True)
class Wire:
    """A record as Kafka would hand it over."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    offset: int = 0
    partition: int = 0
    timestamp: int = 0


@dataclass(frozen=True)
class Setting:
    """What every hosted service stands on. The broker is shared with other tests: ``metrics`` is a topic of our own."""

    portal: BlockingPortal
    kafka: str
    metrics: str
    clock_file: Path
    issuer: Issuer


class Edge:
    """A hosted service: what may be asked of it, what it published, and what it is told by the others."""

    def __init__(self, api: str, service: Service, setting: Setting, dsn: str) -> None:
        self.api = api
        self.service = service
        self._setting = setting
        self._dsn = dsn
        self._tokens: dict[Caller, str] = {}
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(service.app), base_url="http://edge", timeout=60.0, trust_env=False
        )

    @property
    def document(self) -> dict[str, Any]:
        return self.service.app.openapi()

    def ask(
        self,
        method: str,
        url: str,
        who: Caller = NOBODY,
        *,
        body: object = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> httpx.Response:
        """Send one request; ``body`` goes out as JSON, ``content`` as it is."""
        sent = httpx.Headers(self.headers(who))
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        sent.update(httpx.Headers(dict(headers or {})))  # type: ignore[arg-type]
        return self.run(self._client.request, method, url, content=content, headers=sent)

    def headers(self, who: Caller) -> dict[str, str]:
        """The ``Authorization`` of ``who``."""
        if who.role == NOBODY.role:
            return {}
        if who not in self._tokens:
            self._tokens[who] = self._setting.issuer.token(
                sub=who.sub,
                roles=[Role(who.role).value],
                org=who.org,
                authority=who.authority,
                exp=int(time.time()) + _TOKEN_SECONDS,
            )
        return {"Authorization": f"Bearer {self._tokens[who]}"}

    def run(self, function: Callable[..., Awaitable[T]], *args: Any, **more: Any) -> T:
        """Run ``function`` in the service's loop."""

        async def call() -> T:
            return await function(*args, **more)

        return self._setting.portal.call(call)

    def published(self) -> list[Wire]:
        """All that lies in the outbox, in its order."""

        async def read() -> list[dict[str, Any]]:
            async with self.database().tx() as tx:
                return await (await tx.execute("select * from outbox order by id")).fetchall()

        return [_wire(row) for row in self.run(read)]

    def hear(self, records: Sequence[Wire]) -> list[Outcome]:
        """Hand ``records`` to the service's own consumer, each as the next of its topic. Topics that it does not read are left out."""
        return self.run(self._hear, records)

    async def _hear(self, records: Sequence[Wire]) -> list[Outcome]:
        consumer = self._one(Consumer)
        outcomes = []
        for topic in consumer.topics:
            async with self.database().tx() as tx:
                start, _ = await inbox.place(tx, consumer.name, "", topic, 0)
            mine = [record for record in records if record.topic == topic]
            for offset, record in enumerate(mine, start=start):
                moved = Wire(topic, record.key, record.value, record.headers, offset)
                outcomes.append(await consumer._outcomes.settle(moved))
                if outcomes[-1] is Outcome.IGNORED:
                    await consumer._outcomes.pass_over(moved)
        return outcomes

    def count_figures(self) -> None:
        """Count the domain's figures, as the service does in the background."""
        self.run(self._one(Figures, Part.API).refresh)

    async def open(self) -> None:
        for resource in self.service.resources:
            await resource.open()

    async def close(self) -> None:
        await self._client.aclose()
        for resource in reversed(self.service.resources):
            await resource.close()

    def database(self) -> Database:
        """The service's own."""
        return next(one for one in self.service.resources if isinstance(one, Database))

    def _one(self, kind: type[T], part: Part = Part.WORKER) -> T:
        owners = (getattr(task, "__self__", None) for task in self.service.tasks[part])
        return next(one for one in owners if isinstance(one, kind))


@contextmanager
def hosted(api: str, setting: Setting, dsn: str) -> Iterator[Edge]:
    """The service ``api`` on the migrated database ``dsn``, without its background tasks; tokens are those of ``setting.issuer``."""
    main = _main(api)

    async def build() -> Edge:
        settings = main.Settings(
            env="local",
            postgres=SecretStr(dsn),
            kafka=setting.kafka,
            oidc_issuer="http://127.0.0.1:1",  # never asked: the verifier is the test issuer's
            clock_file=setting.clock_file,
            db_pool=4,
            rate_limits=_UNLIMITED[api],
        )
        with patch.object(main, "METRICS", replace(METRICS, name=setting.metrics), create=True):
            built = main.build(settings)
        built.app.state.verifier = setting.issuer.verifier()
        edge = Edge(api, built, setting, dsn)
        await edge.open()
        return edge

    edge = setting.portal.call(build)
    try:
        yield edge
    finally:
        setting.portal.call(edge.close)


def migrated(api: str, dsn: str) -> None:
    """Make the tables of ``api``."""
    migrate(dsn, Path(str(_main(api).__file__)).parent / "migrations")


def _main(api: str) -> ModuleType:
    return importlib.import_module(f"services.{api}.main")


def wire(topic: str, meta: Meta, key: object, data: bytes) -> Wire:
    """A record that says ``data`` about ``key``."""
    return Wire(topic, str(key).encode(), data, encode(meta))


def _wire(row: Mapping[str, Any]) -> Wire:
    meta = Meta(
        id=row["event_id"],
        type=row["type"],
        source=row["source"],
        time=row["time"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
    )
    return Wire(row["topic"], key_of(row["key"]), bytes(row["data"]), encode(meta))


__all__ = ["ISSUER", "NOBODY", "ROLES", "Caller", "Edge", "Setting", "Wire", "hosted", "may", "migrated", "wire"]

"""Runs a service: opens what it stands on, starts the tasks of its roles, and stops gracefully.

A service's ``main.py`` reads::

    def build(settings: Settings) -> Service:
        db = Database(settings.postgres.get_secret_value(), application="applications", pool=settings.db_pool)
        clock = open_clock(settings.clock_file)
        kafka = Kafka(settings.kafka, client_id="applications")
        metrics = Metrics("applications")
        outbox = Outbox(topics.APPLICATIONS.name, "haukiem/applications")
        relay = Relay(db, kafka, outbox, metrics, republish_on_new_cluster=settings.republish_on_new_cluster)
        consumer = Consumer(db, kafka, "applications", consumers.handlers(...), metrics, poison_limit=settings.poison_limit)
        sweep = Sweep(db, clock, sweeps.fire(...), metrics)
        verifier = Verifier(settings.oidc_issuer, settings.oidc_audience)
        app = create_app("applications", settings, access=access.APPLICATIONS, verifier=verifier, metrics=metrics,
                         health=Health(live={"consumer": consumer.alive}, ready={"postgres": db.ping, "kafka": kafka.ping}),
                         routers=[api.router(...), ops.router(...)])
        return Service(settings, app, resources=[db, kafka, verifier],
                       tasks={Role.RELAY: [relay.run], Role.WORKER: [consumer.run, sweep.run]})

    if __name__ == "__main__":
        service.main("applications", Settings, build, migrations=Path(__file__).parent / "migrations")
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from fastapi import FastAPI

from shared.platform.settings import Role, ServiceSettings

S = TypeVar("S", bound=ServiceSettings)
Task = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set, then finishes what it holds and returns. One that returns or raises earlier ends the process."""


class Resource(Protocol):
    """What must be open while the service runs. Opened in order, closed in reverse."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class Service:
    """All parts of one process of a service."""

    settings: ServiceSettings
    app: FastAPI
    resources: Sequence[Resource] = ()
    tasks: Mapping[Role, Sequence[Task]] = field(default_factory=dict)


def main(name: str, settings: type[S], build: Callable[[S], Service], *, migrations: Path) -> None:
    """``python -m services.<name>.main`` runs the service; with ``migrate`` it brings the schema up to date and ends."""
    raise NotImplementedError

"""The service applications, put together: ``python -m services.applications.main [migrate]``."""

from __future__ import annotations

from pathlib import Path

from services.applications import api, consumers, sweep
from services.applications.api.counter import Counter
from services.applications.handlers import gauges
from services.applications.handlers.desk import Desk
from services.applications.settings import Settings
from shared.contracts import access
from shared.contracts.asyncapi import document
from shared.contracts.topics import APPLICATIONS, DECISIONS
from shared.platform import ops, service
from shared.platform.auth import Verifier
from shared.platform.barrier import Barrier
from shared.platform.bus import Consumer
from shared.platform.clock import open_clock
from shared.platform.db import Database
from shared.platform.figures import Figures
from shared.platform.health import Health, LoopTick
from shared.platform.http import create_app
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from shared.platform.relay import Relay
from shared.platform.service import Service
from shared.platform.settings import Role
from shared.platform.sweep import Sweep
from shared.reference import load

NAME = "applications"
DESCRIPTION = """
Register a controlled cultural pilot, read it at any time, answer, report, withdraw. A dossier is checked when it is sent, and the
answer says at once: registered, what is missing (all of it), or refused and why. No person stands between you and your start.
"""


def build(settings: Settings) -> Service:
    clock = open_clock(settings.clock_file)
    db = Database(settings.postgres.get_secret_value(), application=NAME, pool=settings.db_pool)
    kafka = Kafka(settings.kafka, client_id=NAME, security=settings.security_of_kafka())
    verifier = Verifier(settings.oidc_issuer, settings.oidc_audience)
    metrics = Metrics(NAME)

    outbox = Outbox(APPLICATIONS.name, f"haukiem/{NAME}")
    relay = Relay(db, kafka, outbox, metrics, republish_on_new_cluster=settings.republish_on_new_cluster)

    desk = Desk(load.load(), load.parse, load.load_calendar(), outbox)
    consumer = Consumer(db, kafka, NAME, consumers.handlers(desk, clock), metrics, poison_limit=settings.poison_limit)
    barrier = Barrier(db, kafka, clock, consumer.name, [DECISIONS.name], sweep.WAITING)
    due_clocks = Sweep(db, clock, sweep.fire(desk), metrics, kinds=sweep.KINDS, barrier=barrier)
    tick = LoopTick()
    figures = Figures("domain", gauges.FIGURES, gauges.counting(db), metrics, seconds=settings.figures_seconds)

    app = create_app(
        NAME,
        settings,
        description=DESCRIPTION,
        access=access.APPLICATIONS,
        verifier=verifier,
        metrics=metrics,
        health=Health(
            live={"loop": tick.alive, "consumer": consumer.alive},
            degraded={"consumer": consumer.stopped},
            ready={"postgres": db.ping, "kafka": kafka.ping, "consumer": consumer.ready},
        ),
        routers=[
            *api.routers(Counter(db, clock, desk), document(NAME)),
            ops.router(NAME, db, clock, outbox, [consumer]),
        ],
    )
    return Service(
        settings,
        app,
        resources=[db, kafka, verifier],
        always=[tick.run],
        tasks={
            Role.API: [figures.run],
            Role.RELAY: [relay.run],
            Role.WORKER: [consumer.run, barrier.run, due_clocks.run],
        },
    )


if __name__ == "__main__":
    service.main(NAME, Settings, build, migrations=Path(__file__).parent / "migrations")

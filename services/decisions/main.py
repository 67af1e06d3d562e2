"""The service decisions, put together: ``python -m services.decisions.main [migrate]``."""

from __future__ import annotations

from pathlib import Path

from services.decisions import api, consumers, sweep
from services.decisions.api.counter import Counter
from services.decisions.handlers import gauges
from services.decisions.handlers.desk import Desk
from services.decisions.settings import Settings
from shared.contracts import access
from shared.contracts.asyncapi import document
from shared.contracts.topics import DECISIONS
from shared.platform import ops, service
from shared.platform.auth import Verifier
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

NAME = "decisions"
DESCRIPTION = """
Cases, and what is decided in them. Officers read the ranked queue, propose upon evidence, co-sign; a decision in force is sealed into
its authority's chain. The register and the statistics are open to anyone.
"""


def build(settings: Settings) -> Service:
    clock = open_clock(settings.clock_file)
    db = Database(settings.postgres.get_secret_value(), application=NAME, pool=settings.db_pool)
    kafka = Kafka(settings.kafka, client_id=NAME, security=settings.security_of_kafka())
    verifier = Verifier(settings.oidc_issuer, settings.oidc_audience)
    metrics = Metrics(NAME)

    outbox = Outbox(DECISIONS.name, f"haukiem/{NAME}")
    relay = Relay(db, kafka, outbox, metrics, republish_on_new_cluster=settings.republish_on_new_cluster)

    desk = Desk(load.load_calendar(), outbox)
    consumer = Consumer(db, kafka, NAME, consumers.handlers(desk), metrics, poison_limit=settings.poison_limit)
    due_clocks = Sweep(db, clock, sweep.fire(desk), metrics, kinds=sweep.KINDS)
    tick = LoopTick()
    figures = Figures("domain", gauges.FIGURES, gauges.counting(db), metrics, seconds=settings.figures_seconds)

    app = create_app(
        NAME,
        settings,
        description=DESCRIPTION,
        access=access.DECISIONS,
        verifier=verifier,
        metrics=metrics,
        health=Health(
            live={"loop": tick.alive, "consumer": consumer.alive},
            degraded={"consumer": consumer.stopped},
            ready={"postgres": db.ping, "kafka": kafka.ping, "consumer": consumer.ready},
        ),
        routers=[
            *api.routers(Counter(db, clock, desk, settings.figures_seconds), document(NAME)),
            ops.router(NAME, db, clock, outbox, [consumer]),
        ],
    )
    return Service(
        settings,
        app,
        resources=[db, kafka, verifier],
        always=[tick.run],
        tasks={Role.API: [figures.run], Role.RELAY: [relay.run], Role.WORKER: [consumer.run, due_clocks.run]},
    )


if __name__ == "__main__":
    service.main(NAME, Settings, build, migrations=Path(__file__).parent / "migrations")

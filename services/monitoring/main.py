"""The service monitoring, put together: ``python -m services.monitoring.main [migrate]``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.monitoring import api, consumers, sweep
from services.monitoring.api.counter import Counter
from services.monitoring.engine import Engine
from services.monitoring.engine.measures import Measures
from services.monitoring.engine.producing import Producing
from services.monitoring.handlers import gauges
from services.monitoring.handlers.desk import Desk
from services.monitoring.handlers.tidying import Tidying
from services.monitoring.settings import Settings
from services.monitoring.store import aside, intake, pilots, records
from shared.contracts import access
from shared.contracts.asyncapi import document
from shared.contracts.topics import APPLICATIONS, METRICS, MONITORING
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

NAME = "monitoring"
DESCRIPTION = """
Send the metrics of a pilot, see what they amount to and what was found. A report counts whole or not at all, and once however often it
is sent; every error is told with its place.
"""


def build(settings: Settings) -> Service:
    clock = open_clock(settings.clock_file)
    db = Database(settings.postgres.get_secret_value(), application=NAME, pool=settings.db_pool)
    kafka = Kafka(settings.kafka, client_id=NAME, security=settings.security_of_kafka())
    verifier = Verifier(settings.oidc_issuer, settings.oidc_audience)
    metrics = Metrics(NAME)
    calendar = load.load_calendar()

    outbox = Outbox(MONITORING.name, f"haukiem/{NAME}")
    relay = Relay(db, kafka, outbox, metrics, republish_on_new_cluster=settings.republish_on_new_cluster)

    desk = Desk(outbox, calendar, METRICS.partitions)
    consumer = Consumer(db, kafka, NAME, consumers.handlers(desk), metrics, poison_limit=settings.poison_limit)
    engine = Engine(
        db,
        kafka,
        clock,
        outbox,
        calendar,
        Measures(metrics),
        topic=METRICS.name,
        facts_topic=APPLICATIONS.name,
        facts_consumer=consumer.name,
        unsigned=settings.is_local,
        aside_limit=settings.poison_limit,
    )
    producing = Producing(db, kafka, METRICS.name, metrics)
    tidying = Tidying(db, timedelta(days=settings.rejected_days))
    due_clocks = Sweep(db, clock, sweep.fire(desk), metrics, kinds=sweep.KINDS)
    tick = LoopTick()
    figures = Figures("domain", gauges.FIGURES, gauges.counting(db), metrics, seconds=settings.figures_seconds)

    app = create_app(
        NAME,
        settings,
        description=DESCRIPTION,
        access=access.MONITORING,
        verifier=verifier,
        metrics=metrics,
        health=Health(
            live={"loop": tick.alive, "consumer": consumer.alive, "engine": engine.alive},
            ready={"postgres": db.ping, "kafka": kafka.ping, "consumer": consumer.ready, "engine": engine.ready},
            degraded={"consumer": consumer.stopped, "engine": engine.stopped},
        ),
        routers=[
            *api.routers(Counter(db, clock, desk, producing.produce), document(NAME)),
            ops.router(
                NAME,
                db,
                clock,
                outbox,
                [consumer, engine.standing],
                clocks=[engine.standing],
                republish_also=producing.again,
                also=aside,
                extra=_progress(db),
            ),
        ],
    )
    return Service(
        settings,
        app,
        resources=[db, kafka, verifier, producing],
        always=[tick.run],
        tasks={
            Role.API: [figures.run],
            Role.RELAY: [relay.run],
            Role.WORKER: [consumer.run, engine.run, producing.run, due_clocks.run, tidying.run],
        },
    )


def _progress(db: Database) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def figures() -> dict[str, Any]:
        async with db.tx() as tx:
            _, strays = await records.count_parked(tx)
            return {
                "intake_unconsumed": await intake.count_unconsumed(tx),
                "facts_unseen": await pilots.count_changed(tx),
                "waiting_for_unknown_pilots": strays,
            }

    return figures


if __name__ == "__main__":
    service.main(NAME, Settings, build, migrations=Path(__file__).parent / "migrations")

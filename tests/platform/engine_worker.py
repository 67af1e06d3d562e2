"""One engine as a process: ``python -m tests.platform.engine_worker DSN BOOTSTRAP TOPIC FACTS_TOPIC GROUP``; works until it is killed."""

from __future__ import annotations

import asyncio
import sys

from services.monitoring.engine import Engine
from services.monitoring.engine.measures import Measures
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from tests.monitoring_samples import CALENDAR, at
from tests.platform.engine_stand import FACTS_CONSUMER, HandClock


async def work(dsn: str, bootstrap: str, topic: str, facts_topic: str, group: str) -> None:
    db = Database(dsn, pool=4)
    await db.open()
    engine = Engine(
        db,
        Kafka(bootstrap, client_id="worker"),
        HandClock(at("2026-07-20 09:00")),
        Outbox("haukiem.monitoring.v1", "haukiem/monitoring"),
        CALENDAR,
        Measures(Metrics("monitoring")),
        topic=topic,
        facts_topic=facts_topic,
        facts_consumer=FACTS_CONSUMER,
        group=group,
        unsigned=True,
    )
    await engine.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:6]))

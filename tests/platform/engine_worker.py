"""One engine as a process: ``python -m tests.platform.engine_worker DSN BOOTSTRAP TOPIC FACTS_TOPIC GROUP [PILOT]``; works until it is
killed. For PILOT a defect is planted in it: judging its reports raises."""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from uuid import UUID

from services.monitoring.core import judge
from services.monitoring.core.book import Book, Judgement
from services.monitoring.core.view import View
from services.monitoring.engine import Engine
from services.monitoring.engine.measures import Measures
from shared.platform import logs
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from tests.monitoring_samples import CALENDAR, at
from tests.platform.engine_stand import FACTS_CONSUMER, HandClock


async def work(dsn: str, bootstrap: str, topic: str, facts_topic: str, group: str) -> None:
    logs.configure("monitoring")
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


def plant(pilot_id: UUID) -> None:
    right = judge.take_reports

    def broken(book: Book, view: View, *rest: Any) -> Judgement:
        if view.pilot_id == pilot_id:
            raise ZeroDivisionError("planted")
        return right(book, view, *rest)

    setattr(judge, "take_reports", broken)  # noqa: B010 - what is planted has a looser type


if __name__ == "__main__":
    for pilot in sys.argv[6:]:
        plant(UUID(pilot))
    asyncio.run(work(*sys.argv[1:6]))

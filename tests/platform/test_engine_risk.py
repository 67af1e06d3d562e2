"""The score that a flush tells stands on the facts as they are when it is written, and not as the engine had them in hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from services.monitoring.core import assessment
from services.monitoring.engine import flushing
from shared.contracts.pilot import Cap, Window
from shared.platform.kafka import Kafka
from tests.monitoring_samples import amended, at, envelope
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, stand

PEOPLE = Cap(metric=assessment.PARTICIPANTS, window=Window.CONCURRENT, limit=Decimal(1_000))


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic, partitions=1) as found:
        yield found


async def test_facts_that_come_while_a_flush_is_made_are_what_its_score_reads(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = await site.pilot(PEOPLE)
    raised = amended(envelope(PEOPLE.model_copy(update={"limit": Decimal(9_000)})), "2026-07-20 08:30")
    raised = raised.model_copy(update={"pilot_id": pilot})
    limits: list[Decimal] = []
    lock, reassess = flushing._lock, assessment.reassess

    async def late(tx: Any, lanes: Any) -> None:
        if not limits and any(lane.pending.reassess for lane in lanes):
            await site.tell(raised)  # as the consumer of the applications topic, which is just before us
        await lock(tx, lanes)

    def spied(facts: Any, *more: Any) -> Any:
        limits.append(facts.envelopes[-1].envelope.caps[0].limit)
        return reassess(facts, *more)

    monkeypatch.setattr(flushing, "_lock", late)
    monkeypatch.setattr(assessment, "reassess", spied)
    async with site.running() as engine:
        await site.send(pilot, 1, {"metric": PEOPLE.metric, "at": at("2026-07-20 08:00"), "value": "900"})
        await eventually(lambda: site.quiet(engine), within=30)
    assert limits and set(limits) == {9_000}

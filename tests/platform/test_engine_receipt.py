"""An engine that starts after silence was due: what counts is when a report was received, by a witness that its sender cannot forge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.monitoring.core.instants import day_of, day_start, instant_of, moment
from services.monitoring.store import intake, pilots
from shared.contracts.events.monitoring import FindingCleared, FindingOpened, MetricsReportRejected
from shared.contracts.numbers import SCALE
from shared.contracts.pilot import Period
from shared.platform.cloudevents import key_of
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, at, envelope, registered, started
from tests.platform.conftest import eventually
from tests.platform.engine_stand import HandClock, Stand, record, stand

DUE, LONG_AFTER = at("2026-07-29 00:00"), at("2026-07-31 12:00")
"""Wednesday 00:00 after the week of 20 to 26 July, and when the engine is there again."""
INTAKE = [("hk-intake", b"1")]


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic) as found:
        yield found


def visitors(value: int, when: datetime) -> dict[str, Any]:
    return {"metric": "audience_live", "at": when, "value": str(value)}


SAMPLE = visitors(1, at("2026-07-26 20:00"))


async def told(site: Stand) -> list[tuple[str, datetime]]:
    """What an engine that starts now makes of it."""
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
    events = await site.told(FindingOpened, FindingCleared)
    return [(type(one).__name__, one.at) for one in events if one.subject == "main"]


@pytest.mark.parametrize("parked", [False, True])
@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        (DUE - timedelta(seconds=1), []),
        (DUE, [("FindingOpened", DUE), ("FindingCleared", DUE)]),
        (DUE + timedelta(hours=9), [("FindingOpened", DUE), ("FindingCleared", DUE + timedelta(hours=9))]),
    ],
)
async def test_a_request_counts_from_when_it_was_taken(
    site: Stand, taken: datetime, expected: list[tuple[str, datetime]], parked: bool
) -> None:
    pilot = await site.pilot(AUDIENCE, begin=not parked)
    value = await site.send(pilot, 1, SAMPLE, headers=INTAKE)
    await site.take(pilot, 1, taken, value)
    if parked:
        async with site.running():
            await eventually(lambda: _parked(site))
        await site.tell(started(pilot))
    site.clock.time = LONG_AFTER
    assert await told(site) == expected


async def test_a_header_that_names_another_record_than_ours_says_nothing(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    site.clock.time = LONG_AFTER
    taken = await site.send(pilot, 1, SAMPLE, headers=INTAKE)
    await site.take(pilot, 1, DUE + timedelta(hours=3), taken)
    # A second part is the startup's own: it borrows the sequence of a request, and is heard of only now.
    await site.send(pilot, 1, SAMPLE, headers=INTAKE, part=2, parts=2)
    # So is another record under the request's own identity, of which the request's own then finds itself refused.
    other = await site.pilot(AUDIENCE)
    await site.send(other, 1, SAMPLE, headers=INTAKE)
    ours = await site.send(other, 1, visitors(2, at("2026-07-26 21:00")), headers=INTAKE)
    await site.take(other, 1, DUE - timedelta(hours=3), ours)
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
    cleared = {one.pilot_id: one.at for one in await site.told(FindingCleared)}
    assert cleared == {pilot: DUE + timedelta(hours=3), other: LONG_AFTER}
    assert [one.problems[0].code for one in await site.told(MetricsReportRejected)] == ["identity_reused"]


@pytest.mark.parametrize("own", [{"part": 2, "parts": 2}, {}], ids=["another part", "another content"])
async def test_a_header_that_names_another_record_than_ours_leaves_the_request_to_be_read(
    site: Stand, own: dict[str, int]
) -> None:
    pilot = await site.pilot(AUDIENCE)
    secret = b"the startup's own"
    async with site.db.tx() as tx:
        await tx.execute(
            "insert into source (pilot_id, source, ingest_secret, secret) values (%s, 'main', 'inside', %s)",
            (pilot, secret),
        )
        await pilots.touch(tx, pilot)
    answered = record(pilot, 1, visitors(2, at("2026-07-20 08:30")))
    await site.take(pilot, 1, at("2026-07-20 08:45"), answered)
    direct = record(pilot, 1, visitors(1, at("2026-07-20 08:00")), **own)
    async with site.running(site.engine(unsigned=False)) as engine:
        await site.raw(pilot, direct, [*INTAKE, signed(secret, pilot, direct)])
        await eventually(lambda: _read(site, 1))
        # It counts, as the startup's own; the request is still to be read.
        assert await site.count("report") == 1
        assert await site.count("intake where consumed_at is null") == 1
        await site.raw(pilot, answered, [*INTAKE, signed(b"inside", pilot, answered)])
        await eventually(lambda: site.quiet(engine))
    assert await site.count("intake where consumed_at is null") == 0
    if "part" in own:
        assert await site.total(pilot, "audience_live") == 3 * SCALE
    else:
        assert [one.problems[0].code for one in await site.told(MetricsReportRejected)] == ["identity_reused"]


def signed(secret: bytes, pilot: UUID, value: bytes) -> tuple[str, bytes]:
    return "hk-signature", intake.signature(secret, key_of(pilot), value).encode()


async def _read(site: Stand, count: int) -> bool:
    return await site.read() == count


async def test_under_the_sandbox_clock_a_record_is_received_when_it_is_read(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    await site.send(pilot, 1, SAMPLE)
    site.clock.time = LONG_AFTER
    assert await told(site) == [("FindingOpened", DUE), ("FindingCleared", LONG_AFTER)]


# The broker's stamp is wall time: here the pilot starts today and reports at once; the engine comes ten days later.


@pytest.mark.parametrize(("stamps", "in_time"), [("LogAppendTime", True), ("CreateTime", False)])
async def test_the_brokers_stamp_is_believed_and_the_producers_is_not(
    fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]], stamps: str, in_time: bool
) -> None:
    today = moment(day_start(day_of(instant_of(datetime.now(UTC)))))
    later = today + timedelta(days=20)
    async with stand(fresh_database, kafka, make_topic, message_timestamp_type=stamps) as site:
        site.clock = HandClock(later, is_sandbox=False)
        pilot = await _daily(site, today)
        # Whatever the producer says, which is that it was in time.
        await site.send(pilot, 1, visitors(1, today), stamp=today)
        async with site.running() as engine:
            await eventually(lambda: site.quiet(engine))
        missed = [one.evidence.period_start for one in await site.told(FindingOpened) if one.subject == "main"]
    assert missed
    assert (today not in missed) == in_time


async def _daily(site: Stand, since: datetime) -> UUID:
    pilot = registered(None, envelope(AUDIENCE, period=Period.DAY)).model_copy(update={"at": since})
    await site.tell(pilot, started(pilot.pilot_id, since))
    return pilot.pilot_id


async def _parked(site: Stand) -> bool:
    return await site.count("parked_record") == 1

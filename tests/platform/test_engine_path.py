"""The metrics path on real Kafka and PostgreSQL: what is sent counts once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any, cast
from uuid import uuid4

import pytest

from services.monitoring.handlers import showing
from services.monitoring.handlers.facts import partition_of
from services.monitoring.store.intake import count_unconsumed, issue_secret, signature
from services.monitoring.store.pilots import touch
from shared.contracts.base import content_hash
from shared.contracts.events.monitoring import (
    FindingOpened,
    InterimMeasureTaken,
    MetricsReportRejected,
    UsageRolled,
)
from shared.contracts.numbers import SCALE, unscaled
from shared.platform.cloudevents import key_of
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, CROWD, DAILY, at, envelope, registered, started
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, record, stand


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic) as found:
        yield found


def visitors(value: int, when: str = "2026-07-20 08:00") -> dict[str, Any]:
    return {"metric": "audience_live", "at": at(when), "value": str(value)}


def crowd(value: int, when: str = "2026-07-20 08:00") -> dict[str, Any]:
    return {"metric": "crowd_peak", "at": at(when), "value": str(value)}


async def test_a_report_becomes_sums_findings_a_measure_and_usage(site: Stand) -> None:
    pilot = await site.pilot(CROWD, AUDIENCE)
    async with site.running() as engine:
        await site.send(pilot, 1, visitors(700), crowd(1_001))
        await eventually(lambda: site.quiet(engine))
    assert await site.rollup(pilot, "audience_live") == await site.total(pilot, "audience_live") == 700 * SCALE
    opened = await site.told(FindingOpened)
    assert [(one.rule, one.subject, one.severity) for one in opened] == [
        ("cap_warning", "crowd_peak/concurrent", "info"),
        ("cap_exceeded", "crowd_peak/concurrent", "critical"),
    ]
    (measure,) = await site.told(InterimMeasureTaken)
    assert measure.finding_id == opened[1].finding_id
    usage = {(one.metric, one.window): one.value for one in await site.told(UsageRolled)}
    assert usage == {("audience_live", "total"): 700, ("crowd_peak", "concurrent"): 1_001}


async def test_what_is_sent_twice_counts_once_and_another_content_is_refused(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        for _ in range(3):
            await site.send(pilot, 1, visitors(10))
        await site.send(pilot, 1, visitors(11))
        await site.send(pilot, 2, visitors(5))
        await eventually(lambda: site.quiet(engine))
    assert await site.total(pilot, "audience_live") == 15 * SCALE
    (rejected,) = await site.told(MetricsReportRejected)
    assert [one.code for one in rejected.problems] == ["identity_reused"]
    assert len(await site.dead()) == 1


async def test_garbage_is_set_aside_with_its_reason_and_nothing_waits_behind_it(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        for garbage in (b"", b"\xff\x00", b"[]", b"null", b'{"pilot_id": 1}', b"{" * 2000):
            await site.raw(pilot, garbage)
        await site.producer.send_and_wait(site.topic, b"{}", b"no pilot")
        await site.producer.send_and_wait(site.topic, b"{}", None)
        await site.send(pilot, 1, visitors(10))
        await eventually(lambda: site.quiet(engine))
    assert await site.total(pilot, "audience_live") == 10 * SCALE
    assert len(await site.told(MetricsReportRejected)) == 6
    assert len(await site.dead()) == 8


async def test_a_record_on_another_partition_than_murmur2_gives_is_rejected(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        await site.send(pilot, 1, visitors(10))
        await eventually(lambda: site.quiet(engine))
        async with site.db.tx() as tx:
            row = await (await tx.execute("select partition from pilot")).fetchone()
        assert row is not None
        await site.send(pilot, 2, visitors(10), partition=(row["partition"] + 1) % 4)
        await eventually(lambda: site.quiet(engine))
    (rejected,) = await site.told(MetricsReportRejected)
    assert rejected.problems[0].code == "report_wrong_partition"
    assert await site.total(pilot, "audience_live") == 10 * SCALE


async def test_outside_the_local_stack_only_signed_records_count(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.db.tx() as tx:
        await tx.execute(
            "insert into source (pilot_id, source, ingest_secret, secret) values (%s, 'main', 'inside', 'secret')",
            (pilot,),
        )
    async with site.running(site.engine(unsigned=False)) as engine:
        value = await site.send(pilot, 1, visitors(10))
        signed = signature(b"secret", key_of(pilot), value)
        await site.send(pilot, 1, visitors(10), headers=[("hk-signature", signed.encode())])
        # Kafka takes a header without a value.
        for wrong in (signed.encode(), signed.encode(), b"00", cast("bytes", None)):
            await site.send(pilot, 2, visitors(10), headers=[("hk-signature", wrong)])
        await eventually(lambda: site.quiet(engine))
    rejected = await site.told(MetricsReportRejected)
    assert [(one.problems[0].code, one.offset, one.signature_sha256) for one in rejected] == [
        ("report_unsigned", 0, None),
        ("report_signature_wrong", 2, content_hash(signed.encode())),
        ("report_signature_wrong", 4, content_hash(b"00")),
        ("report_unsigned", 5, content_hash(b"")),
    ]
    assert {one.partition for one in rejected} == {partition_of(site.desk, key_of(pilot))}
    assert await site.total(pilot, "audience_live") == 10 * SCALE


async def test_a_record_that_nobody_vouches_for_does_not_pass_for_a_request_that_was_answered(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.db.tx() as tx:
        await tx.execute("insert into source (pilot_id, source, ingest_secret) values (%s, 'main', 'inside')", (pilot,))
        await tx.execute(
            "insert into intake (pilot_id, source, sequence, correlation_id, signatures, records, taken_at) "
            "values (%s, 'main', 1, 'c', '{}', '{}', %s)",
            (pilot, at("2026-07-20 08:30")),
        )
    async with site.running(site.engine(unsigned=False)):
        await site.send(pilot, 1, visitors(99), headers=[("hk-intake", b"1"), ("hk-signature", b"00")])
        await eventually(lambda: _told(site, MetricsReportRejected))
        async with site.db.tx() as tx:
            assert await count_unconsumed(tx) == 1


async def test_a_request_of_ours_is_read_whatever_becomes_of_it(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running(site.engine(unsigned=False)) as engine:
        value = await site.send(pilot, 1, visitors(99), headers=[("hk-intake", b"1"), ("hk-signature", b"00")])
        await site.take(pilot, 1, at("2026-07-20 08:30"), value)
        await site.send(pilot, 1, visitors(99), headers=[("hk-intake", b"1"), ("hk-signature", b"00")])
        await eventually(lambda: site.quiet(engine))
    assert [one.problems[0].code for one in await site.told(MetricsReportRejected)] == ["report_signature_wrong"]


async def test_nobody_at_hand_is_judged_by_facts_known_to_be_old(site: Stand) -> None:
    """More pilots change at once than are taken in at once: each has a secret issued, and its report is signed with it."""
    pilots = [await site.pilot(AUDIENCE) for _ in range(12)]
    async with site.running(site.engine(unsigned=False, facts_at_once=1)) as engine:
        await eventually(lambda: site.quiet(engine))
        async with site.db.tx() as tx:
            for pilot in pilots:
                await issue_secret(tx, pilot, "main", b"fresh", b"inside", site.clock.now())
                await touch(tx, pilot)
        values = {pilot: record(pilot, 1, visitors(10)) for pilot in pilots}
        await asyncio.gather(
            *(
                site.raw(pilot, value, [("hk-signature", signature(b"fresh", key_of(pilot), value).encode())])
                for pilot, value in values.items()
            )
        )
        await eventually(lambda: site.quiet(engine))
    assert not await site.told(MetricsReportRejected)
    assert [await site.total(pilot, "audience_live") for pilot in pilots] == [10 * SCALE] * 12


async def _told(site: Stand, kind: type[MetricsReportRejected]) -> bool:
    return bool(await site.told(kind))


async def test_a_correction_of_more_than_was_reported_is_rejected_and_told(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        # More days than are kept at hand: the sum of the first is looked up.
        days = [visitors(10, f"2026-07-{day} 08:00") for day in (14, 15, 16, 17, 18, 19, 20)]
        await site.send(pilot, 1, *days, visitors(10, "2026-07-20 08:30"))
        site.clock.time = at("2026-07-25 09:00")
        await site.send(pilot, 2, *(visitors(10, f"2026-07-{day} 08:00") for day in (21, 22, 23, 24)))
        await eventually(lambda: site.quiet(engine))
        await site.send(pilot, 3, visitors(-11, "2026-07-14 09:00"), corrects=1)
        await site.send(pilot, 4, visitors(-6, "2026-07-14 09:00"), corrects=1)
        await site.send(pilot, 5, visitors(-6, "2026-07-14 09:00"), corrects=1)
        await eventually(lambda: site.quiet(engine))
    rejected = await site.told(MetricsReportRejected)
    assert [(one.sequence, one.problems[0].code) for one in rejected] == [
        (3, "correction_beyond_recorded"),
        (5, "correction_beyond_recorded"),
    ]
    assert "has 4 recorded on 2026-07-14" in rejected[1].problems[0].en
    assert await site.total(pilot, "audience_live") == await site.rollup(pilot, "audience_live") == 114 * SCALE


async def test_the_usage_of_an_old_day_is_told_as_it_is_recorded_and_shown(site: Stand) -> None:
    pilot = await site.pilot(DAILY)
    async with site.running() as engine:
        for sequence, day in enumerate(range(14, 24), 1):
            site.clock.time = at(f"2026-07-{day} 09:00")
            await site.send(pilot, sequence, visitors(10, f"2026-07-{day} 08:00"))
            await eventually(lambda: site.quiet(engine))
        # Two late reports on a day that is not kept at hand, and one on a day that is.
        await site.send(pilot, 20, visitors(3, "2026-07-14 09:00"), visitors(1, "2026-07-22 09:00"))
        await site.send(pilot, 21, visitors(4, "2026-07-14 10:00"))
        await eventually(lambda: site.quiet(engine))
    told = {(one.metric, one.window, one.bucket): one.value for one in await site.told(UsageRolled)}
    assert told["audience_live", "day", date(2026, 7, 14)] == 17
    async with site.db.tx() as tx:
        cursor = await tx.execute("select metric, day, value::text as value from rollup where pilot_id = %s", (pilot,))
        recorded = {(row["metric"], row["day"]): unscaled(int(row["value"])) for row in await cursor.fetchall()}
        shown = (await showing.usage(site.desk, tx, pilot, site.clock.now())).rows
    assert {key[::2]: value for key, value in told.items() if key[2] is not None} == recorded
    assert {(one.metric, one.window, one.bucket): one.value for one in shown}.items() <= told.items()
    assert {one.window for one in shown} == {"day", "total"}


async def test_reports_wait_for_the_facts_of_their_pilot_and_keep_their_order(site: Stand) -> None:
    pilot = uuid4()
    async with site.running() as engine:
        await site.send(pilot, 1, crowd(1_001, "2026-07-20 07:00"))
        await site.send(pilot, 2, crowd(900, "2026-07-20 08:00"))
        await eventually(lambda: _parked(site, 2))
        await eventually(lambda: site.quiet(engine), what="clocks that do not wait for who is not known")
        assert await _parked(site, 2)
        await site.tell(registered(pilot, envelope(CROWD)))
        await eventually(lambda: _seen(site))
        await site.send(pilot, 3, crowd(901, "2026-07-20 08:30"))
        await site.tell(started(pilot))
        await eventually(lambda: site.quiet(engine))
    assert await site.count("report") == 3
    usage = await site.told(UsageRolled)
    assert usage[-1].value == 901


async def _parked(site: Stand, count: int) -> bool:
    return await site.count("parked_record") == count


async def _seen(site: Stand) -> bool:
    return await site.count("pilot where change = seen") == 1

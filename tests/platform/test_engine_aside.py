"""A defect of ours shows on one pilot: it is set aside whole, nobody else notices, and what came meanwhile is judged later as it would have
been without the defect. The defect is planted in the core; a second pilot, the twin, has the same happen to it and shows what is right."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.monitoring.core import assessment, judge
from services.monitoring.core.failing import JudgingFailed
from services.monitoring.engine import Engine, judging
from services.monitoring.engine.lane import Lane
from services.monitoring.engine.taking_up import TakingUp
from services.monitoring.store import aside, positions
from services.monitoring.store.positions import Fenced
from shared.contracts.errors import Refused
from shared.contracts.numbers import SCALE
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, CALENDAR, CROWD, amended, at, envelope
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, stand
from tests.platform.test_engine_faults import visitors, worker

GREAT = CROWD.model_copy(update={"limit": Decimal(2_000)})
WITHIN = 90


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    """One partition: whoever is set aside has all the others for neighbours."""
    async with stand(fresh_database, kafka, make_topic, partitions=1) as found:
        yield found


class Defect:
    """A function of ours that raises for some pilots, until it is mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
        self.pilots: set[UUID] = set()
        right = getattr(place, name)

        def broken(*args: Any) -> Any:
            if any(getattr(arg, "pilot_id", None) in self.pilots for arg in args):
                raise ZeroDivisionError("planted")
            return right(*args)

        monkeypatch.setattr(place, name, broken)


def sent(metric: str, value: int, when: str) -> dict[str, Any]:
    return {"metric": metric, "at": at(when), "value": str(value)}


async def both(site: Stand, pilots: list[UUID], sequence: int, *samples: dict[str, Any]) -> None:
    for pilot in pilots:
        await site.send(pilot, sequence, *samples)


async def settled(site: Stand, engine: Engine, pilot: UUID) -> bool:
    """Everything is read, and all of the pilot is judged, its clocks fired and its usage told."""
    book = await one(site, "select next_due, unrolled from book where pilot_id = %s", pilot)
    if not book or book["unrolled"]:
        return False
    fired = book["next_due"] is None or book["next_due"] > site.clock.now()
    return fired and (await engine.standing.progress()).lag == 0


async def one(site: Stand, query: str, *values: object) -> dict[str, Any]:
    rows = await every(site, query, *values)
    return rows[0] if rows else {}


async def every(site: Stand, query: str, *values: object) -> list[dict[str, Any]]:
    async with site.db.tx() as tx:
        return await (await tx.execute(query, values)).fetchall()


async def outcome(site: Stand, pilot: UUID) -> dict[str, Any]:
    """All that was judged of a pilot, without what differs between two pilots to whom the same happens."""
    queries = {
        "book": "select state, next_due from book where pilot_id = %s",
        "rollup": "select metric, day, value from rollup where pilot_id = %s order by 1, 2",
        "reports": "select source, sequence, part, newest, taken_at from report where pilot_id = %s order by 1, 2, 3",
        "rejected": "select sequence, problems, taken_at from rejected_report where pilot_id = %s order by 1",
        "findings": "select rule, subject, severity, state, opened_at, escalated_at, cleared_at, clear_reason, cardinality(measures) "
        "from finding where pilot_id = %s order by opened_at, rule, subject",
        "told": "select type, convert_from(data, 'UTF8')::jsonb ->> 'at' as at from outbox "
        "where key = %s and type !~ 'UsageRolled|RiskAssessed|Rejected' order by id",
        "told of reports": "select convert_from(data, 'UTF8')::jsonb ->> 'at' as at from outbox where key = %s and type ~ 'Rejected' "
        "order by id",
        "waits": "select count(*) from parked_record where pilot_id = %s",
    }
    return {name: await every(site, query, pilot) for name, query in queries.items()}


async def resend(site: Stand, pilot: UUID) -> None:
    """As ops do it: by the number under which the list shows it."""
    async with site.db.tx() as tx:
        (row,) = [row for row in await aside.listed(tx, ["poison"], 0, 10) if row["key"].decode() == str(pilot)]
        assert await aside.resend(tx, row["id"], by="ops")
    with pytest.raises(Refused):
        async with site.db.tx() as tx:
            await aside.resend(tx, row["id"], by="ops")


async def states(site: Stand) -> list[str]:
    return [row["state"] for row in await every(site, "select state from pilot_aside order by number")]


PLACES = {
    "judging reports": (judge, "take_reports"),
    "taking in facts": (judge, "take_facts"),
    "firing a clock": (judge, "fire"),
    "telling usage": (judge, "roll_usage"),
    "assessing the risk": (assessment, "reassess"),
    "reading the facts": (judging, "view_of"),
}


@pytest.mark.parametrize("doing", PLACES)
async def test_a_pilot_on_which_judging_fails_is_judged_later_as_if_it_had_not(
    site: Stand, monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    defect = Defect(monkeypatch, *PLACES[doing])
    pilots = victim, twin = [await site.pilot(CROWD, AUDIENCE) for _ in range(2)]

    async def time(engine: Engine, now: str) -> None:
        site.clock.time = at(now)
        await eventually(lambda: settled(site, engine, twin), within=WITHIN, what=f"the twin at {now}")

    async with site.running() as engine:
        await both(
            site, pilots, 1, sent("audience_live", 10, "2026-07-20 08:00"), sent("crowd_peak", 5, "2026-07-20 08:00")
        )
        await eventually(lambda: site.quiet(engine), within=WITHIN)
        defect.pilots = {victim}
        site.clock.time = at("2026-07-20 10:00")
        await both(
            site,
            pilots,
            2,
            sent("crowd_peak", 1_001, "2026-07-20 09:30"),
            sent("participants_active", 9, "2026-07-20 09:30"),
        )
        await both(site, pilots, 3, sent("crowd_peak", 7, "2026-07-01 09:30"))
        await time(engine, "2026-07-20 10:00")
        await time(engine, "2026-08-06 09:00")
        silence = await one(site, "select count(*) as n from finding where rule = 'silence' and pilot_id = %s", twin)
        assert silence["n"], "the clocks of the neighbour fire"
        site.clock.time = at("2026-08-06 10:00")
        await site.tell(
            *(
                amended(envelope(GREAT, AUDIENCE, version=2), at("2026-08-06 10:00")).model_copy(
                    update={"pilot_id": pilot}
                )
                for pilot in pilots
            )
        )
        await time(engine, "2026-08-06 10:00")
        assert await states(site) == ["poison"]
        assert (await engine.standing.progress()).poison == 1
        swept = await engine.standing.swept_until()
        assert swept is not None and swept <= at("2026-08-06 09:00"), "an unfired clock is not said to have fired"
    async with site.running() as engine:  # another process: what waits, waits in the database
        await both(
            site, pilots, 4, sent("audience_live", 5, "2026-08-01 09:30"), sent("crowd_peak", 1_500, "2026-08-06 09:59")
        )
        await both(site, pilots, 4, sent("audience_live", 6, "2026-08-01 09:30"))
        await time(engine, "2026-08-06 11:00")
        await time(engine, "2026-08-13 11:00")
        failed = await one(site, "select reason, trace, attempts from pilot_aside")
        assert failed["reason"] == f"{doing} failed: ZeroDivisionError: planted"
        assert "in broken" in failed["trace"]
        assert failed["attempts"] == 1
        await resend(site, victim)
        await eventually(lambda: tried(site, 2), within=WITHIN, what="a second failure")
        assert await states(site) == ["poison"], "the defect is still there"
        defect.pilots.clear()
        await resend(site, victim)
        await eventually(lambda: site.quiet(engine), within=WITHIN, what="all is judged")
        await eventually(lambda: settled(site, engine, victim), within=WITHIN, what="its usage is told")
        assert await engine.standing.swept_until() == site.clock.now()
    assert await states(site) == ["done"]
    assert await outcome(site, victim) == await outcome(site, twin)
    assert (await outcome(site, twin))["findings"]


async def tried(site: Stand, times: int) -> bool:
    return bool((await one(site, "select attempts from pilot_aside"))["attempts"] == times)


async def test_what_waits_for_a_pilot_that_is_set_aside_outlives_a_killed_worker_in_its_order(site: Stand) -> None:
    pilots = victim, twin = [await site.pilot(AUDIENCE) for _ in range(2)]
    first = await worker(site, broken=victim)
    flooding = asyncio.create_task(flood(site, pilots, 60))
    try:
        await eventually(lambda: counted(site, twin, 10), within=WITHIN, what="the first reports")
        first.send_signal(signal.SIGKILL)
        await first.wait()
        second = await worker(site, broken=victim)
        try:
            await flooding
            await eventually(lambda: counted(site, twin, 60), within=WITHIN, what="all reports of the neighbour")
        finally:
            second.send_signal(signal.SIGKILL)
            await second.wait()
    finally:
        if first.returncode is None:
            first.send_signal(signal.SIGKILL)
            await first.wait()
    rows = await every(
        site, 'select "offset", facts is null as record from parked_record where pilot_id = %s order by id', victim
    )
    assert [row["record"] for row in rows] == [False, *[True] * 60], "the facts as they stood, and each record once"
    offsets = [row["offset"] for row in rows[1:]]
    assert offsets == sorted(offsets)
    async with site.running() as engine:
        await resend(site, victim)
        await eventually(lambda: site.quiet(engine), within=WITHIN)
        await eventually(lambda: settled(site, engine, victim), within=WITHIN, what="its usage is told")
    assert await site.total(victim, "audience_live") == 60 * SCALE
    assert await outcome(site, victim) == await outcome(site, twin)


async def flood(site: Stand, pilots: list[UUID], reports: int) -> None:
    for sequence in range(1, reports + 1):
        await both(site, pilots, sequence, visitors(1))


async def counted(site: Stand, pilot: UUID, reports: int) -> bool:
    return bool((await one(site, "select count(*) as n from report where pilot_id = %s", pilot))["n"] >= reports)


async def test_at_the_limit_the_engine_stops_says_so_and_goes_on_when_it_is_mended(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.monitoring.engine.engine._REST_SECONDS", 0.3)
    defect = Defect(monkeypatch, judge, "take_reports")
    pilots = [await site.pilot(AUDIENCE) for _ in range(3)]
    defect.pilots = set(pilots)
    async with site.running(site.engine(aside_limit=1)) as engine:
        await both(site, pilots, 1, visitors(1))
        await eventually(lambda: stopped(engine, "1 pilots are set aside"), within=WITHIN, what="the engine stops")
        assert engine.alive() is None, "a restart would mend nothing"
        assert await states(site) == ["poison"]
        defect.pilots.clear()
        await eventually(lambda: stopped(engine, None), within=WITHIN, what="the engine goes on")
        (row,) = await every(site, "select pilot_id from pilot_aside")
        await resend(site, row["pilot_id"])
        await eventually(lambda: site.quiet(engine), within=WITHIN)
    assert [await site.total(pilot, "audience_live") for pilot in pilots] == [SCALE] * 3


async def stopped(engine: Engine, reason: str | None) -> bool:
    said = engine.stopped()
    return said is None if reason is None else said is not None and reason in said


async def test_reports_that_wait_for_the_start_go_on_waiting_when_their_pilot_was_set_aside(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facts on which judging fails are those that start the pilot."""
    defect = Defect(monkeypatch, judge, "take_facts")
    pilots = victim, twin = [await site.pilot(AUDIENCE, begin=False) for _ in range(2)]
    async with site.running() as engine:
        await eventually(lambda: settled(site, engine, twin), within=WITHIN)
        await site.producer.send_and_wait(
            site.facts_topic, b"{}", b"any"
        )  # facts on their way: who has not started may yet
        await both(site, pilots, 1, visitors(1))
        await eventually(lambda: parked(site, 2), within=WITHIN)
        defect.pilots = {victim}
        await site.begin(*pilots)
        await eventually(lambda: counted(site, twin, 1), within=WITHIN)
        await both(site, pilots, 2, visitors(2))
        await eventually(lambda: counted(site, twin, 2), within=WITHIN)
        await site.facts_read()
        await eventually(lambda: settled(site, engine, twin), within=WITHIN)
        defect.pilots.clear()
        await resend(site, victim)
        await eventually(lambda: site.quiet(engine), within=WITHIN)
        await eventually(lambda: settled(site, engine, victim), within=WITHIN, what="its usage is told")
    assert await outcome(site, victim) == await outcome(site, twin)


async def parked(site: Stand, count: int) -> bool:
    return await site.count("parked_record") == count


async def test_a_worker_that_lost_its_partition_sets_nobody_aside(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    cluster = await site.kafka.cluster_id()
    epochs = []
    for _ in range(2):
        async with site.db.tx() as tx:
            epochs.append((await positions.claim(tx, cluster, 0)).epoch)
    taking_up = TakingUp(site.db, judging.Judging(site.db, CALENDAR, unsigned=True), site.topic, 1)
    failed = JudgingFailed(pilot, "judging reports")
    with pytest.raises(Fenced):
        await taking_up.set_aside({0: Lane(0, epochs[0], 0, 0, None)}, cluster, failed, site.clock.now())
    assert await states(site) == []
    await taking_up.set_aside({1: Lane(1, epochs[1], 0, 0, None)}, cluster, failed, site.clock.now())
    assert await states(site) == [], "a lane that is gone"
    await taking_up.set_aside({0: Lane(0, epochs[1], 0, 0, None)}, cluster, failed, site.clock.now())
    assert await states(site) == ["poison"]

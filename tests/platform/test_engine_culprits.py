"""A record with which the engine cannot do its work, and no pilot to blame for it: nobody else waits for it, and no passing fault makes one dead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from services.monitoring.engine import engine, flushing, judging, reading
from shared.contracts.numbers import SCALE
from shared.platform.kafka import Kafka
from shared.platform.waiting import backoff
from tests.monitoring_samples import AUDIENCE
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, stand
from tests.platform.test_engine_faults import visitors


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    """One partition: whoever stops it stops all."""
    async with stand(fresh_database, kafka, make_topic, partitions=1) as found:
        yield found


@pytest.fixture(autouse=True)
def quietly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody looks at the traces, and to draw them takes longer than the rest; and here no pause mends anything."""
    monkeypatch.setattr(engine, "_REST_SECONDS", 0.3)
    monkeypatch.setattr(engine, "backoff", partial(backoff, most=0.1))
    with capture_logs():
        yield


async def counted(site: Stand, pilot: UUID, number: int) -> None:
    async def holds() -> bool:
        return bool(await site.total(pilot, "audience_live") == number * SCALE)

    await eventually(holds, within=20, what=f"{number} reports counted")


@pytest.mark.parametrize("known", [True, False], ids=["a pilot", "no pilot of ours"])
@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b'{"a\\u0000b": 1}', []),
        (b"\x00\xff", [("a\x00b", b"\x00"), ("hk-correlation", b"\x00"), ("hk-intake", b"\x00")]),
        (b'{"source": "\\ud800"}', [("\x00", b"\x00"), ("signature", b"\xff\x00")]),
        (b"[" * 5_000, []),
    ],
    ids=["NUL in a field's name", "NUL in a header's name", "half a character", "deep"],
)
async def test_what_a_stranger_writes_can_be_stored(
    site: Stand, known: bool, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as at_work:
        await site.raw(pilot if known else uuid4(), value, headers)
        await site.send(pilot, 1, visitors(1), headers=headers)
        await site.send(pilot, 2, visitors(1))
        await counted(site, pilot, 2)
    assert at_work.failures == 0
    assert await site.count("parked_record") == (0 if known else 1)


class Trouble:
    """Writing the records whose value holds ``mark`` raises ``error``, ``times`` often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mark: bytes, error: Exception, times: int = 10_000) -> None:
        self.times = times
        right = flushing._write_records

        async def write(tx: Any, lane: Any) -> None:
            taken = [record for _, record, _ in lane.pending.rejections]
            if self.times and any(mark in record.value for record in taken):
                self.times -= 1
                raise error
            await right(tx, lane)

        monkeypatch.setattr(flushing, "_write_records", write)


async def test_a_record_that_cannot_be_written_is_dead_and_nobody_waits_behind_it(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = await site.pilot(AUDIENCE)
    Trouble(monkeypatch, b"spoilt", psycopg.DataError("planted"))
    await site.send(pilot, 1, visitors(1))
    await site.raw(pilot, b"spoilt", [("x", b"y")])
    for sequence in range(2, 8):
        await site.send(pilot, sequence, visitors(1))
        await site.raw(pilot, b"bad, and can be written: %d" % sequence)
    async with site.running() as at_work:
        await counted(site, pilot, 7)
        (reason,) = [one for one in await site.dead() if "planted" in one]
        assert reason == "the engine could not take it: DataError: planted"
        failures = at_work.failures
        await site.send(pilot, 8, visitors(1))
        await counted(site, pilot, 8)
        assert at_work.failures == failures
    assert len(await site.dead()) == 7
    assert await site.count("report") == 8


async def test_a_record_that_cannot_be_read_is_dead_and_nobody_waits_behind_it(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = reading.read

    def read(record: Any, *more: Any) -> Any:
        if record.value == b"spoilt":
            raise TypeError("planted")
        return right(record, *more)

    monkeypatch.setattr(judging, "read", read)
    pilot = await site.pilot(AUDIENCE)
    await site.raw(pilot, b"spoilt")
    await site.send(pilot, 1, visitors(1))
    async with site.running():
        await counted(site, pilot, 1)
    assert await site.dead() == ["the engine could not take it: TypeError: planted"]


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.UndefinedTable("gone"),
        psycopg.errors.InternalError_("planted"),
        psycopg.errors.InsufficientPrivilege("no"),
    ],
    ids=["a table that is away", "the server itself", "a right that is missing"],
)
async def test_what_may_pass_makes_no_record_dead(
    site: Stand, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    pilot = await site.pilot(AUDIENCE)
    trouble = Trouble(monkeypatch, b"bad", error, times=6)
    async with site.running() as at_work:
        await site.raw(pilot, b"bad")
        await site.send(pilot, 1, visitors(1))
        await counted(site, pilot, 1)
    assert trouble.times == 0 and at_work.failures >= 6
    assert not [one for one in await site.dead() if "could not take" in one]


async def test_when_every_record_fails_the_fault_is_ours_and_the_partition_stands_until_it_is_mended(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = await site.pilot(AUDIENCE)
    trouble = Trouble(monkeypatch, b"bad", psycopg.DataError("planted"))
    for number in range(6):
        await site.raw(pilot, b"bad %d" % number)
    await site.send(pilot, 1, visitors(1))

    async with site.running(site.engine(aside_limit=3)) as at_work:

        async def stopped() -> bool:
            return at_work.stopped() is not None

        await eventually(stopped, within=30)
        assert "3 records in a row" in str(at_work.stopped())
        assert len(await site.dead()) == 3
        trouble.times = 0
        await counted(site, pilot, 1)
        await eventually(lambda: site.quiet(at_work))
        assert at_work.stopped() is None
    assert len([one for one in await site.dead() if "could not take" in one]) == 3
    assert len(await site.dead()) == 6

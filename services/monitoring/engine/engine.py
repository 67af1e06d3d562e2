"""The engine: reads the metrics partitions that are its own, judges, and writes all of it in one transaction a flush.

Where to read on stands in our database, in that transaction. A worker that lost a partition finds its fence and writes nothing; whatever
goes wrong, the lanes are let go of and read again from the database. Kafka's own offsets are written for people to look at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from services.monitoring.core.failing import JudgingFailed
from services.monitoring.engine.behind import Behind
from services.monitoring.engine.clocks import Barrier, Clocks
from services.monitoring.engine.culprits import Culprits
from services.monitoring.engine.fetching import at_end, new_consumer, position
from services.monitoring.engine.flushing import flush
from services.monitoring.engine.judging import Judging
from services.monitoring.engine.lane import Lane
from services.monitoring.engine.measures import Measures
from services.monitoring.engine.standing import Standing
from services.monitoring.engine.taking_up import LimitReached, TakingUp
from services.monitoring.store import aside, books, positions, records
from services.monitoring.store.aside import CONSUMER
from services.monitoring.store.positions import Fenced
from shared.contracts.errors import Transient
from shared.platform.clock import Clock
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.outbox import Outbox
from shared.platform.waiting import backoff, wait_for_any
from shared.reference.calendar import Calendar

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.3
ROLL_SECONDS = 60.0
"""While input does not end, usage is told this often; as soon as it has been read to its end, at once."""
STUCK_SECONDS = 30.0
_REST_SECONDS = 5.0
"""A partition on which the engine stopped at its limit is tried again this often."""
_LOOK_SECONDS = 0.5
"""How often is asked whether ops have sent a pilot again, while one is set aside."""
_SETTLED = timedelta(seconds=5)
"""How long a record of a pilot that has not started waits for the start, at least."""
_EXPIRES = timedelta(hours=24)
"""How long a record waits for a pilot that nobody has told of."""
_LEVEL = {True: logging.WARNING, False: logging.ERROR}
_NEVER = datetime.min.replace(tzinfo=UTC)
_CACHED = 200_000
"""Pilots at hand in one process, however many partitions are its own."""
_DRAINED_AT_ONCE = 500


class Engine(ConsumerRebalanceListener):  # type: ignore[misc]
    """The metrics path of one process. ``unsigned`` records are taken in the local stack alone."""

    def __init__(
        self,
        db: Database,
        kafka: Kafka,
        clock: Clock,
        outbox: Outbox,
        calendar: Calendar,
        measures: Measures,
        *,
        topic: str,
        facts_topic: str,
        facts_consumer: str,
        group: str = CONSUMER,
        unsigned: bool = False,
        batch: int = 10_000,
        poll_seconds: float | None = None,
        aside_limit: int = 100,
        facts_at_once: int = 2000,
    ) -> None:
        self.topic = topic
        self.rounds = 0
        """How often the loop has turned in full."""
        self.failures = 0
        """How often it started over from the database."""
        self._db = db
        self._kafka = kafka
        self._clock = clock
        self._outbox = outbox
        self._measures = measures
        self._group = group
        self._batch = batch
        self._facts_at_once = facts_at_once
        self._poll_ms = int((poll_seconds or (0.03 if clock.is_sandbox else 0.1)) * 1000)
        # Kafka's stamps are wall time: under the sandbox clock a record is received when it is read.
        self._judging = Judging(db, calendar, unsigned=unsigned, stamped=not clock.is_sandbox)
        self._clocks = Clocks(
            db, kafka, self._judging, topic=topic, facts_topic=facts_topic, facts_consumer=facts_consumer
        )
        self.standing = Standing(db, kafka, topic)
        self._behind = Behind(db, kafka, topic, measures.lag)
        self._taking_up = TakingUp(db, self._judging, topic, aside_limit)
        self._culprits = Culprits(aside_limit)
        self._said = ""
        """The failure that was logged last."""
        self._healthy = 0
        """How often the loop has turned whole, with nothing left out."""
        self._cluster = ""
        self._connected: bool | None = None
        """None while this process was not asked to judge."""
        self._lanes: dict[int, Lane] = {}
        self._unplaced: set[int] = set()
        self._barriers: dict[int, Barrier] = {}
        self._sampled_at = 0.0
        self._flushed_at = 0.0
        self._rolled_at = 0.0
        self._looked_at = 0.0
        self._stopped: dict[int, tuple[str, float]] = {}
        """The partitions that stand still at the limit: why, and until when they are left alone."""
        self._tick = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then write what is judged."""
        pauses = backoff()
        while not stop.is_set():
            self._connected = False
            healthy = self._healthy
            consumer = self._consumer()
            try:
                await consumer.start()
                self._connected = True
                await self._work(consumer, stop)
            except (KafkaError, OSError, Transient) as error:
                self._tick = time.monotonic()
                if self._healthy > healthy:
                    pauses = backoff()
                log.warning("engine_waits", error=f"{type(error).__name__}: {error}")
                await wait_for_any(stop, seconds=next(pauses))
            finally:
                self._let_go()
                self._unplaced.clear()  # which are ours next, Kafka says
                for number in list(self._stopped):
                    self._note_limit(number, None)
                with contextlib.suppress(KafkaError, OSError, TimeoutError):
                    async with asyncio.timeout(10):
                        await consumer.stop()

    @property
    def partitions(self) -> list[int]:
        """Those that are ours now."""
        return sorted(self._lanes)

    async def ready(self) -> None:
        """Raises ``Transient`` while it should judge and has no connection of its own to Kafka."""
        if self._connected is False:
            raise Transient(f"the engine is not connected to Kafka at {self._kafka.bootstrap}")

    def alive(self) -> str | None:
        """None while the loop turns and reads what there is, whatever it waits for; else the reason why this process should be restarted."""
        still = time.monotonic() - self._tick
        if still >= STUCK_SECONDS:
            return f"the engine's loop has stood still for {still:.0f} s"
        return self._behind.stuck(STUCK_SECONDS, self._lanes.keys())

    def stopped(self) -> str | None:
        """Why it stands still on some partition at its limit until a person mends that, or None. A restart would meet the limit again."""
        return next((f"the engine stopped: {reason}" for reason, _ in self._stopped.values()), None)

    # --- which partitions are ours -------------------------------------------------------------------------------------------------

    def _consumer(self) -> AIOKafkaConsumer:
        consumer = new_consumer(self._kafka, self._group)
        consumer.subscribe([self.topic], listener=self)
        self._current = consumer
        return consumer

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Hold the new partitions back until their place is read from the database."""
        held = list(assigned)
        self._current.pause(*held)
        self._unplaced = {place.partition for place in held}
        self._measures.assigned(self._unplaced)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """What is judged and not written is dropped: the next owner reads it again."""
        for place in revoked:
            self._lanes.pop(place.partition, None)
            self._barriers.pop(place.partition, None)
            self._unplaced.discard(place.partition)
            self._culprits.forget(place.partition)
            self._note_limit(place.partition, None)

    async def _place(self, consumer: AIOKafkaConsumer) -> None:
        """Claim the partitions that wait for it, seek them to where the database says, and let them flow."""
        wanted = sorted(one for one in self._unplaced if self._stopped.get(one, ("", 0.0))[1] <= time.monotonic())
        if not wanted:
            return
        self._cluster = await self._kafka.cluster_id()
        async with self._db.tx() as tx:
            claimed = [await positions.claim(tx, self._cluster, number) for number in wanted]
        # Only now: whom the claim fences off writes no position past these ends any more.
        ends = await self._kafka.end_offsets([self.topic])
        async with self._db.tx() as tx:
            claims = [await positions.restart_past_end(tx, one, ends[self.topic, one.partition]) for one in claimed]
            waiting = await records.parked_pilots(tx, wanted)
            unrolled = await books.unrolled(tx, wanted)
            apart = await aside.of_partitions(tx, wanted)
        for claim in claims:
            place = TopicPartition(self.topic, claim.partition)
            if claim.partition not in self._unplaced:
                continue  # another rebalance came meanwhile
            with contextlib.suppress(IllegalStateError):
                consumer.seek(place, claim.next_offset)
                consumer.resume(place)
                self._unplaced.discard(claim.partition)
                lane = Lane(claim.partition, claim.epoch, claim.next_offset, claim.next_offset, claim.swept_until)
                lane.waiting = {pilot for number, pilot in waiting if number == claim.partition}
                lane.unrolled = {pilot for number, pilot in unrolled if number == claim.partition}
                lane.aside = {one.pilot_id for one in apart if one.partition == claim.partition}
                lane.sent_again = {one.pilot_id for one in apart if one.partition == claim.partition and one.sent_again}
                self._lanes[claim.partition] = lane
                self._behind.placed(claim.partition)
        log.info("partitions_claimed", partitions=wanted)

    def _let_go(self) -> None:
        """Forget everything that is not durable; the partitions are claimed anew."""
        self._unplaced |= set(self._lanes)
        self._lanes.clear()
        self._barriers.clear()

    # --- the loop ------------------------------------------------------------------------------------------------------------------

    async def _work(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        pauses = backoff()
        while not stop.is_set():
            self._tick = time.monotonic()
            try:
                whole = await self._round(consumer)
                self.rounds += 1
                if whole:
                    self._healthy += 1
                    self._culprits.healthy()
                    pauses = backoff()
            except (KafkaError, OSError):
                raise
            except Exception as error:
                # Whatever it is, what is durable is true: what follows is read again from there.
                at_once = self._culprits.failed(error, self._lanes)
                if isinstance(error, JudgingFailed):
                    at_once = await self._set_aside(error)
                else:
                    self._say(error)
                for number, reason in self._culprits.at_limit().items():
                    self._note_limit(number, reason)
                self._start_over(consumer)
                if not at_once:
                    await wait_for_any(stop, seconds=next(pauses))
        with contextlib.suppress(Fenced, Transient, JudgingFailed):
            await self._flush(self._clock.now(), drained=False)

    def _start_over(self, consumer: AIOKafkaConsumer) -> None:
        self.failures += 1
        places = [TopicPartition(self.topic, number) for number in self._lanes]
        self._let_go()
        with contextlib.suppress(IllegalStateError):
            consumer.pause(*places)

    async def _set_aside(self, failed: JudgingFailed) -> bool:
        """Set the pilot aside, so that its partition goes on without it; False when that cannot be done now."""
        try:
            await self._taking_up.set_aside(self._lanes, self._cluster, failed, self._clock.now())
        except LimitReached as reached:
            log.error("engine_stopped", partition=reached.partition, reason=str(reached), exc_info=failed.__cause__)
            self._note_limit(reached.partition, str(reached))
            return False
        except Exception as error:
            self._say(error)
            return False
        return True

    def _say(self, error: Exception) -> None:
        expected, said = isinstance(error, Fenced | Transient), repr(error)
        trace = None if expected or said == self._said else error  # one that comes again is told in a line
        log.log(_LEVEL[expected], "engine_starts_over", exc_info=trace, error=said)
        self._said = said

    def _note_limit(self, partition: int, reason: str | None) -> None:
        if reason is None:
            self._stopped.pop(partition, None)
        else:
            self._stopped[partition] = (reason, time.monotonic() + _REST_SECONDS)
        self._measures.stopped(bool(self._stopped))

    async def _round(self, consumer: AIOKafkaConsumer) -> bool:
        """Read, judge, write, and let clocks fire. True when it was whole: nothing of ours was left out."""
        await self._place(consumer)
        fetched = await consumer.getmany(timeout_ms=self._poll_ms, max_records=self._batch)
        now = self._clock.now()
        lanes = dict(self._lanes)
        if not lanes:
            await self._behind.tell(consumer, self._lanes, self._unplaced)
            return not self._unplaced
        behind = {number: await position(consumer, TopicPartition(self.topic, number)) for number in lanes}
        self._culprits.fetched(behind)
        # Facts before records: a report that was checked against a fact over HTTP must find it here too.
        changed = await self._take_facts(now)
        for place, batch in fetched.items():
            lane = lanes.get(place.partition)
            if lane is not None:
                await self._take(lane, [one for one in batch if one.offset >= lane.position], now)
        for number, lane in lanes.items():
            lane.position = max(lane.position, behind[number] or 0)  # all that was fetched is judged
        drained = all(at_end(consumer, TopicPartition(self.topic, one), lane.position) for one, lane in lanes.items())
        if drained or changed or time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            await self._flush(now, drained=drained)
            await self._take_up()
            await self._drain(now, changed)
            await self._run_clocks()
            await self._behind.tell(consumer, self._lanes, self._unplaced)
            return True
        return False

    async def _take_facts(self, now: datetime) -> set[UUID]:
        """Take in all that the applications topic has told, a page at a time, each written before the next is read: nobody is judged by
        facts that are known to be old. Gives the pilots that changed."""
        changed: set[UUID] = set()
        while True:
            page = await self._judging.take_changes(dict(self._lanes), now, self._facts_at_once)
            changed |= page
            if len(page) < self._facts_at_once:
                return changed
            await self._flush(now, drained=False)

    async def _take(self, lane: Lane, batch: list[Any], now: datetime) -> None:
        """Judge a batch in portions: between two of them the loop turns, for heartbeats and for those who are served beside us."""
        for portion, alone in self._culprits.portions(lane, batch):
            if self._lanes.get(lane.partition) is not lane:
                return  # a rebalance took it away
            if alone:
                await self._take_alone(lane, portion, now)
                continue
            await self._judging.take_records(lane, portion, now)
            if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
                await self._flush(now, drained=False)
            await asyncio.sleep(0)

    async def _take_alone(self, lane: Lane, portion: list[Any], now: datetime) -> None:
        """Judge a portion and write it apart from all else, or the record in it as dead that could not be taken."""
        await self._flush(now, drained=False)
        with self._culprits.trying(lane.partition, portion):
            reason = self._culprits.given_up(lane.partition, portion)
            if reason is None:
                await self._judging.take_records(lane, portion, now)
            else:
                self._judging.give_up(lane, portion[0], reason)
            await self._flush(now, drained=False)

    async def _flush(self, now: datetime, *, drained: bool) -> None:
        """Write the lanes that have something to write."""
        wall = time.monotonic()
        if drained or wall - self._rolled_at >= ROLL_SECONDS:
            self._rolled_at = wall
            for lane in list(self._lanes.values()):  # a rebalance may take some away meanwhile
                await self._judging.roll(lane, now)
        self._flushed_at = self._tick = wall  # a long round that writes is no loop that stands still
        busy = [lane for lane in self._lanes.values() if lane.busy]
        if busy:
            pending = [lane.pending for lane in busy]
            moving = [lane.partition for lane in busy if lane.position != lane.offset]
            await flush(self._db, self._outbox, self._cluster, busy, now)
            self._behind.moved(moving)
            self._measures.flushed(pending, time.monotonic() - wall)
        if sum(len(lane.pilots) for lane in self._lanes.values()) > _CACHED:
            for lane in self._lanes.values():
                if not lane.busy:
                    lane.pilots.clear()

    async def _take_up(self) -> None:
        """Go on with the pilots that were set aside and that ops sent again, a portion of each, so that the others need not wait."""
        wall = time.monotonic()
        if wall - self._looked_at >= _LOOK_SECONDS and any(lane.aside for lane in self._lanes.values()):
            self._looked_at = wall
            await self._taking_up.look(dict(self._lanes))
        for lane in list(self._lanes.values()):
            for pilot_id in list(lane.sent_again):
                await self._taking_up.portion(lane, pilot_id)
                await self._flush(self._clock.now(), drained=False)

    async def _drain(self, now: datetime, pilot_ids: set[UUID], final: datetime | None = None) -> None:
        """Judge what waited for these pilots, a part at a time, each written before the next is read."""
        for lane in list(self._lanes.values()):
            ready = [one for one in lane.waiting if one in pilot_ids or one in lane.pilots]
            for first in range(0, len(ready), _DRAINED_AT_ONCE):
                some = ready[first : first + _DRAINED_AT_ONCE]
                while await self._judging.take_parked(lane, self.topic, some, now, final=final):
                    await self._flush(now, drained=False)

    # --- clocks --------------------------------------------------------------------------------------------------------------------

    async def _run_clocks(self) -> None:
        """Fire what is due on the lanes that have passed their barrier; lanes with one barrier go together."""
        await self._sample()
        for barrier in {id(one): one for one in self._barriers.values()}.values():
            lanes = {
                number: lane
                for number, lane in self._lanes.items()
                if self._barriers.get(number) is barrier and self._clocks.records_reached(barrier, lane)
            }
            if lanes and await self._clocks.facts_reached(barrier, self._cluster):
                await self._take_facts(barrier.now)
                await self._flush(barrier.now, drained=False)
                await self._pass_barrier(lanes, barrier)

    async def _sample(self) -> None:
        """A barrier for each lane that has none and whose clocks stand behind the domain's time."""
        now = self._clock.now()
        behind = [
            number
            for number, lane in self._lanes.items()
            if number not in self._barriers and (lane.swept is None or lane.swept < now or lane.waiting - lane.aside)
        ]
        wall = time.monotonic()
        urgent = self._clock.is_sandbox and any((self._lanes[one].swept or _NEVER) < now for one in behind)
        if behind and (urgent or wall - self._sampled_at >= 1.0):
            self._sampled_at = wall
            barrier = await self._clocks.sample(now)
            self._barriers |= dict.fromkeys(behind, barrier)

    async def _pass_barrier(self, lanes: dict[int, Lane], barrier: Barrier) -> None:
        waiting = {number: lane for number, lane in lanes.items() if lane.waiting - lane.aside}
        if waiting:
            pilot_ids: set[UUID] = set().union(*(lane.waiting for lane in waiting.values()))
            await self._drain(barrier.now, pilot_ids, final=barrier.sampled - _SETTLED)
            for lane in waiting.values():
                while await self._judging.expire(lane, self.topic, barrier.sampled - _EXPIRES):
                    await self._flush(barrier.now, drained=False)
        held: set[UUID] = set()
        more = True
        while more:
            if any(self._lanes.get(number) is not lane for number, lane in lanes.items()):
                return  # a rebalance took one away; the others come again
            more = await self._clocks.fire(lanes, barrier, held)
            await self._flush(barrier.now, drained=False)
        for number, lane in lanes.items():
            self._barriers.pop(number, None)
            self._note_limit(number, None)
            self._measures.swept(number, lane.swept)

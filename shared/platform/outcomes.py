"""The policy for one consumed record, in one place. It ends in one of four ways:

*done* — handled, in one transaction with the inbox and the position; *transient* — nothing is kept, the caller tries again;
*parked* — the handler raised ``NotYet``: kept in order, tried again when a record of its key was handled, and now and then;
*poison* — it can never be handled, or an unexpected error came again and again: kept with its reason, and what follows under its
(topic, key) waits behind it until ops have it sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

import structlog

from shared.contracts.base import Event
from shared.contracts.errors import NotYet, Poison, Transient
from shared.platform import context, inbox
from shared.platform.cloudevents import RawRecord, Received, decode
from shared.platform.db import Database, Tx
from shared.platform.inbox import Kept
from shared.platform.metrics import Metrics

log = structlog.get_logger(__name__)

T = TypeVar("T")

Handler = Callable[[Tx, Received[Any]], Awaitable[None]]
"""Takes one event into the service, in the transaction given. Raises ``NotYet`` when what the event names has not arrived, ``Poison``
when it can never be handled; anything else unexpected is tried again and then treated as poison."""

Handlers = Mapping[str, Mapping[type[Event], Handler]]
"""By topic, what is done with each event. Other events of a topic are passed over: contracts grow."""

BEHIND = "an earlier record of its key is set aside"


class Outcome(StrEnum):
    DONE = "done"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    PARKED = "parked"
    POISON = "poison"
    FENCED = "fenced"


_UNPARKED = "unparked"
"""Counted beside the outcomes: what was parked and is done."""


class AtLimit(Exception):
    """So many records are set aside as poison that the fault is likely ours: the consumer stops rather than set everything aside."""


class _Fenced(Exception):
    pass


@dataclass(frozen=True)
class Policy:
    """``tries`` of an unexpected error before it is poison, ``try_pause`` seconds between them; a parked record is looked at every
    ``drain_seconds``, itself tried at pauses that grow to ``longest_pause``; ``expires`` is wall time."""

    poison_limit: int = 100
    tries: int = 3
    try_pause: float = 0.2
    expires: timedelta = timedelta(hours=24)
    longest_pause: float = 30.0
    drain_seconds: float = 1.0


class Outcomes:
    """Takes records to their outcome for one consumer."""

    def __init__(
        self,
        db: Database,
        consumer: str,
        handlers: Handlers,
        metrics: Metrics,
        policy: Policy,
        cluster: Callable[[], str],
    ) -> None:
        self._db = db
        self._consumer = consumer
        self._types = {topic: {kind.type_name(): kind for kind in kinds} for topic, kinds in handlers.items()}
        self._handlers = handlers
        self._metrics = metrics
        metrics.know(metrics.consumed, [consumer], [*handlers], [*Outcome, _UNPARKED])
        self.policy = policy
        self._cluster = cluster

    async def settle(self, record: RawRecord) -> Outcome:
        """Bring ``record`` to its outcome. ``IGNORED`` alone leaves the position where it is (:meth:`pass_over` moves it).

        Raises ``Transient`` when the database is away and :class:`AtLimit` at the poison limit; then nothing was kept.
        """
        received: Received[Any] | None = None
        try:
            received = _read(record, self._types[record.topic])
            outcome = Outcome.IGNORED if received is None else await self._taken(record, received)
        except Poison as poison:
            outcome = await self._keep_poison(record, received, str(poison))
        self._metrics.consumed.labels(self._consumer, record.topic, outcome).inc()
        return outcome

    async def pass_over(self, record: RawRecord) -> bool:
        """Move the position past records that are not for this consumer, ``record`` being the last. False when fenced."""
        async with self._db.tx() as tx:
            return await inbox.pass_over(tx, self._consumer, self._cluster(), record)

    async def drain(self, key: bytes) -> None:
        """Try what is parked under ``key``, each queue in its order, until nothing more moves."""
        moved = True
        while moved:
            async with self._db.tx() as tx:
                heads = await inbox.heads(tx, self._consumer, key)
            moved = any([await self._again(head) for head in heads])

    async def drain_due(self) -> None:
        """The periodic pass over all parked records whose next try is due."""
        async with self._db.tx() as tx:
            keys = await inbox.due_keys(tx, self._consumer)
        for key in keys:
            await self.drain(key)

    async def expire(
        self, caught_up: Callable[[Collection[str]], Awaitable[bool]], awaits: Mapping[str, Collection[str]]
    ) -> None:
        """Give up heads that waited longer than the policy says, where the topics they wait for are consumed to the end with
        nothing parked or poisoned: what they name will not come. Each is tried once more, for it may have come just now."""
        async with self._db.tx() as tx:
            old = await inbox.expirable(tx, self._consumer, older_than=self.policy.expires)
            busy = (
                {topic for topic, state in await inbox.counts(tx, self._consumer) if state != "dead"} if old else set()
            )
        for kept in old:
            awaited = awaits.get(kept.topic, ())
            if busy.intersection(set(awaited) - {kept.topic}) or not await caught_up(awaited):
                continue
            await self._again(kept, last=True)
            await self.drain(kept.key or b"")

    async def _taken(self, record: RawRecord, received: Received[Any]) -> Outcome:
        with context.bound(received.meta.correlation_id, received.meta.id):
            try:
                outcome, others_wait = await self._patiently(lambda: self._first(record, received))
            except _Fenced:
                return Outcome.FENCED
            if others_wait and outcome is Outcome.DONE:
                await self.drain(record.key or b"")
            return outcome

    async def _first(self, record: RawRecord, received: Received[Any]) -> tuple[Outcome, bool]:
        """Handle a record that just arrived. The second part says whether other records wait under its key."""
        try:
            async with self._db.tx() as tx:
                outcome, others_wait = await self._entered(tx, record, received)
                if outcome is None:
                    await self._handle(tx, received)
        except NotYet:
            # Rare: done again with a savepoint, so that it is parked under the lock under which it could not be handled.
            return await self._first_or_park(record, received)
        return outcome or Outcome.DONE, others_wait

    async def _first_or_park(self, record: RawRecord, received: Received[Any]) -> tuple[Outcome, bool]:
        async with self._db.tx() as tx:
            outcome, others_wait = await self._entered(tx, record, received)
            if outcome is not None:
                return outcome, others_wait
            try:
                async with tx.transaction():
                    await self._handle(tx, received)
            except NotYet as not_yet:
                await inbox.set_aside(tx, self._consumer, record, "parked", not_yet.waits_for, waits=True)
                log.info("record_parked", topic=record.topic, key=received.key, waits_for=not_yet.waits_for)
                return Outcome.PARKED, False
        return Outcome.DONE, others_wait

    async def _entered(self, tx: Tx, record: RawRecord, received: Received[Any]) -> tuple[Outcome | None, bool]:
        """The outcome that needs no handler, or None when the record is to be handled now."""
        entry = await inbox.enter(tx, self._consumer, self._cluster(), record, (received.event.key, received.meta.id))
        if entry.fenced:
            raise _Fenced
        if entry.seen:
            return Outcome.DUPLICATE, False
        if entry.must_queue:
            await inbox.set_aside(tx, self._consumer, record, "parked", BEHIND)
            return Outcome.PARKED, False
        return None, entry.others_wait

    async def _again(self, head: Kept, *, last: bool = False) -> bool:
        """Try a parked head; True when it was handled, so that others may now be handled too. The ``last`` time it waits no longer."""
        received: Received[Any] | None = None
        try:
            received = _read(head, self._types.get(head.topic, {}))
            if received is None:
                return await self._retried(head, None)
            with context.bound(received.meta.correlation_id, received.meta.id):
                return await self._patiently(lambda: self._retried(head, received, last=last))
        except Poison as poison:
            async with self._db.tx() as tx:
                if await inbox.relock(tx, self._consumer, head):
                    await inbox.give_up(tx, head, "poison", str(poison))
            self._say_poison(head, str(poison))
            return False

    async def _retried(self, head: Kept, received: Received[Any] | None, *, last: bool = False) -> bool:
        async with self._db.tx() as tx:
            if await inbox.relock(tx, self._consumer, head) is None:
                return False
            try:
                async with tx.transaction():
                    if received is not None:
                        await self._handle(tx, received)
            except NotYet as not_yet:
                if last:
                    await inbox.give_up(tx, head, "dead", f"{not_yet.waits_for} did not arrive in time")
                    log.error(
                        "record_given_up", consumer=self._consumer, topic=head.topic, key=_text(head.key), row=head.id
                    )
                    return False
                pause = min(self.policy.longest_pause, 0.5 * 2.0 ** min(head.attempts, 10))
                await inbox.keep_waiting(tx, head, not_yet.waits_for, pause_seconds=pause)
                return False
            await inbox.finish(tx, head)
        self._metrics.consumed.labels(self._consumer, head.topic, _UNPARKED).inc()
        log.info("record_unparked", topic=head.topic, key=_text(head.key))
        return True

    async def _handle(self, tx: Tx, received: Received[Any]) -> None:
        handler = self._handlers[received.topic][type(received.event)]
        with self._metrics.handler_seconds.labels(self._consumer, received.meta.type).time():
            await handler(tx, received)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run ``attempt`` again after an unexpected error, some times; then raise ``Poison`` with the error as its reason."""
        for number in range(1, self.policy.tries + 1):
            try:
                return await attempt()
            except (Transient, Poison, _Fenced, AtLimit):
                raise
            except Exception as error:
                log.exception("handler_failed", consumer=self._consumer, attempt=number)
                self._metrics.retries.labels(self._consumer, "unexpected").inc()
                if number == self.policy.tries:
                    raise Poison(f"{type(error).__name__}: {error}") from error
                await asyncio.sleep(self.policy.try_pause)
        raise AssertionError("unreachable")

    async def _keep_poison(self, record: RawRecord, received: Received[Any] | None, reason: str) -> Outcome:
        async with self._db.tx() as tx:
            event = None if received is None else (received.event.key, received.meta.id)
            entry = await inbox.enter(tx, self._consumer, self._cluster(), record, event)
            known = entry.seen or (received is None and await inbox.holds_same(tx, self._consumer, record))
            if not entry.fenced and not known:
                await self._below_limit(tx)
                await inbox.set_aside(tx, self._consumer, record, "poison", reason)
        if entry.fenced:
            return Outcome.FENCED
        if known:
            return Outcome.DUPLICATE
        self._say_poison(record, reason)
        return Outcome.POISON

    async def _below_limit(self, tx: Tx) -> None:
        counts = await inbox.counts(tx, self._consumer)
        poison = sum(number for (_, state), (number, _) in counts.items() if state == "poison")
        if poison >= self.policy.poison_limit:
            raise AtLimit(f"{poison} records are set aside as poison")

    def _say_poison(self, record: RawRecord, reason: str) -> None:
        log.error(
            "record_poisoned",
            consumer=self._consumer,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=_text(record.key),
            reason=reason,
        )


def _read(record: RawRecord, types: Mapping[str, type[Event]]) -> Received[Event] | None:
    """As :func:`decode`, which is pure: what it raises besides would come again, and its partition would stand."""
    try:
        return decode(record, types)
    except (Poison, MemoryError):
        raise
    except Exception as error:
        raise Poison(f"it cannot be read: {type(error).__name__}: {error}") from error


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")

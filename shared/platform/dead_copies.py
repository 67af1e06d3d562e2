"""Copies of poison and dead records in ``<topic>.dead``, for others to see. The consumer keeps the record itself and rests on no copy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from shared.platform import inbox
from shared.platform.db import Database

log = structlog.get_logger(__name__)


AGAIN_SECONDS = 60.0
"""A topic whose copies failed is tried again after this time. A try may take as long as the producer waits for a topic that is missing."""


class DeadCopies:
    """Copies with one producer. A topic whose dead-letter topic is missing or refuses waits by itself; the others go on."""

    def __init__(
        self, db: Database, producer: AIOKafkaProducer, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._producer = producer
        self._monotonic = monotonic
        self._until: dict[str, float] = {}
        """The topics that failed, each with the time from which it is tried again."""

    async def publish(self, *, most: int = 50) -> int:
        """Copy what was not copied yet: same key, value and headers, with who set it aside and why. Returns how many rows were looked
        at; none means that all is copied that can be now. At least once, like everything that is published. Raises ``Transient``."""
        now = self._monotonic()
        self._until = {topic: until for topic, until in self._until.items() if until > now}
        async with self._db.tx() as tx:
            cursor = await tx.execute(
                "select * from set_aside where state in ('poison', 'dead') and copied_at is null and topic <> all(%s) "
                "order by id limit %s",
                (list(self._until), most),
            )
            rows = await cursor.fetchall()
        for row in rows:
            if row["topic"] not in self._until:
                await self._copy(row)
        return len(rows)

    async def _copy(self, row: Mapping[str, Any]) -> None:
        topic = row["topic"]
        value = None if row["value"] is None else bytes(row["value"])
        try:
            await self._producer.send_and_wait(
                f"{topic}.dead", key=bytes(row["key"]), value=value, headers=_headers(row)
            )
        except MessageSizeTooLargeError:
            log.warning("dead_letter_too_large_to_copy", row=row["id"], topic=topic)
        except (KafkaError, OSError) as error:
            self._until[topic] = self._monotonic() + AGAIN_SECONDS
            log.warning("dead_letters_not_copied", topic=topic, error=f"{type(error).__name__}: {error}")
            return
        async with self._db.tx() as tx:
            await tx.execute("update set_aside set copied_at = clock_timestamp() where id = %s", (row["id"],))


def _headers(row: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    facts = {
        "haukiem_consumer": row["consumer"],
        "haukiem_state": row["state"],
        "haukiem_reason": row["reason"],
        "haukiem_partition": str(row["partition"]),
        "haukiem_offset": str(row["offset"]),
    }
    return [*inbox.unpacked(row["headers"]), *((name, value.encode(errors="replace")) for name, value in facts.items())]

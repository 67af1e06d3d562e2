"""Copies of poison and dead records in ``<topic>.dead``, for others to see. The consumer keeps the record itself and rests on no copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from shared.platform import inbox
from shared.platform.db import Database

log = structlog.get_logger(__name__)


async def publish(db: Database, producer: AIOKafkaProducer, *, most: int = 50) -> int:
    """Copy what was not copied yet: same key, value and headers, with who set it aside and why. Returns how many were copied.

    Raises what the producer raises; what was copied by then stays marked. At least once, like everything that is published.
    """
    async with db.tx() as tx:
        cursor = await tx.execute(
            "select * from set_aside where state in ('poison', 'dead') and copied_at is null order by id limit %s",
            (most,),
        )
        rows = await cursor.fetchall()
    for row in rows:
        value = None if row["value"] is None else bytes(row["value"])
        try:
            await producer.send_and_wait(
                f"{row['topic']}.dead", key=bytes(row["key"]), value=value, headers=_headers(row)
            )
        except MessageSizeTooLargeError:
            log.warning("dead_letter_too_large_to_copy", row=row["id"], topic=row["topic"])
        async with db.tx() as tx:
            await tx.execute("update set_aside set copied_at = clock_timestamp() where id = %s", (row["id"],))
    return len(rows)


def _headers(row: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    facts = {
        "haukiem_consumer": row["consumer"],
        "haukiem_state": row["state"],
        "haukiem_reason": row["reason"],
        "haukiem_partition": str(row["partition"]),
        "haukiem_offset": str(row["offset"]),
    }
    return [*inbox.unpacked(row["headers"]), *((name, value.encode(errors="replace")) for name, value in facts.items())]

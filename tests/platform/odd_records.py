"""Records as other clients may send them, and Kafka takes them: header names that are no text, batches of any codec."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, codec
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

CODECS = ("gzip", "snappy", "lz4", "zstd")
_NUMBER = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_ENCODE: dict[str, Callable[[bytes], bytes]] = {name: getattr(codec, f"{name}_encode") for name in CODECS}
_BATCH = 61
"""Bytes of a batch before its records."""

STAND_IN = "no~~text"
"""A header name for which ``NO_TEXT`` is sent."""
NO_TEXT = b"\xff\xfe no \xc3("
assert len(STAND_IN) == len(NO_TEXT)

Sent = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
"""Key, value, headers."""


class _Batch(BatchBuilder):  # type: ignore[misc]
    def __init__(self, compression: str | None, claimed: int | None) -> None:
        super().__init__(1_000_000, 0)
        self._buffer: bytearray | None = None
        self._compression = compression
        self._claimed = claimed

    def _build(self) -> Any:
        if self._buffer is None:
            built = bytes(super()._build()).replace(STAND_IN.encode(), NO_TEXT)
            if self._claimed is not None:
                built = misplaced(built, self._claimed)
            if self._compression is not None:
                (attributes,) = struct.unpack_from(">h", built, 21)
                records = _ENCODE[self._compression](built[_BATCH:])
                attributes |= _NUMBER[self._compression]
                head = built[:21] + struct.pack(">h", attributes) + built[23:_BATCH]
                built = head[:8] + struct.pack(">i", _BATCH - 12 + len(records)) + head[12:] + records
            self._buffer = bytearray(built[:17] + struct.pack(">I", calc_crc32c(built[21:])) + built[21:])
        return self._buffer


def misplaced(built: bytes, claimed: int) -> bytes:
    """A batch whose first record says that it stands ``claimed`` offsets behind the batch's beginning; the CRC is left to the caller."""
    at = _BATCH + 3 if built[_BATCH] < 128 else _BATCH + 4  # behind the record's length, attributes and time
    assert built[at] == 0 and claimed < 64
    return built[:at] + bytes([2 * claimed]) + built[at + 1 :]


async def send_batch(
    bootstrap: str,
    topic: str,
    partition: int,
    *records: Sent,
    compression: str | None = None,
    claimed: int | None = None,
) -> None:
    """Send ``records`` in one batch, and wait until Kafka has taken it. ``claimed``: the offset that the first says it has in the batch."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        batch = _Batch(compression, claimed)
        for key, value, headers in records:
            assert batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is not None
        batch.close()
        await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()

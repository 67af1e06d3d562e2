"""Whatever Kafka has accepted can be read: what is odd in one record costs nobody another record.

aiokafka fails on a header name that is not UTF-8, which Kafka takes and librdkafka sends: on the whole batch, and again whenever it is
fetched. What it had already taken out of other partitions in the same call is lost to the caller, whose position has moved. And it believes
the offset that a producer wrote into a record of a batch, which Kafka does not check where nothing is compressed: reading would go on far
behind it, past records of others. It has no seam for this, so :func:`install` puts classes of ours in the place of two that its fetcher uses.
A batch on which it fails is parsed here, each record by itself; batches that are as they should be go the library's own fast way.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import structlog
from aiokafka import ConsumerRecord, TopicPartition, codec
from aiokafka.consumer import fetcher
from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

log = structlog.get_logger(__name__)

UNREADABLE = "haukiem_unreadable"
"""The one header of a record of which nothing can be made out: why. Its value are the bytes as they came; it has no key."""

_HEADER = struct.Struct(">qiibIhiqqqhii")
"""Of a batch (Kafka's documentation, "Record Batch"): base offset, length, leader's epoch, magic, CRC, attributes, last offset's delta, first
and last timestamp, producer's id and epoch, base sequence, count."""
_LENGTH_AT, _NOT_COUNTED = 8, 12
_CODEC, _BY_BROKER = 0x07, 0x08
_said: dict[str, object] = {}
"""What was logged last, by kind."""
_DECODERS = {1: codec.gzip_decode, 2: codec.snappy_decode, 3: codec.lz4_decode, 4: codec.zstd_decode}


def install() -> None:
    """Have every consumer of this process read in this way. May be called again."""
    fetcher.MemoryRecords = _Fetched
    fetcher.PartitionRecords = _Records


@dataclass(frozen=True, slots=True)
class _Record:
    """What the library's own record shows."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


class _Fetched(MemoryRecords):  # type: ignore[misc]
    """The batches of one partition in one fetch, with their bytes, by which they can be read once more."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data
        self.end = 0
        """The offset behind the batch that was given last."""

    def next_batch(self) -> Any:
        batch = super().next_batch()
        self.end = batch.next_offset
        return batch


class _Records(fetcher.PartitionRecords):  # type: ignore[misc]
    _records: Any

    def _unpack_records(self) -> Iterator[Any]:
        """Never raises. Where it is no fault of the records (they came wrong over the wire, there is no memory), the fetch ends there, and is
        made again from there; who waits for its end sees that it stands still."""
        try:
            try:
                yield from super()._unpack_records()
            except (MemoryError, UnsupportedCodecError):
                raise
            except Exception as error:
                self._say("records_read_carefully", error)
                # What the library knows of aborted transactions holds for the batches from here on.
                self._records = _Careful(self._records.data, self.next_fetch_offset)
                yield from super()._unpack_records()
        except Exception as error:
            self._say("records_not_read", error)

    def _say(self, what: str, error: Exception) -> None:
        """Once for each place: it is fetched over and over."""
        place = (self._tp, self.next_fetch_offset)
        if _said.get(what) != place:
            _said[what] = place
            log.warning(
                what,
                topic=self._tp.topic,
                partition=self._tp.partition,
                offset=self.next_fetch_offset,
                error=f"{type(error).__name__}: {error}",
            )

    def _consumer_record(self, tp: TopicPartition, record: Any) -> ConsumerRecord[bytes, bytes]:
        if record.offset >= self._records.end:
            raise ValueError(f"a record says that its offset is {record.offset}; its batch ends at {self._records.end}")
        key, value = record.key, record.value
        return ConsumerRecord(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp,
            record.timestamp_type,
            key,
            value,
            record.checksum,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            tuple(record.headers),
        )


class _Careful:
    """The batches of a fetch that reach ``since``, in the form of the library's own."""

    def __init__(self, data: bytes, since: int) -> None:
        batches = (_Batch(raw) for raw in _split(data))
        self._left = [batch for batch in batches if batch.next_offset > since]
        self._left.reverse()
        self.end = 0

    def has_next(self) -> bool:
        return bool(self._left)

    def next_batch(self) -> Any:
        batch = self._left.pop()
        self.end = batch.next_offset
        return batch.whole if batch.whole.is_control_batch else batch


def _split(data: bytes) -> Iterator[bytes]:
    """The batches of a fetch. The last one may be cut off, and is left out."""
    at = 0
    while at + _HEADER.size <= len(data):
        (length,) = struct.unpack_from(">i", data, at + _LENGTH_AT)
        end = at + _NOT_COUNTED + length
        if end > len(data):
            return
        yield bytes(data[at:end])
        at = end


class _Batch:
    """One batch, of which the library reads all but the records."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.whole = DefaultRecordBatch(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def __iter__(self) -> Iterator[_Record]:
        header = _HEADER.unpack_from(self._raw)
        base, attributes, first_at, last_at, count = header[0], header[5], header[7], header[8], header[12]
        numbered = count == header[6] + 1  # else it was compacted, and what Kafka kept says where it stood
        stamp_type = 1 if attributes & _BY_BROKER else 0
        body = self._raw[_HEADER.size :]
        try:
            if attributes & _CODEC:
                body = bytes(_DECODERS[attributes & _CODEC](body))
        except MemoryError:
            raise
        except Exception as error:
            yield _unreadable(base, last_at, stamp_type, body, error)
            return
        at = 0
        for number in range(count):
            start = at
            try:
                length, start = decode_varint(body, at)
                at = start + length
                if length < 0 or at > len(body):
                    raise ValueError(f"a record of {length} bytes")
            except (ValueError, IndexError) as error:
                yield _unreadable(base + number, last_at, stamp_type, body[start:], error)
                return
            try:
                record = _record(body[start:at], base, last_at if stamp_type else None, first_at, stamp_type)
                yield replace(record, offset=base + number) if numbered else record
            except (ValueError, IndexError) as error:
                yield _unreadable(base + number, last_at, stamp_type, body[start:at], error)


def _record(body: bytes, base: int, stamped: int | None, first_at: int, stamp_type: int) -> _Record:
    """Parse one record; a header name is read as far as it is text. Raises ``ValueError`` or ``IndexError`` when it is none."""
    later, at = decode_varint(body, 1)  # the first byte holds attributes, which nobody uses
    delta, at = decode_varint(body, at)
    key, at = _bytes(body, at)
    value, at = _bytes(body, at)
    count, at = decode_varint(body, at)
    headers = []
    for _ in range(count):
        name, at = _bytes(body, at)
        content, at = _bytes(body, at)
        headers.append(((name or b"").decode(errors="replace"), content))
    return _Record(base + delta, first_at + later if stamped is None else stamped, stamp_type, key, value, headers)


def _bytes(body: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(body, at)
    if length < 0:
        return None, at
    if at + length > len(body):
        raise ValueError(f"{length} bytes at {at} are beyond the record's end")
    return body[at : at + length], at + length


def _unreadable(offset: int, at: int, stamp_type: int, value: bytes, error: Exception) -> _Record:
    reason = f"{type(error).__name__}: {error}".encode(errors="replace")
    return _Record(offset, at, stamp_type, None, value, [(UNREADABLE, reason)])
